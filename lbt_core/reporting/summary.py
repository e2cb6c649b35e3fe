"""The figures of a report, computed from its rows; the page, the plots and the model card show
these and no others.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from lbt_core.measurement.diagnostics import ScoreDiagnostics
from lbt_core.measurement.estimators import (
    Proportion,
    accuracy,
    mcnemar,
    paired_difference,
    proportion,
)
from lbt_core.reporting.inputs import (
    BASE,
    CONTROL,
    TUNED,
    ReportInputs,
    arm_label,
    ordered_arms,
    pair_rule,
)
from lbt_core.store.rows import VERDICTS, Preference, Problem, Rationale, Score

SIGNIFICANT = 0.05
NO_TOPIC = "(no topic)"


@dataclass(frozen=True, slots=True)
class ArmResult:
    """One evaluated model on the held-out problems: Pass@1, and how its answers look."""

    arm: str
    label: str
    pass1: Proportion
    with_answer: Proportion
    stopped: Proportion
    mean_tokens: float
    verdicts: dict[str, int]


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two models on the same problems: ``gained`` only the second got right, ``lost`` only the
    first did.

    ``difference`` is second minus first in Pass@1, with its 95 % interval by the paired bootstrap
    over problems; ``p`` is the exact McNemar test's, two-sided.
    """

    first: str
    second: str
    n: int
    gained: int
    lost: int
    difference: float
    low: float
    high: float
    p: float

    @property
    def shown(self) -> bool:
        """Whether the difference is unlikely to be chance alone."""
        return self.p < SIGNIFICANT


@dataclass(frozen=True, slots=True)
class PairSummary:
    """The preference pairs of one rule; gaps are score differences."""

    rule: str
    pairs: int
    problems: int
    gap_min: float
    gap_median: float
    gap_max: float
    both_right: int
    both_wrong: int
    chosen_wrong: int


def greedy(rows: Iterable[Rationale]) -> dict[str, Rationale]:
    """Problem id to its greedy answer (sample 0)."""
    return {row.problem_id: row for row in rows if row.sample == 0}


def arm_results(inputs: ReportInputs) -> list[ArmResult]:
    """Every evaluated arm that has answers, base first."""
    results = []
    for arm in ordered_arms(inputs.evaluations):
        rows = list(greedy(inputs.evaluations[arm]).values())
        if not rows:
            continue
        results.append(
            ArmResult(
                arm=arm,
                label=arm_label(inputs, arm),
                pass1=accuracy(row.correct for row in rows),
                with_answer=accuracy(row.answer is not None for row in rows),
                stopped=accuracy(row.finish_reason == "stop" for row in rows),
                mean_tokens=fmean(row.tokens for row in rows),
                verdicts=verdict_counts(rows),
            )
        )
    return results


def compare(inputs: ReportInputs, first: str, second: str) -> Comparison | None:
    """``second`` against ``first`` on the problems that both answered; None if there are none."""
    a = greedy(inputs.evaluations.get(first, ()))
    b = greedy(inputs.evaluations.get(second, ()))
    shared = sorted(a.keys() & b.keys())
    if not shared:
        return None
    before = [a[key].correct for key in shared]
    after = [b[key].correct for key in shared]
    test = mcnemar(before, after)
    gained, lost = test.only_second, test.only_first
    # one problem tells nothing about the next
    low, high = -1.0, 1.0
    if len(shared) > 1:
        difference = paired_difference(before, after)
        low, high = difference.low, difference.high
    return Comparison(
        first=first,
        second=second,
        n=len(shared),
        gained=gained,
        lost=lost,
        difference=(gained - lost) / len(shared),
        low=low,
        high=high,
        p=test.p,
    )


def comparisons(inputs: ReportInputs) -> list[Comparison]:
    """Tuned against base, tuned against each control, each control against base."""
    names = ordered_arms(inputs.evaluations)
    controls = [name for name in names if name.startswith(CONTROL)]
    wanted = [(BASE, TUNED), *((c, TUNED) for c in controls), *((BASE, c) for c in controls)]
    found = (compare(inputs, first, second) for first, second in wanted)
    return [comparison for comparison in found if comparison]


def by_group(
    inputs: ReportInputs, group_of: dict[str, str]
) -> list[tuple[str, dict[str, Proportion]]]:
    """(group, arm to Pass@1) for every group of held-out problems, largest group first, then by
    name.
    """
    flags: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for arm, rows in inputs.evaluations.items():
        for problem_id, row in greedy(rows).items():
            if problem_id in group_of:
                flags[group_of[problem_id]][arm].append(row.correct)
    groups = [
        (group, {arm: accuracy(arms[arm]) for arm in ordered_arms(arms)})
        for group, arms in flags.items()
    ]
    return sorted(groups, key=lambda item: (-max(p.total for p in item[1].values()), item[0]))


def by_topic(inputs: ReportInputs) -> list[tuple[str, dict[str, Proportion]]]:
    """Pass@1 by topic and arm."""
    return by_group(inputs, {p.id: p.topic or NO_TOPIC for p in inputs.problems})


def by_luck(inputs: ReportInputs) -> list[tuple[str, dict[str, Proportion]]]:
    """Pass@1 where the misconception happens to be right ("lucky") and where not; empty where that
    is not known.
    """
    names = {True: "misconception is right", False: "misconception is wrong"}
    return by_group(inputs, {p.id: names[p.lucky] for p in inputs.problems if p.lucky is not None})


def verdict_counts(rows: Iterable[Rationale]) -> dict[str, int]:
    """Answers by verdict, every verdict named."""
    counts = Counter(row.verdict for row in rows)
    return {verdict: counts[verdict] for verdict in (*VERDICTS, *sorted(counts.keys() - VERDICTS))}


def verdict_table(inputs: ReportInputs) -> list[tuple[str, dict[str, int]]]:
    """(what was graded, answers by verdict), for everything that was."""
    table = []
    if inputs.rationales:
        table.append(("Sampled rationales", verdict_counts(inputs.rationales)))
    if inputs.exams.answers:
        counts = {verdict: inputs.exams.verdicts.get(verdict, 0) for verdict in VERDICTS}
        table.append(("Exam answers", counts))
    return table + [(f"Test answers, {r.label}", r.verdicts) for r in arm_results(inputs)]


def method_counts(rows: Iterable[Rationale]) -> list[tuple[str, str, int]]:
    """(verdict, how the grader decided, rationales), most frequent first."""
    counts = Counter((row.verdict, row.method) for row in rows)
    return [(*key, n) for key, n in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]


def low_right(found: ScoreDiagnostics) -> Proportion | None:
    """Right rationales that teach no better than wrong ones, as a share with its interval; None
    where undefined.
    """
    if found.low_right is None:
        return None
    return proportion(round(found.low_right * found.right), found.right)


def within_problem_gaps(scores: Iterable[Score]) -> list[float]:
    """Mean LbT of right minus of wrong rationales, for each problem that has both (``within_gap``
    is their mean).
    """
    values: dict[str, dict[bool, list[float]]] = defaultdict(lambda: {True: [], False: []})
    for s in scores:
        values[s.problem_id][s.correct].append(s.lbt)
    both = [v for _, v in sorted(values.items()) if v[True] and v[False]]
    return [fmean(v[True]) - fmean(v[False]) for v in both]


def pair_summaries(preferences: Iterable[Preference]) -> list[PairSummary]:
    """One line for each rule that made pairs."""
    groups: dict[str, list[Preference]] = defaultdict(list)
    for pair in preferences:
        groups[pair.arm].append(pair)
    out = []
    for rule, pairs in sorted(groups.items()):
        gaps = [p.gap for p in pairs]
        right = [(p.chosen_verdict == "correct", p.rejected_verdict == "correct") for p in pairs]
        out.append(
            PairSummary(
                rule=rule,
                pairs=len(pairs),
                problems=len({p.problem_id for p in pairs}),
                gap_min=min(gaps),
                gap_median=median(gaps),
                gap_max=max(gaps),
                both_right=sum(c and r for c, r in right),
                both_wrong=sum(not c and not r for c, r in right),
                chosen_wrong=sum(r and not c for c, r in right),
            )
        )
    return out


def right_per_problem(rationales: Iterable[Rationale]) -> dict[str, tuple[int, int]]:
    """Problem id to (right rationales, rationales)."""
    counts: dict[str, list[bool]] = defaultdict(list)
    for row in rationales:
        counts[row.problem_id].append(row.correct)
    return {key: (sum(flags), len(flags)) for key, flags in sorted(counts.items())}


def split_sizes(problems: Iterable[Problem]) -> dict[str, int]:
    """Problems by split, in the order train, exam, validation, test, others."""
    counts = Counter(p.split for p in problems)
    known = [s for s in ("train", "exam", "validation", "test") if s in counts]
    return {s: counts[s] for s in (*known, *sorted(counts.keys() - set(known)))}


def examples(inputs: ReportInputs, each: int = 5) -> tuple[list[Score], list[Score]]:
    """The scores of the rationales with the highest and with the lowest LbT, one per problem where
    possible.

    Among equals at the bottom right answers come first: they are right and teach nothing. No
    rationale is in both lists.
    """
    texts = {(r.problem_id, r.sample) for r in inputs.rationales}
    known = [s for s in inputs.scores if (s.problem_id, s.sample) in texts]
    best = sorted(known, key=lambda s: (-s.lbt, not s.correct, s.problem_id, s.sample))
    worst = sorted(known, key=lambda s: (s.lbt, not s.correct, s.problem_id, s.sample))
    top = _distinct(best, each, set())
    return top, _distinct(worst, each, {(s.problem_id, s.text_key) for s in top})


def _distinct(ranked: Sequence[Score], limit: int, taken: set[tuple[str, str]]) -> list[Score]:
    """The first of each problem, then, if that is not enough, further texts in order."""
    chosen: list[Score] = []
    for one_per_problem in (True, False):
        for s in ranked:
            if len(chosen) == limit:
                return chosen
            if one_per_problem and any(c.problem_id == s.problem_id for c in chosen):
                continue
            if (s.problem_id, s.text_key) not in taken:
                taken.add((s.problem_id, s.text_key))
                chosen.append(s)
    return chosen


def trained_pairs(inputs: ReportInputs, arm: str) -> int:
    """How many pairs an arm's rule made."""
    rule = pair_rule(inputs, arm)
    return sum(p.arm == rule for p in inputs.preferences)
