"""Bases for the ablation's map: the embedded recipe with other seeds and other probabilities of
following the example shown, which is what decides how faithful a student is.

    python benchmarks/ablation_bases.py --out bases --follow 0.85,0.5 --seeds 1,2

One folder a base, ``follow-85-seed-1``; a table and one JSON line last. A finished base is kept;
one that was interrupted goes on from its checkpoint.
"""

import argparse
import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from lbt_core.subjects.ode.pretraining.optimisation import Progress, pretrain
from lbt_core.subjects.ode.pretraining.recipe import Recipe


def recipe_of(follow: float, seed: int, tokens: int) -> Recipe:
    """The embedded model's recipe with another seed and probability of following the example."""
    recipe = Recipe(seed=seed, tokens=tokens)
    phases = tuple(replace(p, mix=replace(p.mix, follow=follow)) for p in recipe.phases)
    return replace(recipe, phases=phases)


def make(out: Path, recipe: Recipe, threads: int, console: Console) -> None:
    """Pretrain one base, unless its folder holds it."""
    if (out / "model.safetensors").is_file():
        return

    def report(progress: Progress) -> None:
        if progress.step % 500 < 20:
            speed = progress.tokens_per_second
            left = (progress.steps - progress.step) * recipe.batch_tokens / speed
            console.print(f"{out.name}: loss {progress.loss:.3f}, {left / 60:.0f} min left")

    pretrain(recipe, out, threads=threads, report=report)


def main() -> None:
    """Make what is missing, print the table and the JSON line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--follow", default="0.85,0.5")
    parser.add_argument("--seeds", default="1,2")
    parser.add_argument("--tokens", type=int, default=Recipe().tokens)
    parser.add_argument("--threads", type=int, default=3)
    given = parser.parse_args()
    table = Table("folder", "follows its example", "seed")
    made: list[dict[str, Any]] = []
    for follow, seed in itertools.product(given.follow.split(","), given.seeds.split(",")):
        out = given.out / f"follow-{100 * float(follow):.0f}-seed-{seed}"
        recipe = recipe_of(float(follow), int(seed), given.tokens)
        make(out, recipe, given.threads, Console(stderr=True))
        made.append({"folder": str(out), "follow": float(follow), "seed": int(seed)})
        table.add_row(str(out), follow, seed)
    Console().print(table)
    print(json.dumps({"bases": made}))


if __name__ == "__main__":
    main()
