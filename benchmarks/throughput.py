"""What the pipeline keeps of the engine's speed, in one run on a CPU: the demo's prompts, model and
engine arguments, the engine on one core.

    python -m benchmarks.throughput [--problems 120] [--keep]

(a) bare vLLM, all prompts at once, nothing stored or graded; (b) ours, through flow, store and
graders, cold start apart; (c) bare vLLM drained at each shard's end; (d) transformers in batches of
eight; (e) Ray Data LLM. The mode is the fast one (``reproducible: false``). (a), (b) and (e) are
compared in steady state: output tokens of requests that finish between the moment by which as many
have finished as the first shard has, and the last moment at which as many are unfinished as the
engine runs at once, per second of wall time. The exams are also asked with the settings of before
(blocks of 128 tokens, 256 sequences) and without the prefix cache. A table; lines that say what is
10 % worse than the committed baseline of this kind of machine; last a line of JSON.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.baselines import compare, keep, machine_kind
from benchmarks.throughput_parts import DEFAULTS, Mark, rate, steady

STAGES = {"sample": "sampling", "examine": "exams"}
LIMIT_S = 400


def part(name: str, uri: str, *more: str) -> dict[str, Any]:
    """One part in a process of its own; what its last line says."""
    command = [sys.executable, "-m", "benchmarks.throughput_parts", name, uri, *more]
    began = time.monotonic()
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=LIMIT_S)
    print(f"{name} {' '.join(more)}: {time.monotonic() - began:.0f} s", file=sys.stderr)
    if done.returncode:
        sys.exit(f"{name} ended with status {done.returncode}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def measure(uri: str, problems: int, exam_shards: int) -> dict[str, Any]:
    """Every part, and what was measured of each."""
    n = ["--problems", str(problems)]
    few = [*n, "--shards", str(exam_shards)]
    ours = part("pipeline", uri, *n, "--began", str(time.monotonic()))
    limits = part("limits", uri, *n)
    before = part("exams", uri, *few, "--changes", json.dumps({"settings": DEFAULTS}))
    uncached = part("exams", uri, *few, "--changes", json.dumps({"enable_prefix_caching": False}))
    tuned = part("exams", uri, *few)
    paper = part("paper", uri)
    ray_data = part("ray-data", uri, *n)
    return {
        "ours": ours,
        "limits": limits,
        "before": before,
        "uncached": uncached,
        "tuned": tuned,
        "paper": paper,
        "ray_data": ray_data,
    }


def marks_of(readings: list[dict[str, Any]]) -> list[Mark]:
    """The pipeline's readings of its engine, from nothing."""
    zero = readings[0]
    return [
        Mark(
            r["at"],
            r["tokens"] - zero["tokens"],
            r["requests"] - zero["requests"],
            round(
                r["prefix_hit_rate"] * r["prompt_tokens"]
                - zero["prefix_hit_rate"] * zero["prompt_tokens"]
            ),
            r["prompt_tokens"] - zero["prompt_tokens"],
        )
        for r in readings
    ]


def stage_figures(found: dict[str, Any], stage: str) -> dict[str, Any]:
    """Steady speeds of (a) and (b), the speed of (c), and where the engine's time went in (b)."""
    running = found["ours"]["max_num_seqs"]
    sizes = found["limits"][f"{stage}_shards"]
    readings = found["ours"][stage]
    marks = marks_of(readings)
    begin, end = steady(marks, sizes[0], sum(sizes), running)
    bare = [Mark(**m) for m in found["limits"][stage]]
    limit = rate(*steady(bare, sizes[0], sum(sizes), running))
    others = [Mark(**m) for m in found["ray_data"][stage]]
    first, last = readings[marks.index(begin)], readings[marks.index(end)]
    span = last["at"] - first["at"]
    names = ("busy_seconds", "feeding_seconds", "idle_seconds", "preempted_seconds")
    shares = {k.removesuffix("_seconds"): (last[k] - first[k]) / span for k in names}
    cores = {k: (last["cpu"][k] - first["cpu"].get(k, 0.0)) / span for k in last["cpu"]}
    return {
        "limit": limit,
        "limit_whole": rate(bare[0], bare[-1]),
        "ours": rate(begin, end),
        "ours_whole": rate(marks[0], marks[-1]),
        "drain": found["limits"][f"{stage}_drain"],
        "paper": found["paper"][stage],
        "ray_data": rate(*steady(others, sizes[0], sum(sizes), running)),
        "span": span,
        "shares": shares,
        "cores": cores,
        "hits": marks[-1].cached / max(1, marks[-1].prompt_tokens),
        "bare_hits": bare[-1].cached / max(1, bare[-1].prompt_tokens),
    }


def few_rate(one: dict[str, Any]) -> float:
    """Tokens a second over all requests of a short comparison."""
    marks = [Mark(**m) for m in one["marks"]]
    return rate(marks[0], marks[-1])


def show(found: dict[str, Any], stages: dict[str, dict[str, Any]]) -> None:
    """The tables."""
    console = Console(width=110)
    table = Table("output tokens/s", *STAGES.values())

    def row(name: str, key: str) -> None:
        table.add_row(name, *(f"{stages[s][key]:,.0f}" for s in STAGES))

    row("(a) bare vLLM, all at once, steady", "limit")
    row("(b) ours, steady", "ours")
    row("(a) from first to last token", "limit_whole")
    row("(b) from the stage's start to its last commit", "ours_whole")
    row("(c) bare vLLM, a drain per shard", "drain")
    row("(d) transformers, batches of 8", "paper")
    row("(e) Ray Data LLM, steady", "ray_data")
    table.add_row("prefix-cache hits", *(f"{stages[s]['hits']:.0%}" for s in STAGES))
    table.add_row("steady state measured over, s", *(f"{stages[s]['span']:.0f}" for s in STAGES))
    console.print(table)
    shares = Table("(b)'s engine thread in steady state, share of wall time", *STAGES.values())
    for name, said in (
        ("busy", "in the engine's steps"),
        ("feeding", "handing requests over"),
        ("idle", "without a request"),
        ("preempted", "of these: its core taken by others"),
    ):
        shares.add_row(said, *(f"{stages[s]['shares'][name]:.1%}" for s in STAGES))
    for kind in sorted({k for s in STAGES for k in stages[s]["cores"]}):
        shares.add_row(
            f"cores used by {kind}", *(f"{stages[s]['cores'].get(kind, 0.0):.2f}" for s in STAGES)
        )
    console.print(shares)
    for stage, name in STAGES.items():
        console.print(losses(name, stages[stage]), highlight=False)
    ours = found["ours"]
    console.print(
        f"cold start: services {ours['services_s']:.1f} s after the command, engine "
        f"{ours['engine_s']:.1f} s; exams on the same few shards, tokens/s: "
        f"{few_rate(found['tuned']):,.0f} tuned, {few_rate(found['before']):,.0f} in blocks of 128 "
        f"with 256 sequences, {few_rate(found['uncached']):,.0f} without the prefix cache",
        highlight=False,
    )


def losses(name: str, stage: dict[str, Any]) -> str:
    """What the steady state loses against the limit, part by part."""
    lost = 1 - stage["ours"] / stage["limit"]
    shares = stage["shares"]
    rest = lost - shares["feeding"] - shares["idle"] - shares["preempted"]
    return (
        f"{name}: {lost:.1%} lost = {shares['idle']:.1%} without a request + "
        f"{shares['feeding']:.1%} handing over + {shares['preempted']:.1%} core taken + "
        f"{rest:.1%} slower steps (negative: faster)"
    )


def main() -> None:
    """Measure, print, compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--problems", type=int, default=120, help="the demo has 240")
    parser.add_argument("--exam-shards", type=int, default=4, help="for the short comparisons")
    parser.add_argument("--keep", action="store_true", help="write this machine kind's baseline")
    parser.add_argument("--raw", type=Path, help="write all readings here, as JSON")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = measure(f"{folder}/throughput", given.problems, given.exam_shards)
    if given.raw is not None:
        given.raw.write_text(json.dumps(found))
    stages = {stage: stage_figures(found, stage) for stage in STAGES}
    print(f"{machine_kind()}; load before: {os.getloadavg()[0]:.1f}")
    show(found, stages)
    sampling, exams = stages["sample"], stages["examine"]
    figures = {
        "sampling_vs_limit": sampling["ours"] / sampling["limit"],
        "exam_vs_limit": exams["ours"] / exams["limit"],
        "vs_paper": min(s["ours"] / s["paper"] for s in stages.values()),
        "vs_ray_data": min(s["ours"] / s["ray_data"] for s in stages.values()),
        "vs_drain": min(s["ours"] / s["drain"] for s in stages.values()),
        "prefix_gain": few_rate(found["tuned"]) / few_rate(found["uncached"]),
        "prefix_hit_rate": exams["hits"],
        "tuned_vs_default": few_rate(found["tuned"]) / few_rate(found["before"]),
    }
    figures = {name: round(value, 3) for name, value in figures.items()}
    for line in compare("throughput", figures):
        print(line)
    if given.keep:
        print(f"kept in {keep('throughput', figures)}")
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
