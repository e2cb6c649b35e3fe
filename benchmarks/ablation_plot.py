"""The ablation's map as a picture: one panel a base, one square a cell, blue where the combined
score wins over correctness, orange where it loses."""

from collections.abc import Mapping, Sequence
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
    bases = list(dict.fromkeys((cell["base"], cell["attention"]) for cell in cells))
    taught = sorted({cell["lucky_taught"] for cell in cells})
    asked = sorted({cell["lucky_asked"] for cell in cells})
    largest = max(abs(cell[f"combined_vs_{rival}"]["difference"]) for cell in cells) or 1.0
    with rc_context(STYLE | {"axes.grid": False}):
        figure = Figure(figsize=(_PANEL_INCHES * len(bases), _PANEL_INCHES), layout="constrained")
        panels = figure.subplots(1, len(bases), sharey=True, squeeze=False)[0]
        for (base, attention), axes in zip(bases, panels, strict=True):
            own = [c for c in cells if (c["base"], c["attention"]) == (base, attention)]
            _panel(axes, own, taught, asked, largest, rival)
            heeds = "" if attention == 1 else f", heeds {attention:.0%}"
            axes.set_title(f"{Path(base).name}{heeds}, {_fidelity(own)}")
            axes.set_xlabel("lucky teaching problems")
        panels[0].set_ylabel("lucky exam problems")
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
