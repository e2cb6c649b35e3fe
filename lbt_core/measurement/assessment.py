"""How good a model is on a set of problems: rows of its answers in, figures with intervals out."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from lbt_core.measurement.estimators import (
    Difference,
    Proportion,
    accuracy,
    by_topic,
    difference_over_seeds,
    maj_at_k,
    pass_at_k,
)
from lbt_core.method.sampling import GradeMany
from lbt_core.method.subject import Subject
from lbt_core.method.votes import ballots
from lbt_core.store.rows import Problem, Rationale


@dataclass(frozen=True, slots=True)
class Assessment:
    """A model's figures on a set of problems; intervals are at 95 %.

    ``pass_1`` is greedy, with Wilson intervals, ``topics`` the same by topic. ``pass_at`` (unbiased
    estimator) and ``maj_at`` (equivalent answers counted together) are means over problems from
    ``samples`` drawn answers each, with bootstrap intervals over problems. ``verdicts`` counts the
    greedy answers' verdicts; ``unfinished`` those that did not end by themselves.
    """

    problems: int
    samples: int
    pass_1: Proportion
    topics: Mapping[str, Proportion]
    verdicts: Mapping[str, int]
    unfinished: int
    pass_at: Mapping[int, Difference] = field(default_factory=dict)
    maj_at: Mapping[int, Difference] = field(default_factory=dict)


def assess(
    problems: Sequence[Problem],
    greedy: Sequence[Rationale],
    sampled: Sequence[Rationale],
    ks: Sequence[int],
    subject: Subject,
    grade: GradeMany,
) -> Assessment:
    """Figures from one greedy answer to each problem, and as many sampled ones to each.

    ``grade`` compares sampled answers with each other. Raises ValueError where a k exceeds the
    samples, and whatever ``grade`` raises.
    """
    counts = Counter(row.problem_id for row in sampled)
    samples = min((counts[p.id] for p in problems), default=0)
    beyond = [k for k in ks if not 1 <= k <= samples]
    if sampled and beyond:
        raise ValueError(f"k = {beyond[0]} of {samples} samples is not defined")
    by_id = {p.id: p for p in problems}
    votes = ballots(by_id, sampled, subject, grade)
    return Assessment(
        problems=len(problems),
        samples=samples,
        pass_1=accuracy(row.correct for row in greedy),
        topics=by_topic(
            {p.id: p.topic or "no topic" for p in problems},
            {row.problem_id: row.correct for row in greedy},
        ),
        verdicts=dict(Counter(row.verdict for row in greedy)),
        unfinished=sum(row.finish_reason != "stop" for row in greedy),
        pass_at={
            k: _mean([pass_at_k(len(b.voters), sum(v.correct for v in b.voters), k) for b in votes])
            for k in (ks if votes else ())
        },
        maj_at={
            k: _mean([maj_at_k(b.voters, b.same, k) for b in votes]) for k in (ks if votes else ())
        },
    )


def _mean(values: Sequence[float]) -> Difference:
    """Mean over problems with its bootstrap interval."""
    return difference_over_seeds([values])


def default_ks(samples: int) -> list[int]:
    """1, 4, 16, … up to the number of samples, and that number itself."""
    ks = []
    k = 1
    while k < samples:
        ks.append(k)
        k *= 4
    return [*ks, samples] if samples else []
