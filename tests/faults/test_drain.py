"""SIGTERM and Ctrl-C in every stage: the run ends in order and in time, what is finished is kept,
and the same command goes on."""

import os
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from lbt_process import Lbt, committed_texts, digests, settings, unfinished, work_summary

from flows.local import prefect_server
from lbt_core.run.record import RunStore
from lbt_core.run.status import open_plan, verify_run

pytestmark = pytest.mark.slow

# one shard for each stage, so that the signal comes in the middle of one; a reproducible engine
# keeps whole blocks of requests only, and a shard here is one
SETTINGS = settings(
    reproducible="false",
    shards__problems=12,
    sampling__num_rationales=32,
    engines__max_num_seqs=32,
    training__max_steps=30,
    training__checkpoint_steps=25,
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
    seen: dict[str, dict[str, str]]  # finished requests before the signal, by shard
    stored: dict[str, dict[str, str]]  # of the same shards, what a committed file holds after it
    unfinished: dict[str, dict[str, str]]
    checkpoints: list[str] = field(default_factory=list)


@dataclass
class Story:
    run: Path
    ended: dict[str, Ended] = field(default_factory=dict)
    figures: dict = field(default_factory=dict)
    said: str = ""


def finished_requests(run: Path, stage: str, more_than: int) -> dict[str, dict[str, str]]:
    """What the sidecars hold, once those of this stage hold more than so many requests."""
    seen = unfinished(run)
    count = sum(len(texts) for shard, texts in seen.items() if shard.startswith(stage))
    return seen if count > more_than else {}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A Prefect server to report to, for starts whose own one is not what is asked about."""
    with prefect_server(tmp_path_factory.mktemp("server")) as url:
        yield {"PREFECT_API_URL": url}


@pytest.fixture(scope="module")
def story(tmp_path_factory, server):
    store = tmp_path_factory.mktemp("store")
    run = store / "r"
    told = Story(run)
    started: list[Lbt] = []

    def start(name: str, joined: dict[str, str] | None = None) -> Lbt:
        log, arguments = store / f"{name}.log", ("run", "--store", str(store), "--run", "r")
        started.append(Lbt.start(log, *arguments, *SETTINGS, environment=joined))
        return started[-1]

    def stop(
        lbt: Lbt, name: str, number: signal.Signals, seen: Any = None, group: bool = False
    ) -> None:
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
            seen or {},
            {shard: committed_texts(run, shard) for shard in seen or {}},
            unfinished(run),
            sorted(p.name for p in run.glob("training/*/checkpoints/checkpoint-*")),
        )

    try:
        lbt = start("sample")
        seen = lbt.wait_for(
            lambda: finished_requests(run, "rationales", 20), "requests of a rationale shard"
        )
        stop(lbt, "sample", signal.SIGTERM, seen)
        lbt = start("examine")
        lbt.wait_for(lambda: "Starting" in lbt.said(), "a start")
        seen = lbt.wait_for(lambda: finished_requests(run, "exams", 0), "an exam's answers")
        # as a terminal sends it: to everybody
        stop(lbt, "examine", signal.SIGINT, seen, group=True)
        lbt = start("train", server)
        lbt.wait_for(lambda: any(run.glob("training/*/history.jsonl")), "a training step")
        lbt.wait_for(lambda: "training step 3/" in lbt.said(), "three training steps")
        stop(lbt, "train", signal.SIGTERM)
        lbt = start("end", server)
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


@pytest.mark.parametrize("stage", ["sample", "examine"])
def test_finished_requests_of_the_shards_in_flight_are_kept(story, stage):
    """Each that was seen before the signal is in its shard, or still beside it; never made again:
    texts are sampled, so that one made again would be another."""
    ended = story.ended[stage]
    assert ended.seen
    for shard, texts in ended.seen.items():
        kept = ended.stored[shard] or ended.unfinished.get(shard, {})
        assert {key: kept.get(key) for key in texts} == texts, shard


@pytest.mark.parametrize("stage", ["sample", "examine"])
def test_kept_requests_are_not_made_again(story, stage):
    for shard, texts in story.ended[stage].unfinished.items():
        final = committed_texts(story.run, shard)
        assert {key: final.get(key) for key in texts} == texts, shard
        assert work_summary(story.run, shard)["kept"] >= len(texts)


def test_a_training_leaves_a_checkpoint_and_goes_on_from_it(story):
    assert story.ended["train"].checkpoints
    assert "checkpoint-25" not in story.ended["train"].checkpoints
    assert "training step 1/30" not in story.said


def test_nothing_is_lost_or_changed(story):
    after = digests(story.run)
    for stage in STAGES:
        before = story.ended[stage].committed
        assert {k: after.get(k) for k in before} == before
    found = dict(verify_run(open_plan(RunStore.open(str(story.run)))))
    assert {path: fault for path, fault in found.items() if fault} == {}
    assert story.figures["rationales"] == 12 * 32
    assert not list(story.run.glob("unfinished/*"))
