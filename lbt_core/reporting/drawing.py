"""How figures look and how they get into a page: one style, colours that colour-blind readers can
tell apart, SVG and PNG.

Figures are drawn with placeholder colours for ink and grid; in an SVG these (and the blue, too dark
for a dark page) become the page's own, so that one figure serves light and dark pages.
"""

import io
import re
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, ParamSpec
from xml.etree import ElementTree  # matplotlib's own drawings  # nosec B405
from xml.sax.saxutils import escape  # it writes  # nosec B406

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from lbt_core.reporting.plain import visible

Arguments = ParamSpec("Arguments")

INK = "#1c2127"
GRID = "#d3d8de"
# Okabe and Ito's palette
BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY = (
    "#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9",
)  # fmt: skip
GREY = "#8a929b"
SERIES = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY)
MARKERS = ("o", "s", "D", "^", "v", "P")
WIDTH_INCHES = 5.2

STYLE: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": INK,
    "text.parse_math": False,  # labels are data, and a stray dollar sign in one must not be typeset
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "axes.titlesize": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.6,
    "xtick.color": INK,
    "ytick.color": INK,
    "legend.frameon": False,
    "legend.fontsize": 9,
    "svg.fonttype": "none",
    "figure.dpi": 150,
}


def new_figure(height: float) -> tuple[Figure, Axes]:
    """An empty figure of the common width and a height in inches, with one pair of axes."""
    with rc_context(STYLE):
        figure = Figure(figsize=(WIDTH_INCHES, height), layout="constrained")
        return figure, figure.add_subplot()


def styled(draw: Callable[Arguments, Figure | None]) -> Callable[Arguments, Figure | None]:
    """Draw a figure in the common style, whatever the caller's settings are."""

    @wraps(draw)
    def wrapper(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Figure | None:
        with rc_context(STYLE):
            return draw(*args, **kwargs)

    return wrapper


@contextmanager
def _any_script() -> Iterator[None]:
    """Labels may be in a script that the drawing font lacks: a PNG shows boxes, a browser finds a
    font.
    """
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        yield


def png(figure: Figure) -> bytes:
    """A figure as PNG on white."""
    buffer = io.BytesIO()
    with rc_context(STYLE), _any_script():
        figure.savefig(buffer, format="png", facecolor="white")
    return buffer.getvalue()


def svg(figure: Figure, name: str, description: str) -> str:
    """A figure as an ``<svg>`` element to stand inside a page, with ``description`` as its
    alternative text.

    ``name`` (letters, digits, hyphens) makes the element's ids unique in the page.
    """
    buffer = io.StringIO()
    with rc_context({**STYLE, "svg.hashsalt": name}), _any_script():
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    text = re.sub(r"<!DOCTYPE[^>]*>", "", buffer.getvalue())
    ElementTree.register_namespace("", "http://www.w3.org/2000/svg")
    ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")
    root = ElementTree.fromstring(text)  # nosec B314
    for metadata in root.findall("{http://www.w3.org/2000/svg}metadata"):
        root.remove(metadata)
    for size in ("width", "height"):
        root.attrib.pop(size, None)
    root.set("role", "img")
    root.set("aria-labelledby", f"{name}-alt")
    text = ElementTree.tostring(root, encoding="unicode")
    text = re.sub(r'\bid="([^"]+)"', rf'id="{name}-\1"', text)
    text = re.sub(r"url\(#([^)]+)\)", rf"url(#{name}-\1)", text)
    text = re.sub(r'href="#([^"]+)"', rf'href="#{name}-\1"', text)
    for colour, in_page in ((INK, "currentColor"), (GRID, "var(--grid)"), (BLUE, "var(--blue)")):
        text = text.replace(colour, in_page)
    start = text.index(">") + 1
    title = f'<title id="{name}-alt">{escape(visible(description))}</title>'
    return f"{text[:start]}{title}{text[start:]}"
