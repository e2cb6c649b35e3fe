"""The figures of a report: each function takes rows or summaries and returns a matplotlib figure,
or None for no data.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from lbt_core.measurement.estimators import Proportion
from lbt_core.reporting.drawing import (
    BLUE,
    GREY,
    INK,
    MARKERS,
    ORANGE,
    SERIES,
    SKY,
    VERMILLION,
    new_figure,
    styled,
)
from lbt_core.reporting.inputs import StageTiming
from lbt_core.reporting.plain import visible
from lbt_core.reporting.summary import ArmResult, split_sizes
from lbt_core.store.rows import Preference, Problem, Score

MAX_GROUPS = 24
VERDICT_COLOURS = {
    "correct": BLUE,
    "incorrect": VERMILLION,
    "undecided": ORANGE,
    "unparsable": GREY,
}
SPLIT_COLOURS = {"train": BLUE, "exam": SKY, "validation": ORANGE, "test": VERMILLION}


def short(text: str, limit: int = 30) -> str:
    """A label that fits, with nothing in it that a font or an SVG cannot hold."""
    text = visible(" ".join(text.split()))
    return text if len(text) <= limit else text[: limit - 1] + "…"


@styled
def pass1_by_arm(arms: Sequence[ArmResult]) -> Figure | None:
    """Pass@1 of each model with its 95 % Wilson interval."""
    if not arms:
        return None
    figure, axes = new_figure(1.0 + 0.42 * len(arms))
    for i, arm in enumerate(arms):
        _interval(axes, arm.pass1, -i, i)
    axes.set_yticks([-i for i in range(len(arms))], [short(arm.label) for arm in arms])
    axes.set_ylim(-len(arms) + 0.4, 0.6)
    _percent_axis(axes, "Pass@1 on held-out problems (%)")
    return figure


@styled
def pass1_by_group(
    groups: Sequence[tuple[str, Mapping[str, Proportion]]], labels: Mapping[str, str]
) -> Figure | None:
    """Pass@1 of each arm in each group (topic, luck), with 95 % Wilson intervals; the largest
    groups only.
    """
    if not groups:
        return None
    shown = groups[:MAX_GROUPS]
    arms = list(labels)
    step = 0.8 / max(len(arms), 1)
    figure, axes = new_figure(1.2 + len(shown) * (0.16 + 0.13 * len(arms)))
    for i, (_, results) in enumerate(shown):
        for j, arm in enumerate(arms):
            if arm in results:
                label = labels[arm] if i == 0 else None
                _interval(axes, results[arm], -i + 0.4 - step * (j + 0.5), j, label)
    names = [f"{short(g)} (n={max(p.total for p in r.values())})" for g, r in shown]
    axes.set_yticks([-i for i in range(len(shown))], names)
    axes.set_ylim(-len(shown) + 0.45, 0.55)
    _percent_axis(axes, "Pass@1 (%)")
    _legend_below(figure, axes)
    return figure


def _interval(axes: Axes, p: Proportion, y: float, series: int, label: str | None = None) -> None:
    style = series % len(SERIES)
    axes.errorbar(
        100 * p.rate,
        y,
        xerr=[[100 * max(p.rate - p.low, 0)], [100 * max(p.high - p.rate, 0)]],
        fmt=MARKERS[style],
        color=SERIES[style],
        markersize=5,
        capsize=2.5,
        linewidth=1.6,
        label=label,
    )


def _percent_axis(axes: Axes, label: str) -> None:
    axes.set_xlim(0, 100)
    axes.set_xlabel(label)
    axes.grid(False, axis="y")


def _legend_below(figure: Figure, axes: Axes, columns: int = 2) -> None:
    handles, labels = axes.get_legend_handles_labels()
    if handles:
        figure.legend(handles, labels, loc="outside lower center", ncols=columns)


@styled
def lbt_by_correctness(scores: Sequence[Score]) -> Figure | None:
    """Distribution of the LbT score among right and among wrong rationales."""
    if not scores:
        return None
    figure, axes = new_figure(2.9)
    edges = np.linspace(0, 1, 11)
    kinds = (("right", True, BLUE, "o"), ("wrong", False, VERMILLION, "s"))
    for k, (name, correct, colour, _) in enumerate(kinds):
        values = [s.lbt for s in scores if s.correct == correct]
        if not values:
            continue
        share = 100 * np.histogram(values, edges)[0] / len(values)
        axes.bar(
            edges[:-1] + 0.03 + 0.04 * k,
            share,
            width=0.04,
            color=colour,
            label=f"{name} rationales (n={len(values):,})",
            hatch="" if correct else "///",
            edgecolor=INK,
            linewidth=0.4,
        )
    axes.set_xlim(0, 1)
    axes.set_xlabel("LbT score (student's exam accuracy, bins of 0.1)")
    axes.set_ylabel("share of rationales (%)")
    _legend_below(figure, axes)
    return figure


@styled
def within_problem_gap(gaps: Sequence[float]) -> Figure | None:
    """Distribution over problems of mean LbT of right minus of wrong rationales."""
    if not gaps:
        return None
    figure, axes = new_figure(2.6)
    axes.hist(gaps, bins=np.linspace(-1, 1, 21).tolist(), color=BLUE)
    axes.axvline(0, color=INK, linewidth=1)
    mean = float(np.mean(gaps))
    axes.axvline(mean, color=VERMILLION, linewidth=2, linestyle="--", label=f"mean {mean:+.2f}")
    axes.set_xlim(-1, 1)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("LbT of right minus of wrong rationales, same problem")
    axes.set_ylabel("problems")
    _legend_below(figure, axes)
    return figure


@styled
def pair_gaps(preferences: Sequence[Preference], tuned_rule: str) -> Figure | None:
    """Distribution of the pairs' score gaps, one line a rule, in the colours of the models they
    train.
    """
    if not preferences:
        return None
    figure, axes = new_figure(2.8)
    rules = sorted({p.arm for p in preferences}, key=lambda rule: (rule != tuned_rule, rule))
    low = min(0.0, min(p.gap for p in preferences))
    edges = np.linspace(low, 1, 1 + round(20 * (1 - low)))
    for i, rule in enumerate(rules):
        values = [p.gap for p in preferences if p.arm == rule]
        share = 100 * np.histogram(values, edges)[0] / len(values)
        style = ("-", "--", ":", "-.")[i % 4]
        colour = SERIES[(i + 1) % len(SERIES)]  # the first is the base's
        axes.stairs(
            share, edges, color=colour, linewidth=2, linestyle=style,
            label=f"{short(rule)} (n={len(values):,})",
        )  # fmt: skip
    axes.set_xlabel("score gap, chosen minus rejected")
    axes.set_ylabel("share of pairs (%)")
    axes.set_ylim(bottom=0)
    _legend_below(figure, axes)
    return figure


@styled
def training_curve(
    history: Mapping[str, Sequence[Mapping[str, Any]]],
    keys: Mapping[str, str],
    y_label: str,
    labels: Mapping[str, str],
) -> Figure | None:
    """One logged quantity over training steps, one line an arm; ``keys`` maps a history key to its
    line style.

    ``labels`` names every arm of the run; an arm's place there is its colour, as in the other
    figures.
    """
    figure, axes = new_figure(2.8)
    drawn = False
    for arm, rows in history.items():
        i = list(labels).index(arm)
        for nth, (key, style) in enumerate(keys.items()):
            points = [(r["step"], r[key]) for r in rows if r.get(key) is not None and "step" in r]
            if not points:
                continue
            x, y = zip(*points, strict=True)
            axes.plot(
                x, y, color=SERIES[i % len(SERIES)], linestyle=style,
                label=None if nth else short(labels[arm]),
                marker=MARKERS[i % len(MARKERS)] if len(points) < 25 else None, markersize=4,
            )  # fmt: skip
            drawn = True
    if not drawn:
        return None
    axes.set_xlabel("optimizer step")
    axes.set_ylabel(y_label)
    if y_label.startswith("share"):
        axes.set_ylim(0, 1.04)
    _legend_below(figure, axes)
    return figure


@styled
def verdicts(table: Sequence[tuple[str, Mapping[str, int]]]) -> Figure | None:
    """Share of each grading verdict in everything that was graded."""
    table = [(name, counts) for name, counts in table if sum(counts.values())]
    if not table:
        return None
    figure, axes = new_figure(1.3 + 0.36 * len(table))
    names = list(dict.fromkeys(v for _, counts in table for v in counts))
    left = np.zeros(len(table))
    for verdict in names:
        share = np.array(
            [100 * counts.get(verdict, 0) / sum(counts.values()) for _, counts in table]
        )
        axes.barh(
            range(len(table)), share, left=left, height=0.65,
            color=VERDICT_COLOURS.get(verdict, SKY), label=short(verdict),
        )  # fmt: skip
        left += share
    axes.set_yticks(range(len(table)), [short(name, 38) for name, _ in table])
    axes.invert_yaxis()
    _percent_axis(axes, "share of answers (%)")
    _legend_below(figure, axes)
    return figure


@styled
def problem_counts(problems: Sequence[Problem], field: str, x_label: str) -> Figure | None:
    """Problems by topic, family or kind, stacked by split; the most frequent only."""
    if not problems:
        return None
    totals = Counter(getattr(p, field) or "(none)" for p in problems)
    names = [n for n, _ in sorted(totals.items(), key=lambda t: (-t[1], t[0]))][:MAX_GROUPS]
    counts = Counter((getattr(p, field) or "(none)", p.split) for p in problems)
    figure, axes = new_figure(1.3 + 0.24 * len(names))
    left = np.zeros(len(names))
    for split in split_sizes(problems):
        values = np.array([counts[name, split] for name in names])
        colour = SPLIT_COLOURS.get(split, GREY)
        axes.barh(range(len(names)), values, left=left, color=colour, label=short(split))
        left += values
    axes.set_yticks(range(len(names)), [short(name) for name in names])
    axes.invert_yaxis()
    axes.grid(False, axis="y")
    axes.set_xlabel(x_label)
    _legend_below(figure, axes, columns=4)
    return figure


@styled
def histogram(values: Sequence[float], x_label: str, y_label: str, bins: int = 24) -> Figure | None:
    """A plain histogram; the range ends at the 99.5th percentile where a few values lie far beyond
    it.
    """
    if not values:
        return None
    figure, axes = new_figure(2.5)
    data = np.asarray(values, dtype=float)
    top = float(np.quantile(data, 0.995))
    cut = int((data > 2 * top).sum()) if top > 0 else 0
    axes.hist(data[data <= 2 * top] if cut else data, bins=bins, color=BLUE)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel(x_label + (f"; {cut} further right not shown" if cut else ""))
    axes.set_ylabel(y_label)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


@styled
def shares(values: Iterable[float], x_label: str, y_label: str) -> Figure | None:
    """Distribution of shares in [0, 1], in ten bins."""
    data = list(values)
    if not data:
        return None
    figure, axes = new_figure(2.5)
    axes.hist(np.asarray(data) * 100, bins=np.linspace(0, 100, 11).tolist(), color=BLUE, rwidth=0.9)
    axes.set_xlim(0, 100)
    axes.set_xlabel(x_label)
    axes.set_ylabel(y_label)
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))
    return figure


@styled
def stage_seconds(timings: Mapping[str, StageTiming]) -> Figure | None:
    """Wall-clock time of each stage."""
    if not timings:
        return None
    figure, axes = new_figure(0.9 + 0.3 * len(timings))
    seconds = [timing.seconds for timing in timings.values()]
    bars = axes.barh(range(len(timings)), seconds, color=BLUE, height=0.65)
    axes.bar_label(bars, [f"{s:,.0f}" if s >= 10 else f"{s:.1f}" for s in seconds], padding=3)
    axes.set_yticks(range(len(timings)), [short(name) for name in timings])
    axes.invert_yaxis()
    axes.margins(x=0.15)
    axes.grid(False, axis="y")
    axes.set_xlabel("wall-clock time (s)")
    return figure
