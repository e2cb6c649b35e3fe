"""Which figures a report has, with the title and the alternative text of each."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from matplotlib.figure import Figure

from lbt_core.measurement.diagnostics import score_diagnostics
from lbt_core.reporting import plots
from lbt_core.reporting.drawing import png
from lbt_core.reporting.inputs import BASE, ReportInputs, arm_label, ordered_arms
from lbt_core.reporting.summary import (
    arm_results,
    by_luck,
    by_topic,
    pair_summaries,
    right_per_problem,
    split_sizes,
    verdict_table,
    within_problem_gaps,
)
from lbt_core.reporting.wording import number, percent, with_interval

CURVES = (
    ("loss", {"loss": "-"}, "DPO loss (nats)", "Training loss"),
    (
        "reward-accuracy",
        {"rewards/accuracies": "-"},
        "share of pairs",
        "Reward accuracy: pairs whose chosen text is ranked first",
    ),
    ("reward-margin", {"rewards/margins": "-"}, "reward margin (nats)", "Reward margin"),
    (
        "logps",
        {"logps/chosen": "-", "logps/rejected": "--"},
        "log-probability (nats)",
        "Log-probability of chosen (solid) and rejected (dashed) texts",
    ),
    ("kl", {"kl": "-"}, "KL (nats per token)", "Distance from the base model (KL divergence)"),
    (
        "format-rate",
        {"format_rate": "-"},
        "share of answers",
        "Format rate: validation answers in the asked format",
    ),
    (
        "validation-pass",
        {"validation_pass1": "-"},
        "share of answers",
        "Pass@1 on the watched validation problems",
    ),
)


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawn figure: its name (letters and hyphens), the section it belongs to, its title, and
    what it shows in words.
    """

    name: str
    section: str
    title: str
    alt: str
    figure: Figure


def gallery(inputs: ReportInputs) -> list[Picture]:
    """Every figure that the run has data for, in page order."""
    drawn = (*_results(inputs), *_scores(inputs), *_training(inputs), *_corpus(inputs))
    return [
        Picture(name, section, title, alt, figure)
        for name, section, title, alt, figure in drawn
        if figure is not None
    ]


def save_pngs(inputs: ReportInputs, folder: Path) -> dict[str, Path]:
    """Write every figure as ``<name>.png`` into a folder (made if absent); name to path."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = {}
    for picture in gallery(inputs):
        paths[picture.name] = folder / f"{picture.name}.png"
        paths[picture.name].write_bytes(png(picture.figure))
    return paths


Drawn = Iterator[tuple[str, str, str, str, Figure | None]]


def _results(inputs: ReportInputs) -> Drawn:
    arms = arm_results(inputs)
    labels = {arm: arm_label(inputs, arm) for arm in ordered_arms(inputs.evaluations)}
    figures = "; ".join(f"{r.label} {with_interval(r.pass1)}" for r in arms)
    yield (
        "pass1", "headline", "Pass@1 by model",
        f"Points with 95 % intervals. {figures}.", plots.pass1_by_arm(arms),
    )  # fmt: skip
    topics = by_topic(inputs)
    yield (
        "pass1-topics", "results", "Pass@1 by topic",
        f"Pass@1 of each model in {len(topics)} topics, with 95 % intervals; the table holds the "
        "figures.",
        plots.pass1_by_group(topics, labels),
    )  # fmt: skip
    luck = by_luck(inputs)
    yield (
        "pass1-luck", "results", "Pass@1 where a misconception is right, and where not",
        "Pass@1 of each model on lucky and other problems, with 95 % intervals. "
        + " ".join(
            f"{group}: " + "; ".join(f"{labels[a]} {with_interval(p)}" for a, p in row.items())
            for group, row in luck
        ),
        plots.pass1_by_group(luck, labels),
    )  # fmt: skip
    table = verdict_table(inputs)
    yield (
        "verdicts", "grading", "Grading verdicts",
        f"Stacked bars: share of each verdict in {len(table)} sets of answers; the table holds "
        "the counts.",
        plots.verdicts(table),
    )  # fmt: skip


def _scores(inputs: ReportInputs) -> Drawn:
    found = score_diagnostics(inputs.scores)
    gaps = within_problem_gaps(inputs.scores)
    yield (
        "lbt", "scores", "LbT score of right and of wrong rationales",
        f"Histogram. Mean LbT of right rationales {number(found.lbt_right)}, of wrong ones "
        f"{number(found.lbt_wrong)}.",
        plots.lbt_by_correctness(inputs.scores),
    )  # fmt: skip
    yield (
        "lbt-gap", "scores", "The same within each problem",
        f"Histogram over {len(gaps)} problems with both right and wrong rationales; mean gap "
        f"{number(found.within_gap)}.",
        plots.within_problem_gap(gaps),
    )  # fmt: skip
    exam = [right / asked for right, asked in inputs.exams.by_problem.values() if asked]
    yield (
        "exam-accuracy", "scores", "How hard the exam problems were",
        f"Histogram of the students' accuracy on {len(exam)} exam problems: those near 0 or 100 % "
        "tell little apart.",
        plots.shares(exam, "students' accuracy on the exam problem (%)", "exam problems"),
    )  # fmt: skip
    pairs = pair_summaries(inputs.preferences)
    yield (
        "pair-gaps", "pairs", "Score gap of the preference pairs",
        "Distribution of gaps by rule. "
        + "; ".join(f"{p.rule}: {p.pairs} pairs, median gap "
                    f"{p.gap_median:.2f}" for p in pairs) + ".",
        plots.pair_gaps(inputs.preferences, inputs.tuned_arm),
    )  # fmt: skip


def _training(inputs: ReportInputs) -> Drawn:
    history = {arm: inputs.training_history[arm] for arm in ordered_arms(inputs.training_history)}
    everyone = ordered_arms({BASE, *inputs.evaluations, *history})
    labels = {arm: arm_label(inputs, arm) for arm in everyone}
    for name, keys, unit, title in CURVES:
        ends = [
            f"{labels[arm]}: {key.rsplit('/', 1)[-1]} from {values[0]:.3g} to {values[-1]:.3g}"
            for arm, rows in history.items()
            for key in keys
            if (values := [row[key] for row in rows if row.get(key) is not None])
        ]
        alt = f"Line over training steps. {'; '.join(ends)}."
        yield name, "training", title, alt, plots.training_curve(history, keys, unit, labels)


def _corpus(inputs: ReportInputs) -> Drawn:
    problems = inputs.problems
    sizes = ", ".join(f"{n} {split}" for split, n in split_sizes(problems).items())
    for field, title in (("topic", "Problems by topic"), ("kind", "Problems by kind of answer")):
        alt = f"Stacked bars by split ({sizes})."
        yield (
            f"corpus-{field}", "corpus", title, alt,
            plots.problem_counts(problems, field, "problems"),
        )  # fmt: skip
    for name, lengths in (
        ("question", [len(p.question) for p in problems]),
        ("answer", [len(p.answer) for p in problems]),
    ):
        yield (
            f"corpus-{name}-length", "corpus", f"Length of the {name}s",
            f"Histogram over {len(lengths)} problems, "
            f"from {min(lengths, default=0)} to {max(lengths, default=0)} characters.",
            plots.histogram(lengths, f"{name} length (characters)", "problems"),
        )  # fmt: skip
    tokens = [r.tokens for r in inputs.rationales]
    yield (
        "rationale-length", "corpus", "Length of the sampled rationales",
        f"Histogram over {len(tokens)} rationales, up to {max(tokens, default=0)} tokens.",
        plots.histogram(tokens, "rationale length (tokens)", "rationales"),
    )  # fmt: skip
    right = [k / n for k, n in right_per_problem(inputs.rationales).values()]
    none = percent(sum(share == 0 for share in right) / len(right)) if right else "–"
    yield (
        "right-share", "corpus", "How often the teacher is right on a problem",
        f"Histogram over {len(right)} problems of the share of right rationales; {none} of the "
        "problems have none.",
        plots.shares(right, "right rationales of the problem (%)", "problems"),
    )  # fmt: skip
    yield (
        "stages", "cost", "Time by stage",
        f"Bars of wall-clock seconds; {len(inputs.timings)} stages; the table holds the figures.",
        plots.stage_seconds(inputs.timings),
    )  # fmt: skip
