"""What Prefect, Ray and the store cost per shard: rationale shards through the real flow, with an
engine and graders that answer at once.

    python -m benchmarks.orchestration [--shards 300] [--keep] [--sample]
    python -m benchmarks.orchestration --engines 64 --seconds 20 --shards 600

A local Prefect server and Ray as ``lbt run`` starts them; every shard is a Prefect task run, asks
an actor for its 16 rationales, keeps them in its sidecar, has them graded by another actor, and is
committed. Time is counted from the first shard's submission to the last one's commit. ``--sample``
also prints where the flow's threads were. The last line is JSON: ``ms_per_shard``, ``shards``.

With ``--engines`` and ``--seconds`` so many engines are simulated in one actor, each shard of which
takes so long and hands its rationales over in pieces every half second, as real ones do: the JSON
then says how many cores the flow's process took.
"""

import argparse
import json
import os
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
from tasks.beside import beside

TEXT = "Separate the variables and integrate.\n'''\n[[Final Answer]]:\n$y = 0$\n'''\n"


PIECE_S = 0.5


class InstantEngine:
    """Answers every request with the same text, at once or within so many seconds."""

    def __init__(
        self, spec: EngineSpec, index: int, pin: bool, warm_seconds: int, seconds: float = 0.0
    ) -> None:
        self._tokens = 0
        self._seconds = seconds

    def ready(self) -> bool:
        """True: there is nothing to load."""
        return True

    def pid(self) -> int:
        """Its process, which is kept on all cores: it has no busy thread."""
        return os.getpid()

    def stream(self, requests: Sequence[Request], ticket: str) -> Iterator[list[Completion]]:
        """All completions in one list, or in as many as there are half seconds."""
        self._tokens += 40 * len(requests)
        answers = [Completion(r.id, TEXT, "stop", 80, 40) for r in requests]
        pieces = min(len(answers), max(1, round(self._seconds / PIECE_S)))
        for i in range(pieces):
            time.sleep(self._seconds / pieces)
            yield answers[i::pieces]

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


def simulated(count: int, seconds: float) -> Any:
    """What makes the engines of a pool: all of them are one actor's, so that a small machine can
    have many."""
    handles: list[Any] = []

    def actor(pool: Any, index: int) -> tuple[str, Any]:
        import ray  # noqa: PLC0415 - heavy

        if not handles:
            options = {"num_cpus": 0, "max_concurrency": 8 * count}
            remote = ray.remote(InstantEngine).options(**options)
            handles.append(remote.remote(pool.spec, index, False, 0, seconds))
        return f"engine-{index}", handles[0]

    return actor


def measure(
    uri: str, shards: int, engine_count: int, shard_s: float, sampled: Counter[str] | None
) -> dict[str, Any]:
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

        engines.EnginePool._actor = simulated(engine_count, shard_s)  # type: ignore[method-assign]
        graders.GradingActor = InstantGrader  # type: ignore[assignment,misc]
        config = load_config(
            "demo",
            (
                *("reproducible=false", "engines.device=cpu", f"engines.count={engine_count}"),
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

    def look(done: threading.Event) -> None:
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

    with beside(look):
        yield


def main() -> None:
    """Measure, print, compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", type=int, default=300)
    parser.add_argument("--engines", type=int, default=1)
    parser.add_argument("--seconds", type=float, default=0.0, help="that a shard takes an engine")
    parser.add_argument("--keep", action="store_true", help="write this machine kind's baseline")
    parser.add_argument("--sample", action="store_true", help="print where the threads were")
    given = parser.parse_args()
    sampled: Counter[str] | None = Counter() if given.sample else None
    with tempfile.TemporaryDirectory() as folder:
        said = measure(
            f"{folder}/orchestration", given.shards, given.engines, given.seconds, sampled
        )
    each = 1000 / said["shards"]
    print(f"{machine_kind()}: {said['shards']} shards in {said['seconds']:.1f} s")
    for kind, seconds in sorted(said["cpu"].items(), key=lambda one: -one[1]):
        print(f"  {kind}: {each * seconds:.1f} ms of CPU time a shard")
    for lines, times in (sampled or Counter()).most_common(40):
        print(f"  {times:5d} {lines}")
    if given.seconds:
        cores = {k: round(v / said["seconds"], 3) for k, v in said["cpu"].items()}
        print(json.dumps({"engines": given.engines, "shards": said["shards"], "cores": cores}))
        return
    figures = {"ms_per_shard": round(each * said["seconds"], 2)}
    for line in compare("orchestration", figures, lower_is_better=True):
        print(line)
    if given.keep:
        print(f"kept in {keep('orchestration', figures)}")
    print(json.dumps(figures | {"shards": said["shards"]}))


if __name__ == "__main__":
    main()
