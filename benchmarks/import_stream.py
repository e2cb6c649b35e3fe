"""A large JSONL is imported with flat memory: peak resident memory at a quarter of the size and at
the full size.

Usage: python benchmarks/import_stream.py [--megabytes 200]. The last line is JSON.
"""

import argparse
import json
import multiprocessing
import resource
import tempfile
import time
from pathlib import Path

from lbt_core.corpora.importing.conversion import import_corpus
from lbt_core.corpora.importing.options import ImportOptions
from lbt_core.subjects.ode import subject as ODE

STORY = (
    "A tank holds {0} litres of water. Brine with {1} grams of salt in a litre "
    "flows in at {2} litres a minute, and the well "
    "stirred mixture flows out at the same rate. Find the amount of salt $Q(t)$ if "
    "$Q(0) = {3}$, that is, solve the equation "
    "$Q' = {4} - \\frac{{{2}}}{{{0}}} Q$."
)


def write_lines(path: Path, megabytes: float) -> int:
    """Write about so many megabytes of distinct problems; the number of lines."""
    count = 0
    with path.open("w", encoding="utf-8") as file:
        while file.tell() < megabytes * 2**20:
            for _ in range(1_000):
                count += 1
                a, b, c = count, count % 97 + 1, count % 13 + 1
                question = STORY.format(a, b, c, count % 7, b * c)
                answer = f"$Q = {a * b} - {a * b - count % 7} e^{{-{c}t/{a}}}$"
                row = {
                    "id": f"m{count}",
                    "topic": f"topic {count % 12}",
                    "question": question,
                    "answer": answer,
                }
                file.write(json.dumps(row) + "\n")
    return count


def measure(path: str, folder: str) -> tuple[float, float, int]:
    """Seconds, peak memory in MiB and imported problems of one import, in a process of its own."""
    start = time.perf_counter()
    summary = import_corpus(path, folder, ImportOptions(prove=False), ODE)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return time.perf_counter() - start, peak, summary["imported"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--megabytes", type=float, default=200)
    asked = parser.parse_args().megabytes
    rows = []
    with tempfile.TemporaryDirectory() as work:
        for megabytes in (asked / 4, asked):
            path = Path(work) / f"{megabytes:g}.jsonl"
            lines = write_lines(path, megabytes)
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                seconds, peak, imported = pool.apply(
                    measure, (str(path), str(path.with_suffix("")))
                )
            rows.append(
                {
                    "megabytes": round(path.stat().st_size / 2**20),
                    "lines": lines,
                    "imported": imported,
                    "seconds": round(seconds, 1),
                    "peak_mib": round(peak),
                }
            )
            print(
                f"{rows[-1]['megabytes']:5d} MB  {lines:8d} lines  {seconds:7.1f} s  "
                f"{peak:6.0f} MiB peak",
                flush=True,
            )
    growth = rows[1]["peak_mib"] - rows[0]["peak_mib"]
    print(
        json.dumps(
            {
                "runs": rows,
                "growth_mib": growth,
                "growth_share_of_file": round(growth / rows[1]["megabytes"], 2),
            }
        )
    )


if __name__ == "__main__":
    main()
