"""``lbt corpus import`` and ``lbt corpus show``: the last line is JSON, mistakes are one line."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.cli.corpus import corpus_app
from lbt_core import UserError

SOURCE = [
    {"id": "1", "q": "Solve $y' = 2y$, $y(0) = 3$.", "answer": "$y = 3e^{2x}$", "topic": "linear"},
    {"id": "2", "q": "Solve $y' = 2 y$, $y(0) = 3$.", "answer": "$3e^{2x}$", "topic": "linear"},
    {"id": "3", "q": "Solve the equation above.", "answer": "$1$"},
]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.json"
    path.write_text(json.dumps(SOURCE))
    return path


def test_import_ends_with_its_counts(source: Path, tmp_path: Path) -> None:
    command = ["import", str(source), "--to", str(tmp_path / "c"), "--map", "question=q", "--json"]
    result = CliRunner().invoke(corpus_app, [*command, "--workers", "1"], catch_exceptions=False)
    assert json.loads(result.stdout.splitlines()[-1]) == {
        "items": 3,
        "imported": 1,
        "duplicates": 1,
        "set_aside": 1,
        "reasons": {"refers to another place in the source": 1},
    }


def test_show_ends_with_topics_kinds_lengths_and_a_sample(source: Path, tmp_path: Path) -> None:
    runner, folder = CliRunner(), str(tmp_path / "c")
    runner.invoke(
        corpus_app, ["import", str(source), "--to", folder, "--map", "question=q", "--workers", "1"]
    )
    result = runner.invoke(corpus_app, ["show", folder, "--json"], catch_exceptions=False)
    shown = json.loads(result.stdout.splitlines()[-1])
    assert (shown["problems"], shown["topics"], shown["kinds"]) == (1, {"linear": 1}, {"ivp": 1})
    assert shown["lengths"]["question"]["max"] == len(SOURCE[0]["q"])
    assert [s["id"] for s in shown["sample"]] == ["1"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["import", "nowhere.json", "--to", "c"], "nowhere.json does not exist"),
        (["import", "nowhere.json", "--to", "c", "--map", "question"], "FIELD=PATH"),
        (["import", "nowhere.json", "--to", "c", "--map", "frage=x"], "no field 'frage'"),
        (["show", "nowhere"], "lbt corpus import"),
    ],
)
def test_mistakes_are_user_errors(
    arguments: list[str], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(corpus_app, arguments)
    assert isinstance(result.exception, UserError)
    assert words in str(result.exception)
