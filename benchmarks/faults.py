"""Processes of a real run killed or stopped in named states, one after the other, nodes and disk
space taken away, its files damaged in between, and the run compared with an undisturbed one of the
same seed.

``python -m benchmarks.faults --kills 50 --store build/faults`` works on a small reproducible run
until so many kills were made; ``--minutes 5`` stops earlier, and the same command goes on;
``--stories stopped nodes store`` plays those in turn (root mounts a small disk for the last). After
each fault the committed files' bytes are compared with those before it; a story ends with the run
gone on with to its end: keys and checksums verified, rows and weights compared. The last line is
JSON: ``kills, lost, duplicated, changed, unequal, redone_rows, redone_share`` and what they are
counted over. ``redone_rows`` are rows asked of an engine more than once, begun or not.
"""

import argparse
import json
import os
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))  # the tests' building blocks

from lbt_process import Lbt, digests, tables, weights

from benchmarks.fault_nodes import Nodes
from benchmarks.fault_stories import (
    KINDS,
    ORDER,
    SETTINGS,
    Fault,
    Kind,
    committed,
    damage,
    kind_of,
)
from benchmarks.fault_strikes import AS_A_USER, remove_small_disk, small_disk, strike
from flows.local import prefect_server
from lbt_core.run.record import RunStore
from lbt_core.run.status import open_plan, run_status, verify_run

GOES_ON_WITHIN_S = 90.0


@dataclass
class Noted:
    """What one fault did: whether the command went on, what it did not say of it, and what was
    wrong with the files then."""

    story: int
    fault: str
    outcome: str
    seconds: float
    said: str = ""
    unsaid: str = ""
    lost: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)


@dataclass
class Ended:
    """A story's end, compared with the undisturbed run."""

    story: int
    owed: int
    faults: list[str]
    duplicated: int
    unequal: list[str] | None
    planned_rows: int
    asked_rows: int


def child(asked: str, boundary: tuple[str, str] | None) -> None:
    """``lbt`` that notes how many rows it asks of engines and may kill itself at a boundary."""
    from flows.cli import main as lbt  # noqa: PLC0415 - only in the started process
    from lbt_core.store import faultpoints  # noqa: PLC0415
    from tasks.engines import EnginePool  # noqa: PLC0415

    stream = EnginePool.stream

    def counted(self: Any, requests: Any) -> Any:
        with open(asked, "a", encoding="ascii") as file:
            file.write(f"{len(requests)}\n")
        return stream(self, requests)

    def at(point: str, path: str) -> None:
        if boundary == (point, faultpoints.kind_of(path)) and "problems/" not in path:
            os.kill(os.getpid(), signal.SIGKILL)

    EnginePool.stream = counted  # type: ignore[method-assign]
    faultpoints.on_reach(at)
    lbt()


def start(
    store: Path,
    run: str,
    boundary: tuple[str, str] | None = None,
    settings: list[str] = SETTINGS,
    server: str | None = None,
    cluster: str | None = None,
    prefix: tuple[str, ...] = (),
) -> Lbt:
    """``lbt run``, reporting to that Prefect server and on that cluster, else with its own."""
    code = f"from benchmarks.faults import child; child({str(store / (run + '.asked'))!r}, "
    log = store / f"{run}-{time.time_ns()}.log"
    arguments = ("run", "--store", str(store), "--run", run, *settings)
    named = {"PREFECT_API_URL": server, "RAY_ADDRESS": cluster}
    joined = {key: value for key, value in named.items() if value}
    code = f"{code}{boundary!r})"
    return Lbt.start(log, *arguments, code=code, environment=joined, prefix=prefix)


def reached(lbt: Lbt, run: Path, state: str, before: dict[str, str]) -> Callable[[], Any]:
    """Whether the run is in the state, with what was committed before."""
    conditions: dict[str, Callable[[], Any]] = {
        "loading": lambda: lbt.family("EngineActor"),
        "serving": lambda: set(committed(run)) - set(before),
        "training": lambda: (
            "training step" in lbt.said() and list(run.glob("training/*/checkpoints/checkpoint-*"))
        ),
        "merging": lambda: lbt.family("ray::_merge"),
    }
    return conditions[state]


class Story:
    """One run through all faults: the living command, and what must stay as it is."""

    def __init__(self, store: Path, number: int, server: str, kind: Kind) -> None:
        self.store, self.number, self.server = store, number, server
        self.name = f"killed-{number}"
        self.run = store / self.name
        self.kind, self.faults = kind, kind.faults
        self.lbt: Lbt | None = None
        self.spoilt: set[str] = set()
        self.nodes: Nodes | None = None

    def start(self, boundary: tuple[str, str] | None = None, own_server: bool = False) -> Lbt:
        """The command; where its story needs them, on a cluster of nodes or a small disk."""
        if self.kind is KINDS["store"]:
            small_disk(self.run)
        if self.kind is KINDS["nodes"] and self.nodes is None:
            self.nodes = Nodes()
            self.nodes.add()
            self.nodes.add()
        server = None if own_server else self.server
        cluster = self.nodes.address if self.nodes else None
        prefix = AS_A_USER if self.kind is KINDS["store"] else ()
        settings = self.kind.settings
        return start(self.store, self.name, boundary, settings, server, cluster, prefix)

    def kill(self, fault: Fault) -> Noted:
        began = time.monotonic()
        own = fault.victim == "server"  # the one that other commands report to stays
        if fault.boundary or own:
            self.end_command()
        before = digests(self.run) if self.run.exists() else {}
        lbt = self.lbt = self.lbt or self.start(fault.boundary, own)
        heard = len(lbt.said())
        if fault.boundary:
            lbt.process.wait(timeout=240)
        else:
            lbt.wait_for(reached(lbt, self.run, fault.state, before), f"the run {fault.state}")
            before |= digests(self.run)
            strike(fault, lbt, self.run, self.nodes)
        outcome, said = self.outcome(set(committed(self.run)))
        unsaid = "" if fault.said in lbt.said()[heard:] else fault.said
        after = digests(self.run)
        same = {p: d for p, d in before.items() if p not in self.spoilt}
        lost = [p for p in same if p not in after]
        changed = [p for p, d in same.items() if p in after and after[p] != d]
        self.spoilt -= set(after)
        if fault.damage:
            self.end_command()
            self.spoilt.add(damage(self.run, fault.damage))
        seconds = round(time.monotonic() - began, 1)
        return Noted(self.number, fault.name, outcome, seconds, said, unsaid, lost, changed)

    def outcome(self, before: set[str]) -> tuple[str, str]:
        """Whether the command ended, with its last word, or went on: two shards, of which the
        second was begun after the kill, or a training step. One that does neither is ended."""
        assert self.lbt is not None
        deadline = time.monotonic() + GOES_ON_WITHIN_S
        stage = len(self.lbt.said())
        while time.monotonic() < deadline:
            code, said = self.lbt.process.poll(), self.lbt.said()
            if code is not None:
                self.end_command()
                words = [line for line in said.splitlines() if line.startswith("lbt:")]
                return f"ended with {code}", words[-1] if words else ""
            if len(set(committed(self.run)) - before) >= 2 or "training step" in said[stage:]:
                return "went on", ""
            time.sleep(0.1)
        self.end_command()
        return "stood still, ended", ""

    def end_command(self) -> None:
        if self.lbt is not None:
            self.lbt.clean_up()
            self.lbt.left_after(seconds=30)
            self.lbt = None

    def finish(self) -> Ended:
        """Go on to the end, and compare."""
        try:
            if self.lbt is None or self.lbt.process.poll() is not None:
                self.lbt = self.start()
            self.lbt.finish()
        finally:
            self.close()
        ended = compared(self.store, self.number, self.run, self.kind.equal)
        if self.run.is_mount():
            remove_small_disk(self.run)
        return ended

    def close(self) -> None:
        """End what the story has started."""
        self.end_command()
        if self.nodes is not None:
            self.nodes.close()
            self.nodes = None


def compared(store: Path, number: int, run: Path, equal: bool) -> Ended:
    """What the run has, and, where its rows can be equal, what differs from the undisturbed."""
    plan = open_plan(RunStore.open(str(run)))
    faults = [f"{p}: {fault}" for p, fault in verify_run(plan) if fault]
    one = tables(store / "undisturbed") | weights(store / "undisturbed")
    two = tables(run) | weights(run)
    rows = [r for name, r in two.items() if "part-" in name and isinstance(r, list)]
    planned = sum(map(len, rows))
    asked = sum(map(int, (store / f"{run.name}.asked").read_text().split()))
    return Ended(
        number,
        sum(s.owed for s in run_status(plan)),
        faults,
        sum("twice" in fault for fault in faults),
        sorted(p for p in one.keys() | two.keys() if one.get(p) != two.get(p)) if equal else None,
        planned,
        asked,
    )


def figures(kills: list[dict[str, Any]], ends: list[dict[str, Any]]) -> dict[str, Any]:
    planned = sum(e["planned_rows"] for e in ends)
    redone = sum(e["asked_rows"] - e["planned_rows"] for e in ends)
    return {
        "kills": len(kills),
        "lost": sum(len(k["lost"]) for k in kills) + sum(e["owed"] for e in ends),
        "duplicated": sum(e["duplicated"] for e in ends),
        "changed": sum(len(k["changed"]) for k in kills),
        "unequal": sum(len(e["unequal"] or ()) for e in ends),
        "redone_rows": redone,
        "redone_share": round(redone / planned, 3) if planned else None,
        "planned_rows": planned,
        "runs_ended": len(ends),
        "runs_compared": sum(e["unequal"] is not None for e in ends),
        "faults_found_by_verify": sum(len(e["faults"]) for e in ends),
        "damaged_files": sum("," in k["fault"] for k in kills),
        "unsaid": sum(bool(k.get("unsaid")) for k in kills),
        "outcomes": dict(Counter(k["outcome"] for k in kills)),
        "killed": dict(Counter(k["fault"].split(" while ")[0] for k in kills)),
    }


def table(kills: list[dict[str, Any]]) -> str:
    """What became of the command, by who was killed in which state, as Markdown."""
    rows: dict[str, Counter[str]] = {}
    for kill in kills:
        rows.setdefault(kill["fault"].split(",")[0], Counter())[
            kill["outcome"].replace("ended with -9", "ended by the kill")
        ] += 1
    lines = ["| killed | times | the command |", "|---|---|---|"]
    for fault, outcomes in rows.items():
        became = ", ".join(f"{outcome} ({times})" for outcome, times in outcomes.items())
        lines.append(f"| {fault} | {outcomes.total()} | {became} |")
    return "\n".join(lines)


def main() -> int:
    """Kill, go on, compare, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=1e9, help="stop after a kill that is over")
    parser.add_argument("--store", type=Path, default=Path("build/faults"))
    parser.add_argument("--stories", nargs="+", choices=KINDS, default=ORDER, help="in this order")
    parser.add_argument("--anew", action="store_true", help="forget what was done before")
    options = parser.parse_args()
    store = options.store.resolve()
    if options.anew:
        shutil.rmtree(store, ignore_errors=True)
    store.mkdir(parents=True, exist_ok=True)
    results, until = store / "results.jsonl", time.monotonic() + 60 * options.minutes
    lines = [json.loads(x) for x in results.read_text().splitlines()] if results.exists() else []

    def note(found: Noted | Ended) -> None:
        lines.append(asdict(found))
        with open(results, "a", encoding="utf-8") as file:
            file.write(json.dumps(lines[-1]) + "\n")
        print(json.dumps(lines[-1]), flush=True)

    undisturbed = start(store, "undisturbed")
    try:
        undisturbed.finish()  # at once where it is whole already
    finally:
        undisturbed.clean_up()
    with prefect_server(store / ".server") as server:
        order = tuple(options.stories)
        play(lines, note, lambda number: Story(store, number, server, kind_of(number, order)),
             options.kills, until)  # fmt: skip
    print(table([x for x in lines if "fault" in x]))
    told = figures([x for x in lines if "fault" in x], [x for x in lines if "owed" in x])
    print(json.dumps(told))
    wrong = sum(told[k] for k in ("lost", "duplicated", "changed", "unequal", "unsaid"))
    wrong += told["faults_found_by_verify"]
    return 1 if wrong else 0


def play(
    lines: list[dict[str, Any]],
    note: Callable[[Noted | Ended], None],
    begun: Callable[[int], Story],
    wanted: int,
    until: float,
) -> None:
    """Fault after fault, story after story, from where the lines end until there are so many, or it
    is late."""
    story: Story | None = None
    try:
        while True:
            kills = [x for x in lines if "fault" in x]
            ended = [x for x in lines if "owed" in x]
            of_story = [k for k in kills if k["story"] == len(ended)]
            story = story or begun(len(ended))
            late = time.monotonic() > until
            if of_story and (len(of_story) == len(story.faults) or len(kills) >= wanted):
                if late:
                    break
                note(story.finish())
                story = None
            elif late or len(kills) >= wanted:
                break
            else:
                note(story.kill(story.faults[len(of_story)]))
    finally:
        if story is not None:
            story.close()


if __name__ == "__main__":
    sys.exit(main())
