"""From scored rationales to tuned models: pairs, one training per arm, the merged model."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import ray

from lbt_core.config import ModelConfig, RunConfig
from lbt_core.errors import DataError
from lbt_core.plan import arm_folder, model_path
from lbt_core.results import (
    compute_pairs,
    compute_scores,
    pairs_by_arm,
    scores_digest,
    stored_rationales,
)
from lbt_core.rows import Preference, Rationale, Score
from lbt_core.store import Files, read_shard
from lbt_core.training.data import Generated
from lbt_core.training.spec import TrainingSpec
from tasks.context import RunContext
from tasks.shards import ShardSummary, commit

RESULT = "result.json"
CHECKED_PROMPTS = 2


def prefer_step(context: RunContext) -> list[ShardSummary]:
    """Scores of all rationales and the pairs of every arm. Cheap: scores are computed afresh from
    the graded rows each time, so that a regrade is noticed."""
    plan = context.plan
    rationales = stored_rationales(plan)
    scores = compute_scores(plan, rationales)
    digest = scores_digest(scores)

    def score_rows() -> tuple[list[Score], dict[str, Any]]:
        return scores, {}

    def pair_rows() -> tuple[list[Preference], dict[str, Any]]:
        sets = compute_pairs(plan, context.renderer, rationales, scores)
        counts = {s.arm: {k: v for k, v in asdict(s).items() if k != "pairs"} for s in sets}
        return [pair for s in sets for pair in s.pairs], {"arms": counts}

    return [
        commit(context.files, plan.score_shard(digest), score_rows, context.progress),
        commit(context.files, plan.preference_shard(digest), pair_rows, context.progress),
    ]


def stored_pairs(context: RunContext) -> dict[str, list[Preference]]:
    """The stored pairs by arm. Raises OSError where they are not stored."""
    plan = context.plan
    scores = compute_scores(plan, stored_rationales(plan))
    rows = read_shard(context.files, plan.preference_shard(scores_digest(scores)))
    return pairs_by_arm(rows)


def training_folder(context: RunContext, arm: str) -> Path:
    """Where an arm's checkpoints, history and result are kept."""
    return context.files.local(f"training/{arm_folder(arm)}")


def tuned_model(context: RunContext, arm: str) -> ModelConfig:
    """The merged model of an arm, as a model to load."""
    path = merged_folder(context.files, arm)
    return context.config.teacher.model_copy(update={"path": str(path), "revision": None})


def merged_folder(files: Files, arm: str) -> Path:
    """Where an arm's merged model is kept."""
    return files.local(f"model/{arm_folder(arm)}/merged")


def training_spec(config: RunConfig) -> TrainingSpec:
    """How a run trains: what its training section leaves open is taken from the run."""
    spec = config.training
    if spec.seed is None:
        spec = spec.model_copy(update={"seed": config.seed})
    if spec.guards.max_new_tokens is None:
        length = {"max_new_tokens": config.sampling.max_new_tokens}
        spec = spec.model_copy(update={"guards": spec.guards.model_copy(update=length)})
    return spec


def train_step(
    context: RunContext,
    arm: str,
    pairs: Sequence[Preference],
    say: Callable[[str], None],
    cores: int,
) -> tuple[bool, str]:
    """Train one arm on so many CPU cores (or the GPUs) and merge its adapter; engines must be
    released before.

    Returns whether it was found stored, and the tuned model's mark (its fingerprint). Raises
    DataError where there is no pair to train on.
    """
    mark = context.plan.training_fingerprint(pairs)
    model = Path(tuned_model(context, arm).path)
    record = model.parent / RESULT
    if record.exists() and json.loads(record.read_text()).get("fingerprint") == mark:
        context.progress.finish(f"train/{arm}", rows=len(pairs), stored=True)
        return True, mark
    if not pairs:
        raise DataError(
            f"arm {arm} has no preference pair: every problem's rationales tie, or too few are "
            "right; see the report's score table, lower preferences.min_gap or sample more"
        )
    from tasks.training import train_on_ray  # noqa: PLC0415 - heavy import, only where used

    _make_room(context, arm, mark)
    started = time.monotonic()
    teacher = context.pinned(context.config.teacher)
    base, revision = model_path(teacher), teacher.revision
    spec = training_spec(context.config)
    prompts = validation_prompts(context)
    folder = training_folder(context, arm)
    result = train_on_ray(
        base,
        pairs,
        spec,
        folder,
        revision=revision,
        generated=generated_counts(pairs, stored_rationales(context.plan)),
        validation_prompts=prompts,
        on_log=say,
        cores=cores,
    )
    gpu = ray.cluster_resources().get("GPU", 0) >= 1
    merge = ray.remote(_merge).options(num_cpus=1, num_gpus=1 if gpu else 0, max_retries=2)
    watched = prompts[:CHECKED_PROMPTS]
    check = ray.get(merge.remote(base, revision, result.weights, str(model), watched, result.full))
    summary = asdict(result) | {"fingerprint": mark, "arm": arm, "merged": str(model)}
    if check is not None:
        summary["merge_check"] = check
    summary["seconds"] = time.monotonic() - started
    context.files.write(
        f"model/{arm_folder(arm)}/{RESULT}", json.dumps(summary, indent=1, default=str).encode()
    )
    context.progress.finish(
        f"train/{arm}", rows=len(pairs), tokens=result.tokens, seconds=summary["seconds"]
    )
    return False, mark


def _merge(
    base: str,
    revision: str | None,
    weights: str,
    merged: str,
    prompts: Sequence[str],
    full: bool,
) -> dict[str, Any] | None:
    """Merge an adapter and check it, in a process of its own: loading a model is not safe beside
    another one in the same process, and the flow's process stays free of torch."""
    from lbt_core.training.merge import (  # noqa: PLC0415 - heavy import, only where used
        check_merge,
        merge_adapter,
    )

    merge_adapter(base, weights, merged, revision)
    if full:
        return None
    return asdict(check_merge(base, weights, merged, prompts, revision=revision))


def generated_counts(
    pairs: Sequence[Preference], rationales: Sequence[Rationale]
) -> list[Generated]:
    """What generation counted of each pair's prompt and texts."""
    by_sample = {(r.problem_id, r.sample): r for r in rationales}
    found = []
    for pair in pairs:
        chosen = by_sample[pair.problem_id, pair.chosen_sample]
        rejected = by_sample[pair.problem_id, pair.rejected_sample]
        found.append(Generated(chosen.prompt_tokens, chosen.tokens, rejected.tokens))
    return found


def validation_prompts(context: RunContext) -> list[str]:
    """Rendered prompts that training watches its format on: validation problems, never test ones.

    A corpus without validation problems is watched on teaching problems.
    """
    problems = context.plan.problems["validation"] or context.plan.problems["train"]
    wanted = max(context.config.training.guards.prompts, CHECKED_PROMPTS)
    step = max(1, len(problems) // wanted)
    return [context.renderer.question(p.question) for p in problems[::step][:wanted]]


def _make_room(context: RunContext, arm: str, mark: str) -> None:
    """Move a training with another fingerprint aside; one of this fingerprint is resumed."""
    folder = f"training/{arm_folder(arm)}"
    marker = f"{folder}/fingerprint"
    files = context.files
    if files.exists(folder):
        same = files.exists(marker) and files.read(marker).decode() == mark
        if not same:
            files.move_aside(folder)
    if files.exists(f"model/{arm_folder(arm)}"):
        files.move_aside(f"model/{arm_folder(arm)}")
    files.write(marker, mark.encode())
