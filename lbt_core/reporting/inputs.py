"""What a report is made of: plain rows and figures of one run, gathered by whoever can read them
(the store, a notebook).
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from lbt_core.store.rows import ExamAnswer, Preference, Problem, Rationale, Score

BASE = "base"
TUNED = "tuned"
CONTROL = "control:"


@dataclass(frozen=True, slots=True)
class ExamSummary:
    """The exam answers of a run, counted: there are too many of them to hand over as rows.

    ``verdicts`` and ``finish_reasons`` map a name to a count; ``by_problem`` maps an exam problem's
    id to (right answers, answers).
    """

    answers: int = 0
    tokens: int = 0
    verdicts: Mapping[str, int] = field(default_factory=dict)
    finish_reasons: Mapping[str, int] = field(default_factory=dict)
    by_problem: Mapping[str, tuple[int, int]] = field(default_factory=dict)


def summarise_exams(rows: Iterable[ExamAnswer]) -> ExamSummary:
    """Count exam answers in one pass, holding one counter entry per exam problem."""
    tokens = 0
    verdicts: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    asked: Counter[str] = Counter()
    right: Counter[str] = Counter()
    for row in rows:
        tokens += row.tokens
        verdicts[row.verdict] += 1
        reasons[row.finish_reason.split(":", 1)[0]] += 1
        asked[row.exam_problem_id] += 1
        right[row.exam_problem_id] += row.correct
    by_problem = {key: (right[key], asked[key]) for key in sorted(asked)}
    return ExamSummary(asked.total(), tokens, dict(verdicts), dict(reasons), by_problem)


@dataclass(frozen=True, slots=True)
class StageTiming:
    """What one stage cost: wall-clock seconds, rows and generated tokens written, and its shards.

    The seconds run from the start of the first shard to the end of the last.
    """

    seconds: float
    rows: int = 0
    tokens: int = 0
    shards: int = 0


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """A further measured figure to show: its name, its value as text (with units), and what it
    tells.
    """

    name: str
    value: str
    meaning: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportInputs:
    """Everything the report and the model card are written from.

    ``config`` is the resolved configuration by section. ``evaluations`` and ``training_history``
    are keyed by arm: "base", "tuned", and "control:<rule>" for a model trained on pairs made by
    another rule. An evaluation's rows are greedy answers (sample 0) to held-out problems. A history
    row holds "step" and whichever of loss, rewards/accuracies, rewards/margins, logps/chosen,
    logps/rejected, kl and format_rate was logged there. ``tuned_arm`` is the rule that made the
    tuned model's pairs (``Preference.arm``). ``command`` runs this run again, ``created`` is when
    it ended (ISO 8601).
    """

    run: str
    base_model: str = ""
    config: Mapping[str, Any] = field(default_factory=dict)
    problems: Sequence[Problem] = ()
    rationales: Sequence[Rationale] = ()
    scores: Sequence[Score] = ()
    preferences: Sequence[Preference] = ()
    evaluations: Mapping[str, Sequence[Rationale]] = field(default_factory=dict)
    exams: ExamSummary = field(default_factory=ExamSummary)
    training_history: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    timings: Mapping[str, StageTiming] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    hardware: str = ""
    engines: Sequence[Mapping[str, Any]] = ()
    warnings: Sequence[str] = ()
    diagnostics: Sequence[Diagnostic] = ()
    tuned_arm: str = "combined"
    command: str = ""
    created: str = ""


def pair_rule(inputs: ReportInputs, arm: str) -> str:
    """The rule that made the pairs which an evaluated arm was trained on; "" for the base."""
    if arm == TUNED:
        return inputs.tuned_arm
    return arm.removeprefix(CONTROL) if arm.startswith(CONTROL) else ""


def arm_label(inputs: ReportInputs, arm: str) -> str:
    """An arm's name for people."""
    if arm == BASE:
        return "Base"
    rule = pair_rule(inputs, arm)
    if arm == TUNED:
        return f"Tuned ({rule})"
    return f"Control ({rule})" if rule else arm


def ordered_arms(names: Iterable[str]) -> list[str]:
    """Base first, tuned second, then controls by name: the same order, and so the same colours,
    everywhere.
    """
    return sorted(names, key=lambda name: (name != BASE, name != TUNED, name))
