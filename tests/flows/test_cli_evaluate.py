"""``lbt evaluate``: what it prints, and what it refuses."""

import json
import os
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import typer
from typer.testing import CliRunner

from flows.cli import evaluate as command
from lbt_core import UserError
from lbt_core.generation import Engine, EngineSpec


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


def test_vllm_s_processes_are_spawned_before_anything_asks_for_a_gpu(
    random_llama: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fork of a process that has asked torch for GPUs cannot use them."""
    seen: list[tuple[str, str | None]] = []

    class Reached(Exception):
        pass

    def note(what: str) -> None:
        seen.append((what, os.environ.get("VLLM_WORKER_MULTIPROC_METHOD")))

    def ask() -> bool:
        note("asked for a GPU")
        return True

    def build(spec: EngineSpec) -> Engine:
        note(f"core in a process: {spec.core_in_process}")
        raise Reached

    for name in ("VLLM_WORKER_MULTIPROC_METHOD", "VLLM_ENABLE_V1_MULTIPROCESSING"):
        monkeypatch.setenv(name, "")  # what the command sets stays in this test
    monkeypatch.delenv("VLLM_WORKER_MULTIPROC_METHOD")
    monkeypatch.setattr("torch.cuda.is_available", ask)
    monkeypatch.setattr("lbt_core.generation.build_engine", build)
    with pytest.raises(Reached):
        command.evaluate(problems="tiny", model=random_llama)
    assert seen[0][0] == "asked for a GPU"
    assert seen[-1] == ("core in a process: True", "spawn")
    assert {method for _, method in seen} == {"spawn"}
