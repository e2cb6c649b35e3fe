"""``lbt evaluate``: what it prints, and what it refuses."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import typer
from typer.testing import CliRunner

from flows.cli import evaluate as command
from lbt_core import UserError


@pytest.fixture
def app() -> typer.Typer:
    app = typer.Typer()
    command.register(app)
    return app


@pytest.fixture
def problems(tmp_path: Path) -> Path:
    file = tmp_path / "problems.jsonl"
    rows = [{"question": f"{i} + 1?", "answer": str(i + 1), "topic": "sums"} for i in range(3)]
    file.write_text("\n".join(map(json.dumps, rows)))
    return file


def test_last_line_is_one_json_object(
    app: typer.Typer, problems: Path, random_llama: str, tmp_path: Path
) -> None:
    out = tmp_path / "answers.parquet"
    options = ["--model", random_llama, "--problems", str(problems), "--engine", "transformers"]
    options += ["--samples", "2", "--k", "1,2", "--max-new-tokens", "6", "--limit", "2"]
    done = CliRunner().invoke(app, [*options, "--out", str(out), "--json"])
    assert done.exit_code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    assert (found["problems"], found["samples"]) == (2, 2)
    assert found["pass_1"]["total"] == found["topics"]["sums"]["total"] == 2
    assert set(found["pass_at"]) == set(found["maj_at"]) == {"1", "2"}
    assert pq.read_table(out)["sample"].to_pylist() == [0, 0, 1, 2, 1, 2]


@pytest.mark.parametrize(
    ("values", "complaint"),
    [
        ({"engine": "other"}, "choose vllm or transformers"),
        ({"chat": "other"}, "choose card or template"),
        ({"samples": 2, "k": "1,3"}, "--k 3: choose from 1 to --samples, 2"),
        ({"samples": 2, "k": "0"}, "--k 0"),
        ({"samples": 2, "k": "many"}, "expected numbers"),
        ({"k": "4"}, r"needs --samples \(at least 4\)"),
        ({"model": "no-such-folder"}, "no such folder"),
    ],
)
def test_a_wrong_option_is_refused_in_a_line(
    values: dict[str, Any], complaint: str, random_llama: str
) -> None:
    given = {"problems": "tiny", "model": random_llama, **values}
    with pytest.raises(UserError, match=complaint):
        command.evaluate(**given)
