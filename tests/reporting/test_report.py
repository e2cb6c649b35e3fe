"""The report page: every section with the right figures, nothing loaded, nothing a model wrote
taken as markup.
"""

import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from statistics import fmean

import pytest
from report_page import Page
from scipy.stats import binom

from lbt_core.reporting.inputs import ExamSummary, ReportInputs, summarise_exams
from lbt_core.reporting.report import render_report, write_report
from lbt_core.store.rows import ExamAnswer

SECTIONS = {
    "result", "run", "scores", "pairs", "training", "grading", "corpus", "cost", "limits",
    "examples", "reproduce",
}  # fmt: skip
HOSTILE = (
    "</pre></style><script>alert(1)</script><img src=//evil.example/x>\x00\u202egnp.\ud800 $\\frac{"
)


@pytest.fixture(scope="module")
def html(run: ReportInputs) -> str:
    return render_report(run)


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return Page(html)


def plain(text: str) -> str:
    return " ".join(text.split())


def wilson(right: int, n: int) -> tuple[float, float]:
    """Wilson's interval from its textbook formula."""
    z, p = 1.959963984540054, right / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * (p * (1 - p) / n + z * z / (4 * n * n)) ** 0.5
    return centre - half, centre + half


def test_every_section_is_there(page: Page) -> None:
    assert SECTIONS | {"warnings"} == set(page.sections)


def test_every_link_of_the_navigation_has_a_target(page: Page) -> None:
    ids = [attributes["id"] for _, attributes in page.elements if attributes.get("id")]
    hrefs = {a["href"] for tag, a in page.elements if tag == "a" and a.get("href")}
    links = {href[1:] for href in hrefs if href.startswith("#")}
    assert all(h.startswith(("#", "http://127.0.0.1:4280/rationale?")) for h in hrefs)
    assert links == SECTIONS
    assert links <= set(ids)


def test_no_id_is_used_twice(page: Page) -> None:
    ids = Counter(attributes["id"] for _, attributes in page.elements if attributes.get("id"))
    assert [name for name, n in ids.items() if n > 1] == []


def test_pass1_and_its_interval_are_those_of_the_rows(run: ReportInputs, page: Page) -> None:
    text = plain(page.sections["result"])
    for rows in run.evaluations.values():
        right, n = sum(row.correct for row in rows), len(rows)
        low, high = wilson(right, n)
        expected = f"{100 * right / n:.1f} %95 % interval {100 * low:.1f} to {100 * high:.1f}"
        assert f"{expected}{right} of {n} problems" in text


def test_mcnemar_p_is_the_exact_binomial(run: ReportInputs, page: Page) -> None:
    control = [row.correct for row in run.evaluations["control:random"]]
    base = [row.correct for row in run.evaluations["base"]]
    gained = sum(c and not b for c, b in zip(control, base, strict=True))
    lost = sum(b and not c for c, b in zip(control, base, strict=True))
    p = min(1.0, 2 * float(binom.cdf(min(gained, lost), gained + lost, 0.5)))
    assert f"p = {p:.2f}; {gained} problems gained, {lost} lost" in plain(page.text)


def test_lbt_figures_are_those_of_the_rows(run: ReportInputs, page: Page) -> None:
    right = [s.lbt for s in run.scores if s.correct]
    wrong = [s.lbt for s in run.scores if not s.correct]
    gaps = []
    for problem in {s.problem_id for s in run.scores}:
        own = [s for s in run.scores if s.problem_id == problem]
        if len({s.correct for s in own}) == 2:
            gaps.append(
                fmean(s.lbt for s in own if s.correct) - fmean(s.lbt for s in own if not s.correct)
            )
    low = sum(value <= fmean(wrong) for value in right)
    text = plain(page.sections["scores"])
    assert f"Mean LbT, right rationales{fmean(right):.2f}" in text
    assert f"Mean LbT, wrong rationales{fmean(wrong):.2f}" in text
    assert f"Gap within the same problem{fmean(gaps):.2f} [" in text
    assert f"Right, but taught little{100 * low / len(right):.1f} %" in text


def test_topics_carry_their_counts(run: ReportInputs, page: Page) -> None:
    text = plain(page.sections["result"])
    topics = Counter(p.topic for p in run.problems if p.split == "test")
    base = {row.problem_id for row in run.evaluations["base"] if row.correct}
    for topic, n in topics.items():
        right = sum(p.topic == topic and p.id in base for p in run.problems if p.split == "test")
        assert f"{topic}{n}{100 * right / n:.1f} %" in text


def test_pairs_are_counted_by_rule(run: ReportInputs, page: Page) -> None:
    for rule, n in Counter(p.arm for p in run.preferences).items():
        assert f"Preference pairs, {rule}{n}" in plain(page.sections["run"])
        assert f"{rule}{n}" in plain(page.sections["pairs"])


def test_what_was_recorded_about_the_run_is_shown(run: ReportInputs, page: Page) -> None:
    recorded = (
        run.hardware,
        run.command,
        run.warnings[0],
        "2.13.0",
        "6,012.2",
        "num_rationales: 8",
    )
    for shown in recorded:
        assert shown in page.text


def test_ten_example_rationales_from_both_ends(run: ReportInputs, page: Page) -> None:
    shown = [float(x) for x in re.findall(r"LbT (\d\.\d\d) over", page.sections["examples"])]
    scores = sorted(s.lbt for s in run.scores)
    assert len(shown) == 10
    assert shown[0] == pytest.approx(scores[-1], abs=0.005)
    assert shown[5] == pytest.approx(scores[0], abs=0.005)


def test_page_loads_nothing(html: str, page: Page) -> None:
    assert page.loaded() == []
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "link", "iframe", "object", "embed", "img"}
    assert not re.search(r"@import|url\((?!#)", html)


def test_every_figure_has_an_alternative_text(page: Page) -> None:
    figures = sum(tag == "figure" for tag, _ in page.elements)
    named = [a["aria-labelledby"] for tag, a in page.elements if tag == "svg"]
    titles = {a.get("id") for tag, a in page.elements if tag == "title"}
    assert figures == len(named) > 12
    assert set(named) <= titles


def test_hostile_text_stays_text(run: ReportInputs) -> None:
    rows = [replace(r, text=HOSTILE, answer=HOSTILE, method=HOSTILE) for r in run.rationales]
    problems = [replace(p, question=HOSTILE, topic=HOSTILE) for p in run.problems]
    hostile = replace(
        run,
        run=HOSTILE,
        base_model=HOSTILE,
        rationales=rows,
        problems=problems,
        config={HOSTILE: {HOSTILE: HOSTILE}},
        warnings=[HOSTILE],
        engines=[{HOSTILE: HOSTILE}],
        versions={HOSTILE: HOSTILE},
    )
    html = render_report(hostile)
    page = Page(html)
    tags = {tag for tag, _ in page.elements}
    assert not tags & {"script", "img"}
    assert "<script" not in html
    assert "<script>alert(1)</script>" in page.sections["examples"]
    assert "⟨U+0000⟩⟨U+202E⟩" in page.sections["examples"]
    assert not re.search("[\x00\u202e\ud800]", html)
    html.encode("utf-8")


def test_long_rationale_is_cut_and_says_so(run: ReportInputs) -> None:
    longer = replace(run, rationales=[replace(r, text="x" * 9000) for r in run.rationales])
    assert "5,000 more characters" in render_report(longer)


EMPTIES = {
    "nothing at all": {},
    "only problems": {"keep": ["problems"]},
    "no pairs": {"drop": ["preferences"]},
    "no training": {"drop": ["training_history"]},
    "no scores": {"drop": ["scores"]},
    "no timings": {"drop": ["timings", "engines", "versions", "hardware", "command", "warnings"]},
    "only rationales": {"keep": ["problems", "rationales"]},
}


@pytest.mark.parametrize("case", EMPTIES)
def test_what_is_missing_leaves_a_whole_page(run: ReportInputs, case: str) -> None:
    empty = ReportInputs(run="empty")
    choice = EMPTIES[case]
    if "drop" in choice:
        inputs = replace(run, **{name: getattr(empty, name) for name in choice["drop"]})
    else:
        inputs = replace(empty, **{name: getattr(run, name) for name in choice.get("keep", [])})
    assert set(Page(render_report(inputs)).sections) >= SECTIONS


def test_nothing_graded_right(run: ReportInputs) -> None:
    wrong = replace(
        run,
        rationales=[replace(r, correct=False, verdict="incorrect") for r in run.rationales],
        scores=[replace(s, correct=False, lbt=0.0, score=0.0) for s in run.scores],
        preferences=[],
        evaluations={
            arm: [replace(r, correct=False, verdict="incorrect") for r in rows]
            for arm, rows in run.evaluations.items()
        },
        exams=ExamSummary(answers=9, verdicts={"incorrect": 9}, by_problem={"train-0000": (0, 9)}),
    )
    text = plain(Page(render_report(wrong)).text)
    assert "No difference between the tuned and the base model is shown (p = 1.00)" in text
    assert "Mean LbT, right rationales–" in text
    assert "no two rationales of a problem were far enough apart in score" in text


def test_single_test_problem(run: ReportInputs) -> None:
    one = {arm: rows[:1] for arm, rows in run.evaluations.items()}
    text = plain(Page(render_report(replace(run, evaluations=one))).text)
    assert "Only 1 test problems" in text


def test_report_is_written_whole_over_an_older_one(run: ReportInputs, tmp_path: Path) -> None:
    target = tmp_path / "report" / "index.html"
    write_report(ReportInputs(run="older"), target)
    write_report(replace(run, run="newer"), target)
    assert "Run newer" in target.read_text("utf-8")
    assert [p.name for p in target.parent.iterdir()] == ["index.html"]


def test_exam_answers_are_counted_in_one_pass() -> None:
    def answer(problem: str, correct: bool, reason: str) -> ExamAnswer:
        verdict = "correct" if correct else "incorrect"
        return ExamAnswer("t", "k", "s", problem, 0, "", reason, 1, 5, verdict, "m", None, correct)

    rows = (answer("a", True, "stop"), answer("a", False, "error: x"), answer("b", False, "stop"))
    found = summarise_exams(iter(rows))
    assert found == ExamSummary(
        answers=3,
        tokens=15,
        verdicts={"correct": 1, "incorrect": 2},
        finish_reasons={"stop": 2, "error": 1},
        by_problem={"a": (1, 2), "b": (0, 1)},
    )
