"""The stories of ``benchmarks/faults.py``: what is done to whom in which state, with which
settings, and how committed files are spoilt."""

import contextlib
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psutil

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))  # the tests' building blocks

from lbt_process import Lbt, settings

SETTINGS = settings(
    reproducible="true",
    controls="[]",
    corpus__generated__train=16,
    sampling__num_rationales=4,
    shards__problems=1,
    engines__shards_in_flight=1,
    training__max_steps=12,
    training__checkpoint_steps=2,
)


How = Literal["killed", "stopped", "removed", "disk full", "permission lost"]


@dataclass(frozen=True)
class Fault:
    """What is done to whom when: a process by its name or command line, in a state of the run.
    ``flow`` is the command alone, ``group`` its process group; ``damage`` is done to a committed
    file before the run is gone on with. ``said`` is what the command must say of it."""

    victim: str
    state: str
    boundary: tuple[str, str] | None = None
    damage: str | None = None
    how: How = "killed"
    said: str = ""

    @property
    def name(self) -> str:
        done = "" if self.how == "killed" else f" {self.how}"
        damage = f", {self.damage}" if self.damage else ""
        return f"{self.victim}{done} while {self.state}{damage}"


@dataclass(frozen=True)
class Kind:
    """Faults in their order, and the settings of the run that they happen to. ``equal``: whether
    its rows can be those of the undisturbed run, or keys and bytes alone are compared."""

    faults: tuple[Fault, ...]
    settings: list[str]
    equal: bool = True


STORY = (
    Fault("flow", "loading"),
    Fault("engine", "serving"),
    Fault("grader", "serving"),
    Fault("flow", "committing", ("write.fsync", "shard")),
    Fault("server", "serving"),
    Fault("flow", "committing", ("write.rename", "shard"), damage="flipped bit"),
    Fault("raylet", "serving"),
    Fault("flow", "keeping", ("append.half", "sidecar"), damage="empty file"),
    Fault("gcs", "serving"),
    Fault("engine", "loading"),
    Fault("group", "serving", damage="another shard's file"),
    Fault("trainer", "training"),
    Fault("grader", "training"),
    Fault("group", "training", damage="torn file"),
    Fault("group", "merging"),
)
# vLLM's core in a process of its own, as on GPUs: a reproducible run refuses that on a CPU, so only
# keys and bytes are checked
CORE_SETTINGS = [*SETTINGS, "--set", "reproducible=false", "--set", "engines.core=process"]
CORE_STORY = (
    Fault("core", "loading"),
    Fault("core", "serving"),
    Fault("engine", "serving"),
    Fault("core", "serving"),
)
_TWO_ENGINES = [*SETTINGS, "--set", "engines.count=2"]
# each is stopped until the run has said so, two minutes later; the one grader first: meanwhile no
# shard is done, while beside a stopped engine the other one does all but one
STOPPED_STORY = (
    Fault("grader", "serving", how="stopped", said="grader-0 has not answered for"),
    Fault("engine", "serving", how="stopped", said="has not answered for"),
    Fault("trainer", "training", how="stopped", said="has not been heard of for"),
)
# the command has joined a cluster of two nodes with an engine each; another node comes for each
NODES_STORY = (
    Fault("node", "serving", how="removed", said="engine-"),
    Fault("node", "training", how="removed"),
)
STORE_STORY = (
    Fault("store", "serving", how="disk full", said="disk full"),
    Fault("store", "serving", how="permission lost", said="no permission to write here"),
)
KINDS = {
    "killed": Kind(STORY, SETTINGS),
    "core": Kind(CORE_STORY, CORE_SETTINGS, equal=False),
    "stopped": Kind(STOPPED_STORY, _TWO_ENGINES),
    "nodes": Kind(NODES_STORY, _TWO_ENGINES),
    "store": Kind(STORE_STORY, SETTINGS),
}
ORDER = ("killed", "killed", "core")


def kind_of(story: int, order: tuple[str, ...]) -> Kind:
    return KINDS[order[story % len(order)]]


def victims(lbt: Lbt, who: str) -> list[psutil.Process]:
    titles = {
        "engine": "ray::EngineActor",
        "core": "EngineCore",
        "grader": "ray::GradingActor",
        "trainer": "TrainWorker",
        "server": "prefect_server",
    }
    if who in titles:
        return lbt.family(titles[who])
    named = {"raylet": "raylet", "gcs": "gcs_server"}[who]
    found = []
    for process in lbt.family():
        with contextlib.suppress(psutil.Error):
            if process.name() == named:
                found.append(process)
    return found


def committed(run: Path) -> list[str]:
    """Paths of the committed shards of engines' work; quicker than their digests."""
    return [
        str(p.relative_to(run))
        for stage in ("rationales", "exams", "evaluation")
        for p in run.glob(f"{stage}/**/part-*.parquet")
    ]


def damage(run: Path, how: str) -> str:
    """Spoil a committed shard; its path. What it was is made again, and must be equal."""
    paths = sorted(run.glob("rationales/part-*.parquet"))
    path, data = paths[0], paths[0].read_bytes()
    flipped = bytearray(data)
    flipped[len(data) // 3] ^= 4
    spoilt = {
        "flipped bit": bytes(flipped),
        "empty file": b"",
        "torn file": data[: len(data) // 2],
        "another shard's file": paths[-1].read_bytes(),
    }
    path.write_bytes(spoilt[how])
    return str(path.relative_to(run))
