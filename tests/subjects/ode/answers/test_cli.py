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
