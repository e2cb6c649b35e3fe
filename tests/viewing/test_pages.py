"""What the pages say is what the store holds, escaped; lists are filtered as their address says."""

import html
import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import fsspec
import pyarrow.parquet as pq
import pytest
from made_run import Made, config_of, make_run
from view_client import HOSTILE, client_of

from lbt_core import UserError
from lbt_core.reporting.viewing.app import create_app
from lbt_core.reporting.viewing.index import RunIndex
from lbt_core.run.results import compute_scores, stored_rationales
from lbt_core.store import read_shard, write_shard
from lbt_core.store.rows import Preference, Rationale, from_table
from lbt_core.subjects import GradePool, load_subject
from lbt_core.subjects.labelled import read_pairs

Get = Callable[..., str]


def rationales(made: Made) -> list[Rationale]:
    return stored_rationales(made.plan)


def pairs(made: Made) -> list[Preference]:
    return from_table(pq.read_table(made.store.files.full("preferences.parquet")), Preference)


def count(page: str) -> int:
    return int(re.search(r"([\d,]+) found", page)[1].replace(",", ""))


def listed(page: str) -> int:
    return page.count("data-row")


def test_overview_counts_what_is_stored(made: Made, get: Get) -> None:
    page = get("/")
    rows = rationales(made)
    right = sum(r.verdict == "correct" for r in rows)
    assert f"<strong>{len(rows)}</strong> rationales" in page
    assert f"<strong>{len(pairs(made))}</strong> pairs" in page
    assert re.search(rf">correct</a> {right}<", page)


def test_scores_are_those_of_the_method(made: Made) -> None:
    table = RunIndex(made.store.files.uri).contents().rationales
    shown = {(r["problem_id"], r["sample"]): (r["lbt"], r["score"]) for r in table.to_pylist()}
    scores = compute_scores(made.plan, rationales(made))
    assert shown == {(s.problem_id, s.sample): (s.lbt, s.score) for s in scores}


def test_every_filter_gives_the_rows_that_pass_it(made: Made, get: Get) -> None:
    rows, scores = rationales(made), compute_scores(made.plan, rationales(made))
    topics = {p.id: p.topic for p in made.plan.problems["train"]}
    topic = topics[rows[0].problem_id]
    wanted = {
        ("verdict", "incorrect"): sum(r.verdict == "incorrect" for r in rows),
        ("finish", "length"): sum(r.finish_reason == "length" for r in rows),
        ("topic", topic): sum(topics[r.problem_id] == topic for r in rows),
        ("score_from", "0.5"): sum(s.score >= 0.5 for s in scores),
        ("score_to", "0.4"): sum(s.score <= 0.4 for s in scores),
        ("problem", rows[-1].problem_id): sum(r.problem_id == rows[-1].problem_id for r in rows),
    }
    for (name, value), expected in wanted.items():
        assert count(get("/rationales", **{name: value})) == expected, name
        assert 0 < expected < len(rows), f"the made run does not tell {name} apart"
    found = pairs(made)
    for arm in {p.arm for p in found}:
        assert count(get("/pairs", arm=arm)) == sum(p.arm == arm for p in found)
    assert count(get("/pairs", gap_from=0.7)) == sum(p.gap >= 0.7 for p in found)
    both = get("/pairs", chosen="correct", rejected="correct")
    assert count(both) == sum(p.chosen_verdict == p.rejected_verdict == "correct" for p in found)


def test_search_finds_exactly_the_texts_that_hold_it(made: Made, get: Get) -> None:
    rows = rationales(made)
    for word in ("STEP 7", "gnp.exe", "\\frac{3}"):
        expected = sum(word.lower() in r.text.lower() for r in rows)
        assert count(get("/rationales", q=word)) == expected > 0
    assert count(get("/rationales", q="no such text")) == 0
    in_pairs = sum("step 7" in (p.chosen + p.rejected).lower() for p in pairs(made))
    assert count(get("/pairs", q="step 7")) == in_pairs > 0


def test_pages_of_a_list_hold_every_row_once(made: Made, get: Get) -> None:
    links: list[str] = []
    for page in (1, 2, 3):
        links += re.findall(r'data-row href="([^"]+)"', get("/answers", page=page))
    assert len(links) == len(set(links)) == min(150, count(get("/answers")))


def test_orders_are_what_they_say(made: Made, get: Get) -> None:
    shown = re.findall(r'data-label="Gap">([\d.]+)<', get("/pairs", order="widest gap"))
    assert shown == sorted(shown, reverse=True)
    assert len(set(shown)) > 1


def test_hostile_text_is_shown_and_does_nothing(made: Made, get: Get) -> None:
    row = next(r for r in rationales(made) if "hacked" in r.text)
    assert row.text == HOSTILE
    page = get("/rationale", problem=row.problem_id, sample=row.sample)
    assert "<script>window" not in page and "<img" not in page
    assert not any(c in page for c in "\x00\x1b\u202e\u202c\u200b")
    for sign in ("⟨U+001B⟩", "⟨U+202E⟩", "⟨U+200B⟩", "⟨U+0000⟩", "{{ 7*7 }}", "&amp;lt;b&amp;gt;"):
        assert sign in page, sign


def test_every_page_forbids_what_is_not_its_own(made: Made) -> None:
    client = client_of(made.store.files.uri)
    for path in ("/", "/pairs", "/live", "/nothing?x=1", "/problem?id=%3Cscript%3E"):
        answer = client.get(path)
        if answer.status_code != 404 or path.startswith("/problem"):
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy and "unsafe" not in policy
        assert "<script>" not in answer.text


def test_a_copied_line_is_graded_as_the_run_graded_it(made: Made, get: Get, tmp_path: Path) -> None:
    """The pool gives the same verdict for the copied line as for the run's own row."""
    problems = {p.id: p for p in made.plan.problems["train"]}
    chosen = [r for r in rationales(made) if "hacked" not in r.text][:6] + [
        r for r in rationales(made) if "hacked" in r.text
    ][:1]
    pages = [get("/rationale", problem=r.problem_id, sample=r.sample) for r in chosen]
    lines = [html.unescape(re.search(r'data-copy="([^"]+)"', p)[1]) for p in pages]
    file = tmp_path / "disputed.jsonl"
    file.write_text("\n".join(lines), encoding="utf-8")
    read = read_pairs(file, load_subject("ode"))
    assert [p.problem for p in read] != []
    for row, pair in zip(chosen, read, strict=True):
        problem = problems[row.problem_id]
        assert pair.candidate == row.text
        same = ("question", "answer", "kind", "ode", "ics", "func")
        assert [getattr(pair.problem, n) for n in same] == [getattr(problem, n) for n in same]
    with GradePool(1) as pool:
        copied = pool.grade_many([(p.problem, p.candidate) for p in read])
        own = pool.grade_many([(problems[r.problem_id], r.text) for r in chosen])
    assert [g.verdict for g in copied] == [g.verdict for g in own]
    assert {"correct", "incorrect"} <= {g.verdict for g in own}


def test_pair_shows_both_texts_and_which_exam_problems_decide(made: Made, get: Get) -> None:
    scores = {(s.problem_id, s.sample): s for s in compute_scores(made.plan, rationales(made))}
    for pair in pairs(made):
        page = get(
            "/pair",
            arm=pair.arm,
            problem=pair.problem_id,
            chosen=pair.chosen_sample,
            rejected=pair.rejected_sample,
        )
        better = scores[pair.problem_id, pair.chosen_sample]
        worse = scores[pair.problem_id, pair.rejected_sample]
        if better.lbt != worse.lbt:
            assert 'class="decides"' in page
        assert "other scores" not in page
        plain = re.sub(r"<[^>]+>", "", page.split('class="text pieces"')[1].split("</pre>")[0])
        if "hacked" not in pair.chosen:
            assert html.unescape(plain.split(">", 1)[1]) == pair.chosen


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/rationale?problem=none&sample=0", "no rationale none, sample 0"),
        ("/rationale?problem=x&sample=-1", "expected a whole number"),
        ("/rationale", "lacks problem="),
        ("/rationales?score_from=high", "expected a number"),
        ("/rationales?order=best", "highest score"),
        ("/pairs?page=nan", "expected a number"),
        ("/pair?arm=combined&problem=x&chosen=1&rejected=2", "no pair of x"),
        ("/answer?problem=x&key=y&student=z&asked=w&repetition=0", "no answer of z"),
        ("/test?problem=x", "no stored answer to test problem x"),
        ("/report", "not written yet"),
    ],
)
def test_what_is_not_there_is_said_in_a_line(get: Get, path: str, said: str) -> None:
    assert said in html.unescape(get(path, status=404))


def test_another_host_name_is_refused(made: Made) -> None:
    """A page of another site whose name was made to point here reads nothing."""
    client = client_of(made.store.files.uri)
    assert client.get("/", headers={"host": "evil.example"}).status_code == 400
    assert client.get("/", headers={"host": "localhost:4280"}).status_code == 200


def test_it_is_live(tmp_path: Path) -> None:
    """Files that come, change and break while the page is open are seen at the next look."""
    made = make_run(str(tmp_path / "whole"), config_of())
    run = tmp_path / "growing"
    shutil.copytree(tmp_path / "whole", run)
    later = ["preferences.parquet", "evaluation", "exams", "rationales", "problems"]
    for name in later:
        (run / name).rename(tmp_path / name)
    client = client_of(str(run))
    assert "problems are not stored yet" in client.get("/").text
    (tmp_path / "problems").rename(run / "problems")
    assert "0 of 3" in client.get("/live").text
    (run / "rationales").mkdir()
    first = "rationales/part-00000.parquet"
    (tmp_path / first).rename(run / first)
    assert "1 of 3" in client.get("/live").text
    page = client.get("/rationales").text
    assert count(page) == 30 and 'data-label="Score">–<' in page
    (run / "exams").mkdir()
    (tmp_path / "exams/part-00000.parquet").rename(run / "exams/part-00000.parquet")
    assert 'data-label="Score">–<' not in client.get("/rationales").text

    shard = made.plan.sample_shards[0]
    rows = read_shard(made.store.files, shard)
    changed = [
        Rationale(**{n: getattr(r, n) for n in r.__slots__} | {"verdict": "undecided"})
        for r in rows
    ]
    write_shard(RunIndex(str(run)).files, shard, changed)
    assert count(client.get("/rationales?verdict=undecided").text) == 30
    (run / first).write_bytes(b"PAR1 torn")
    live = client.get("/live").text
    assert first in live and "0 of 3" in live
    assert count(client.get("/rationales").text) == 0


def test_a_store_that_is_no_folder(made: Made) -> None:
    """The same run behind another fsspec file system."""
    memory = fsspec.filesystem("memory")
    memory.put(made.store.files.root, "/store/made", recursive=True)
    try:
        client = client_of("memory://store/made")
        assert count(client.get("/rationales").text) == len(rationales(made))
        row = rationales(made)[1]
        asked = {"problem": row.problem_id, "sample": row.sample}
        assert "Rationale" in client.get("/rationale", params=asked).text
    finally:
        memory.rm("/store", recursive=True)


def test_texts_stay_on_disk(made: Made) -> None:
    contents = RunIndex(made.store.files.uri).contents()
    for table in (contents.rationales, contents.answers, contents.pairs, contents.tests):
        assert not {"text", "prompt"} & set(table.column_names)


def test_no_run_there() -> None:
    with pytest.raises(UserError, match="no run here"):
        create_app(RunIndex("/nonexistent/run"))


def test_a_run_whose_subject_is_not_installed(made: Made, tmp_path: Path) -> None:
    run = tmp_path / "copied"
    shutil.copytree(made.store.files.root, run)
    record = json.loads((run / "run.json").read_text())
    record["config"]["subject"] = "not_here.at_all:subject"
    (run / "run.json").write_text(json.dumps(record))
    client = client_of(str(run))
    assert client.get("/").status_code == 200
    row = rationales(made)[1]
    asked = {"problem": row.problem_id, "sample": row.sample}
    assert client.get("/rationale", params=asked).status_code == 200
