"""Preference pairs from scored rationales, their control arms, and what the scores foretell.

Source of the rule: arXiv 2406.14629 (M2): score = weight * correct + weight * LbT, a pair needs a
score gap above a threshold, at most eight pairs a problem. How those eight are chosen is not stated
there: here by the largest gap, or at random among the eligible, weighted by how often a text was
sampled. Consequences of the paper's weights (0.5, 0.5) and gap (0.3): a wrong rationale never
outscores a right one, and two rationales with the same verdict need an LbT gap above 0.6.
"""

import hashlib
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from statistics import fmean
from typing import Literal, Self

from pydantic import Field, model_validator

from lbt_core import DataError
from lbt_core.method.section import Section
from lbt_core.store.rows import Preference, Rationale, Score

Arm = Literal["combined", "correctness", "lbt", "random"]
ARMS: tuple[Arm, ...] = ("combined", "correctness", "lbt", "random")

# Scores are means of few grades: 0.7 - 0.2 must not pass for more than a gap of 0.5 by rounding
EQUAL = 1e-9


class PreferenceSpec(Section):
    """Which rationale is preferred to which, and how many such pairs are kept."""

    correctness_weight: float = Field(0.5, ge=0, le=1, title="Weight of correctness")
    """Weight of the verdict (right 1, else 0) in the score."""
    lbt_weight: float = Field(0.5, ge=0, le=1, title="Weight of the LbT score")
    """Weight of the LbT score in the score."""
    min_gap: float = Field(0.3, ge=0, lt=1, title="Score gap")
    """A pair needs a score gap above this."""
    max_pairs_per_problem: int = Field(8, ge=1, le=10_000, title="Pairs per problem")
    """Pairs kept of one problem, at most."""
    max_uses_per_rationale: int = Field(4, ge=1, le=10_000, title="Pairs per rationale")
    """Pairs that one text may be part of, at most."""
    pairs: int | None = Field(None, ge=1, title="Pairs in all")
    """Pairs kept in all, at most, spread evenly over the problems; all where none is given."""
    selection: Literal["largest", "weighted-random"] = Field("largest", title="Selection")
    """"largest": the largest gaps first; "weighted-random": at random among the eligible, a pair
    weighing as much as its two texts were sampled often."""
    seed: int | None = Field(None, ge=0, lt=2**31, title="Seed")
    """Seed of the drawing and of the order among equal gaps; the run's seed where none is given."""

    @model_validator(mode="after")
    def _some_weight(self) -> Self:
        if self.correctness_weight + self.lbt_weight <= 0:
            raise ValueError("correctness_weight and lbt_weight are both 0: every score is 0")
        return self


@dataclass(frozen=True, slots=True)
class PairSet:
    """One arm's pairs and what became of the rest.

    ``wanted`` is the size asked for, or None; ``limits_lifted`` says that the limits per problem
    and per rationale were lifted to reach it. ``eligible`` counts the ordered pairs that the arm's
    rule admits. Problems without a pair are ``tied`` (more than one text, none far enough apart) or
    have a ``single_text``. ``unfinished`` counts rationales that never ended their turn: they are
    part of no pair, because training ends every completion with the end-of-turn token. Nor are the
    ``unexamined``, all of whose exam prompts could not be run: their LbT score is not known.
    """

    arm: Arm
    pairs: tuple[Preference, ...]
    wanted: int | None
    limits_lifted: bool
    eligible: int
    problems: int
    tied: int
    single_text: int
    unfinished: int
    unexamined: int
    right_over_wrong: int
    both_right: int
    both_wrong: int
    wrong_over_right: int

    @property
    def problems_with_pairs(self) -> int:
        """Problems that at least one kept pair belongs to."""
        return len({pair.problem_id for pair in self.pairs})


@dataclass(frozen=True, slots=True)
class _Text:
    """One distinct text of a problem: its first sample, how often it was sampled, its scores."""

    problem_id: str
    sample: int
    key: str
    text: str
    count: int
    correct: bool
    verdict: str
    lbt: float
    score: float


def combined_score(correct: bool, lbt: float, spec: PreferenceSpec) -> float:
    """The score of one rationale: weighted verdict plus weighted LbT score."""
    return spec.correctness_weight * correct + spec.lbt_weight * lbt


def build_pairs(
    scores: Iterable[Score],
    rationales: Iterable[Rationale],
    prompts: Mapping[str, str],
    spec: PreferenceSpec,
    arm: Arm = "combined",
    size_to_match: int | None = None,
) -> PairSet:
    """The preference pairs of one arm, in an order that only the seed and the rows' content decide.

    ``prompts`` gives each problem's rendered prompt. The arms differ in what makes a pair eligible:
    combined: score gap above ``min_gap``; correctness: right over wrong; lbt: LbT gap above
    ``min_gap``; random: any two different texts, either way round. Correctness and random have no
    gap to rank by and are always drawn at random. ``size_to_match`` makes a control of exactly that
    many pairs, doubling the limits per problem and per rationale until they suffice; it comes out
    smaller only where no more eligible pairs exist. Raises DataError on a score without its
    rationale.
    """
    texts, unfinished, unexamined = _distinct_texts(scores, rationales, spec)
    eligible = {problem: _eligible(of, arm, spec) for problem, of in texts.items()}
    at_random = arm in ("random", "correctness") or spec.selection == "weighted-random"
    ranked = {
        problem: _ranked(pairs, f"{spec.seed or 0}/{arm}", at_random)
        for problem, pairs in eligible.items()
        if pairs
    }
    size = size_to_match if size_to_match is not None else spec.pairs
    lift, chosen = 1, _spread(ranked, spec, 1, size)
    available = sum(map(_most_pairs, ranked.values()))
    while size_to_match is not None and len(chosen) < min(size_to_match, available):
        lift *= 2
        chosen = _spread(ranked, spec, lift, size)
    pairs = tuple(_preference(arm, prompts, better, worse) for better, worse in chosen)
    return PairSet(
        arm=arm,
        pairs=pairs,
        wanted=size,
        limits_lifted=lift > 1,
        eligible=sum(map(len, eligible.values())),
        problems=len(texts),
        tied=sum(len(texts[p]) > 1 and not eligible[p] for p in texts),
        single_text=sum(len(of) == 1 for of in texts.values()),
        unfinished=unfinished,
        unexamined=unexamined,
        right_over_wrong=sum(a.correct and not b.correct for a, b in chosen),
        both_right=sum(a.correct and b.correct for a, b in chosen),
        both_wrong=sum(not a.correct and not b.correct for a, b in chosen),
        wrong_over_right=sum(b.correct and not a.correct for a, b in chosen),
    )


def _distinct_texts(
    scores: Iterable[Score], rationales: Iterable[Rationale], spec: PreferenceSpec
) -> tuple[dict[str, list[_Text]], int, int]:
    """Each problem's distinct finished texts, and how many rationales were unfinished, and how many
    unexamined (where others of their problem were).

    Samples with the same text are one text; where each took its own exam, their LbT scores average.
    """
    by_sample = {(r.problem_id, r.sample): r for r in rationales}
    groups: dict[tuple[str, str], list[Score]] = defaultdict(list)
    problems: dict[str, list[_Text]] = {}
    unfinished = unexamined = 0
    scores = sorted(scores, key=lambda s: (s.problem_id, s.sample))
    examined = {score.problem_id for score in scores if score.exam_answers}
    for score in scores:
        rationale = by_sample.get((score.problem_id, score.sample))
        if rationale is None:
            raise DataError(f"no rationale for the score of {score.problem_id}, {score.sample}")
        problems.setdefault(score.problem_id, [])
        if rationale.finish_reason != "stop":
            unfinished += 1
        elif score.problem_id in examined and not score.exam_answers:
            unexamined += 1
        else:
            groups[score.problem_id, rationale.text_key].append(score)
    for (problem_id, key), group in groups.items():
        first, lbt = group[0], fmean(score.lbt for score in group)
        problems[problem_id].append(
            _Text(
                problem_id,
                first.sample,
                key,
                by_sample[problem_id, first.sample].text,
                len(group),
                first.correct,
                first.verdict,
                lbt,
                combined_score(first.correct, lbt, spec),
            )
        )
    return problems, unfinished, unexamined


def _eligible(
    texts: Sequence[_Text], arm: Arm, spec: PreferenceSpec
) -> list[tuple[_Text, _Text, float]]:
    """Ordered pairs (better, worse, gap) of one problem that the arm's rule admits."""
    found = []
    for better, worse in permutations(texts, 2):
        if arm == "combined":
            gap = better.score - worse.score
            admitted = gap > spec.min_gap + EQUAL
        elif arm == "lbt":
            gap = better.lbt - worse.lbt
            admitted = gap > spec.min_gap + EQUAL
        elif arm == "correctness":
            gap = float(better.correct) - float(worse.correct)
            admitted = better.correct and not worse.correct
        else:
            gap, admitted = better.score - worse.score, True
        if admitted:
            found.append((better, worse, gap))
    return found


def _draw(*parts: str) -> float:
    """A number in (0, 1) that the parts alone decide, on every machine and Python."""
    digest = hashlib.sha256("\0".join(parts).encode()).digest()
    return (int.from_bytes(digest[:8], "big") + 1) / (2**64 + 2)


def lot(salt: str, problem_id: str, better: str, worse: str, weight: int) -> float:
    """Place of an ordered pair of texts (by their keys) where pairs are drawn, lowest first.

    At random means without replacement with weights (Efraimidis and Spirakis 2006): key u^(1/w),
    compared as log(u)/w.
    """
    return -math.log(_draw(salt, problem_id, better, worse)) / weight


def _ranked(
    pairs: Sequence[tuple[_Text, _Text, float]], salt: str, at_random: bool
) -> list[tuple[_Text, _Text]]:
    """One problem's pairs, best first: by ``lot`` where they are drawn, else by the gap."""

    def rank(pair: tuple[_Text, _Text, float]) -> tuple[float, float]:
        better, worse, gap = pair
        named = salt, better.problem_id, better.key, worse.key
        if at_random:
            return 0.0, lot(*named, better.count * worse.count)
        return -round(gap, 9), _draw(*named)

    return [(better, worse) for better, worse, _ in sorted(pairs, key=rank)]


def _most_pairs(ranked: Sequence[tuple[_Text, _Text]]) -> int:
    """How many of the pairs can be kept without any limit: one per two texts, not both ways."""
    return len({frozenset((better.key, worse.key)) for better, worse in ranked})


def _spread(
    ranked: Mapping[str, Sequence[tuple[_Text, _Text]]],
    spec: PreferenceSpec,
    lift: int,
    size: int | None,
) -> list[tuple[_Text, _Text]]:
    """Takes every problem's first pair, then every problem's second, until the size is reached."""
    kept = {problem: _within_limits(pairs, spec, lift) for problem, pairs in ranked.items()}
    order = sorted(kept, key=lambda problem: _draw(f"{spec.seed or 0}", problem))
    rounds = max(map(len, kept.values()), default=0)
    chosen = [kept[p][turn] for turn in range(rounds) for p in order if turn < len(kept[p])]
    return chosen[:size]


def _within_limits(
    pairs: Sequence[tuple[_Text, _Text]], spec: PreferenceSpec, lift: int
) -> list[tuple[_Text, _Text]]:
    uses: dict[str, int] = defaultdict(int)
    kept: list[tuple[_Text, _Text]] = []
    seen: set[frozenset[str]] = set()
    for better, worse in pairs:
        if len(kept) >= spec.max_pairs_per_problem * lift:
            break
        both = frozenset((better.key, worse.key))
        if both in seen or max(uses[k] for k in both) >= spec.max_uses_per_rationale * lift:
            continue
        seen.add(both)
        for key in both:
            uses[key] += 1
        kept.append((better, worse))
    return kept


def _preference(arm: Arm, prompts: Mapping[str, str], better: _Text, worse: _Text) -> Preference:
    return Preference(
        arm=arm,
        problem_id=better.problem_id,
        prompt=prompts[better.problem_id],
        chosen=better.text,
        rejected=worse.text,
        chosen_sample=better.sample,
        rejected_sample=worse.sample,
        chosen_score=better.score,
        rejected_score=worse.score,
        chosen_lbt=better.lbt,
        rejected_lbt=worse.lbt,
        chosen_verdict=better.verdict,
        rejected_verdict=worse.verdict,
        gap=better.score - worse.score,
    )
