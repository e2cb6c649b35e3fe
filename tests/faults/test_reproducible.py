"""The same seed twice, once undisturbed on one engine, once killed while it samples and while it
trains and then gone on with on two: the same rows and the same weights, to the bit."""

import json
import os
from signal import SIGKILL
from typing import Any

import pytest
from lbt_process import Lbt, settings, tables, weights

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(3600)]

SETTINGS = {
    "reproducible": "true",
    "corpus__generated__train": 8,
    "sampling__num_rationales": 6,
    "shards__problems": 2,
    "training__max_steps": 10,
    "training__checkpoint_steps": 2,
}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Any:
    store = tmp_path_factory.mktemp("store")
    started: list[Lbt] = []
    kills = []

    def start(run: str, engines: int) -> Lbt:
        arguments = settings(**SETTINGS, engines__count=engines)
        log = store / f"{run}-{len(started)}.log"
        started.append(Lbt.start(log, "run", "--store", str(store), "--run", run, *arguments))
        return started[-1]

    def kill(lbt: Lbt) -> None:
        os.killpg(lbt.process.pid, SIGKILL)
        lbt.process.wait()
        assert lbt.left_after(seconds=30) == []
        kills.append(lbt)

    try:
        first = start("undisturbed", 1).finish()
        lbt, run = start("killed", 2), store / "killed"
        lbt.wait_for(lambda: any(run.glob("rationales/part-*.parquet")), "a rationale shard")
        kill(lbt)
        lbt = start("killed", 1)
        lbt.wait_for(lambda: any(run.glob("training/*/checkpoints/checkpoint-*")), "a checkpoint")
        kill(lbt)
        second = start("killed", 2).finish()
        yield store, first, second
    finally:
        for lbt in started:
            lbt.clean_up()


def test_rows_are_equal(runs: Any) -> None:
    one, two = tables(runs[0] / "undisturbed"), tables(runs[0] / "killed")
    assert len(one) >= 4 + 4 + 6 + 2
    assert {name: rows == two.get(name) for name, rows in one.items()} == dict.fromkeys(one, True)
    assert len({row["text"] for row in one["rationales/part-00000.parquet"]}) > 1


def test_weights_are_equal(runs: Any) -> None:
    one, two = weights(runs[0] / "undisturbed"), weights(runs[0] / "killed")
    assert len(one) == 2
    assert one == two


def test_figures_are_equal_but_for_times(runs: Any) -> None:
    store, first, second = runs
    apart = {"run", "seconds", "report", "resumed_shards", "worked_shards"}
    assert {k: v for k, v in first.items() if k not in apart} == {
        k: v for k, v in second.items() if k not in apart
    }
    assert first["reproducible"] is True
    record = json.loads((store / "killed/run.json").read_text())
    assert record["config"]["reproducible"] is True
