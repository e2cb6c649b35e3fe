"""A run of 3,840,000 rationales on one machine: how long its shards take to be planned, listed as a
resumed run lists them, and verified from their metadata, and how much memory that takes.

    python -m benchmarks.scale [--problems 120000] [--per-shard 64]

Synthetic problems and rationales of the real row types, 32 a problem; the files are committed
without flushing them to the disk. The last line is JSON: seconds of each step, and MiB of memory
that the process has more than before it at its peak.
"""

import argparse
import json
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

from lbt_core.run.config import RunConfig, load_config
from lbt_core.run.plan import Plan, owed, resolve_identities
from lbt_core.run.status import stage_status
from lbt_core.store import Files, Shard, write_shard
from lbt_core.store import files as store_files
from lbt_core.store import shards as store_shards
from lbt_core.store.rows import Rationale, text_key, to_table

SAMPLES = 32
TEXT = "Separate the variables and integrate both sides; the constant follows."
T = TypeVar("T")


def configuration(problems: int, per_shard: int) -> RunConfig:
    """The rehearsal's, larger."""
    return load_config(
        "rehearsal", (f"corpus.generated.train={problems}", f"shards.problems={per_shard}")
    )


def write_problems(files: Files, config: RunConfig, identities: dict[str, str]) -> None:
    """So many teaching problems, one for the other splits."""
    plan = Plan(files, config, identities)
    kind = plan.subject.problem_type
    counts = {"train": config.corpus.generated.train, "exam": 0, "validation": 1, "test": 1}
    for split, shard in plan.problem_shards().items():
        made = [
            kind(id=f"{split}-{i}", question=f"Solve y' = {i} y.", answer="y = 0", split=split)
            for i in range(counts[split])
        ]
        write_shard(files, shard, made)


def write_rationales(files: Files, shards: list[Shard[Rationale]]) -> None:
    """Every shard whole: one table of made-up rows, with each shard's own keys and footer."""
    rows = [
        Rationale("", i, TEXT, text_key(TEXT), "stop", 80, 40, "correct", "none", "y = 0", True)
        for i in range(len(shards[0].keys or ()))
    ]
    first = to_table(rows, Rationale)

    def table_of(given: Any, row_type: type[Any]) -> pa.Table:
        if row_type is not Rationale:
            return to_table(given, row_type)
        part = first.slice(0, len(given))
        for name in ("problem_id", "sample"):
            column = pa.array([getattr(r, name) for r in given], part.schema.field(name).type)
            part = part.set_column(part.schema.get_field_index(name), name, column)
        return part

    class Key:
        """As much of a row as is written of it."""

        __slots__ = ("problem_id", "sample")

        def __init__(self, problem_id: str, sample: int) -> None:
            self.problem_id, self.sample = problem_id, sample

    kept, store_shards.to_table = store_shards.to_table, table_of
    try:
        for shard in shards:
            write_shard(files, shard, [Key(*k) for k in shard.keys or ()], {"tokens": 1})  # type: ignore[misc]
    finally:
        store_shards.to_table = kept


def timed(said: dict[str, Any], name: str, work: Callable[[], T]) -> T:
    """The work's result; its seconds are noted."""
    began = time.monotonic()
    result = work()
    said[f"{name}_s"] = round(time.monotonic() - began, 2)
    return result


def peak_mib() -> float:
    """The most memory that this process has had."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(one.split()[1]) for one in lines if one.startswith("VmHWM")) / 1024


def read_back(uri: str, config: RunConfig, identities: dict[str, str]) -> dict[str, Any]:
    """What a run that goes on does first, in a process that has done nothing before."""
    said: dict[str, Any] = {}
    files = Files(uri)
    before = peak_mib()
    plan = Plan(files, config, identities)
    shards = timed(said, "plan", lambda: plan.sample_shards)
    said["shards"] = len(shards)
    said["owed"] = len(timed(said, "resume", lambda: owed(files, shards)))
    status = timed(said, "list", lambda: stage_status(plan, "sample", shards))
    said["rows"], said["faults"] = status.rows, len(status.bad)
    said["grown_mib"] = round(peak_mib() - before)
    return said


def main() -> None:
    """Make the files, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", type=int, default=120_000)
    parser.add_argument("--per-shard", type=int, default=64)
    given = parser.parse_args()
    said: dict[str, Any] = {"rationales": given.problems * SAMPLES}
    store_files.os.fsync = lambda handle: None  # type: ignore[attr-defined]
    with tempfile.TemporaryDirectory() as folder:
        files = Files(str(Path(folder) / "run"))
        config = configuration(given.problems, given.per_shard)
        identities = resolve_identities(config)
        timed(said, "write_problems", lambda: write_problems(files, config, identities))
        plan = Plan(files, config, identities)
        timed(said, "write", lambda: write_rationales(files, plan.sample_shards))
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, context) as pool:
            said |= pool.submit(read_back, files.uri, config, identities).result()
    print(json.dumps(said))


if __name__ == "__main__":
    main()
