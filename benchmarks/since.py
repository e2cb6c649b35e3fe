"""How much faster the pipeline makes its rows than it did at an earlier commit: the demo's sampling
and exams, one engine, on this machine, one after the other in the same call.

    python -m benchmarks.since [COMMIT] [--before KEY=VALUE …] [--now KEY=VALUE …]

``COMMIT`` (by default the last of the first version) is checked out beside the working tree and run
with this environment's libraries. Of each stage: output tokens of all shards, by the seconds from
the first shard's start to the last one's end, read off the shards' own footers (sampling's first
shards may have waited for the engine). The order is before, now, before, now. Last line JSON:
`sampling, exams` (now by before, of the sums).
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

FIRST_VERSION = "bbef73a"
ROOT = Path(__file__).resolve().parents[1]
COMMON = ("controls=[]", "engines.count=1", "training.max_steps=1")
BEFORE = ("corpus.tiny.train=120", "corpus.tiny.validation=12", "corpus.tiny.test=12")
NOW = (
    "corpus.generated.train=120",
    "corpus.generated.validation=12",
    "corpus.generated.test=12",
    "reproducible=false",
)
STAGES = {"rationales": "sampling", "exams": "exams"}


def run(tree: Path, store: Path, overrides: Sequence[str]) -> dict[str, tuple[int, float]]:
    """One run of the source in ``tree``: tokens and seconds of each stage."""
    command = [sys.executable, "-m", "flows.cli", "run", "--profile", "demo", "--run", "r"]
    command += ["--store", str(store)]
    for override in (*COMMON, *overrides):
        command += ["--set", override]
    done = subprocess.run(
        command,
        cwd=tree,
        env=os.environ | {"PYTHONPATH": str(tree)},
        capture_output=True,
        text=True,
    )
    if done.returncode:
        sys.exit(f"{tree}: status {done.returncode}\n{done.stderr[-2000:]}")
    return {name: figures(store / "r" / folder) for folder, name in STAGES.items()}


def figures(folder: Path) -> tuple[int, float]:
    """Output tokens of a stage, and the seconds from its first shard's start to its last's end."""
    parts = [pq.read_metadata(path).metadata for path in folder.glob("part-*.parquet")]
    told = [json.loads(part[b"lbt.summary"]) for part in parts]
    began = min(one["finished"] - one["seconds"] for one in told)
    return sum(one["tokens"] for one in told), max(one["finished"] for one in told) - began


def main() -> None:
    """Check out, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commit", nargs="?", default=FIRST_VERSION)
    parser.add_argument("--before", nargs="*", default=BEFORE, help="settings of the old run")
    parser.add_argument("--now", nargs="*", default=NOW, help="settings of the new run")
    parser.add_argument("--turns", type=int, default=2)
    given = parser.parse_args()
    seen: dict[str, list[dict[str, tuple[int, float]]]] = {"before": [], "now": []}
    with tempfile.TemporaryDirectory() as folder:
        old = Path(folder) / "tree"
        git = ["git", "-C", str(ROOT), "worktree"]
        subprocess.run([*git, "add", "-q", "--detach", str(old), given.commit], check=True)
        try:
            for turn in range(given.turns):
                for name, tree, overrides in (
                    ("before", old, given.before),
                    ("now", ROOT, given.now),
                ):
                    store = Path(folder) / f"{name}-{turn}"
                    seen[name].append(run(tree, store, overrides))
                    print(name, seen[name][-1], file=sys.stderr)
        finally:
            subprocess.run([*git, "remove", "--force", str(old)], check=True)
    table = Table("output tokens/s", *STAGES.values())
    rates: dict[str, dict[str, float]] = {}
    for name, runs in seen.items():
        rates[name] = {
            stage: sum(r[stage][0] for r in runs) / sum(r[stage][1] for r in runs)
            for stage in STAGES.values()
        }
        said = given.commit if name == "before" else "now"
        each = {stage: [f"{r[stage][0] / r[stage][1]:,.0f}" for r in runs] for stage in rates[name]}
        cells = [f"{rate:,.0f} ({', '.join(each[stage])})" for stage, rate in rates[name].items()]
        table.add_row(said, *cells)
    Console(width=100).print(table)
    ratios = {s: round(rates["now"][s] / rates["before"][s], 3) for s in STAGES.values()}
    print(json.dumps(ratios))


if __name__ == "__main__":
    main()
