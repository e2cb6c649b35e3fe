"""Exams in full, adaptive and by likelihood: the same rationales, three ways, several seeds.

    python benchmarks/exam_ways.py [--seeds 1 2 3] [--ways adaptive likelihood] [--store DIR]

Of each seed the demo is run on the corpus with worked solutions (benchmarks/worked_corpus.py), and
again each other way on a copy of what precedes its exams. A run that is finished is not made again.
Prints Pass@1 on the held-out problems, exam answers and tokens, the seconds from the first exam's
start to the last one's end, the share of the full exams' pairs that was made, and the differences
to full exams in points of Pass@1 with 95 % bootstrap intervals over problems and seeds. Last line
JSON.
"""

import argparse
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from lbt_core.measurement.estimators import difference_over_seeds
from lbt_core.run.headline import arm_marks, evaluation_rows
from lbt_core.run.record import RunStore
from lbt_core.run.results import compute_scores, pairs_by_arm, scores_digest, stored_rationales
from lbt_core.run.status import open_plan
from lbt_core.store import inspect_shard, read_shard

FULL = "full"
WAYS = {"adaptive": ["exam.adaptive=true"], "likelihood": ["exam.scorer=likelihood"]}
BEFORE = ("problems", "rationales", "evaluation/base", "exams/design.parquet", "run.json")


def run(store: Path, name: str, corpus: Path, seed: int, overrides: list[str]) -> None:
    """One demo, or what is owed of it; raises CalledProcessError."""
    command = [sys.executable, "-m", "flows.cli", "run", "--profile", "demo", "--run", name]
    command += ["--store", str(store), "--set", f"seed={seed}", "--set", "controls=[]"]
    for override in (f"corpus.source={corpus}", *overrides):
        command += ["--set", override]
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)


def branch(store: Path, full: str, name: str) -> None:
    """A copy of what precedes a finished run's exams."""
    if (store / name).exists():
        return
    for part in BEFORE:
        source, target = store / full / part, store / name / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target)
        else:
            shutil.copy(source, target)


def figures(uri: str) -> dict[str, Any]:
    """What a finished run cost and gave."""
    plan = open_plan(RunStore.open(uri))
    digest = scores_digest(compute_scores(plan, stored_rationales(plan)))
    pairs = pairs_by_arm(read_shard(plan.files, plan.preference_shard(digest)))
    rows = evaluation_rows(plan, "combined", arm_marks(plan, pairs)["combined"])
    shards = [s for i in range(len(plan.sample_shards)) for s in plan.exam_shards(i)]
    seen = [inspect_shard(plan.files, shard) for shard in shards]
    told = [one.summary or {} for one in seen]
    began = min(s["finished"] - s["seconds"] for s in told)
    return {
        "right": [float(row.correct) for row in rows],
        "pairs": {(p.problem_id, p.chosen_sample, p.rejected_sample) for p in pairs["combined"]},
        "answers": sum(one.rows for one in seen),
        "tokens": sum(s["tokens"] for s in told),
        "read": sum(s["prompt_tokens"] for s in told),
        "seconds": round(max(s["finished"] for s in told) - began, 1),
    }


def main() -> None:
    """Run what is missing and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--ways", nargs="+", choices=sorted(WAYS), default=sorted(WAYS))
    parser.add_argument("--store", type=Path, default=Path("runs/exam-ways"))
    asked = parser.parse_args()
    found: dict[str, list[dict[str, Any]]] = {way: [] for way in (FULL, *asked.ways)}
    print("| seed | exams | Pass@1 | answers | tokens written | read | seconds | pairs kept |")
    print("|---|---|---|---|---|---|---|---|")
    for seed in asked.seeds:
        corpus = (asked.store / f"corpus-{seed}").resolve()
        write = [
            sys.executable,
            str(Path(__file__).with_name("worked_corpus.py")),
            "--seed",
            str(seed),
        ]
        subprocess.run([*write, "--out", str(corpus)], stdout=subprocess.DEVNULL, check=True)
        for way in found:
            if way != FULL:
                branch(asked.store, f"{FULL}-{seed}", f"{way}-{seed}")
            run(asked.store, f"{way}-{seed}", corpus, seed, WAYS.get(way, []))
            one = figures(str(asked.store / f"{way}-{seed}"))
            found[way].append(one)
            full = found[FULL][-1]["pairs"]
            kept = len(full & one["pairs"]) / len(full)
            print(
                f"| {seed} | {way} | {sum(one['right']) / len(one['right']):.1%} | "
                f"{one['answers']:,} | {one['tokens']:,} | {one['read']:,} | {one['seconds']} | "
                f"{kept:.1%} |",
                flush=True,
            )
    summary: dict[str, Any] = {"seeds": asked.seeds}
    for way, runs in found.items():
        summary[way] = [round(sum(r["right"]) / len(r["right"]), 4) for r in runs]
    for way in asked.ways:
        both = list(zip(found[way], found[FULL], strict=True))
        rows = [[a - b for a, b in zip(x["right"], y["right"], strict=True)] for x, y in both]
        d = difference_over_seeds(rows)
        points = (round(100 * d.value, 1), round(100 * d.low, 1), round(100 * d.high, 1))
        summary[f"{way}_minus_full"] = dict(zip(("points", "low", "high"), points, strict=True))
    print(json.dumps(summary))


if __name__ == "__main__":
    main()
