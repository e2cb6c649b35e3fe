"""A preview on a CPU: how often a model is loaded, what is stored, and no pair to train on."""

import contextlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import ClassVar

import pytest

from flows.cli import small_run as module
from flows.cli.preview import preview_overrides
from flows.cli.small_run import small_run, suits
from lbt_core.generation import Completion, EngineSpec, Request
from lbt_core.run import session
from lbt_core.run.config import load_config
from lbt_core.run.record import RunStore
from lbt_core.run.status import open_plan, run_status

PROBLEMS = 2
BLOCK = "'''\n[[Final Answer]]:\n${}$\n'''"


class Engine:
    """Answers right or wrong by the request's id; counts how often one is loaded."""

    loaded: ClassVar[list[EngineSpec]] = []
    answers: ClassVar[dict[str, str]] = {}

    def __init__(self, spec: EngineSpec, key: str | None = None) -> None:
        self.loaded.append(spec)

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        return [self._answer(r) for r in requests]

    def close(self) -> None:
        pass

    def _answer(self, request: Request) -> Completion:
        asked = request.prompt.rpartition("[[Question]]:\n")[2].partition("\n")[0]
        right = request.seed % 2 == 0
        text = BLOCK.format(self.answers.get(asked, "0") if right else "y = 0")
        return Completion(request.id, text, "stop", 10, 10)


@contextlib.contextmanager
def no_process() -> Iterator[None]:
    yield None


def made(
    folder: Path, monkeypatch: pytest.MonkeyPatch, knows: bool
) -> tuple[bool, str, list[str], list[EngineSpec]]:
    config = load_config("demo")
    given = ("engines.kind=transformers", *preview_overrides(config, PROBLEMS))
    monkeypatch.setattr(session, "build_engine", Engine)
    monkeypatch.setattr(module, "_training_process", no_process)
    monkeypatch.setattr(Engine, "loaded", [])

    def trained(_: ProcessPoolExecutor, plan: object, *__: object) -> object:
        own = {"path": str(folder / "tuned"), "revision": None, "endpoint": None}
        return config.teacher.model_copy(update=own)

    monkeypatch.setattr(module, "_trained", trained)
    said: list[str] = []
    uri = str(folder / "preview")
    answers = session.prepare(load_config("demo", given))
    rows = [p for split in answers.values() for p in split]
    monkeypatch.setattr(Engine, "answers", {p.question: p.answer for p in rows if knows})
    return small_run(uri, "demo", given, said.append), uri, said, Engine.loaded


@pytest.mark.slow
def test_two_engines_are_loaded_and_every_stage_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished, uri, said, loaded = made(tmp_path, monkeypatch, knows=True)
    assert finished
    assert len(loaded) == 2 and loaded[1].model == str(tmp_path / "tuned")
    stages = {s.stage: s for s in run_status(open_plan(RunStore.open(uri)))}
    for stage in ("prepare", "sample", "examine", "evaluate/base", "prefer", "evaluate/tuned"):
        assert stages[stage].done and not stages[stage].owed, stage
        assert not stages[stage].bad
    assert [line.split(":")[0] for line in said] == [
        *("prepare", "sample", "examine", "evaluate", "train", "evaluate")
    ]


@pytest.mark.slow
def test_without_a_pair_nothing_is_trained_and_it_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished, _, said, loaded = made(tmp_path, monkeypatch, knows=False)
    assert not finished and len(loaded) == 1
    assert "No preference pair" in said[-1]


def test_a_cluster_that_is_named_is_asked_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    assert suits(load_config("demo", ["engines.device=cpu"]))
    assert not suits(load_config("demo", ["engines.device=gpu"]))
    monkeypatch.setenv("RAY_ADDRESS", "ray://somewhere:10001")
    assert not suits(load_config("demo", ["engines.device=cpu"]))
