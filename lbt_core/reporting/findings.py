"""The diagnostics of a stored run, each with what it tells, for its report."""

import random
from collections import defaultdict
from collections.abc import Sequence
from statistics import fmean

from lbt_core.measurement.diagnostics import (
    ExamDiversity,
    Fidelity,
    exam_diversity,
    student_fidelity,
)
from lbt_core.measurement.estimators import (
    McNemar,
    Proportion,
    accuracy,
    mcnemar,
    selection_outcomes,
    student_agreement,
)
from lbt_core.method.sampling import GradeMany
from lbt_core.method.votes import ballots, frequent_wrong
from lbt_core.reporting.inputs import Diagnostic
from lbt_core.run.exam_savings import Savings
from lbt_core.run.grade_pool import grade_pool
from lbt_core.run.plan import Plan, student_labels
from lbt_core.run.results import exam_columns
from lbt_core.store import read_shard
from lbt_core.store.rows import ExamAnswer, Rationale, Score

# Comparisons of wrong answers with each other, at most: some ten seconds of one core; and wrong
# answers of one problem that are compared, so that these go round.
MAX_COMPARISONS = 5_000
COMPARED = 6
_COLUMNS = ("problem_id", "rationale_key", "student", "exam_problem_id", "repetition", "correct")


def stored_diagnostics(
    plan: Plan, rationales: Sequence[Rationale], scores: Sequence[Score]
) -> list[Diagnostic]:
    """``run_diagnostics`` with the run's own number of grading workers, started for this."""
    with grade_pool(plan.config) as pool:
        return run_diagnostics(plan, rationales, scores, pool.grade_many)


def run_diagnostics(
    plan: Plan, rationales: Sequence[Rationale], scores: Sequence[Score], grade: GradeMany
) -> list[Diagnostic]:
    """What the scores foretell beyond ``score_diagnostics``: how varied the exams are, how faithful
    the students, how they agree, and what choosing answers by LbT is worth without training.

    Raises OSError where the design or an exam shard is not stored, and what ``grade`` raises.
    """
    places = read_shard(plan.files, plan.design_shard())
    diversity = exam_diversity(places, plan.problem_by_id, plan.subject)
    found = [] if diversity is None else diversity_words(diversity)
    students = student_labels(plan.config)
    answers: dict[str, list[tuple[str, str, str, bool]]] = defaultdict(list)
    if plan.config.exam.scorer == "likelihood":
        return [*found, *selection_words(plan, rationales, scores, grade)]
    examined = {score.problem_id for score in scores}
    for problem_id, key, student, asked, _, correct in exam_columns(plan, _COLUMNS):
        if problem_id in examined:
            answers[student].append((problem_id, key, asked, correct))
    for student in students:
        label = f", {student}" if len(students) > 1 else ""
        found += fidelity_words(student_fidelity(answers[student]), label)
    if len(students) > 1:
        found += agreement_words(_compact_answers(plan))
    return [*found, *selection_words(plan, rationales, scores, grade)]


def savings_words(found: Savings) -> list[Diagnostic]:
    """What adaptive exams saved and kept, in words."""
    asked = found.asked / max(1, found.full)
    sampled = found.sample_asked / max(1, found.sample_full)
    kept = found.sample_kept / found.sample_pairs if found.sample_pairs else None
    return [
        Diagnostic(
            "Adaptive exams, answers asked",
            f"{found.asked:,} of {found.full:,} ({asked:.0%})",
            f"Exams were asked in rounds, those of {found.problems:,} problems in full, which all "
            "figures on LbT scores here are of; of theirs, rounds would have asked "
            f"{sampled:.0%}.",
        ),
        Diagnostic(
            "Adaptive exams, pairs kept",
            "undefined"
            if kept is None
            else f"{found.sample_kept:,} of {found.sample_pairs:,} ({kept:.0%})",
            f"Of the pairs that the full exams of these {found.problems:,} problems make, those "
            "that rounds would have made as well. Few say little: raise exam.in_full.",
        ),
    ]


def diversity_words(found: ExamDiversity) -> list[Diagnostic]:
    """How varied the exams are, in words."""
    words = []
    if found.within is not None:
        words.append(
            Diagnostic(
                "Exam diversity",
                f"{found.within:.2f}",
                f"Mean dissimilarity (1 - cosine, TF-IDF) of the problems within each of "
                f"{found.exams:,} exams. Near zero: an exam asks the same thing again and again, "
                "and a method that is right by luck on one problem is right on all.",
            )
        )
    words.append(
        Diagnostic(
            "Exam distance from the lesson",
            f"{found.to_taught:.2f}",
            "Mean dissimilarity of exam problems to the problem that was taught. Near zero: the "
            "exam asks what was just shown; near one: what was shown does not help.",
        )
    )
    if found.lucky_taught is not None and found.lucky_asked is not None:
        words.append(
            Diagnostic(
                "Lucky problems, taught / asked",
                f"{found.lucky_taught:.0%} / {found.lucky_asked:.0%}",
                "Share of problems on which a wrong method happens to give the right answer. "
                "LbT can see more than grading where the first share is high and the second lower.",
            )
        )
    return words


def fidelity_words(found: Fidelity, label: str = "") -> list[Diagnostic]:
    """How faithful a student is, in words; ``label`` follows the names."""
    return [
        Diagnostic(
            f"Student fidelity{label}",
            _interval(found.share, found.share_low, found.share_high),
            "Share of the variance of exam answers (right or wrong) within a problem that lies "
            f"between the rationales shown; {found.problems:,} problems, 95 % bootstrap interval. "
            "Near zero: the student answers the same whatever it is shown.",
        ),
        Diagnostic(
            f"Exam reliability{label}",
            _interval(found.reliability, found.reliability_low, found.reliability_high),
            "Share of the differences between LbT scores of the same problem that another exam of "
            "as many questions would find again. Low: the scores are mostly a draw of questions; "
            "ask more of them.",
        ),
    ]


def agreement_words(answers: Sequence[ExamAnswer]) -> list[Diagnostic]:
    """How far each two students agree, in words."""
    return [
        Diagnostic(
            f"Agreement of {a.first} and {a.second}",
            f"{a.agreement:.0%}, kappa {_number(a.kappa)}, rank correlation "
            f"{_number(a.correlation)}",
            f"Same verdict on {a.answers:,} exam answers; Cohen's kappa (1: always, 0: by chance); "
            f"Spearman's correlation of the LbT scores of {a.rationales:,} rationales. Low: what "
            "teaches one student does not teach the other, and their mean blurs.",
        )
        for a in student_agreement(answers)
    ]


def selection_words(
    plan: Plan, rationales: Sequence[Rationale], scores: Sequence[Score], grade: GradeMany
) -> list[Diagnostic]:
    """M1 (arXiv 2406.14629) on the teaching problems: choosing a final answer by LbT score."""
    sampled = _affordable(rationales)
    if not sampled:
        return []
    lbt = {(s.problem_id, s.sample): s.lbt for s in scores}
    votes = ballots(plan.problem_by_id, sampled, plan.subject, grade, lbt, COMPARED)
    chosen = selection_outcomes([b.voters for b in votes], [b.same for b in votes])
    mean = fmean(fmean(v.correct for v in b.voters) for b in votes)
    majority = accuracy(chosen["votes"])
    of = f"{len(votes):,} of {len({r.problem_id for r in rationales}):,} teaching problems"
    found = [
        Diagnostic(
            "Answer by majority vote",
            _share(majority),
            f"One sample alone is right in {mean:.1%}. Most votes over the samples of {of}, "
            f"equivalent answers counted together (the {COMPARED} most frequent wrong ones).",
        )
    ]
    for way, name, how in (
        ("best", "Answer by LbT, MAX", "the answer of the rationale with the highest LbT score"),
        ("weighted", "Answer by LbT, SUM", "most votes, each weighing its LbT score"),
    ):
        test = mcnemar(chosen["votes"], chosen[way])
        found.append(
            Diagnostic(
                name,
                _share(accuracy(chosen[way])),
                f"M1: {how}; no training. {_against(test)} Above the vote: the scores hold what "
                "counting cannot see.",
            )
        )
    return found


def _affordable(rationales: Sequence[Rationale]) -> list[Rationale]:
    """Rationales of as many problems, in an order drawn once and for all, as can be compared."""
    rows: dict[str, list[Rationale]] = defaultdict(list)
    for row in rationales:
        rows[row.problem_id].append(row)
    order = sorted(rows)
    random.Random(0).shuffle(order)
    kept: list[Rationale] = []
    spent = 0
    for problem_id in order:
        of = rows[problem_id]
        wrong = min(COMPARED, len(frequent_wrong(of)))
        spent += wrong * (wrong - 1) // 2
        if kept and spent > MAX_COMPARISONS:
            break
        kept += of
    return kept


def _compact_answers(plan: Plan) -> list[ExamAnswer]:
    """Exam answers without what agreement does not need: the texts of a full run are large."""
    return [
        ExamAnswer(problem, key, student, asked, again, "", "", 0, 0, "", "", None, correct)
        for problem, key, student, asked, again, correct in exam_columns(plan, _COLUMNS)
    ]


def _against(test: McNemar) -> str:
    return (
        f"Against the vote: {test.only_second} problems won, {test.only_first} lost "
        f"(McNemar p = {test.p:.2g})."
    )


def _share(found: Proportion) -> str:
    return f"{found.rate:.1%} [{found.low:.1%}, {found.high:.1%}]"


def _number(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.2f}"


def _interval(value: float | None, low: float | None, high: float | None) -> str:
    if value is None:
        return "undefined"
    return f"{value:.2f}" if low is None else f"{value:.2f} [{low:.2f}, {_number(high)}]"
