"""SIGTERM and Ctrl-C in every stage: the run ends in order and in time, what is finished is kept,
and the same command goes on."""

import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from lbt_process import Lbt, digests, settings

from lbt_core.run.record import RunStore
from lbt_core.run.status import open_plan, verify_run

pytestmark = pytest.mark.slow

# one shard for each stage, so that the signal comes in the middle of one; a reproducible engine
# keeps whole blocks of requests only, and a shard here is one
SETTINGS = settings(
    reproducible="false",
    shards__problems=12,
    sampling__num_rationales=64,
    engines__max_num_seqs=32,
    training__max_steps=60,
    training__checkpoint_steps=50,
)
IN_TIME_S = 30.0  # the promise; measured are 3 to 8 s


@dataclass
class Ended:
    """How one start of the command ended after its signal."""

    code: int
    seconds: float
    said: str
    lock_left: bool
    left: list[str]
    committed: dict[str, str]
    unfinished: int
    checkpoints: list[str] = field(default_factory=list)


@dataclass
class Story:
    run: Path
    ended: dict[str, Ended] = field(default_factory=dict)
    figures: dict = field(default_factory=dict)
    said: str = ""


def sidecar_lines(run: Path) -> int:
    return sum(p.read_bytes().count(b"\n") - 1 for p in run.glob("unfinished/*.jsonl"))


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    store = tmp_path_factory.mktemp("store")
    run = store / "r"
    told = Story(run)
    started: list[Lbt] = []

    def start(name: str) -> Lbt:
        log = store / f"{name}.log"
        started.append(Lbt.start(log, "run", "--store", str(store), "--run", "r", *SETTINGS))
        return started[-1]

    def stop(lbt: Lbt, name: str, number: signal.Signals, group: bool = False) -> None:
        (os.killpg if group else os.kill)(lbt.process.pid, number)
        began = time.monotonic()
        code = lbt.process.wait(timeout=120)
        told.ended[name] = Ended(
            code,
            time.monotonic() - began,
            lbt.said(),
            (run / "lock.json").exists(),
            lbt.left_after(seconds=20),
            digests(run),
            sidecar_lines(run),
            sorted(p.name for p in run.glob("training/*/checkpoints/checkpoint-*")),
        )

    try:
        lbt = start("sample")
        lbt.wait_for(lambda: sidecar_lines(run) > 20, "finished requests of a rationale shard")
        stop(lbt, "sample", signal.SIGTERM)
        lbt = start("examine")
        lbt.wait_for(lambda: "Starting" in lbt.said(), "a start")
        lbt.wait_for(
            lambda: any("exams--" in p.name for p in run.glob("unfinished/*")), "an exam's answers"
        )
        stop(lbt, "examine", signal.SIGINT, group=True)  # as a terminal sends it: to everybody
        lbt = start("train")
        lbt.wait_for(lambda: any(run.glob("training/*/history.jsonl")), "a training step")
        lbt.wait_for(lambda: "training step 3/" in lbt.said(), "three training steps")
        stop(lbt, "train", signal.SIGTERM)
        lbt = start("end")
        told.figures = lbt.finish()
        told.said = lbt.said()
        yield told
    finally:
        for lbt in started:
            lbt.clean_up()


STAGES = ["sample", "examine", "train"]


@pytest.mark.parametrize("stage", STAGES)
def test_it_ends_in_time_with_the_signals_exit_code(story, stage):
    ended = story.ended[stage]
    assert ended.code == (130 if stage == "examine" else 143), ended.said[-3000:]
    assert ended.seconds < IN_TIME_S


@pytest.mark.parametrize("stage", STAGES)
def test_it_says_how_to_go_on(story, stage):
    said = story.ended[stage].said
    assert "ending in order, finished rows are kept" in said
    assert "the same command goes on" in said.splitlines()[-1]
    assert "Traceback" not in said


@pytest.mark.parametrize("stage", STAGES)
def test_the_lock_is_released_and_no_process_is_left(story, stage):
    assert not story.ended[stage].lock_left
    assert story.ended[stage].left == []


def test_finished_requests_of_the_shards_in_flight_are_kept(story):
    assert story.ended["sample"].unfinished > 20
    assert "rationales/part-00000.parquet" not in story.ended["sample"].committed
    assert "rationales/part-00000.parquet" in story.ended["examine"].committed
    assert story.ended["examine"].unfinished > 0


def test_a_training_leaves_a_checkpoint_and_goes_on_from_it(story):
    assert story.ended["train"].checkpoints
    assert "checkpoint-50" not in story.ended["train"].checkpoints
    assert "training step 1/60" not in story.said


def test_nothing_is_lost_or_changed(story):
    after = digests(story.run)
    for stage in STAGES:
        before = story.ended[stage].committed
        assert {k: after.get(k) for k in before} == before
    found = dict(verify_run(open_plan(RunStore.open(str(story.run)))))
    assert {path: fault for path, fault in found.items() if fault} == {}
    assert story.figures["rationales"] == 12 * 64
    assert not list(story.run.glob("unfinished/*"))
