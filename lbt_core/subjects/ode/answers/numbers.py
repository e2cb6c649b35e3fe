"""Numeric comparison of expressions: equal values, equal families of functions, equal equations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lbt_core.subjects.ode.answers.arithmetic import DIGITS, DOUBLES, Array, Backend
from lbt_core.subjects.ode.answers.expr import Node, ParseError, symbols
from lbt_core.subjects.ode.answers.points import (
    constant_values,
    evaluator,
    judge,
    non_analytic,
    widen,
)
from lbt_core.subjects.ode.answers.taylor import Series

_POINTS = 12
_STARTS = 6
_STEPS = 60


@dataclass(frozen=True, slots=True)
class Names:
    """Symbols of the reference: ``variables`` stand for themselves, ``constants`` may be renamed;
    ``question``: the question's.
    """

    variables: frozenset[str]
    constants: frozenset[str]
    question: frozenset[str]


def _points(names: Sequence[str], wide: bool) -> dict[str, Series]:
    """Sample values of variables; with ``wide`` real ones from 0 to 10, so that step functions are
    crossed.
    """
    env: dict[str, Series] = {}
    for row, name in enumerate(sorted(names)):
        if wide:
            spread = np.random.default_rng(row + 11).permutation(np.linspace(0.07, 9.93, 24))
            env[name] = [spread + 0j]
        else:
            env[name] = [constant_values(row + 7, _POINTS)]
    return env


def _evaluate(node: Node, env: Mapping[str, Series], backend: Backend) -> Array:
    ev = evaluator(backend, 0, dict(env))
    like = next(iter(ev.env.values()))[0] if ev.env else np.zeros(1, dtype=complex)
    return widen([ev.value(node)], like)[0]


def equal_values(
    a: Node,
    b: Node,
    names: Names,
    tolerance: float = 0.0,
    factors: tuple[float, float] = (1.0, 1.0),
    after: float = 0.0,
) -> bool:
    """Whether two expressions agree as functions of their symbols, or two numbers within a relative
    tolerance.

    Raises ParseError where one of them has no numeric meaning.
    """
    mine, other = symbols(a), symbols(b)
    if other - mine - names.variables and not other <= mine | names.question:
        return False
    free = sorted(mine | other)
    wide = non_analytic(a, b)
    env = _points(free, wide)
    if after:
        env = {n: [series[0] + after] for n, series in env.items()}
    with np.errstate(all="ignore"):
        x, y = _evaluate(a, env, DOUBLES), _evaluate(b, env, DOUBLES)
        if tolerance:
            x, y = x * factors[0], y * factors[1]
            return bool(
                np.all(np.isfinite(x)) and np.all(np.abs(x - y) <= tolerance * np.abs(x) + 1e-12)
            )
        if not free:
            if np.all(np.isinf(x.real)) and np.all(np.isinf(y.real)):
                return bool(np.all(np.sign(x.real) == np.sign(y.real)))
            return _equal_numbers(a, b)
        judged = judge([x, -y], 1e-12, DOUBLES)
        if judged.empty:
            return False
        if wide:
            return judged.everywhere
        if _disagree(judged):
            return False
        exact = judge([_evaluate(a, env, DIGITS), -_evaluate(b, env, DIGITS)], 1e-12, DIGITS)
    return not _disagree(exact) and int(np.sum(exact.zero)) >= 3


def _disagree(judged: Any) -> bool:
    """Two branches of one function differ at few points; different functions at nearly all."""
    hits, misses = int(np.sum(judged.zero)), int(np.sum(judged.nonzero))
    return misses > hits or bool(np.any(judged.nonzero[:5]))


def _equal_numbers(a: Node, b: Node) -> bool:
    x, y = _evaluate(a, {}, DOUBLES), _evaluate(b, {}, DOUBLES)
    if not (np.all(np.isfinite(x)) and np.all(np.isfinite(y))):
        return False
    if np.any(np.abs(x - y) > 1e-8 * (np.abs(x) + np.abs(y)) + 1e-12):
        return False
    p, q = _evaluate(a, {}, DIGITS), _evaluate(b, {}, DIGITS)
    size = float(abs(p[0])) + float(abs(q[0]))
    return float(abs(p[0] - q[0])) <= 1e-25 * max(size, 1e-6)


def same_equation(a: Sequence[Node], b: Sequence[Node], names: Names) -> bool:
    """Whether two equations ``sum(a) = 0`` and ``sum(b) = 0`` are the same up to a constant factor.

    With an arbitrary constant in the reference: whether their level curves are the same.
    """
    left, right = _total(a), _total(b)
    if names.constants & symbols(left):
        return _same_curves(left, right, names)
    if symbols(left) != symbols(right):
        return False
    env = _points(sorted(symbols(left)), False)
    with np.errstate(all="ignore"):
        x, y = _evaluate(left, env, DOUBLES), _evaluate(right, env, DOUBLES)
        factor = y[0] / x[0]
        if not np.isfinite(factor) or factor == 0:
            return False
        return judge([y, -factor * x], 1e-12, DOUBLES).everywhere


def _total(terms: Sequence[Node]) -> Node:
    out = terms[0]
    for term in terms[1:]:
        out = Node("add", (out, term))
    return out


def _same_curves(a: Node, b: Node, names: Names) -> bool:
    """F(x, y, C) = 0 and G(x, y, K) = 0 have the same curves where their slopes agree at every
    point (dF and dG parallel).

    Only for one constant on each side that both equations are linear in, so that it drops out of
    the gradients.
    """
    variables = sorted((symbols(a) | symbols(b)) - names.constants - _constants_of(b, names))
    if (
        len(variables) != 2
        or not _constants_of(b, names)
        or not symbols(b) - _constants_of(b, names)
    ):
        return False
    env = _points(sorted(symbols(a) | symbols(b)), False)

    def gradient(node: Node) -> list[Array]:
        out = []
        for name in variables:
            moved = []
            for sign in (1, -1):
                shifted = {**env, name: [env[name][0] + sign * 1e-5]}
                moved.append(_evaluate(node, shifted, DOUBLES))
            out.append((moved[0] - moved[1]) / 2e-5)
        return out

    with np.errstate(all="ignore"):
        (ax, ay), (bx, by) = gradient(a), gradient(b)
        cross = np.abs(ax * by - ay * bx)
        scale = np.abs(ax * by) + np.abs(ay * bx)
        return bool(
            np.all(np.isfinite(scale)) and np.all(scale > 0) and np.all(cross <= 1e-6 * scale)
        )


def _constants_of(node: Node, names: Names) -> set[str]:
    return {n for n in symbols(node) if n not in names.variables and "@" not in n}


def same_family(a: Node, b: Node, names: Names) -> bool:
    """Whether two families of functions are the same set: each member of one is fitted by the
    other, both ways.
    """
    own, other = sorted(symbols(a) & names.constants), sorted(symbols(b) - names.variables)
    if bool(own) != bool(other) or len(other) > 8:
        return False
    if not own:
        return equal_values(a, b, names)
    variables = sorted((symbols(a) | symbols(b)) & names.variables)
    return _fits(a, own, b, other, variables) and _fits(b, other, a, own, variables)


def _fits(
    target: Node,
    given: Sequence[str],
    model: Node,
    unknown: Sequence[str],
    variables: Sequence[str],
) -> bool:
    """Whether random members of the target family are members of the model family."""
    count = 10 + 2 * len(unknown)
    rng = np.random.default_rng(5)
    env: dict[str, Series] = {n: [rng.uniform(0.3, 1.9, count) + 0j] for n in variables}
    if not variables:
        env["·"] = [np.zeros(count, dtype=complex)]
    for _ in range(2):
        fixed = {n: [np.full(count, rng.uniform(0.4, 1.6) + 0j)] for n in given}
        with np.errstate(all="ignore"):
            wanted = _evaluate(target, {**env, **fixed}, DOUBLES)
            if not np.all(np.isfinite(wanted)) or not any(
                _newton(model, unknown, env, wanted, rng) for _ in range(_STARTS)
            ):
                return False
    return True


def _newton(
    model: Node, unknown: Sequence[str], env: Mapping[str, Series], wanted: Array, rng: Any
) -> bool:
    """Damped Gauss-Newton for the model's constants from one random start; whether the fit is
    exact.
    """
    count = len(wanted)
    values = rng.uniform(0.3, 1.5, len(unknown)) + 1j * rng.uniform(-0.4, 0.4, len(unknown))

    def at(point: Array) -> Array:
        return _evaluate(
            model,
            {**env, **{n: [np.full(count, v)] for n, v in zip(unknown, point, strict=True)}},
            DOUBLES,
        )

    residual = at(values) - wanted
    for _ in range(_STEPS):
        if not np.all(np.isfinite(residual)):
            return False
        norm = np.linalg.norm(residual)
        if norm <= 1e-9 * np.linalg.norm(wanted):
            return True
        jacobian = np.empty((count, len(unknown)), dtype=complex)
        for k in range(len(unknown)):
            moved = values.copy()
            moved[k] += 1e-6
            jacobian[:, k] = (at(moved) - at(values)) / 1e-6
        if not np.all(np.isfinite(jacobian)):
            return False
        step = np.linalg.lstsq(jacobian, -residual, rcond=1e-10)[0]
        for damping in (1.0, 0.5, 0.2, 0.05):
            trial = at(values + damping * step) - wanted
            if np.all(np.isfinite(trial)) and np.linalg.norm(trial) < norm:
                values, residual = values + damping * step, trial
                break
        else:
            return False
    return False


__all__ = ["Names", "ParseError", "equal_values", "same_equation", "same_family"]
