"""Implicit answers that hold more curves than the right one: products, and roots beside it."""

import numpy as np

from lbt_core.subjects.ode.answers.arithmetic import DOUBLES, Array
from lbt_core.subjects.ode.answers.equations import Equations
from lbt_core.subjects.ode.answers.expr import ZERO, Node, symbols
from lbt_core.subjects.ode.answers.taylor import Evaluator, as_rational

_GRID = np.concatenate([np.linspace(-6.3, 6.1, 24), [-60.0, -15.0, 14.0, 55.0, 400.0]])


def factors(left: Node, right: Node, unknown: str) -> list[Node]:
    """The factors with the unknown of an equation ``a b c = 0``, each once; empty where the
    equation is no product of several.
    """
    if right == ZERO:
        product = left
    elif left == ZERO:
        product = right
    else:
        return []
    found: list[Node] = []
    _collect(product, found)
    found = [f for f in dict.fromkeys(found) if unknown in symbols(f)]
    return found if len(found) > 1 else []


def _collect(node: Node, found: list[Node]) -> None:
    if node.op == "mul":
        for arg in node.args:
            _collect(arg, found)
    elif node.op in ("neg", "div") or (node.op == "pow" and _is_positive(node.args[1])):
        _collect(node.args[0], found)
    else:
        found.append(node)


def _is_positive(node: Node) -> bool:
    value = as_rational(node)
    return value is not None and value > 0


def real_points(curve: Node, unknown: str, env: dict[str, Array]) -> tuple[Array, Array]:
    """Columns and values of real points on a curve: Newton's method from many real values.

    ``env`` holds real values of the other names, one entry a column.
    """
    columns = len(next(iter(env.values())))
    which = np.repeat(np.arange(columns), len(_GRID))
    fixed = {n: [np.asarray(v)[which] + 0j] for n, v in env.items()}
    y = np.tile(_GRID, columns) + 0j
    with np.errstate(all="ignore"):
        for _ in range(40):
            at = {**fixed, unknown: [y, np.ones_like(y)]}
            series = Evaluator(DOUBLES, 1, at).series(curve)
            if len(series) < 2:
                return which[:0], y[:0]
            step = series[0] / series[1]
            y = y - np.where(np.isfinite(step), step, 0.37)
        last = np.abs(step) <= 1e-11 * (1 + np.abs(y))
        real = np.abs(y.imag) <= 1e-9 * (1 + np.abs(y.real))
    good = last & real & np.isfinite(y) & (np.abs(y) < 1e6)
    return which[good], y[good].real


def vanishes_at_zero(
    curve: Node, unknown: str, equations: Equations, env: dict[str, Array]
) -> bool:
    """Whether ``unknown = 0`` lies on the curve everywhere, which makes it a branch of its own."""
    at = {n: [np.asarray(v) + 0j] for n, v in env.items()}
    columns = len(next(iter(env.values())))
    values = []
    with np.errstate(all="ignore"):
        for y in (0.0, 1.3):
            found = Evaluator(DOUBLES, 0, {**at, unknown: [np.full(columns, y + 0j)]}).value(curve)
            values.append(np.broadcast_to(np.asarray(found), (columns,)))
    return bool(np.all(np.abs(values[0]) <= 1e-12 * np.abs(values[1])))
