"""What the scores of a run foretell before anything is trained.

LbT scores can add to correctness only where they tell rationales with the same verdict apart: where
right answers are often right for the wrong reason, and the exams are varied enough to show it.
"""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from lbt_core.rows import Score


@dataclass(frozen=True, slots=True)
class ScoreDiagnostics:
    """The LbT scores of a run against its verdicts; figures that are undefined are None.

    ``within_gap`` is the mean over ``mixed`` problems (with right and wrong rationales) of the mean
    LbT score of right minus that of wrong ones, with a 95 % t interval over problems. The pooled
    gap, ``lbt_right`` minus ``lbt_wrong``, is mostly a matter of problems being easy or hard.
    ``low_right`` is the share of right rationales that teach no better than wrong ones on average
    (LbT score at most ``lbt_wrong``). ``right_spread`` is the standard deviation of the LbT score
    among right rationales of the same problem. ``tied`` problems have rationales that all score
    alike. ``undecided`` counts rationales that the grader could not judge and that count as wrong.
    """

    rationales: int
    problems: int
    all_right: int
    all_wrong: int
    mixed: int
    tied: int
    undecided: int
    right: int
    lbt_right: float | None
    lbt_wrong: float | None
    within_gap: float | None
    within_low: float | None
    within_high: float | None
    low_right: float | None
    right_spread: float | None


def score_diagnostics(scores: Iterable[Score]) -> ScoreDiagnostics:
    """Compares the LbT scores of right and wrong rationales."""
    rows = list(scores)
    right: dict[str, list[float]] = defaultdict(list)
    wrong: dict[str, list[float]] = defaultdict(list)
    distinct: dict[str, set[float]] = defaultdict(set)
    for row in rows:
        (right if row.correct else wrong)[row.problem_id].append(row.lbt)
        distinct[row.problem_id].add(round(row.score, 9))
    mixed = sorted(right.keys() & wrong.keys())
    gap, low, high = _mean_interval([fmean(right[p]) - fmean(wrong[p]) for p in mixed])
    rights = [lbt for of in right.values() for lbt in of]
    lbt_wrong = _mean([lbt for of in wrong.values() for lbt in of])
    spread = [float(np.var(of, ddof=1)) for of in right.values() if len(of) > 1]
    return ScoreDiagnostics(
        rationales=len(rows),
        problems=len(distinct),
        all_right=len(right.keys() - wrong.keys()),
        all_wrong=len(wrong.keys() - right.keys()),
        mixed=len(mixed),
        tied=sum(len(values) == 1 for values in distinct.values()),
        undecided=sum(row.verdict == "undecided" for row in rows),
        right=len(rights),
        lbt_right=_mean(rights),
        lbt_wrong=lbt_wrong,
        within_gap=gap,
        within_low=low,
        within_high=high,
        low_right=None if lbt_wrong is None else _mean([lbt <= lbt_wrong for lbt in rights]),
        right_spread=None if not spread else fmean(spread) ** 0.5,
    )


def _mean(values: list[float] | list[bool]) -> float | None:
    return fmean(values) if values else None


def _mean_interval(values: list[float]) -> tuple[float | None, float | None, float | None]:
    """Mean and 95 % t interval; no interval from fewer than two values."""
    if len(values) < 2:
        return _mean(values), None, None
    from scipy.stats import t  # noqa: PLC0415 (heavy import, only where used)

    mean = fmean(values)
    error = float(np.std(values, ddof=1)) / len(values) ** 0.5
    reach = float(t.ppf(0.975, len(values) - 1)) * error
    return mean, mean - reach, mean + reach
