"""A run in figures: what the last line of ``lbt run`` says, from the store alone."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from lbt_core.measurement.estimators import mcnemar
from lbt_core.run.exam_savings import savings
from lbt_core.run.plan import Plan
from lbt_core.run.results import stored_rationales
from lbt_core.store import Shard, inspect_shard, read_shard
from lbt_core.store.rows import Preference, Rationale


def evaluation_rows(plan: Plan, arm: str | None, model_mark: str = "") -> list[Rationale]:
    """Stored greedy answers to the test problems, in their order; base model for arm None."""
    shards = plan.evaluation_shards(arm, model_mark)
    return [row for shard in shards for row in read_shard(plan.files, shard)]


def pass_at_1(rows: Sequence[Rationale]) -> float:
    """Share of right answers."""
    return sum(row.correct for row in rows) / len(rows)


def arm_marks(plan: Plan, pairs: Mapping[str, Sequence[Preference]]) -> dict[str, str]:
    """Fingerprint of each arm's tuned model."""
    return {arm: plan.training_fingerprint(pairs.get(arm, [])) for arm in plan.config.arms}


def failed_prompts(plan: Plan, shards: Sequence[Shard[Any]]) -> int:
    """Rows of stored shards whose prompt could not be run."""
    summaries = [inspect_shard(plan.files, shard).summary or {} for shard in shards]
    return sum(int(s.get("finish_reasons", {}).get("error", 0)) for s in summaries)


def _saved(plan: Plan) -> dict[str, Any]:
    """What adaptive exams saved; nothing of others."""
    if not plan.config.exam.adaptive:
        return {}
    return {"adaptive": asdict(savings(plan, stored_rationales(plan)))}


def run_summary(
    plan: Plan,
    pairs: Mapping[str, Sequence[Preference]],
    *,
    run: str,
    seconds: float,
    report: str,
    resumed_shards: int,
) -> dict[str, Any]:
    """The figures of a finished run; ``control_pass1`` is the first control's, or None.

    Raises OSError where a stage is not stored.
    """
    marks = arm_marks(plan, pairs)
    base = evaluation_rows(plan, None)
    arms = {arm: evaluation_rows(plan, arm, mark) for arm, mark in marks.items()}
    tuned = arms["combined"]
    controls = {arm: round(pass_at_1(rows), 4) for arm, rows in arms.items() if arm != "combined"}
    exams = [s for i in range(len(plan.sample_shards)) for s in plan.exam_shards(i)]
    tests = [s for arm, m in ((None, ""), *marks.items()) for s in plan.evaluation_shards(arm, m)]
    test = mcnemar([r.correct for r in base], [r.correct for r in tuned])
    return {
        "run": run,
        "reproducible": plan.config.reproducible,
        "problems_train": len(plan.problems["train"]),
        "problems_test": len(plan.problems["test"]),
        "rationales": sum(len(s.keys or ()) for s in plan.sample_shards),
        "exam_answers": sum(inspect_shard(plan.files, shard).rows for shard in exams),
        "failed_prompts": {
            "sample": failed_prompts(plan, plan.sample_shards),
            "examine": failed_prompts(plan, exams),
            "evaluate": failed_prompts(plan, tests),
        },
        "pairs": len(pairs.get("combined", [])),
        **_saved(plan),
        "base_pass1": round(pass_at_1(base), 4),
        "tuned_pass1": round(pass_at_1(tuned), 4),
        "control_pass1": next(iter(controls.values()), None),
        "controls": controls,
        "mcnemar_p": test.p,
        "seconds": round(seconds, 1),
        "report": report,
        "resumed_shards": resumed_shards,
    }
