"""What a run found, read from its store: scores from graded rows, pairs, figures, report inputs."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow.compute as pc
import pyarrow.parquet as pq

from lbt_core.generation.engine import ERROR
from lbt_core.method.exams import score
from lbt_core.method.likelihood import score_likelihoods
from lbt_core.method.preferences import PairSet, build_pairs
from lbt_core.method.prompts import Renderer
from lbt_core.run.plan import Plan, arm_folder, student_labels
from lbt_core.store import read_shard
from lbt_core.store.fingerprint import fingerprint
from lbt_core.store.rows import Preference, Rationale, Score

_RESULT_COLUMNS = ["problem_id", "rationale_key", "student", "correct"]


def stored_rationales(plan: Plan) -> list[Rationale]:
    """All rationales of a run. Raises OSError where a shard is missing or damaged."""
    return [row for shard in plan.sample_shards for row in read_shard(plan.files, shard)]


def exam_results(plan: Plan) -> Iterator[tuple[str, str, str, bool]]:
    """(problem id, rationale key, student, correct) of every stored exam answer."""
    return exam_columns(plan, _RESULT_COLUMNS)


def exam_columns(plan: Plan, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """These columns of every stored exam answer. A prompt that could not be run is no answer,
    neither right nor wrong.

    Only they are read: the texts of a full run do not fit in memory at once.
    """
    for index in range(len(plan.sample_shards)):
        for path in plan.exam_paths(index):
            with plan.files.fs.open(plan.files.full(path), "rb") as file:
                parquet = pq.ParquetFile(file, page_checksum_verification=True)
                table = parquet.read(columns=[*columns, "finish_reason"])
            table = table.filter(pc.invert(pc.starts_with(table["finish_reason"], ERROR)))
            yield from zip(*(table[c].to_pylist() for c in columns), strict=True)


def exam_gains(plan: Plan) -> Iterator[tuple[str, str, str, float]]:
    """(problem id, rationale key, student, nats per token gained) of every stored likelihood."""
    names = ["problem_id", "rationale_key", "student", "logprob", "unaided", "tokens"]
    for problem, key, student, aided, unaided, tokens in exam_columns(plan, names):
        yield problem, key, student, (aided - unaided) / tokens


def compute_scores(plan: Plan, rationales: Sequence[Rationale]) -> list[Score]:
    """The score of every rationale."""
    if plan.config.exam.scorer == "likelihood":
        return score_likelihoods(
            rationales,
            exam_gains(plan),
            students=student_labels(plan.config),
            deduplicate=plan.config.exam.deduplicate,
            spec=plan.config.preferences,
        )
    return score(
        rationales,
        exam_results(plan),
        students=student_labels(plan.config),
        deduplicate=plan.config.exam.deduplicate,
        spec=plan.config.preferences,
    )


def scores_digest(scores: Sequence[Score]) -> str:
    """Identity of what pairs are made from."""
    return fingerprint(list(scores))


def compute_pairs(
    plan: Plan, renderer: Renderer, rationales: Sequence[Rationale], scores: Sequence[Score]
) -> list[PairSet]:
    """The pairs of every arm; each control gets as many as the real arm has."""
    config, spec = plan.config, plan.pair_spec
    prompts = {p.id: renderer.question(p.question) for p in plan.problems["train"]}
    combined = build_pairs(scores, rationales, prompts, spec)
    return [
        combined,
        *(
            build_pairs(scores, rationales, prompts, spec, arm, size_to_match=len(combined.pairs))
            for arm in config.controls
        ),
    ]


def pairs_by_arm(preferences: Sequence[Preference]) -> dict[str, list[Preference]]:
    """Stored pairs by arm, in stored order."""
    arms: dict[str, list[Preference]] = {}
    for row in preferences:
        arms.setdefault(row.arm, []).append(row)
    return arms


def training_record(plan: Plan, arm: str) -> dict[str, Any]:
    """What an arm's training left on record; empty where it has not ended."""
    path = f"model/{arm_folder(arm)}/result.json"
    if not plan.files.exists(path):
        return {}
    record: dict[str, Any] = json.loads(plan.files.read(path))
    return record
