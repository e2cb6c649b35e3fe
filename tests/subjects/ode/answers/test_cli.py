"""``lbt grade``: verdict lines, the summary last, user errors."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from flows.cli.grade import register
from lbt_core import UserError

ASKED = {"question": "Solve $y'=y$.", "reference": "$y=Ce^x$"}
LINES = [
    {"id": "a", **ASKED, "candidate": "$y=Ae^x$", "label": True},
    {"id": "b", **ASKED, "candidate": "$y=e^x$", "label": False},
    {"id": "c", **ASKED, "candidate": "$y=2Ce^x$", "label": False},
]


@pytest.fixture
def app() -> typer.Typer:
    made = typer.Typer()
    register(made)
    made.command("other")(lambda: None)
    return made


def write(path: Path, records: list[dict[str, object]]) -> str:
    path.write_text("".join(json.dumps(r) + "\n" for r in records))
    return str(path)


def test_verdicts_go_to_out_and_the_summary_is_the_last_line(
    app: typer.Typer, tmp_path: Path
) -> None:
    out = tmp_path / "out.jsonl"
    file = write(tmp_path / "in.jsonl", list(LINES))
    result = CliRunner().invoke(app, ["grade", file, "--json", "--workers", "1", "--out", str(out)])
    summary = json.loads(result.stdout.splitlines()[-1])
    assert list(summary)[:5] == [
        "accuracy",
        "false_accepts",
        "false_rejects",
        "checks_per_s_core",
        "p99_s",
    ]
    assert (summary["false_accepts"], summary["false_rejects"]) == (1, 0)
    assert [json.loads(line)["verdict"] for line in out.read_text().splitlines()] == [
        "correct",
        "incorrect",
        "correct",
    ]


def test_a_line_without_a_candidate_is_named(app: typer.Typer, tmp_path: Path) -> None:
    file = write(tmp_path / "in.jsonl", [LINES[0], {"question": "Q", "reference": "1"}])
    result = CliRunner().invoke(app, ["grade", file])
    assert isinstance(result.exception, UserError)
    assert "line 2" in str(result.exception)


def test_json_alone_is_one_object_with_the_verdicts(app: typer.Typer, tmp_path: Path) -> None:
    file = write(tmp_path / "in.jsonl", list(LINES))
    result = CliRunner().invoke(app, ["grade", file, "--json", "--workers", "1"])
    summary = json.loads(result.stdout)
    assert [g["id"] for g in summary["grades"]] == ["a", "b", "c"]
    assert result.stderr == ""


ODE = {"ode": "Eq(Derivative(y(x), x), y(x))", "func": "y(x)"}


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"kind": "ode"}, "kind 'ode' is none of general, ivp"),
        ({"ode": ODE["ode"]}, "ode needs func"),
        ({"func": "y(x)"}, "func needs ode"),
        ({**ODE, "ode": "Eq(Derivative(y(x), x), y(x)"}, "ode cannot be read"),
        ({**ODE, "ode": "__import__('os').system('ls')"}, "ode cannot be read"),
        ({**ODE, "ode": ["Eq(y(x), 0)"]}, "ode must be a text"),
        ({**ODE, "func": "y"}, "func cannot be read"),
        ({**ODE, "ics": [[0, "0", "1)"]]}, "ics cannot be read"),
        ({"ics": [[0, "0", "1"]]}, "ics need ode"),
        ({**ODE, "ics": [["zero", "0", "1"]]}, "line 2"),
        ({**ODE, "ics": [[0, "0"]]}, "line 2"),
        ({"label": "yes"}, "label must be true or false"),
    ],
)
def test_what_would_be_passed_over_is_refused_with_its_line(
    app: typer.Typer, tmp_path: Path, fields: dict[str, object], said: str
) -> None:
    file = write(tmp_path / "in.jsonl", [LINES[0], {**LINES[1], **fields}])
    out = tmp_path / "out.jsonl"
    result = CliRunner().invoke(app, ["grade", file, "--out", str(out)])
    assert isinstance(result.exception, UserError)
    assert "line 2" in str(result.exception) and said in str(result.exception)
    assert not out.exists()
