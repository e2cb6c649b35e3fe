"""What a new local run does until its first answer, and whose CPU time that takes.

    python -m benchmarks.start [--profile demo] [--set KEY=VALUE …]

``lbt run`` in a temporary store, ended in order after its first finished answer. At each moment the
seconds since the command, and the CPU seconds that each kind of process had used by then: on few
cores their sum, by the cores, is what no order of the same work can go below. Last line JSON:
`flow_s, first_answer_s, cpu_s, floor_s` (`floor_s`: CPU seconds by cores).
"""

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.throughput_parts import cpu_seconds

LIMIT_S = 300


def answered(run: Path) -> bool:
    """Whether an answer is finished: stored beside its shard, or in it."""
    beside = [p for p in run.glob("unfinished/*") if len(p.read_bytes().splitlines()) > 1]
    return bool(beside) or any(run.glob("rationales/part-*.parquet"))


def measure(arguments: list[str]) -> dict[str, tuple[float, dict[str, float]]]:
    """Each moment with its seconds and the CPU seconds by then."""
    moments: dict[str, tuple[float, dict[str, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        log, run = Path(folder) / "log", Path(folder) / "r"
        command = [sys.executable, "-m", "flows.cli", "run", "--store", folder, "--run", "r"]
        with log.open("wb") as output:
            began = time.monotonic()
            started = subprocess.Popen(
                [*command, *arguments], stdout=output, stderr=output, start_new_session=True
            )
        try:
            while time.monotonic() - began < LIMIT_S and started.poll() is None:
                spent = cpu_seconds(started.pid)
                now = time.monotonic() - began
                if "flow" not in moments and b"Beginning flow run" in log.read_bytes():
                    moments["flow"] = (now, spent)
                if answered(run):
                    moments["first answer"] = (now, spent)
                    break
                time.sleep(0.1)
            else:
                sys.exit(f"no answer: {log.read_text('utf-8', 'replace')[-2000:]}")
        finally:
            started.send_signal(signal.SIGTERM)
            started.wait(timeout=120)
    return moments


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--profile", default="demo")
    parser.add_argument("--set", action="append", default=[], dest="overrides")
    given = parser.parse_args()
    arguments = ["--profile", given.profile]
    for override in given.overrides:
        arguments += ["--set", override]
    load = os.getloadavg()[0]
    moments = measure(arguments)
    table = Table("CPU seconds until", *(f"{m}, {at:.1f} s" for m, (at, _) in moments.items()))
    last = moments["first answer"][1]
    for kind in sorted(last, key=lambda k: -last[k]):
        table.add_row(kind, *(f"{spent.get(kind, 0.0):.1f}" for _, spent in moments.values()))
    table.add_row("together", *(f"{sum(spent.values()):.1f}" for _, spent in moments.values()))
    Console(width=100).print(table)
    print(f"load before: {load:.1f}")
    cores, total = len(os.sched_getaffinity(0)), sum(last.values())
    figures = {
        "flow_s": moments["flow"][0],
        "first_answer_s": moments["first answer"][0],
        "cpu_s": total,
        "floor_s": total / cores,
    }
    print(json.dumps({name: round(value, 1) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
