"""The demo over several seeds: base, combined, correctness-only and random pairs on held-out
problems.

``python benchmarks/demo_seeds.py [--seeds 1 2 3] [--store DIR]``; a table, then one JSON line. A
run that is finished in the store is not made again. Differences are in points of Pass@1, with 95 %
bootstrap intervals over problems and seeds.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from lbt_core.measurement.estimators import difference_over_seeds
from lbt_core.run.headline import arm_marks, evaluation_rows
from lbt_core.run.record import RunStore
from lbt_core.run.results import compute_scores, pairs_by_arm, scores_digest, stored_rationales
from lbt_core.run.status import open_plan
from lbt_core.store import read_shard

ARMS = ("combined", "correctness", "random")


def run_seed(store: str, seed: int, overrides: list[str]) -> dict[str, Any]:
    """One demo with two controls; its result line."""
    command = [sys.executable, "-m", "flows.cli", "run", "--profile", "demo", "--store", store]
    command += ["--run", f"seed-{seed}", "--set", f"seed={seed}"]
    command += ["--set", "controls=[correctness, random]"]
    for override in overrides:
        command += ["--set", override]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def correctness(uri: str) -> dict[str, list[float]]:
    """Right (1) or wrong (0) per test problem, for the base and every arm."""
    store = RunStore.open(uri)
    plan = open_plan(store)
    scores = compute_scores(plan, stored_rationales(plan))
    pairs = pairs_by_arm(read_shard(plan.files, plan.preference_shard(scores_digest(scores))))
    rows = {"base": evaluation_rows(plan, None)}
    rows |= {arm: evaluation_rows(plan, arm, mark) for arm, mark in arm_marks(plan, pairs).items()}
    return {arm: [float(r.correct) for r in answers] for arm, answers in rows.items()}


def main() -> None:
    """Run what is missing, print the table and the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--store", default="runs/demo-seeds")
    parser.add_argument("--set", action="append", default=[], dest="overrides")
    given = parser.parse_args()
    results = [run_seed(given.store, seed, given.overrides) for seed in given.seeds]
    found = [correctness(str(Path(given.store) / f"seed-{s}")) for s in given.seeds]
    table = Table("seed", "base", *ARMS, "McNemar p, combined against base")
    for seed, result, arms in zip(given.seeds, results, found, strict=True):
        shares = [sum(arms[a]) / len(arms[a]) for a in ("base", *ARMS)]
        table.add_row(str(seed), *(f"{s:.1%}" for s in shares), f"{result['mcnemar_p']:.1e}")
    Console().print(table)
    summary: dict[str, Any] = {"seeds": given.seeds, "problems": len(found[0]["base"])}
    for arm in ("base", *ARMS):
        summary[arm] = [round(sum(f[arm]) / len(f[arm]), 4) for f in found]
    for first, second in (("combined", "base"), ("combined", "correctness"), ("random", "base")):
        # differences per seed and problem: the problems differ between seeds
        rows = [[a - b for a, b in zip(f[first], f[second], strict=True)] for f in found]
        d = difference_over_seeds(rows)
        summary[f"{first}_minus_{second}"] = {
            "points": round(100 * d.value, 1),
            "low": round(100 * d.low, 1),
            "high": round(100 * d.high, 1),
        }
    summary["mcnemar_p"] = [r["mcnemar_p"] for r in results]
    summary["seconds"] = [r["seconds"] for r in results]
    print(json.dumps(summary))


if __name__ == "__main__":
    main()
