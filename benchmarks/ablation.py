"""Does teaching beat grading? The same rationales, pair sets of equal size made by different rules,
each trained from the same base and measured on held-out problems. The design is in
docs/ablation.md.

    python benchmarks/ablation.py --out runs/ablation             # the arms, over seeds
    python benchmarks/ablation.py --map --out runs/ablation-map   # where teaching wins, where not
    python benchmarks/ablation.py --quick --out /tmp/quick        # a smoke test

A table, then one JSON line. Everything that is finished lies in --out as a JSON file; the same
command goes on with what is missing.
"""

import argparse
import functools
import itertools
import json
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ablation_cells import (
    ARMS,
    SWEEP,
    Arm,
    Cell,
    Setting,
    demo_setting,
    prepare_cell,
    train_arm,
)
from ablation_plot import write_map
from ablation_tables import (
    arms_summary,
    arms_table,
    foretold_table,
    map_summary,
    map_table,
)
from ablation_work import Job, run_jobs, worker_pool
from rich.console import Console

from lbt_core.embedded import embedded_model_path
from lbt_core.generation.models import model_identity

# Seconds of one core, measured with the demo's sizes and the embedded model: what a cell's
# rationales and exams take, and one training with its measurement. Replaced by the mean of what is
# finished in --out.
PREPARE_SECONDS = 250.0
TRAIN_SECONDS = 100.0

GRID = (Setting(2e-4, 2), Setting(5e-4, 2), Setting(1e-3, 1))
MAP_ARMS = ("correctness", "fair", "combined")
QUICK = (
    "corpus.generated.train=10",
    "corpus.generated.exam=10",
    "corpus.generated.validation=10",
    "corpus.generated.test=10",
    "sampling.num_rationales=4",
    "exam.problems=2",
    "training.max_steps=1",
    "training.guards.prompts=2",
)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for results")
    parser.add_argument("--map", action="store_true", help="cells instead of arms")
    parser.add_argument("--bases", help="model folders, comma-separated; default: embedded")
    parser.add_argument("--seeds", type=int, help="training seeds (default 5, map 3)")
    parser.add_argument("--corpus-seed", type=int, default=100, help="problems and rationales")
    parser.add_argument("--teaching-lucky", type=_shares, help="lucky shares of teaching problems")
    parser.add_argument("--exam-lucky", type=_shares, help="lucky shares of exam problems")
    parser.add_argument(
        "--attention", type=_shares, help="shares of exam questions on which the example is heeded"
    )
    parser.add_argument("--grid", type=_settings, help="settings to choose from, rate:epochs,…")
    parser.add_argument("--setting", type=_setting, help="one setting for all arms: no choosing")
    parser.add_argument("--settings", type=Path, help="settings.json of an earlier --out")
    parser.add_argument("--sweep", action="store_true", help="also other weights and gaps")
    parser.add_argument("--workers", type=int, default=1, help="processes, one core each")
    parser.add_argument("--engine", choices=("vllm", "transformers"), default="vllm")
    parser.add_argument("--set", action="append", default=[], dest="overrides")
    parser.add_argument("--markdown", type=Path, help="also write the table there")
    parser.add_argument("--plot", type=Path, help="also draw the map there, .svg or .png")
    parser.add_argument("--quick", action="store_true", help="a smoke test on a few problems")
    return parser.parse_args()


def _shares(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split(","))


def _setting(text: str) -> Setting:
    rate, _, epochs = text.partition(":")
    return Setting(float(rate), float(epochs))


def _settings(text: str) -> tuple[Setting, ...]:
    return tuple(_setting(part) for part in text.split(","))


def cells_of(given: argparse.Namespace) -> list[Cell]:
    """Every combination of base, attention and lucky shares, attentive students first; the demo's
    shares where none are given.
    """
    bases = (given.bases or str(embedded_model_path())).split(",")
    absent = [b for b in bases if not (Path(b) / "config.json").is_file()]
    if absent:
        sys.exit(f"ablation: {absent[0]} is no model folder; name some with --bases")
    taught = given.teaching_lucky or ((0.2, 0.5, 0.8) if given.map else (0.8,))
    asked = given.exam_lucky or ((0.2, 0.5, 0.8) if given.map else (0.33,))
    overrides = (*(QUICK if given.quick else ()), *given.overrides)
    heeding = sorted({1.0, *(given.attention or ())}, reverse=True)
    return [
        Cell(str(Path(base).resolve()), given.corpus_seed, t, a, given.engine, overrides, heeds)
        for heeds, base, t, a in itertools.product(heeding, bases, taught, asked)
    ]


def arms_of(given: argparse.Namespace) -> list[Arm]:
    """The arms to train."""
    arms = [arm for arm in ARMS if not given.map or arm.name in MAP_ARMS]
    return [*arms, *(SWEEP if given.sweep else ())]


def prepare_job(given: argparse.Namespace, cell: Cell) -> Job:
    """A cell's rationales, exams and base answers."""
    return Job(given.out / cell.folder / "cell.json", identity(cell), prepare_cell, (cell,))


@functools.cache
def identity(cell: Cell) -> dict[str, Any]:
    """What decides a cell's rows: its values, and the weights that lie in the base's folder."""
    return {**asdict(cell), "weights": model_identity(cell.base, None)}


def train_job(
    given: argparse.Namespace, cell: Cell, arm: Arm, setting: Setting, seed: int, split: str
) -> Job:
    """One training, measured on a split."""
    arms = arms_of(given)
    name = f"{arm.name} {setting.name} {seed} {split}"
    for old, new in ((", ", "-"), (" ", "-"), (":", "x")):
        name = name.replace(old, new)
    file = given.out / cell.folder / "trained" / f"{name}.json"
    spec = {
        "cell": identity(cell),
        "arms": [a.name for a in arms],
        "setting": asdict(setting),
        "seed": seed,
        "split": split,
    }
    return Job(file, spec, train_arm, (cell, arms, arm, setting, seed, split))


def estimate(jobs: Sequence[Job], guess: float) -> float:
    """Core-seconds that the missing ones of these jobs will take."""
    done = [record["cpu_seconds"] for job in jobs if (record := job.result()) is not None]
    each = sum(done) / len(done) if done else guess
    return each * (len(jobs) - len(done))


def choose_settings(
    given: argparse.Namespace, cells: Sequence[Cell], pool: Any
) -> dict[str, Setting]:
    """The setting of each arm: the one with the best mean Pass@1 on the validation problems of
    these cells, with seed 0; the first of the grid among equals. Test problems are not read.
    """
    arms = arms_of(given)
    if given.settings is not None:
        stored = json.loads(given.settings.read_text("utf-8"))
        missing = [arm.name for arm in arms if arm.name not in stored]
        if missing:
            sys.exit(f"ablation: {given.settings} has no setting for {missing[0]}")
        return {arm.name: Setting(**stored[arm.name]) for arm in arms}
    grid = settings_grid(given)
    if len(grid) == 1:
        return {arm.name: grid[0] for arm in arms}
    tried = [(arm, setting, cell) for arm in arms for setting in grid for cell in cells]
    jobs = [train_job(given, c, arm, setting, 0, "validation") for arm, setting, c in tried]
    shares: dict[str, dict[Setting, list[float]]] = {}
    for (arm, setting, _), record in zip(
        tried, run_jobs(jobs, pool, "choosing settings"), strict=True
    ):
        share = sum(record["correct"]) / len(record["correct"])
        shares.setdefault(arm.name, {}).setdefault(setting, []).append(share)
    return {name: max(of, key=lambda s, of=of: sum(of[s])) for name, of in shares.items()}


def settings_grid(given: argparse.Namespace) -> tuple[Setting, ...]:
    """The settings to choose from; a map takes the demo's unless it is told to choose."""
    if given.setting is not None:
        return (given.setting,)
    if given.grid is not None:
        return tuple(given.grid)
    return (demo_setting(),) if given.map or given.quick else GRID


def say_cost(given: argparse.Namespace, cells: Sequence[Cell], console: Console) -> None:
    """What is owed, in core-hours, before anything starts."""
    arms, grid = arms_of(given), settings_grid(given)
    prepared = [prepare_job(given, cell) for cell in cells]
    choosing = len(arms) * len(grid) * len(cells) if len(grid) > 1 and not given.settings else 0
    testing = len(arms) * given.seeds * len(cells)
    # any setting stands for the chosen one here: only the number of trainings counts
    tests = [
        train_job(given, cell, arm, setting, seed, "test")
        for cell in cells
        for arm in arms
        for seed in range(given.seeds)
        for setting in grid[:1]
    ]
    training = estimate(tests, TRAIN_SECONDS)
    each = training / max(1, sum(job.result() is None for job in tests))
    hours = (estimate(prepared, PREPARE_SECONDS) + training + each * choosing) / 3600
    console.print(
        f"{len(cells)} cells, {choosing} trainings to choose settings, {testing} to measure: about "
        f"{hours:.1f} core-hours owed, {hours / given.workers:.1f} h on {given.workers} workers"
    )


def main() -> None:
    """Do what is missing, print the table and the JSON line."""
    given, started = arguments(), time.monotonic()
    given.seeds = given.seeds or (2 if given.quick else 3 if given.map else 5)
    cells, arms, console = cells_of(given), arms_of(given), Console(stderr=True)
    say_cost(given, cells, console)
    with worker_pool(given.workers) as pool:
        attentive = [prepare_job(given, c) for c in cells if c.attention == 1]
        run_jobs(attentive, pool, "rationales and exams")
        prepared = run_jobs([prepare_job(given, c) for c in cells], pool, "students")
        settings = choose_settings(given, cells, pool)
        (given.out / "settings.json").write_text(
            json.dumps({name: asdict(s) for name, s in settings.items()}, indent=1)
        )
        plan = list(itertools.product(cells, arms, range(given.seeds)))
        jobs = [train_job(given, c, a, settings[a.name], s, "test") for c, a, s in plan]
        records = run_jobs(jobs, pool, "trained and measured")
    trained: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for (cell, arm, _), record in zip(plan, records, strict=True):
        trained.setdefault((cell.folder, arm.name), []).append(record)
    for cell in cells:
        shutil.rmtree(given.out / cell.folder / "work", ignore_errors=True)
    foretold = None
    if given.map:
        summary = map_summary(cells, prepared, trained)
        table, text = map_table(summary)
        if summary["foretold"]:
            foretold, more = foretold_table(summary)
            text = f"{text}\n{more}"
        if given.plot is not None:
            write_map(summary["cells"], given.plot)
    else:
        summary = arms_summary(cells, prepared, trained, settings)
        table, text = arms_table(summary)
    out = Console(width=None if sys.stdout.isatty() else 180)
    out.print(table)
    if foretold is not None:
        out.print("Rank correlation over the cells (Spearman):", foretold)
    if given.markdown is not None:
        given.markdown.write_text(text, "utf-8")
    summary |= {"seeds": given.seeds, "seconds": round(time.monotonic() - started, 1)}
    print(json.dumps(summary))


if __name__ == "__main__":
    main()
