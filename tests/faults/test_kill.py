"""One run killed five times, in every costly stage, its files damaged in between, an engine and a
grader killed at work: it ends with exactly the planned rows, no committed file was touched, and a
reproducible one's rows and weights are those of an undisturbed run."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from signal import SIGKILL

import pytest
from lbt_process import Lbt, digests, settings, tables, weights

from flows.local import prefect_server
from lbt_core.run.record import RunStore
from lbt_core.run.status import open_plan, verify_run

pytestmark = pytest.mark.slow

CHANGES: dict[str, object] = {
    "controls": "[]",
    "shards__problems": 1,
    "engines__shards_in_flight": 1,
    "training__max_steps": 20,
    "training__checkpoint_steps": 5,
}
LAYOUTS = {
    "inline": settings(**CHANGES),
    # vLLM's core in a process of its own, as on GPUs; a reproducible run refuses that on a CPU
    "process": settings(**CHANGES, engines__core="process", reproducible="false"),
}
TORN = "rationales/part-00001.parquet"
SECRET = "hush-4f1d9c"
SECRETS = {
    name: SECRET
    for name in ("LBT_ENDPOINT_KEY", "HF_TOKEN", "WANDB_API_KEY", "AWS_SECRET_ACCESS_KEY")
}


@dataclass
class Story:
    """What was seen: shards at each kill, processes left after it, the log of each start."""

    run: Path
    committed: dict[str, dict[str, str]] = field(default_factory=dict)
    left: dict[str, list[str]] = field(default_factory=dict)
    logs: dict[str, str] = field(default_factory=dict)
    figures: dict = field(default_factory=dict)
    corrupt_found: dict[str, str | None] = field(default_factory=dict)


def parts(run: Path, stage: str) -> int:
    return len(list((run / stage).glob("part-*.parquet")))


@pytest.fixture(scope="module")
def server_home(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="module")
def server(server_home: Path) -> Iterator[dict[str, str]]:
    """A Prefect server that commands report to, for those whose own one is not what is killed."""
    with prefect_server(server_home) as url:
        yield {"PREFECT_API_URL": url}


@pytest.fixture(scope="module", params=["inline", pytest.param("process", marks=pytest.mark.long)])
def story(request, tmp_path_factory, server):
    chosen, reproducible = LAYOUTS[request.param], request.param == "inline"
    store = tmp_path_factory.mktemp("store")
    run = store / "r"
    told = Story(run)
    started: list[Lbt] = []

    def start(name: str, joined: dict[str, str] | None = None, run: str = "r") -> Lbt:
        log, arguments = store / f"{name}.log", ("run", "--store", str(store), "--run", run)
        environment = SECRETS | (joined or {})
        started.append(Lbt.start(log, *arguments, *chosen, environment=environment))
        return started[-1]

    def kill(lbt: Lbt, name: str, group: bool) -> None:
        (os.killpg if group else os.kill)(lbt.process.pid, SIGKILL)
        lbt.process.wait()
        told.left[name] = lbt.left_after(seconds=30)
        told.committed[name] = digests(run)
        told.logs[name] = lbt.said()

    try:
        lbt = start("sample")
        # two engines: the second shard may well be committed after the third
        lbt.wait_for(
            lambda: parts(run, "rationales") >= 2 and (run / TORN).exists(),
            "rationale shards, the second among them",
        )
        kill(lbt, "sample", group=False)

        whole = (run / TORN).read_bytes()
        (run / TORN).write_bytes(whole[: len(whole) // 2])
        lbt = start("examine")
        lbt.wait_for(lambda: parts(run, "exams") >= 2, "exam shards")
        kill(lbt, "examine", group=True)

        lbt = start("train", server)
        before = parts(run, "exams")
        lbt.wait_for(lambda: parts(run, "exams") > before, "a further exam shard")
        graders = lbt.family("ray::GradingActor")
        for grader in graders:
            grader.kill()
        before = parts(run, "exams") + 1  # the one in flight may have been graded
        lbt.wait_for(lambda: parts(run, "exams") > before, "an exam shard graded by another")
        engines = lbt.family("EngineActor")
        for engine in engines:
            engine.kill()
        saved = "training/*/checkpoints/checkpoint-*"
        lbt.wait_for(lambda: any(run.glob(saved)), "a checkpoint")
        kill(lbt, "train", group=True)
        assert engines and graders, "no engine or no grader was found to kill"

        shard = run / "rationales/part-00000.parquet"
        good = shard.read_bytes()
        flipped = bytearray(good)
        flipped[len(good) // 4] ^= 1
        shard.write_bytes(flipped)
        told.corrupt_found = dict(verify_run(open_plan(RunStore.open(str(run)))))
        shard.write_bytes(good)

        # beside each other, which must not change a row: that takes less time than one by one
        undisturbed = start("undisturbed", server, "undisturbed") if reproducible else None
        lbt = start("end", server)
        told.figures = lbt.finish()
        told.logs["end"] = lbt.said()
        told.left["end"] = lbt.left_after(seconds=30)
        if undisturbed is not None:
            undisturbed.finish()
        yield told
    finally:
        for lbt in started:
            lbt.clean_up()


def test_run_ends_with_exactly_the_planned_rows(story):
    found = dict(verify_run(open_plan(RunStore.open(str(story.run)))))
    assert {path: fault for path, fault in found.items() if fault} == {}
    assert story.figures["rationales"] == 12 * 8


@pytest.mark.parametrize("stage", ["sample", "examine", "train"])
def test_no_shard_that_was_committed_before_a_kill_is_changed(story, stage):
    before = {k: v for k, v in story.committed[stage].items() if (stage, k) != ("sample", TORN)}
    assert before
    after = digests(story.run)
    assert {k: after.get(k) for k in before} == before


@pytest.mark.parametrize("stage", ["sample", "examine", "train", "end"])
def test_no_process_outlives_a_killed_run(story, stage):
    assert story.left[stage] == []


def test_kills_came_in_the_middle(story):
    assert 0 < len([k for k in story.committed["sample"] if k.startswith("rationales")]) < 12
    assert 0 < len([k for k in story.committed["examine"] if k.startswith("exams/part")]) < 12
    assert not (set(story.committed["train"]) & {"evaluation/tuned/part-00000.parquet"})


def test_torn_shard_is_moved_aside_with_a_warning_naming_it(story):
    assert TORN in story.logs["examine"]
    assert "moved to superseded/" in story.logs["examine"]
    assert [p for p in (story.run / "superseded").iterdir() if "rationales--part-00001" in p.name]


def test_death_of_an_engine_is_said_and_survived(story):
    assert "engine-0 died" in story.logs["train"]
    assert len([k for k in story.committed["train"] if k.startswith("exams/part")]) == 12


def test_corrupt_shard_is_found_by_verify(story):
    faults = [path for path, fault in story.corrupt_found.items() if fault]
    assert "rationales/part-00000.parquet" in faults
    assert "damaged" in story.corrupt_found["rationales/part-00000.parquet"]


def test_no_secret_of_the_environment_stands_in_a_file_or_log(story, server_home):
    folders = (story.run.parent, server_home)  # the store with its logs; the server's database
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    assert {"report/index.html", "run.json"} <= {str(p.relative_to(story.run)) for p in files
                                                if story.run in p.parents}  # fmt: skip
    assert any(path.suffix == ".db" for path in files)
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == []


def test_training_goes_on_from_its_checkpoint(story):
    assert story.figures["pairs"] > 0
    assert story.figures["resumed_shards"] >= len(story.committed["train"])
    assert "training step 20/20" in story.logs["end"]
    assert "training step 1/20" not in story.logs["end"]


def test_rows_and_weights_are_those_of_an_undisturbed_run(story):
    if not story.figures["reproducible"]:
        pytest.skip("the layout's rows depend on the order of work")
    undisturbed = story.run.with_name("undisturbed")
    one = tables(undisturbed) | weights(undisturbed)
    two = tables(story.run) | weights(story.run)
    assert weights(story.run)
    assert [path for path in one.keys() | two.keys() if one.get(path) != two.get(path)] == []
