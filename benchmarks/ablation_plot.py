"""The ablation's map as a picture: a column of panels for each base, a row for how much the student
heeds, one square a cell, blue where the combined score wins over correctness, orange where it
loses.
"""

from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure

from lbt_core.reporting.drawing import BLUE, INK, STYLE, VERMILLION, png

_COLOURS = LinearSegmentedColormap.from_list("map", [VERMILLION, "white", BLUE])
_PANEL_INCHES = 3.4


def draw_map(cells: Sequence[Mapping[str, Any]], rival: str = "correctness") -> Figure:
    """Combined minus ``rival`` in points of Pass@1, with its interval over problems and seeds; an
    interval that holds zero is in grey letters.
    """
    bases = list(dict.fromkeys(cell["base"] for cell in cells))
    heeding = sorted({cell["attention"] for cell in cells}, reverse=True)
    taught = sorted({cell["lucky_taught"] for cell in cells})
    asked = sorted({cell["lucky_asked"] for cell in cells})
    largest = max(abs(cell[f"combined_vs_{rival}"]["difference"]) for cell in cells) or 1.0
    with rc_context(STYLE | {"axes.grid": False}):
        size = (_PANEL_INCHES * len(bases), _PANEL_INCHES * len(heeding))
        figure = Figure(figsize=size, layout="constrained")
        figure.suptitle(f"combined minus {rival}, points of Pass@1")
        panels = figure.subplots(len(heeding), len(bases), sharex=True, sharey=True, squeeze=False)
        for (row, attention), (column, base) in product(enumerate(heeding), enumerate(bases)):
            axes = panels[row][column]
            own = [c for c in cells if (c["base"], c["attention"]) == (base, attention)]
            _panel(axes, own, taught, asked, largest, rival)
            heeds = "" if attention == 1 else f"heeds {attention:.0%}, "
            axes.set_title(f"{Path(base).name}\n{heeds}{_fidelity(own)}")
            if row == len(heeding) - 1:
                axes.set_xlabel("lucky teaching problems")
            if column == 0:
                axes.set_ylabel("lucky exam problems")
    return figure


def _panel(
    axes: Axes,
    cells: Sequence[Mapping[str, Any]],
    taught: Sequence[float],
    asked: Sequence[float],
    largest: float,
    rival: str,
) -> None:
    grid = [[float("nan")] * len(taught) for _ in asked]
    for cell in cells:
        d = cell[f"combined_vs_{rival}"]
        x, y = taught.index(cell["lucky_taught"]), asked.index(cell["lucky_asked"])
        grid[y][x] = d["difference"]
        text = f"{100 * d['difference']:+.0f}\n[{100 * d['low']:+.0f}, {100 * d['high']:+.0f}]"
        sure = d["low"] > 0 or d["high"] < 0
        axes.text(x, y, text, ha="center", va="center", color=INK if sure else "#6b737c")
    axes.imshow(grid, cmap=_COLOURS, vmin=-largest, vmax=largest, origin="lower", alpha=0.6)
    axes.set_xticks(range(len(taught)), [f"{share:.0%}" for share in taught])
    axes.set_yticks(range(len(asked)), [f"{share:.0%}" for share in asked])


def _fidelity(cells: Sequence[Mapping[str, Any]]) -> str:
    shares = [s for cell in cells if (s := cell["fidelity"]["share"]) is not None]
    if not shares:
        return "fidelity undefined"
    low, high = f"{min(shares):.2f}", f"{max(shares):.2f}"
    return f"fidelity {low}" if low == high else f"fidelity {low} to {high}"


def write_map(cells: Sequence[Mapping[str, Any]], file: Path) -> None:
    """The picture as an SVG or PNG file, by the file's ending."""
    figure = draw_map(cells)
    if file.suffix == ".png":
        file.write_bytes(png(figure))
        return
    with rc_context({**STYLE, "svg.hashsalt": "map"}):
        figure.savefig(file, format="svg", facecolor="white", metadata={"Date": None})
