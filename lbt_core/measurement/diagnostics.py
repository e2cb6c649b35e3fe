"""What the scores of a run foretell before anything is trained.

LbT scores can add to correctness only where they tell rationales with the same verdict apart: where
right answers are often right for the wrong reason, the exams are varied enough to show it, and the
student does as it is shown.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from lbt_core.method.similarity import fit_tfidf
from lbt_core.method.subject import Subject
from lbt_core.store.rows import ExamPlace, Problem, Score

_RESAMPLES = 2_000


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

    @property
    def grade_minus_lbt(self) -> float | None:
        """Share of right rationales minus the mean LbT score: how much more often the teacher is
        right than a student that read it. Near or below zero the exams are no harder than the
        problems taught, and a method that is right there by luck passes them too.
        """
        if not self.rationales:
            return None
        right = self.right * (self.lbt_right or 0.0)
        wrong = (self.rationales - self.right) * (self.lbt_wrong or 0.0)
        return (self.right - right - wrong) / self.rationales


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


@dataclass(frozen=True, slots=True)
class ExamDiversity:
    """How varied exams are; dissimilarity is 1 - cosine of TF-IDF vectors, whatever embedder chose
    the exams.

    ``within`` is the mean over the pairs of each exam's problems (None for exams of one problem),
    ``to_taught`` the mean between an exam's problems and the problem that was taught.
    ``lucky_taught`` and ``lucky_asked`` are the shares of lucky problems among those taught and
    those asked (as often as they are asked); None where the corpus does not say.
    """

    exams: int
    within: float | None
    to_taught: float
    lucky_taught: float | None
    lucky_asked: float | None


def exam_diversity(
    places: Iterable[ExamPlace], problems: Mapping[str, Problem], subject: Subject
) -> ExamDiversity | None:
    """Measures the exams' design by the subject's features; None where there is none."""
    exams: dict[str, list[str]] = defaultdict(list)
    for place in places:
        exams[place.problem_id].append(place.exam_problem_id)
    if not exams:
        return None
    ids = sorted({*exams, *(asked for of in exams.values() for asked in of)})
    row = {problem_id: number for number, problem_id in enumerate(ids)}
    texts = [problems[problem_id].question for problem_id in ids]
    vectors = fit_tfidf(texts, subject.features)(texts)
    within, to_taught = [], []
    for taught, asked in exams.items():
        own = vectors[[row[problem_id] for problem_id in asked]]
        to_taught.append(1 - float((own @ vectors[row[taught]]).mean()))
        if len(asked) > 1:
            cosines = (own @ own.T)[np.triu_indices(len(asked), 1)]
            within.append(1 - float(cosines.mean()))
    return ExamDiversity(
        exams=len(exams),
        within=_mean(within),
        to_taught=fmean(to_taught),
        lucky_taught=_lucky_share([problems[p] for p in exams]),
        lucky_asked=_lucky_share([problems[p] for of in exams.values() for p in of]),
    )


def _lucky_share(problems: Sequence[Problem]) -> float | None:
    return _mean([p.lucky for p in problems if p.lucky is not None])


@dataclass(frozen=True, slots=True)
class Fidelity:
    """How much a student's answers depend on which rationale it was shown.

    Within a problem, the right or wrong answers of its rationales' exams vary with the rationale,
    with the question asked, and with neither alone. ``share`` is the rationale's part of that
    variance in [0, 1], ``reliability`` the part of the variance between LbT scores that another
    exam of as many questions would find again (Cronbach et al. 1972: two-way random effects, the
    variance components added up over problems). Intervals are 95 % bootstraps over ``problems``,
    those with at least two rationales and two questions. None where no answer varies.
    """

    problems: int
    share: float | None
    share_low: float | None
    share_high: float | None
    reliability: float | None
    reliability_low: float | None
    reliability_high: float | None


def student_fidelity(results: Iterable[tuple[str, str, str, bool]], seed: int = 0) -> Fidelity:
    """From (problem id, rationale key, exam problem id, correct) of one student's answers.

    Repetitions of a question count as their mean. A problem whose rationales were not all asked
    the same questions is left out.
    """
    cells: dict[str, dict[tuple[str, str], list[bool]]] = {}
    for problem_id, key, asked, correct in results:
        cells.setdefault(problem_id, {}).setdefault((key, asked), []).append(correct)
    found = [_components(of) for of in cells.values()]
    parts = np.array([one for one in found if one is not None]).reshape(-1, 4)
    share, reliability = _fidelity_of(parts.sum(axis=0)[None])
    count = len(parts)
    resampled = np.empty((0, 4))
    if count > 1:
        uses = np.random.default_rng(seed).multinomial(count, [1 / count] * count, size=_RESAMPLES)
        resampled = uses @ parts
    shares, reliabilities = _fidelity_of(resampled)
    return Fidelity(count, *_estimate(share[0], shares), *_estimate(reliability[0], reliabilities))


def _components(
    cells: Mapping[tuple[str, str], Sequence[bool]],
) -> tuple[float, float, float, float] | None:
    """Variance components of one problem: rationale, question, rest, rest of an exam's mean."""
    rationales = sorted({key for key, _ in cells})
    questions = sorted({asked for _, asked in cells})
    if len(cells) != len(rationales) * len(questions) or min(len(rationales), len(questions)) < 2:
        return None
    table = np.array([[fmean(cells[r, q]) for q in questions] for r in rationales])
    n, k = table.shape
    by_rationale, by_question = table.mean(axis=1), table.mean(axis=0)
    rest = table - by_rationale[:, None] - by_question[None, :] + table.mean()
    noise = float((rest**2).sum()) / ((n - 1) * (k - 1))
    rationale = float(by_rationale.var(ddof=1)) - noise / k
    question = float(by_question.var(ddof=1)) - noise / n
    return rationale, question, noise, noise / k


def _fidelity_of(
    parts: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Share and reliability of sums of components (n x 4); NaN where nothing varies.

    A component may be estimated below 0, which means 0; that is decided on the sums.
    """
    rationale, question, noise, mean_noise = np.clip(parts, 0, None).T
    with np.errstate(invalid="ignore"):
        return rationale / (rationale + question + noise), rationale / (rationale + mean_noise)


def _estimate(
    value: float, resampled: NDArray[np.float64]
) -> tuple[float | None, float | None, float | None]:
    """A value with its 95 % percentile interval; None where nothing varies."""
    known = resampled[~np.isnan(resampled)]
    if np.isnan(value):
        return None, None, None
    if not len(known):
        return float(value), None, None
    low, high = np.quantile(known, [0.025, 0.975])
    return float(value), float(low), float(high)


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
