"""Figures as text and findings as sentences, the same in the report and in the model card."""

from lbt_core.measurement.estimators import Proportion
from lbt_core.method.subject import TIME_LIMIT
from lbt_core.reporting.inputs import BASE, CONTROL, TUNED, ReportInputs, arm_label
from lbt_core.reporting.summary import (
    SIGNIFICANT,
    ArmResult,
    Comparison,
    arm_results,
    comparisons,
    within_problem_gaps,
)

SMALL_TEST = 100
NBSP = "\u00a0"


def percent(share: float) -> str:
    """0.342 as "34.2 %", with a space that does not break."""
    return f"{100 * share:.1f}{NBSP}%"


def points(difference: float) -> str:
    """A difference of shares as signed percentage points."""
    return f"{_sign(100 * difference, 1)} points"


def with_interval(p: Proportion | None) -> str:
    """ "34.2 % [29.5, 39.2]", or a dash where nothing was counted."""
    if p is None:
        return "–"
    return f"{percent(p.rate)} [{100 * p.low:.1f}, {100 * p.high:.1f}]"


def p_value(p: float) -> str:
    """ "p = 0.034", "p < 0.001"."""
    text = "p < 0.001" if p < 0.001 else f"p = {p:.2g}" if p < 0.1 else f"p = {p:.2f}"
    return text.replace(" ", NBSP)


def number(value: float | None, digits: int = 2) -> str:
    """A number with thousands separators where it is whole, else with so many decimals; a dash for
    None.
    """
    if value is None:
        return "–"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.{digits}f}"


def duration(seconds: float) -> str:
    """Seconds as "41.3 s", "12 min 5 s", or "3 h 20 min"."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def _sign(value: float, digits: int) -> str:
    text = f"{abs(value):.{digits}f}"
    if float(text) == 0:
        return text
    return f"{'+' if value > 0 else '−'}{text}"


def finding(inputs: ReportInputs, c: Comparison) -> str:
    """One comparison as a sentence, whichever side is ahead."""
    first, second = arm_label(inputs, c.first), arm_label(inputs, c.second)
    figures = (
        f"{points(c.difference)} [{_sign(100 * c.low, 1)}, {_sign(100 * c.high, 1)}] over {c.n} "
        "problems, "
        f"{p_value(c.p)}; {c.gained} problems gained, {c.lost} lost"
    )
    if not c.shown:
        return f"{second} against {first}: no difference shown ({figures})."
    better = "is better than" if c.difference > 0 else "is worse than"
    return f"{second} {better} {first} ({figures})."


def headline(inputs: ReportInputs) -> list[str]:
    """The answer to what the run was for, in one to three sentences."""
    found = {(c.first, c.second): c for c in comparisons(inputs)}
    if not found:
        trained = [r.label for r in arm_results(inputs)]
        return [
            f"Only {' and '.join(trained)} was evaluated, so nothing can be compared."
            if trained
            else "No model was evaluated in this run, so there is no result yet."
        ]
    sentences = []
    main = found.get((BASE, TUNED))
    if main:
        sentences.append(_training_sentence(main))
    for (first, second), c in found.items():
        if second == TUNED and first.startswith(CONTROL):
            sentences.append(_control_sentence(inputs, c))
    if not any(name.startswith(CONTROL) for name in inputs.evaluations):
        sentences.append(
            "No control was trained, so this run cannot say whether teaching adds anything to "
            "grading."
        )
    return sentences


def _training_sentence(c: Comparison) -> str:
    if not c.shown:
        return f"No difference between the tuned and the base model is shown ({p_value(c.p)})."
    verb = "improved" if c.difference > 0 else "worsened"
    amount = f"{abs(100 * c.difference):.1f} points of Pass@1"
    return f"Training {verb} the model by {amount} ({p_value(c.p)})."


def _control_sentence(inputs: ReportInputs, c: Comparison) -> str:
    tuned, control = arm_label(inputs, TUNED), arm_label(inputs, c.first)
    if not c.shown:
        return f"No difference between {tuned} and {control} is shown ({p_value(c.p)})."
    ahead, behind = (tuned, control) if c.difference > 0 else (control, tuned)
    return f"{ahead} beats {behind} by {abs(100 * c.difference):.1f} points ({p_value(c.p)})."


def limits(inputs: ReportInputs) -> list[str]:
    """What the figures of this run do not show, as far as the rows tell."""
    arms = arm_results(inputs)
    out = [
        "One run with one seed: intervals are over test problems, not over trainings. Another "
        "seed may give another result.",
        f"p-values are two-sided and not corrected for making several comparisons; {SIGNIFICANT} "
        "is the bar used here.",
        *_mode_limits(inputs),
    ]
    if arms and min(r.pass1.total for r in arms) < SMALL_TEST:
        out.append(
            f"Only {min(r.pass1.total for r in arms)} test problems: small differences cannot be "
            "seen."
        )
    out += _verdict_limits(arms)
    if inputs.scores and not within_problem_gaps(inputs.scores):
        out.append(
            "No problem has both right and wrong rationales, so LbT cannot be compared within a "
            "problem."
        )
    if any(p.lucky is not None for p in inputs.problems):
        out.append(
            "The corpus is generated and holds misconceptions on purpose: what is shown is how "
            "the method works, "
            "not how large its gain is on problems that people wrote."
        )
    return out


def _mode_limits(inputs: ReportInputs) -> list[str]:
    """Which mode made the rows, and how many a busy machine's clock decided."""
    rows = [*inputs.rationales, *(r for arm in inputs.evaluations.values() for r in arm)]
    late = sum(row.method == TIME_LIMIT for row in rows)
    out = []
    if inputs.config.get("reproducible"):
        out.append(
            "Made in reproducible mode: the same seed on the same kind of machine gives the same "
            "rows and weights."
        )
    elif "reproducible" in inputs.config:
        out.append(
            "Made in fast mode: sampled texts depend on how requests met in batches, and the same "
            "seed gives other rows another time."
        )
    if late:
        out.append(
            f"Grading of {late} of {len(rows)} rationales and test answers reached its time "
            "limit: undecided, and on a machine less busy they may be decided (lbt regrade)."
        )
    return out


def _verdict_limits(arms: list[ArmResult]) -> list[str]:
    out = []
    for r in arms:
        unsure = r.verdicts.get("undecided", 0) + r.verdicts.get("unparsable", 0)
        if unsure:
            out.append(
                f"{r.label}: {unsure} of {r.pass1.total} test answers are undecided or unparsable "
                "and count as wrong."
            )
        cut = r.stopped.total - r.stopped.successes
        if cut:
            out.append(
                f"{r.label}: {cut} of {r.stopped.total} test answers did not end by themselves "
                "(cut off or failed)."
            )
    return out
