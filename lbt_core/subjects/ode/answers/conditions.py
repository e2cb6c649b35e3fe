"""Does an explicit candidate take the initial or boundary values?"""

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from lbt_core.subjects.ode.answers.arithmetic import DOUBLES, Array, Backend, ManyDigits, digits
from lbt_core.subjects.ode.answers.equations import Equations, Given
from lbt_core.subjects.ode.answers.expr import Node
from lbt_core.subjects.ode.answers.points import constant_values, evaluator, parameter_values, widen
from lbt_core.subjects.ode.answers.taylor import Evaluator, Series
from lbt_core.subjects.ode.answers.visibility import settled_by_digits

Columns = dict[str, Series]


def check_conditions(
    equations: Equations,
    candidate: Mapping[str, Node],
    names: Sequence[str],
    backend: Backend,
    solved: str,
) -> tuple[bool | None, str]:
    """Initial or boundary values, with parameters and left-over constants at random values."""
    count = 6
    shared: Columns = {}
    for row, name in enumerate(sorted(equations.parameters)):
        shared[name] = [parameter_values(row, count)]
    for row, name in enumerate(names):
        shared[name] = [constant_values(row, count)]
    for given in equations.conditions:
        at = _broadcast(Evaluator(DOUBLES, 0, shared).value(given.at), count)
        if not np.all(np.isfinite(at)):
            continue
        for unknown, wanted in zip(equations.unknowns, given.values, strict=True):
            if not _takes(equations, candidate[unknown], shared, given, wanted, backend):
                return False, f"{unknown}^({given.order}) at the point differs"
    return True, f"conditions hold, {solved}"


def _broadcast(value: Any, count: int) -> Array:
    return np.broadcast_to(np.asarray(value), (count,))


def _takes(
    equations: Equations, node: Node, shared: Columns, given: Given, wanted: Node, backend: Backend
) -> bool:
    """Whether a derivative takes a value at a point; beside it where it has none exactly there.

    There is no absolute floor: an error is small against the value, or it vanishes more and more
    as digits are added.
    """
    count, order = 6, given.order
    plain = Evaluator(DOUBLES, 0, shared)
    at, target = _broadcast(plain.value(given.at), count), _broadcast(plain.value(wanted), count)
    for nudge in (0.0, 1e-7, -1e-7):
        env = {**shared, equations.variable: [at + nudge, np.ones(count, dtype=complex)]}
        series = widen(Evaluator(DOUBLES, order + 1, env).series(node), at)
        value = math.factorial(order) * series[order] if order < len(series) else 0 * at
        if not np.all(np.isfinite(value)):
            continue
        error, size = np.abs(value - target), np.abs(target)
        slopes = np.max([np.abs(c) for c in series if np.all(np.isfinite(c))], axis=0)
        if nudge:
            near = np.all(error <= 1e-5 * np.maximum(size, np.minimum(slopes, 1e3)))
            return bool(near) and _limit(equations, node, shared, given, wanted, nudge)
        if np.any(error > 1e-6 * np.maximum(size, slopes)):
            return False
        if not backend.exact and np.all(error <= 1e-13 * size):
            return True
        if not settled_by_digits((node, wanted, given.at)):
            return bool(np.all(error <= 1e-11 * np.maximum(size, np.minimum(slopes, 1e3))))
        fewer = digits(backend.digits if isinstance(backend, ManyDigits) else 80)
        more = digits(2 * fewer.digits)
        first, _ = _error(equations, node, shared, given, wanted, fewer)
        second, size = _error(equations, node, shared, given, wanted, more)
        gone = (second <= more.tolerance * size) | (second <= fewer.tolerance * first)
        return bool(np.all(gone))
    return False


def _limit(
    equations: Equations, node: Node, shared: Columns, given: Given, wanted: Node, nudge: float
) -> bool:
    """Whether a derivative tends to its value: its error shrinks with the distance to the point."""
    if not settled_by_digits((node, wanted, given.at)):
        return True
    many, errors = digits(160), []
    for power in (8, 12):
        step = Fraction(1 if nudge > 0 else -1, 10**power)
        error, size = _error(equations, node, shared, given, wanted, many, step)
        errors.append(error)
    near, nearer = errors
    return bool(np.all((nearer <= 0.1 * near) | (nearer <= 1e-40 * size)))


def _error(
    equations: Equations,
    node: Node,
    shared: Columns,
    given: Given,
    wanted: Node,
    many: Backend,
    step: Fraction = Fraction(0),
) -> tuple[Array, Array]:
    """By how much a derivative misses its value ``step`` beside the point, with many digits, and
    the size of the value.
    """
    count, order = 6, given.order
    plain = evaluator(many, 0, shared)
    at = _broadcast(plain.value(given.at), count) + many.number(step)
    target = _broadcast(plain.value(wanted), count)
    env = {**plain.env, equations.variable: [at, at * 0 + 1]}
    series = widen(Evaluator(many, order, env).series(node), at)
    value = math.factorial(order) * series[order] if order < len(series) else 0 * at
    return many.magnitude(value - target), many.magnitude(target)
