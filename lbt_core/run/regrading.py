"""Grading stored answers again, without sampling again."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from lbt_core.method.sampling import GradeMany
from lbt_core.run.plan import Plan
from lbt_core.store import Shard, inspect_shard, read_shard, write_shard
from lbt_core.store.rows import ExamAnswer, Problem, Rationale

Graded = TypeVar("Graded", Rationale, ExamAnswer)


@dataclass(frozen=True, slots=True)
class Regraded:
    """One shard: how many answers were graded again, and verdict changes (old, new) with counts."""

    path: str
    graded: int
    changes: dict[tuple[str, str], int]


def regrade(plan: Plan, grade: GradeMany, *, everything: bool) -> Iterator[Regraded]:
    """Grade the ``undecided`` answers of a run again (or ``everything``) and store the verdicts.

    Shards are replaced atomically, with the same keys and fingerprint; texts never change. The
    run's lock must be held. Scores and what follows from them are owed again where they change.
    """
    graded = plan.config.exam.scorer == "sampled"
    for shard in _rationale_shards(plan):
        if inspect_shard(plan.files, shard).state == "whole":
            yield _regrade(plan, shard, grade, everything)
    for index, shard in enumerate(plan.sample_shards if graded else ()):
        if inspect_shard(plan.files, shard).state != "whole":
            continue
        for exams in plan.exam_shards(index):
            if inspect_shard(plan.files, exams).state == "whole":
                yield _regrade(plan, exams, grade, everything)


def _rationale_shards(plan: Plan) -> list[Shard[Rationale]]:
    """Rationales and the base model's evaluation."""
    return [*plan.sample_shards, *plan.evaluation_shards(None)]


def asked(plan: Plan, row: Rationale | ExamAnswer) -> Problem:
    """The problem that a stored answer answers."""
    key = row.problem_id if isinstance(row, Rationale) else row.exam_problem_id
    return plan.problem_by_id[key]


def _regrade(plan: Plan, shard: Shard[Graded], grade: GradeMany, everything: bool) -> Regraded:
    rows = read_shard(plan.files, shard)
    chosen = [i for i, row in enumerate(rows) if everything or row.verdict == "undecided"]
    grades = grade([(asked(plan, rows[i]), rows[i].text) for i in chosen]) if chosen else []
    changes: Counter[tuple[str, str]] = Counter()
    renewed: list[Graded] = list(rows)
    for i, graded in zip(chosen, grades, strict=True):
        if graded.verdict != rows[i].verdict:
            changes[rows[i].verdict, graded.verdict] += 1
        renewed[i] = replace(
            rows[i],
            verdict=graded.verdict,
            method=graded.method,
            answer=graded.answer,
            correct=graded.verdict == "correct",
        )
    if renewed != rows:
        summary = _summary(plan, shard, renewed)
        write_shard(plan.files, shard, renewed, summary, replace=True)
    return Regraded(shard.path, len(chosen), dict(changes))


def _summary(plan: Plan, shard: Shard[Graded], rows: Sequence[Graded]) -> dict[str, object]:
    old = inspect_shard(plan.files, shard).summary or {}
    return old | {"verdicts": dict(Counter(row.verdict for row in rows))}
