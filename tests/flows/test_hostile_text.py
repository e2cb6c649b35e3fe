"""Text of models, corpora and files of strangers in the terminal: it is shown, and does nothing."""

import io
from dataclasses import replace

import pytest
from made_run import config_of, make_run
from rich.console import Console

from flows.cli import corpus, evaluate, grade, main, solve
from flows.cli.watch import picture
from lbt_core.measurement.assessment import assess
from lbt_core.method.solving import Solution
from lbt_core.run.status import StageStatus
from lbt_core.store import read_shard
from lbt_core.store.rows import Problem
from lbt_core.subjects import load_subject

# sets the window's title, clears the screen, links and colours, and turns text around
HOSTILE = (
    "\x1b]0;title\x07\x1b[2J\x1b]8;;http://evil.example\x1b\\[red]x[/red] [link=evil]y[/]\u202e"
)
DRIVES = {"\x1b", "\x07", "\u202e", "\x9b"}


def on_a_terminal() -> Console:
    # colours on: the program's own are allowed there, so these tests take them away
    return Console(file=io.StringIO(), width=200, no_color=True, highlight=False)


def printed(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def check(text: str) -> None:
    assert not DRIVES & set(text), ascii(text)
    assert "[red]x[/red]" in text and "[link=evil]y[/]" in text, ascii(text)
    assert "⟨U+001B⟩" in text and "⟨U+202E⟩" in text


def test_a_solution() -> None:
    out = on_a_terminal()
    found = Solution("q", HOSTILE, HOSTILE, "not checked", "stop", 3)
    solve.show(found, load_subject("ode"), out)
    check(printed(out))
    assert printed(out).count("[red]x[/red]") == 2


def test_an_imported_problem_and_its_corpus(monkeypatch: pytest.MonkeyPatch) -> None:
    out = on_a_terminal()
    monkeypatch.setattr(corpus, "console", out)
    corpus._print_problem(Problem(HOSTILE, HOSTILE, HOSTILE, topic=HOSTILE, kind=HOSTILE))
    lengths = {"question": {"min": 1, "median": 1, "p95": 1, "max": 1}}
    facts = {"problems": 1, "splits": {}, "topics": {HOSTILE: 1}, "kinds": {HOSTILE: 1}}
    facts |= {"families": 0, "facts": {}, "lengths": lengths}
    corpus._print_facts(HOSTILE, facts, [HOSTILE])  # type: ignore[arg-type]
    check(printed(out))


def test_the_categories_of_a_labelled_file() -> None:
    out = on_a_terminal()
    row = {"right": 1, "false_accepts": 0, "false_rejects": 0}
    summary = {"labelled": 1, "categories": {HOSTILE: row}, "accuracy": 1.0, "false_accepts": 0}
    summary |= {"false_rejects": 0, "verdicts": {}, "answers": 1, "checks_per_s_core": 1}
    grade._show(summary | {"p99_s": 1}, out)
    check(printed(out))


def test_the_topics_of_an_evaluation(tmp_path_factory: pytest.TempPathFactory) -> None:
    made = make_run(str(tmp_path_factory.mktemp("s") / "r"), config_of())
    rows = read_shard(made.store.files, made.plan.sample_shards[0])
    greedy = [replace(row, sample=0) for row in rows if row.sample == 0]
    problems = [replace(p, topic=HOSTILE) for p in made.plan.problems["train"]]
    asked = [p for p in problems if p.id in {row.problem_id for row in greedy}]
    out = on_a_terminal()
    evaluate._show(assess(asked, greedy, [], (), load_subject("ode"), lambda _: []), out)
    check(printed(out))


def test_a_damaged_file_s_message() -> None:
    bad = StageStatus("sample", 1, 0, 1, 0, (HOSTILE,))
    out = on_a_terminal()
    out.print(picture("r", "", [bad], None))
    check(printed(out))


def test_a_refusal_that_quotes_a_file(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["lbt", "status", f"no{HOSTILE}run"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    check(capfd.readouterr().err)
