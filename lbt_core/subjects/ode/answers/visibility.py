"""Where a wrong term would be seen: the scales of a problem, terms too faint for doubles, branches.

A sum is known at the points where it is evaluated only as well as its largest term there. So the
sample points reach down to the scales of the rates and frequencies that occur, and a sum with a
term that stays faint at all of them is evaluated with as many digits as show it.
"""

# Tables read better as rows of words.
# ruff: noqa: SIM905

import math
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from lbt_core.subjects.ode.answers.arithmetic import DOUBLES, Array
from lbt_core.subjects.ode.answers.expr import Node, ParseError, sub, symbols, walk
from lbt_core.subjects.ode.answers.taylor import Evaluator, as_rational

FAINT = 1e-3  # of its sum: a term below this at every point is checked with more digits
_LADDER_LOW, _LADDER_HIGH = 0.3, 400.0  # rates between these are seen at the fixed points
_OSCILLATING = frozenset(
    "exp sin cos tan sinh cosh tanh sech csch erf erfc erfi atan "
    "besselj bessely besseli besselk".split()
)
_MANY_VALUED = frozenset(
    "sqrt cbrt ln asin acos atan acot asec acsc asinh acosh atanh acoth asech acsch LambertW abs "
    "sign Heaviside re im arg conjugate Ei Ci Chi li erfinv bessely besselk besselj besseli "
    "gamma".split()
)


def many_valued(nodes: Iterable[Node]) -> bool:
    """Whether roots, logarithms or the like occur, so that a right answer may hold on a part of
    the plane only.
    """
    for node in nodes:
        for n in walk(node):
            if n.op == "cases" or (
                n.op == "fn" and (n.val in _MANY_VALUED or n.val.startswith("log"))
            ):
                return True
            if n.op == "pow" and not (n.args[0].op == "const" and n.args[0].val == "e"):
                power = as_rational(n.args[1])
                if power is None or power.denominator != 1:
                    return True
    return False


def settled_by_digits(nodes: Iterable[Node]) -> bool:
    """Whether more digits give a more accurate value: not of quadratures and cut-off sums."""
    return not any(n.op in ("int", "sum") for node in nodes for n in walk(node))


def antiderivatives_only(nodes: Iterable[Node], variable: str) -> bool:
    """Whether every integral has ``variable`` in its limits alone, and no sum occurs: then slopes
    are exact (``Evaluator.by_limits``) and an error of a value is one of a constant.
    """
    for node in nodes:
        for n in walk(node):
            if n.op == "sum" or (n.op == "int" and not _plain_integrand(n.args[0], variable)):
                return False
    return True


def _plain_integrand(inner: Node, variable: str) -> bool:
    return variable not in symbols(inner) and not any(n.op == "int" for n in walk(inner))


def scales(nodes: Iterable[Node]) -> list[float]:
    """Lengths on which exponentials and oscillations change that the fixed points do not show."""
    rates: list[float] = []
    for node in nodes:
        for n in walk(node):
            argument = None
            if n.op == "fn" and n.val in _OSCILLATING and n.args:
                argument = n.args[-1]
            elif n.op == "pow" and symbols(n.args[1]):
                argument = n.args[1]
            if argument is not None:
                rates += _rates(argument)
    out = {round(math.log10(r), 1) for r in rates if not _LADDER_LOW <= r <= _LADDER_HIGH}
    return [10.0**-r for r in sorted(out, key=abs, reverse=True)[:3]]


def _rates(argument: Node) -> list[float]:
    """Sizes of the numeric factors of an argument: of each term of it, with all names at 1."""
    names = symbols(argument)
    if not names:
        return []
    terms = [argument]
    while any(t.op in ("add", "neg") for t in terms):
        terms = [a for t in terms for a in (t.args if t.op in ("add", "neg") else (t,))]
    found = []
    for term in terms:
        if not symbols(term):
            continue
        try:
            with np.errstate(all="ignore"):
                value = Evaluator(DOUBLES, 0, {n: [1.0 + 0j] for n in names}).value(term)
            size = float(abs(complex(np.ravel(value)[0])))
        except (ParseError, ArithmeticError, ValueError, TypeError):
            continue
        if math.isfinite(size) and 1e-30 < size < 1e30:
            found.append(size)
    return found


class Watch:
    """Notes, while an expression is evaluated, how faint the fainter side of each sum stays."""

    def __init__(self, columns: int):
        self.columns = columns
        self.best: dict[int, float] = {}

    def note(self, node: Node, left: Array, right: Array) -> None:
        """One sum with the values of its two sides at the sample points."""
        a, b = (np.abs(np.ravel(v)[: self.columns]) for v in (left, right))
        low, high = np.minimum(a, b), np.maximum(a, b)
        with np.errstate(all="ignore"):
            ratio = np.where((high > 0) & np.isfinite(high), low / high, 0.0)
        best = float(np.max(ratio, initial=0.0))
        if best == 0.0 and any(side.op == "num" and side.val == 0 for side in node.args):
            return
        self.best[id(node)] = max(self.best.get(id(node), 0.0), best)

    @property
    def faintest(self) -> float:
        """The share of the faintest term in its sum, at the point where it shows best."""
        return min(self.best.values(), default=1.0)


def digits_for(faintest: float) -> int:
    """Digits that show a term of this share twice over."""
    if faintest <= 0.0:
        return 1200
    return int(40 + 2.5 * max(0.0, -math.log10(faintest)))


def steps_of(nodes: Iterable[Node]) -> dict[str, list[float]]:
    """Where pieces meet, in order, by the name that they depend on: real roots of the arguments of
    steps and absolute values, and of the conditions of pieces, that are linear in one name.
    """
    found: dict[str, set[float]] = {}
    for node in nodes:
        for n in walk(node):
            edges: list[Node] = []
            if n.op == "fn" and n.val in ("Heaviside", "sign", "abs"):
                edges = [n.args[0]]
            elif n.op == "cases":
                pairs = [c.args for c in n.args[1::2] if c.op == "rel"]
                edges = [sub(p, q) for sides in pairs for p, q in pairwise(sides)]
            for edge in edges:
                names = symbols(edge)
                root = _linear_root(edge, *names) if len(names) == 1 else None
                if root is not None:
                    found.setdefault(next(iter(names)), set()).add(root)
    return {name: sorted(at)[:12] for name, at in found.items()}


def _linear_root(edge: Node, name: str) -> float | None:
    try:
        values = Evaluator(DOUBLES, 0, {name: [np.array([0.0, 1.0, 2.0]) + 0j]}).value(edge)
    except (ParseError, ArithmeticError, ValueError, TypeError):
        return None
    low, middle, high = np.broadcast_to(np.real(values), (3,))
    slope = middle - low
    if not np.isfinite(slope) or not slope or abs(high - middle - slope) > 1e-9 * abs(slope):
        return None
    return float(-low / slope)


def spread(low: float, high: float) -> Any:
    """Points across an interval, near its ends as well."""
    return low + (high - low) * np.array([0.017, 0.09, 0.31, 0.57, 0.83, 0.98])


def merged(points: Array, extra: Sequence[float]) -> Array:
    """Sample points with further real ones."""
    return np.concatenate([points, np.asarray(extra, dtype=complex)]) if len(extra) else points
