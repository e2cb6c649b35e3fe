"""What a measured accuracy is worth: estimators, intervals, paired tests, votes and agreement."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean

import numpy as np

from lbt_core.method.votes import Equivalent, Voter
from lbt_core.store.rows import ExamAnswer


@dataclass(frozen=True, slots=True)
class Proportion:
    """Right answers out of a total, their share, and the interval around it."""

    successes: int
    total: int
    rate: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class McNemar:
    """Two models on the same problems: who is right where, and the exact two-sided p value."""

    both: int
    only_first: int
    only_second: int
    neither: int
    p: float


@dataclass(frozen=True, slots=True)
class Difference:
    """A mean difference (second minus first) with its bootstrap interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Selection:
    """M1 (arXiv 2406.14629): accuracy by way of choosing the final answer, with paired tests.

    ``greedy``: one greedy answer. ``self_consistency``: most votes. ``best`` (MAX): the rationale
    with the highest LbT score. ``weighted`` (SUM): most votes, each weighing its LbT score. The
    two tests compare self-consistency (first) with MAX and with SUM (second).
    """

    greedy: Proportion
    self_consistency: Proportion
    best: Proportion
    weighted: Proportion
    best_test: McNemar
    weighted_test: McNemar


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far two students agree.

    ``agreement`` is the share of exam answers with the same verdict, ``kappa`` Cohen's (chance
    corrected), ``correlation`` Spearman's between the LbT scores they give the same rationales.
    Kappa and correlation are None where they are undefined (no variation).
    """

    first: str
    second: str
    answers: int
    agreement: float
    kappa: float | None
    rationales: int
    correlation: float | None


def proportion(successes: int, total: int, confidence: float = 0.95) -> Proportion:
    """A share with its Wilson score interval. Raises ValueError where there is nothing to share."""
    from scipy.stats import binomtest  # noqa: PLC0415 (heavy import, only where used)

    if total < 1:
        raise ValueError("no answers: there is no accuracy")
    interval = binomtest(successes, total).proportion_ci(confidence, method="wilson")
    rate = successes / total
    return Proportion(successes, total, rate, float(interval.low), float(interval.high))


def accuracy(correct: Iterable[bool]) -> Proportion:
    """The share of right answers with its 95 % Wilson interval."""
    verdicts = list(correct)
    return proportion(sum(verdicts), len(verdicts))


def by_topic(topics: Mapping[str, str], correct: Mapping[str, bool]) -> dict[str, Proportion]:
    """Accuracy by topic, topics in order of name; both mappings are keyed by problem id."""
    groups: dict[str, list[bool]] = defaultdict(list)
    for problem_id, right in correct.items():
        groups[topics[problem_id]].append(right)
    return {topic: accuracy(groups[topic]) for topic in sorted(groups)}


def pass_at_k(samples: int, right: int, k: int) -> float:
    """Chance that at least one of k answers drawn from ``samples``, of which ``right``, is right.

    The unbiased estimator 1 - C(n-c, k) / C(n, k) of Chen et al. 2021 (arXiv 2107.03374). Raises
    ValueError where k exceeds the samples.
    """
    if not 0 <= right <= samples or not 1 <= k <= samples:
        raise ValueError(f"pass@{k} of {samples} samples, {right} of them right, is not defined")
    return 1.0 - math.comb(samples - right, k) / math.comb(samples, k)


def mean_pass_at_k(counts: Iterable[tuple[int, int]], k: int) -> float:
    """pass@k averaged over problems, given (samples, right ones) of each."""
    return fmean(pass_at_k(samples, right, k) for samples, right in counts)


def group_answers(answers: Sequence[str | None], equivalent: Equivalent) -> tuple[int | None, ...]:
    """A label for each answer, the same for equivalent ones, in order of appearance; None stays.

    An answer is compared with one representative of each group, so equivalence is taken to be
    transitive.
    """
    representatives: list[str] = []
    known: dict[str, int] = {}
    labels: list[int | None] = []
    for answer in answers:
        if answer is None:
            labels.append(None)
            continue
        if answer not in known:
            matches = (i for i, one in enumerate(representatives) if equivalent(one, answer))
            known[answer] = next(matches, len(representatives))
            if known[answer] == len(representatives):
                representatives.append(answer)
        labels.append(known[answer])
    return tuple(labels)


def majority(labels: Sequence[int | None], weights: Sequence[float] | None = None) -> int | None:
    """The position of the first answer of the heaviest group, or None where nobody voted.

    Ties go to the group that came first. ``weights`` default to one a vote.
    """
    totals: dict[int, float] = defaultdict(float)
    for position, label in enumerate(labels):
        if label is not None:
            totals[label] += 1.0 if weights is None else weights[position]
    if not totals:
        return None
    first = {label: labels.index(label) for label in totals}
    # sums of shares in another order differ in their last digits, and must still tie
    return first[max(totals, key=lambda label: (round(totals[label], 9), -first[label]))]


def maj_at_k(
    voters: Sequence[Voter], equivalent: Equivalent, k: int, draws: int = 100, seed: int = 0
) -> float:
    """Chance that the majority of k answers drawn without replacement is right, for one problem.

    Exact where k is the number of voters, else the mean over seeded draws. Raises ValueError where
    k exceeds the voters.
    """
    if not 1 <= k <= len(voters):
        raise ValueError(f"maj@{k} of {len(voters)} samples is not defined")
    labels = group_answers([voter.answer for voter in voters], equivalent)
    generator = np.random.default_rng(seed)
    wins = []
    for _ in range(draws if k < len(voters) else 1):
        drawn = sorted(generator.choice(len(voters), size=k, replace=False))
        winner = majority([labels[i] for i in drawn])
        wins.append(winner is not None and voters[drawn[winner]].correct)
    return fmean(wins)


def mcnemar(first: Sequence[bool], second: Sequence[bool]) -> McNemar:
    """McNemar's exact test: a two-sided binomial test on the problems where the two differ."""
    from scipy.stats import binomtest  # noqa: PLC0415 (heavy import, only where used)

    counts = Counter(zip(map(bool, first), map(bool, second), strict=True))
    only_first, only_second = counts[True, False], counts[False, True]
    differing = only_first + only_second
    p = float(binomtest(only_second, differing, 0.5).pvalue) if differing else 1.0
    return McNemar(counts[True, True], only_first, only_second, counts[False, False], p)


def paired_difference(
    first: Sequence[float],
    second: Sequence[float],
    seed: int = 0,
    resamples: int = 10_000,
    confidence: float = 0.95,
) -> Difference:
    """Mean of second minus first over the same problems, with a percentile bootstrap interval.

    Problems are resampled, so the interval is over problems alone. Values are shares, 0 to 1; a
    single problem says nothing, and its interval is all that is possible.
    """
    from scipy.stats import bootstrap  # noqa: PLC0415 (heavy import, only where used)

    differences = np.asarray(second, dtype=float) - np.asarray(first, dtype=float)
    if len(differences) == 1:
        return Difference(float(differences[0]), -1.0, 1.0)
    interval = bootstrap(
        (differences,),
        np.mean,
        n_resamples=resamples,
        batch=1000,
        confidence_level=confidence,
        method="percentile",
        rng=np.random.default_rng(seed),
    ).confidence_interval
    return Difference(float(differences.mean()), float(interval.low), float(interval.high))


def difference_over_seeds(
    differences: Sequence[Sequence[float]],
    seed: int = 0,
    resamples: int = 10_000,
    confidence: float = 0.95,
) -> Difference:
    """Mean of a table (training seeds x problems) of differences, both of them resampled."""
    table = np.asarray(differences, dtype=float)
    generator = np.random.default_rng(seed)
    runs, problems = table.shape
    means = np.empty(resamples)
    for i in range(resamples):
        rows = generator.integers(runs, size=runs)
        columns = generator.integers(problems, size=problems)
        means[i] = table[np.ix_(rows, columns)].mean()
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Difference(float(table.mean()), float(low), float(high))


def difference_over_families(
    differences: Sequence[Sequence[float]],
    families: Sequence[str],
    seed: int = 0,
    resamples: int = 10_000,
    confidence: float = 0.95,
) -> Difference:
    """Mean of a table (training seeds x problems) of differences, with an interval that also covers
    other families of problems than these.

    Seeds, families, and problems within each drawn family are resampled (a bootstrap in stages).
    ``families`` names the family of each problem. A drawn family weighs as much as it has problems.
    """
    table = np.asarray(differences, dtype=float)
    names = np.asarray(families)
    groups = [np.flatnonzero(names == name) for name in sorted(set(families))]
    generator = np.random.default_rng(seed)
    means = np.empty(resamples)
    for i in range(resamples):
        drawn = [groups[g] for g in generator.integers(len(groups), size=len(groups))]
        columns = np.concatenate([generator.choice(group, size=len(group)) for group in drawn])
        rows = generator.integers(len(table), size=len(table))
        means[i] = table[np.ix_(rows, columns)].mean()
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return Difference(float(table.mean()), float(low), float(high))


def select_by_lbt(
    greedy: Sequence[bool], voters: Sequence[Sequence[Voter]], equivalent: Sequence[Equivalent]
) -> Selection:
    """M1 over problems: each one's greedy verdict, its sampled voters and its equivalence.

    Equivalence is given by problem, because a grader judges answers to a problem. A problem where
    no sample has an answer counts as wrong for the three ways that need one.
    """
    outcomes = selection_outcomes(voters, equivalent)
    return Selection(
        accuracy(greedy),
        accuracy(outcomes["votes"]),
        accuracy(outcomes["best"]),
        accuracy(outcomes["weighted"]),
        mcnemar(outcomes["votes"], outcomes["best"]),
        mcnemar(outcomes["votes"], outcomes["weighted"]),
    )


def selection_outcomes(
    voters: Sequence[Sequence[Voter]], equivalent: Sequence[Equivalent]
) -> dict[str, list[bool]]:
    """Whether each problem's chosen answer is right, by way of choosing: votes (self-consistency),
    best (MAX) and weighted (SUM).
    """
    outcomes: dict[str, list[bool]] = {"votes": [], "best": [], "weighted": []}
    for sampled, same in zip(voters, equivalent, strict=True):
        labels = group_answers([voter.answer for voter in sampled], same)
        answered = [i for i, label in enumerate(labels) if label is not None]
        chosen = {
            "votes": majority(labels),
            "best": max(answered, key=lambda i: (round(sampled[i].lbt, 9), -i), default=None),
            "weighted": majority(labels, [voter.lbt for voter in sampled]),
        }
        for way, position in chosen.items():
            outcomes[way].append(position is not None and sampled[position].correct)
    return outcomes


def student_agreement(answers: Iterable[ExamAnswer]) -> list[Agreement]:
    """How far each two students agree, on the exam answers that both gave."""
    verdicts: dict[str, dict[tuple[str, ...], bool]] = defaultdict(dict)
    for row in answers:
        key = (row.problem_id, row.rationale_key, row.exam_problem_id, str(row.repetition))
        verdicts[row.student][key] = row.correct
    return [
        _agreement(first, second, verdicts[first], verdicts[second])
        for first, second in combinations(sorted(verdicts), 2)
        if verdicts[first].keys() & verdicts[second].keys()
    ]


def _agreement(
    first: str,
    second: str,
    ones: Mapping[tuple[str, ...], bool],
    others: Mapping[tuple[str, ...], bool],
) -> Agreement:
    from scipy.stats import spearmanr  # noqa: PLC0415 (heavy import, only where used)
    from sklearn.metrics import cohen_kappa_score  # noqa: PLC0415 (heavy import, only where used)

    shared = sorted(ones.keys() & others.keys())
    a, b = [ones[key] for key in shared], [others[key] for key in shared]
    # kappa is 0/0 where both students give one and the same verdict throughout
    kappa = float(cohen_kappa_score(a, b)) if len({*a, *b}) > 1 else None
    by_rationale: dict[tuple[str, ...], list[tuple[bool, bool]]] = defaultdict(list)
    for key, pair in zip(shared, zip(a, b, strict=True), strict=True):
        by_rationale[key[:2]].append(pair)
    scores = [tuple(map(fmean, zip(*rows, strict=True))) for rows in by_rationale.values()]
    left, right = [s[0] for s in scores], [s[1] for s in scores]
    varied = len(set(left)) > 1 and len(set(right)) > 1
    return Agreement(
        first,
        second,
        len(shared),
        fmean(x == y for x, y in zip(a, b, strict=True)),
        kappa,
        len(scores),
        float(spearmanr(left, right).statistic) if varied else None,
    )
