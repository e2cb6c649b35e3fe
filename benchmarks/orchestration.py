"""What Prefect, Ray and the store cost per shard: rationale shards through the real flow, with an
engine and graders that answer at once.

    python -m benchmarks.orchestration [--shards 300] [--keep] [--sample]

A local Prefect server and Ray as ``lbt run`` starts them; every shard is a Prefect task run, asks
an actor for its 16 rationales, keeps them in its sidecar, has them graded by another actor, and is
committed. Time is counted from the first shard's submission to the last one's commit. ``--sample``
also prints where the flow's threads were. The last line is JSON: ``ms_per_shard``, ``shards``.
"""

import argparse
import json
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.baselines import compare, keep, machine_kind
from benchmarks.throughput_parts import cpu_seconds
from lbt_core.generation import Completion, EngineSpec, EngineStats, Request
from lbt_core.method.extraction import Extraction
from lbt_core.method.subject import Grade
from lbt_core.run.config import GradingConfig, load_config
from lbt_core.run.record import RunStore
from lbt_core.store import Files
from lbt_core.store.rows import Problem

TEXT = "Separate the variables and integrate.\n'''\n[[Final Answer]]:\n$y = 0$\n'''\n"


class InstantEngine:
    """Answers every request with the same text at once."""

    def __init__(self, spec: EngineSpec, index: int, pin: bool, warm_seconds: int) -> None:
        self._tokens = 0

    def ready(self) -> bool:
        """True: there is nothing to load."""
        return True

    def stream(self, requests: Sequence[Request], ticket: str) -> Iterator[list[Completion]]:
        """All completions in one list."""
        self._tokens += 40 * len(requests)
        yield [Completion(r.id, TEXT, "stop", 80, 40) for r in requests]

    def drop(self, ticket: str) -> None:
        """Nothing is left to drop."""

    def stats(self) -> EngineStats:
        """Tokens so far."""
        return EngineStats(0, self._tokens, 0, 0, 0, 0.0, 0.0, 0.0)


class InstantGrader:
    """Calls every answer correct at once."""

    def __init__(self, config: GradingConfig, subject: str, path: Sequence[str]) -> None:
        """Nothing is started."""

    def ready(self) -> bool:
        """True: there is nothing to start."""
        return True

    def grade(self, items: Sequence[tuple[Problem, str]]) -> list[Grade]:
        """Grades in the order of the items."""
        return [Grade("correct", "none", "y = 0", 0.0, "") for _ in items]

    def extract(self, texts: Sequence[str]) -> list[Extraction]:
        """Not asked for when only rationales are made."""
        raise NotImplementedError


def measure(uri: str, shards: int, sampled: Counter[str] | None) -> dict[str, Any]:
    """Seconds from the first shard's submission to the last one's commit, and CPU seconds."""
    from flows.local import services  # noqa: PLC0415 - heavy

    said: dict[str, Any] = {}
    with services(Path(uri).parent / ".prefect", "ERROR"):
        from prefect import flow  # noqa: PLC0415 - reads its settings when it is imported

        from flows.pipeline import RUNNER  # noqa: PLC0415 - the same
        from tasks import engines, graders  # noqa: PLC0415 - the same
        from tasks.context import open_run  # noqa: PLC0415 - the same
        from tasks.publishing import Publisher  # noqa: PLC0415 - the same
        from tasks.steps import generate_step, prepare_step  # noqa: PLC0415 - the same

        engines.EngineActor = InstantEngine  # type: ignore[assignment,misc]
        graders.GradingActor = InstantGrader  # type: ignore[assignment,misc]
        config = load_config(
            "demo",
            (
                *("reproducible=false", "engines.device=cpu", "engines.count=1"),
                *(f"corpus.generated.train={shards}", "shards.problems=1"),
            ),
        )

        @flow(name="lbt-orchestration", task_runner=RUNNER, persist_result=False)
        def measured() -> None:
            store = RunStore.start(Files(uri), config)
            with open_run(store, keep_warm=False) as context, Publisher(context).reporting():
                prepare_step(context)
                context.engines(config.teacher).start()
                used, began = cpu_seconds(), time.monotonic()
                with _sampling(sampled):
                    done = generate_step(context, ("sample",))
                said["seconds"] = time.monotonic() - began
                said["shards"] = len(done)
                now = cpu_seconds()
                said["cpu"] = {k: v - used.get(k, 0.0) for k, v in now.items()}

        measured()
    return said


@contextmanager
def _sampling(found: Counter[str] | None) -> Iterator[None]:
    """Count where this process's threads are, every 5 ms, by their innermost own lines."""
    done = threading.Event()

    def look() -> None:
        me = threading.get_ident()
        while found is not None and not done.wait(0.005):
            for ident, frame in sys._current_frames().items():
                if ident == me:
                    continue
                lines: list[str] = []
                node: Any = frame
                while node is not None and len(lines) < 40:
                    code = node.f_code
                    lines.append(f"{Path(code.co_filename).name}:{code.co_name}")
                    node = node.f_back
                found[" < ".join(lines[:6])] += 1

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def main() -> None:
    """Measure, print, compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", type=int, default=300)
    parser.add_argument("--keep", action="store_true", help="write this machine kind's baseline")
    parser.add_argument("--sample", action="store_true", help="print where the threads were")
    given = parser.parse_args()
    sampled: Counter[str] | None = Counter() if given.sample else None
    with tempfile.TemporaryDirectory() as folder:
        said = measure(f"{folder}/orchestration", given.shards, sampled)
    each = 1000 / said["shards"]
    print(f"{machine_kind()}: {said['shards']} shards in {said['seconds']:.1f} s")
    for kind, seconds in sorted(said["cpu"].items(), key=lambda one: -one[1]):
        print(f"  {kind}: {each * seconds:.1f} ms of CPU time a shard")
    for lines, times in (sampled or Counter()).most_common(40):
        print(f"  {times:5d} {lines}")
    figures = {"ms_per_shard": round(each * said["seconds"], 2)}
    for line in compare("orchestration", figures, lower_is_better=True):
        print(line)
    if given.keep:
        print(f"kept in {keep('orchestration', figures)}")
    print(json.dumps(figures | {"shards": said["shards"]}))


if __name__ == "__main__":
    main()
