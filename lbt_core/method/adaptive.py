"""Which exams of a problem still need answers: a sequential rule on the pairs they decide.

The pairs of a problem hang on score gaps alone (``lbt_core.method.preferences``). After every round
of answers each ordered pair of texts has bounds on the gap that its full exams would give. A pair
is *in* where the lower bound is above the threshold, *out* where the upper one is not, and open
otherwise; a text is asked further while one of its pairs is open and can still be among those that
are kept. Texts that ended without their end-of-turn token, and those that are alone, are part of no
pair and are asked nothing.

With ``error`` 0 the bounds are what the answers that are missing can do at the most, and the pairs
of a problem are exactly those of the full exams. Above it they are also the quantiles ``error`` and
1 - ``error`` of the gap under a model: on each exam problem that both were asked, the difference of
two texts is -1, 0 or 1, exchangeable, with Jeffreys' prior (Dirichlet, 1/2 each), so that the sum
over the answers that are missing is Dirichlet-multinomial (Johnson, Kotz and Balakrishnan, Discrete
Multivariate Distributions, 1997, chapter 35). Each look at a pair then errs on either side with
probability ``error`` if the model holds; there are many looks, and pairs are kept by several of
them: what share is kept is measured (benchmarks/adaptive.py), not promised.
"""

import functools
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lbt_core.method.preferences import EQUAL, PreferenceSpec, lot

_JEFFREYS = 0.5


@dataclass(frozen=True, slots=True)
class Sitting:
    """One distinct text of a problem and its exam so far.

    ``count`` is how often it was sampled. ``answers`` are in the order in which the exam asks:
    right, wrong, or None for a prompt that could not be run.
    """

    key: str
    correct: bool
    count: int
    answers: tuple[bool | None, ...] = ()


@dataclass(frozen=True, slots=True)
class _Gaps:
    """Ordered pairs (better, worse) that are not out, by their texts' places, with bounds on the
    gap and whether they are in."""

    better: NDArray[np.intp]
    worse: NDArray[np.intp]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    sure: NDArray[np.bool_]


def ask_further(
    problem_id: str, texts: Sequence[Sitting], spec: PreferenceSpec, total: int, error: float
) -> set[str]:
    """Keys of the texts of one problem that need another answer of their exam of ``total``.

    ``texts`` are those that can be part of a pair; the seed of ``spec`` must be the one that the
    pairs are drawn with. A text without an answer is asked as long as it has a pair that is not
    out, whatever its place: pairs are made of texts that were examined.
    """
    gaps = _gaps(texts, spec, total, error)
    if spec.selection == "weighted-random":
        wanted = _drawn_open(problem_id, texts, gaps, spec)
    else:
        wanted = _ranked_open(texts, gaps, spec)
    paired = {*gaps.better.tolist(), *gaps.worse.tolist()}
    wanted |= {i for i in paired if set(texts[i].answers) <= {None}}
    return {texts[i].key for i in wanted if len(texts[i].answers) < total}


def _gaps(texts: Sequence[Sitting], spec: PreferenceSpec, total: int, error: float) -> _Gaps:
    size = len(texts)
    right = np.array([[a is True for a in _padded(t, total)] for t in texts], dtype=np.int64)
    wrong = np.array([[a is False for a in _padded(t, total)] for t in texts], dtype=np.int64)
    valid = right.sum(1) + wrong.sum(1)
    missing = total - np.array([len(t.answers) for t in texts])
    most = np.maximum(valid + missing, 1)
    low, high = right.sum(1) / most, (right.sum(1) + missing) / most
    lowest, highest = low[:, None] - high[None, :], high[:, None] - low[None, :]
    if error > 0:
        above = right @ wrong.T
        both = (right + wrong) @ (right + wrong).T
        for i in range(size):
            for j in range(i + 1, size):
                counts = int(above[j, i]), int(both[i, j] - above[i, j] - above[j, i])
                least, best = _likely(*counts, int(above[i, j]), total, error)
                lowest[i, j], highest[i, j] = max(lowest[i, j], least), min(highest[i, j], best)
                lowest[j, i], highest[j, i] = -highest[i, j], -lowest[i, j]
    verdict = np.array([float(t.correct) for t in texts])
    base = spec.correctness_weight * (verdict[:, None] - verdict[None, :])
    lowest, highest = base + spec.lbt_weight * lowest, base + spec.lbt_weight * highest
    better, worse = np.nonzero((highest > spec.min_gap + EQUAL) & ~np.eye(size, dtype=bool))
    low, high = lowest[better, worse], highest[better, worse]
    return _Gaps(better, worse, low, high, low > spec.min_gap + EQUAL)


def _padded(text: Sitting, total: int) -> list[bool | None]:
    return [*text.answers, *[None] * (total - len(text.answers))]


@functools.lru_cache(maxsize=65_536)
def _likely(worse: int, equal: int, better: int, total: int, error: float) -> tuple[float, float]:
    """Quantiles ``error`` and 1 - ``error`` of the mean difference of two texts over ``total``
    answers, of which the given numbers are known to be -1, 0 and 1."""
    seen = worse + equal + better
    chances = _sum_of_rest(worse, equal, better, max(0, total - seen))
    rest = len(chances) // 2
    cumulated = np.cumsum(chances)
    first = int(np.searchsorted(cumulated, error, side="right"))
    last = len(chances) - 1 - int(np.searchsorted(np.cumsum(chances[::-1]), error, side="right"))
    known = better - worse
    return (known + first - rest) / total, (known + last - rest) / total


def _sum_of_rest(worse: int, equal: int, better: int, rest: int) -> NDArray[np.float64]:
    """Chances of the sums -rest … rest of as many further differences."""
    alpha = [count + _JEFFREYS for count in (worse, equal, better)]
    whole = math.lgamma(sum(alpha)) - math.lgamma(sum(alpha) + rest) + math.lgamma(rest + 1)
    chances = np.zeros(2 * rest + 1)
    for down in range(rest + 1):
        for up in range(rest - down + 1):
            counts = (down, rest - down - up, up)
            parts = (
                math.lgamma(n + a) - math.lgamma(a) - math.lgamma(n + 1)
                for n, a in zip(counts, alpha, strict=True)
            )
            chances[rest + up - down] += math.exp(whole + sum(parts))
    return chances


def _drawn_open(
    problem_id: str, texts: Sequence[Sitting], gaps: _Gaps, spec: PreferenceSpec
) -> set[int]:
    """Texts with an open pair, of pairs that are taken in the order in which they are drawn: that
    order does not hang on the gaps, and once enough are sure to be kept the rest matters to none.
    """
    salt, limit = f"{spec.seed or 0}/combined", spec.max_uses_per_rationale
    pairs = list(zip(gaps.better.tolist(), gaps.worse.tolist(), gaps.sure.tolist(), strict=True))
    pairs.sort(
        key=lambda p: lot(
            salt,
            problem_id,
            texts[p[0]].key,
            texts[p[1]].key,
            texts[p[0]].count * texts[p[1]].count,
        )
    )
    at_most: dict[int, int] = defaultdict(int)
    at_least: dict[int, int] = defaultdict(int)
    kept, wanted = 0, set[int]()
    for better, worse, sure in pairs:
        if kept >= spec.max_pairs_per_problem:
            break
        if max(at_least[better], at_least[worse]) >= limit:
            continue
        if not sure:
            wanted |= {better, worse}
        elif max(at_most[better], at_most[worse]) < limit:
            kept += 1
            for text in (better, worse):
                at_least[text] += 1
        for text in (better, worse):
            at_most[text] += 1
    return wanted


def _ranked_open(texts: Sequence[Sitting], gaps: _Gaps, spec: PreferenceSpec) -> set[int]:
    """Texts with an open pair, of pairs that are taken by the largest gap: open is one of which it
    is not sure whether it is kept, or, where only so many are taken in all, in which order."""
    pairs, limit = len(gaps.low), spec.max_uses_per_rationale
    if not pairs:
        return set()
    holds = np.zeros((pairs, len(texts)))  # floats: their products are many times faster
    holds[np.arange(pairs), gaps.better] = holds[np.arange(pairs), gaps.worse] = 1
    itself = np.eye(pairs, dtype=bool)
    ahead = (gaps.high[None, :] >= gaps.low[:, None] - EQUAL) & ~itself
    used = _uses(ahead.astype(np.float64) @ holds, gaps)
    kept = gaps.sure & (ahead.sum(1) < spec.max_pairs_per_problem) & (used < limit)
    if spec.pairs is not None:  # of those that are kept the first are taken: their order counts
        known = gaps.high - gaps.low < EQUAL
        kept &= ~(ahead & ahead.T & ~(known[None, :] & known[:, None])).any(1)
    surely = (gaps.low[None, :] > gaps.high[:, None] + EQUAL) & kept[None, :]
    used = _uses(surely.astype(np.float64) @ holds, gaps)
    lost = (surely.sum(1) >= spec.max_pairs_per_problem) | (used >= limit)
    still = ~kept & ~lost
    return {*gaps.better[still].tolist(), *gaps.worse[still].tolist()}


def _uses(by_text: NDArray[np.float64], gaps: _Gaps) -> NDArray[np.float64]:
    """Of each pair, how often the more often used of its two texts is."""
    rows = np.arange(len(by_text))
    most: NDArray[np.float64] = np.maximum(by_text[rows, gaps.better], by_text[rows, gaps.worse])
    return most
