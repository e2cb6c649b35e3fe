"""The ablation's figures: means, differences and their intervals, as tables and as JSON."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ablation_cells import Cell, Setting
from rich.table import Table
from scipy.stats import spearmanr

from lbt_core.measurement.diagnostics import ScoreDiagnostics
from lbt_core.measurement.estimators import (
    Difference,
    difference_over_families,
    difference_over_seeds,
    mcnemar,
)

Trained = Mapping[tuple[str, str], Sequence[Mapping[str, Any]]]
Rows = list[list[float]]


def arms_summary(
    cells: Sequence[Cell],
    prepared: Sequence[Mapping[str, Any]],
    trained: Trained,
    settings: Mapping[str, Setting],
) -> dict[str, Any]:
    """Every arm's Pass@1 on the test problems, over bases, seeds and problems.

    Rows of a table are (base, seed), columns test problems, which all bases share. The p value is
    the largest of McNemar's over the rows.
    """
    names = list(settings)
    base = [list(map(float, p["base"]["test"])) for p in prepared]
    rows = {
        name: [_row(record) for cell in cells for record in trained[cell.folder, name]]
        for name in names
    }
    repeated = _repeated(cells, base, trained, names[0])
    families = prepared[0]["families"]
    arms = {"base": _interval(difference_over_seeds(base))}
    for name, table in rows.items():
        records = [r for cell in cells for r in trained[cell.folder, name]]
        arms[name] = _interval(difference_over_seeds(table)) | {
            "setting": settings[name].name,
            "pairs": records[0]["pairs"],
            "failed": sum(r["failed"] is not None for r in records),
            "stopped": sum(r["stopped"] is not None for r in records),
            "minus_base": _interval(difference_over_seeds(_minus(table, repeated))),
        }
    combined, correctness = rows["combined"], rows["correctness"]
    tests = [
        mcnemar([v > 0 for v in b], [v > 0 for v in c])
        for b, c in zip(repeated, combined, strict=True)
    ]
    mean = arms["base"]["mean"]
    return {
        "mode": "ablation",
        "problems": len(families),
        "families": len(set(families)),
        "bases": [cell.base for cell in cells],
        "arms": arms,
        "relative_gain": (arms["combined"]["mean"] - mean) / mean if mean else None,
        "combined_vs_base_p": max(test.p for test in tests),
        "combined_vs_correctness": _versus(combined, correctness, families),
        "combined_vs_fair": _versus(combined, rows["fair"], families),
        "combined_vs_random": _versus(combined, rows["random"], families),
        "within_problem_lbt": [_within(p) for p in prepared],
        "fidelity": [p["fidelity"]["share"] for p in prepared],
    }


def map_summary(
    cells: Sequence[Cell], prepared: Sequence[Mapping[str, Any]], trained: Trained
) -> dict[str, Any]:
    """Combined minus correctness, and minus the fair control: for each cell; with the rows of all
    bases put together, where there are several; and what would have foretold it.
    """
    found = []
    for cell, record in zip(cells, prepared, strict=True):
        rows = _map_rows([cell], trained)
        base = [list(map(float, record["base"]["test"]))]
        found.append(
            {
                "base": cell.base,
                "lucky_taught": cell.lucky_train,
                "lucky_asked": cell.lucky_exam,
                "attention": cell.attention,
                "fidelity": record["fidelity"],
                "diversity": record["diversity"],
                "within_problem_lbt": _within(record),
                "low_right": record["scores"]["low_right"],
                "right_spread": record["scores"]["right_spread"],
                "grade_minus_lbt": ScoreDiagnostics(**record["scores"]).grade_minus_lbt,
                "pass_1": {"base": difference_over_seeds(base).value}
                | {name: difference_over_seeds(table).value for name, table in rows.items()},
                "pairs": trained[cell.folder, "combined"][0]["pairs"],
            }
            | _against_controls(rows, record["families"])
        )
    return {
        "mode": "map",
        "cells": found,
        "over_bases": _over_bases(cells, prepared, trained),
        "foretold": _foretold(found),
    }


def _over_bases(
    cells: Sequence[Cell], prepared: Sequence[Mapping[str, Any]], trained: Trained
) -> list[dict[str, Any]]:
    """One entry for each combination of shares and attention that several bases have."""
    groups: dict[tuple[float, ...], list[int]] = defaultdict(list)
    for i, cell in enumerate(cells):
        groups[cell.lucky_train, cell.lucky_exam, cell.attention].append(i)
    found = []
    for (taught, asked, attention), members in groups.items():
        if len(members) < 2:
            continue
        rows = _map_rows([cells[i] for i in members], trained)
        found.append(
            {
                "bases": len(members),
                "lucky_taught": taught,
                "lucky_asked": asked,
                "attention": attention,
            }
            | _against_controls(rows, prepared[members[0]]["families"])
        )
    return found


def _map_rows(cells: Sequence[Cell], trained: Trained) -> dict[str, Rows]:
    """The map's arms as tables: a row for each cell and seed."""
    return {
        name: [_row(r) for cell in cells for r in trained[cell.folder, name]]
        for name in ("combined", "correctness", "fair")
    }


def _against_controls(rows: Mapping[str, Rows], families: Sequence[str]) -> dict[str, Any]:
    """Combined minus correctness, and minus the fair control."""
    return {
        f"combined_vs_{rival}": _versus(rows["combined"], rows[rival], families)
        for rival in ("correctness", "fair")
    }


FORETELLING: Mapping[str, Callable[[Mapping[str, Any]], float | None]] = {
    "within-problem LbT gap": lambda cell: cell["within_problem_lbt"]["gap"],
    "right rationales with low LbT": lambda cell: cell["low_right"],
    "spread among right rationales": lambda cell: cell["right_spread"],
    "right when teaching minus right in exams": lambda cell: cell["grade_minus_lbt"],
    "the same, times student fidelity": lambda cell: (
        None
        if cell["fidelity"]["share"] is None
        else cell["grade_minus_lbt"] * cell["fidelity"]["share"]
    ),
    "student fidelity": lambda cell: cell["fidelity"]["share"],
    "lucky taught minus lucky asked": lambda cell: cell["lucky_taught"] - cell["lucky_asked"],
    "exam diversity": lambda cell: (cell["diversity"] or {}).get("within"),
}


def _foretold(cells: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, Any]]:
    """Spearman's rank correlation, over the cells, of what is known before training with combined
    minus correctness and with combined minus fair. Cells share rationales and bases: no p value.
    """
    found: dict[str, dict[str, Any]] = {}
    for name, read in FORETELLING.items():
        known = [(v, cell) for cell in cells if (v := read(cell)) is not None]
        if len({v for v, _ in known}) < 2 or len(known) < 4:
            continue
        found[name] = {"cells": len(known)} | {
            rival: float(
                spearmanr(
                    [v for v, _ in known],
                    [cell[f"combined_vs_{rival}"]["difference"] for _, cell in known],
                ).statistic
            )
            for rival in ("correctness", "fair")
        }
    return found


def arms_table(summary: Mapping[str, Any]) -> tuple[Table, str]:
    """The arms as a table for the terminal, and as Markdown."""
    header = ("arm", "Pass@1", "95 % interval", "minus base, points", "setting", "pairs")
    lines = []
    for name, arm in summary["arms"].items():
        interval = f"{arm['low']:.1%} to {arm['high']:.1%}"
        gain = _points(arm["minus_base"]) if "minus_base" in arm else ""
        lines.append(
            (
                name,
                f"{arm['mean']:.1%}",
                interval,
                gain,
                arm.get("setting", ""),
                str(arm.get("pairs", "")),
            )
        )
    for other in ("correctness", "fair", "random"):
        d = summary[f"combined_vs_{other}"]
        note = f"over families too: {_points(d['over_families'])}"
        lines.append((f"combined minus {other}", "", "", _points(d), note, ""))
    return _tables(header, lines)


def map_table(summary: Mapping[str, Any]) -> tuple[Table, str]:
    """The cells as a table for the terminal, and as Markdown."""
    header = (
        "base", "lucky taught", "lucky asked", "heeds", "fidelity", "within-problem gap",
        "grade minus LbT",
        "base Pass@1", "correctness", "fair", "combined", "minus correctness",
        "over families too", "minus fair",
    )  # fmt: skip
    lines = []
    for cell in summary["cells"]:
        share, gap, pass_1 = cell["fidelity"]["share"], cell["within_problem_lbt"], cell["pass_1"]
        lines.append(
            (
                cell["base"].rstrip("/").rsplit("/", 1)[-1],
                f"{cell['lucky_taught']:.0%}",
                f"{cell['lucky_asked']:.0%}",
                f"{cell['attention']:.0%}",
                "" if share is None else f"{share:.2f}",
                "" if gap["gap"] is None else f"{gap['gap']:.2f}",
                f"{cell['grade_minus_lbt']:+.2f}",
                *(f"{pass_1[n]:.1%}" for n in ("base", "correctness", "fair", "combined")),
                _points(cell["combined_vs_correctness"]),
                _points(cell["combined_vs_correctness"]["over_families"]),
                _points(cell["combined_vs_fair"]),
            )
        )
    for group in summary["over_bases"]:
        d = group["combined_vs_correctness"]
        lines.append(
            (
                f"all {group['bases']}",
                f"{group['lucky_taught']:.0%}",
                f"{group['lucky_asked']:.0%}",
                f"{group['attention']:.0%}",
                *[""] * 7,
                _points(d),
                _points(d["over_families"]),
                _points(group["combined_vs_fair"]),
            )
        )
    return _tables(header, lines)


def foretold_table(summary: Mapping[str, Any]) -> tuple[Table, str]:
    """What is known before training against what training then gave, for the terminal and as
    Markdown.
    """
    header = ("known before training", "cells", "with minus correctness", "with minus fair")
    lines = [
        (name, str(rho["cells"]), f"{rho['correctness']:+.2f}", f"{rho['fair']:+.2f}")
        for name, rho in summary["foretold"].items()
    ]
    return _tables(header, lines)


def _tables(header: Sequence[str], lines: Sequence[Sequence[str]]) -> tuple[Table, str]:
    table = Table(*header)
    for line in lines:
        table.add_row(*line)
    rows = [header, ["---"] * len(header), *lines]
    return table, "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _row(record: Mapping[str, Any]) -> list[float]:
    return [float(correct) for correct in record["correct"]]


def _repeated(cells: Sequence[Cell], base: Rows, trained: Trained, arm: str) -> Rows:
    """The base's row of each (base, seed)."""
    counts = [len(trained[cell.folder, arm]) for cell in cells]
    return [row for row, count in zip(base, counts, strict=True) for _ in range(count)]


def _minus(first: Rows, second: Rows) -> Rows:
    return [
        [a - b for a, b in zip(one, two, strict=True)]
        for one, two in zip(first, second, strict=True)
    ]


def _versus(first: Rows, second: Rows, families: Sequence[str]) -> dict[str, Any]:
    """First minus second, as a share: over problems and seeds, and over families as well."""
    table = _minus(first, second)
    d, wide = difference_over_seeds(table), difference_over_families(table, families)
    return {
        "difference": d.value,
        "low": d.low,
        "high": d.high,
        "over_families": {"difference": wide.value, "low": wide.low, "high": wide.high},
    }


def _interval(d: Difference) -> dict[str, Any]:
    return {"mean": d.value, "low": d.low, "high": d.high}


def _within(record: Mapping[str, Any]) -> dict[str, Any]:
    scores = record["scores"]
    return {
        "gap": scores["within_gap"],
        "low": scores["within_low"],
        "high": scores["within_high"],
        "right": scores["lbt_right"],
        "wrong": scores["lbt_wrong"],
    }


def _points(d: Mapping[str, Any]) -> str:
    value = d["difference"] if "difference" in d else d["mean"]
    return f"{100 * value:+.1f} [{100 * d['low']:+.1f}, {100 * d['high']:+.1f}]"
