"""From scored rationales to tuned models: pairs, one training per arm, the merged model."""

import json
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import ray

from lbt_core import DataError
from lbt_core.run.config import ModelConfig, RunConfig, read_environment
from lbt_core.run.plan import arm_folder, model_path
from lbt_core.run.results import (
    compute_pairs,
    compute_scores,
    pairs_by_arm,
    scores_digest,
    stored_rationales,
)
from lbt_core.store import Files, read_shard
from lbt_core.store.rows import Preference, Problem, Rationale, Score
from lbt_core.store.scratch import upload, working_folder
from lbt_core.training.data import Generated
from lbt_core.training.spec import TrainingSpec
from tasks.context import RunContext
from tasks.dispatch import fetch
from tasks.heartbeat import beating, listening
from tasks.shard_runs import ShardSummary, commit

RESULT = "result.json"
# The check runs adapter and merged model one after the other, on a CPU that is slow for an 8B
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


def training_folder(files: Files, arm: str) -> Path:
    """Where an arm's checkpoints, history and result are written: the store's own folder, or local
    scratch that is uploaded after."""
    return working_folder(files, f"training/{arm_folder(arm)}", read_environment().scratch)


def tuned_model(context: RunContext, arm: str) -> ModelConfig:
    """The merged model of an arm, as a model to load: a folder, or a URI that engines download."""
    files = context.files
    where = f"model/{arm_folder(arm)}/merged"
    path = str(files.local(where)) if files.is_local else f"{files.uri}/{where}"
    own = {"path": path, "revision": None, "endpoint": None}
    return context.config.teacher.model_copy(update=own)


def merged_folder(files: Files, arm: str) -> Path:
    """Where an arm's merged model is written."""
    return working_folder(files, f"model/{arm_folder(arm)}/merged", read_environment().scratch)


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
    files, where = context.files, f"model/{arm_folder(arm)}"
    if _record(files, where).get("fingerprint") == mark:
        context.progress.finish(f"train/{arm}", rows=len(pairs), stored=True)
        return True, mark
    if not pairs:
        raise DataError(_no_pair(context, arm))
    from tasks.training import train_on_ray  # noqa: PLC0415 - heavy import, only where used

    _make_room(context, arm, mark)
    started = time.monotonic()
    teacher = context.pinned(context.config.teacher)
    base, revision = model_path(teacher), teacher.revision
    spec = training_spec(context.config)
    watched = watched_problems(context)
    prompts = [context.renderer.question(p.question) for p in watched]
    folder, model = training_folder(files, arm), merged_folder(files, arm)
    if context.config.reproducible:
        # sums depend on the number of threads: one each, wherever it runs
        cores = spec.workers_on(0)
    result = train_on_ray(
        base,
        pairs,
        spec,
        folder,
        revision=revision,
        generated=_counted(context, pairs),
        validation_prompts=prompts,
        validation=(context.config.subject, watched),
        on_log=say,
        cores=cores,
    )
    gpu = ray.cluster_resources().get("GPU", 0) >= 1
    merge = ray.remote(_merge).options(num_cpus=1, num_gpus=1 if gpu else 0, max_retries=2)
    asked = prompts[:CHECKED_PROMPTS]
    with listening(folder, say):
        asked_for = (base, revision, result.weights, str(model), asked, result.full)
        check = fetch(merge.remote(*asked_for))
    summary = asdict(result) | {"fingerprint": mark, "arm": arm}
    # relative to the run, so that a store that is copied elsewhere goes on there
    summary["weights"] = f"training/{arm_folder(arm)}/{Path(result.weights).relative_to(folder)}"
    summary["merged"] = f"{where}/merged"
    _name_base(Path(result.weights), context.config.teacher.path)
    upload(files, folder, f"training/{arm_folder(arm)}", _is_kept)
    upload(files, model, summary["merged"])
    if check is not None:
        summary["merge_check"] = check
    summary["seconds"] = time.monotonic() - started
    files.write(f"{where}/{RESULT}", json.dumps(summary, indent=1, default=str).encode())
    context.progress.finish(
        f"train/{arm}", rows=len(pairs), tokens=result.tokens, seconds=summary["seconds"]
    )
    return False, mark


def _name_base(weights: Path, teacher: str) -> None:
    """Name an adapter's base as the configuration does, not by the folder that it was loaded from:
    a copied run must not lead to a path of the machine that made it."""
    path = weights / "adapter_config.json"
    if not path.is_file():  # full fine-tuning
        return
    name = Path(teacher).name if teacher.startswith(("/", "~")) else teacher
    config = json.loads(path.read_text("utf-8")) | {"base_model_name_or_path": name}
    written = path.with_name(f".{path.name}")
    written.write_text(json.dumps(config, indent=2), "utf-8")
    written.replace(path)


def _record(files: Files, where: str) -> dict[str, Any]:
    """What a finished training left on record; empty where none has finished."""
    try:
        record: dict[str, Any] = json.loads(files.read(f"{where}/{RESULT}"))
    except FileNotFoundError:
        return {}
    return record


def _is_kept(name: str) -> bool:
    """What of a training is kept in an object store: all but checkpoints and Ray's own files."""
    return not name.startswith(("checkpoint", "ray/"))


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

    with beating(Path(weights).parent, "the merge"):
        merge_adapter(base, weights, merged, revision)
        if full:
            return None
        return asdict(check_merge(base, weights, merged, prompts, revision=revision))


def _counted(context: RunContext, pairs: Sequence[Preference]) -> list[Generated] | None:
    """What generation counted; None where it is an endpoint's, whose prompt is another text or
    whose tokenizer is not known to be this one."""
    served = context.served_to(context.config.teacher)
    if served is not None and not served.exact:
        return None
    return generated_counts(pairs, stored_rationales(context.plan))


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


def watched_problems(context: RunContext) -> list[Problem]:
    """Problems that training is watched on: validation problems, never test ones.

    A corpus without validation problems is watched on teaching problems.
    """
    problems = context.plan.problems["validation"] or context.plan.problems["train"]
    wanted = max(context.config.training.guards.prompts, CHECKED_PROMPTS)
    step = max(1, len(problems) // wanted)
    return problems[::step][:wanted]


def _no_pair(context: RunContext, arm: str) -> str:
    """Why there is nothing to train on, and what can be done."""
    scores = compute_scores(context.plan, stored_rationales(context.plan))
    right = sum(s.correct for s in scores)
    taught = sum(s.lbt > 0 for s in scores)
    return (
        f"arm {arm} has no preference pair: of {len(scores)} rationales {right} are right and "
        f"after {taught} a student was right, and a pair needs two rationales of one problem that "
        "differ in that. Rationales, exams and scores are stored (scores.parquet). Sample more "
        "(sampling.num_rationales), take easier problems or a stronger teacher, or lower "
        "preferences.min_gap"
    )


def _make_room(context: RunContext, arm: str, mark: str) -> None:
    """Move a training with another fingerprint aside; one of this fingerprint is resumed."""
    folder = f"training/{arm_folder(arm)}"
    files = context.files
    if files.exists(folder) and not _has_mark(files, folder, mark):
        files.move_aside(folder)
    if not files.is_local:
        work = Files(str(training_folder(files, arm)))
        if not _has_mark(work, "", mark):
            shutil.rmtree(work.root, ignore_errors=True)
        shutil.rmtree(merged_folder(files, arm), ignore_errors=True)
        work.write("fingerprint", mark.encode())
    if files.exists(f"model/{arm_folder(arm)}"):
        files.move_aside(f"model/{arm_folder(arm)}")
    files.write(f"{folder}/fingerprint", mark.encode())


def _has_mark(files: Files, folder: str, mark: str) -> bool:
    try:
        return files.read(f"{folder}/fingerprint" if folder else "fingerprint").decode() == mark
    except FileNotFoundError:
        return False
