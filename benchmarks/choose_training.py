"""Training settings chosen on the validation split: a grid over learning rates, epochs and weights
of the chosen's likelihood.

``python benchmarks/choose_training.py RUN [--rates 2e-4 5e-4] [--epochs 1 2] [--nll 0 1]`` trains
on the stored pairs of a run's real arm and measures greedy Pass@1 on its *validation* problems; the
test problems are not read. A table, then one JSON line.
"""

import argparse
import itertools
import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from engines import spec
from rich.console import Console
from rich.table import Table

from lbt_core.generation import Settings
from lbt_core.generation.transformers_engine import TransformersEngine
from lbt_core.method.sampling import sample
from lbt_core.run.plan import model_path
from lbt_core.run.record import RunStore
from lbt_core.run.rendering import build_renderer
from lbt_core.run.results import compute_scores, pairs_by_arm, scores_digest, stored_rationales
from lbt_core.run.status import open_plan
from lbt_core.store import read_shard
from lbt_core.subjects import GradePool
from lbt_core.training.dpo import train_dpo
from lbt_core.training.merge import merge_adapter


def main() -> None:
    """Train each setting, print the table and the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run")
    parser.add_argument("--rates", type=float, nargs="+", default=[2e-4, 5e-4, 1e-3])
    parser.add_argument("--epochs", type=float, nargs="+", default=[1, 2])
    parser.add_argument("--nll", type=float, nargs="+", help="weights of the chosen's likelihood")
    given = parser.parse_args()
    store = RunStore.open(given.run)
    plan, config = open_plan(store), store.config
    scores = compute_scores(plan, stored_rationales(plan))
    stored = read_shard(plan.files, plan.preference_shard(scores_digest(scores)))
    pairs = pairs_by_arm(stored)["combined"]
    base = model_path(config.teacher)
    revision = plan.pinned(config.teacher).revision
    renderer = build_renderer(config.prompt, base, revision)
    validation = plan.problems["validation"]
    prompts = [renderer.question(p.question) for p in validation]
    settings = Settings(0.0, 0, 1.0, config.evaluation.max_new_tokens)
    rows: list[dict[str, Any]] = []
    with GradePool() as pool, tempfile.TemporaryDirectory() as folder:

        def measure(model: str, revision: str | None = None) -> float:
            engine = TransformersEngine(replace(spec(), model=model, revision=revision))
            answers = sample(
                validation,
                samples=1,
                settings=settings,
                renderer=renderer,
                seed=0,
                generate=engine.generate,
                grade=pool.grade_many,
            )
            return sum(a.correct for a in answers) / len(answers)

        rows.append({"setting": "base", "pass1": measure(base, revision)})
        weights = given.nll or [config.training.loss_nll_weight]
        for rate, epochs, nll in itertools.product(given.rates, given.epochs, weights):
            training = config.training.model_copy(
                update={
                    "max_steps": None,
                    "learning_rate": rate,
                    "epochs": epochs,
                    "loss_nll_weight": nll,
                    "seed": config.seed,
                }
            )
            out = Path(folder) / f"{rate}-{epochs}-{nll}"
            result = train_dpo(
                base, pairs, training, out, revision=revision, validation_prompts=prompts[:16]
            )
            merged = merge_adapter(base, result.weights, out / "merged", revision)
            rows.append(
                {
                    "setting": f"lr {rate:g}, {epochs:g} epochs, NLL {nll:g}",
                    "pass1": measure(merged),
                    "stopped": result.stopped,
                }
            )
    table = Table("setting", f"Pass@1 on {len(validation)} validation problems", "stopped early")
    for row in rows:
        table.add_row(row["setting"], f"{row['pass1']:.1%}", str(row.get("stopped") or ""))
    Console().print(table)
    print(json.dumps({"validation_problems": len(validation), "settings": rows}))


if __name__ == "__main__":
    main()
