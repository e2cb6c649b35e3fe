"""Implicit candidates F(x, y, C) = 0: derivatives of y by total differentiation along the curve."""

import math
from collections.abc import Sequence

import numpy as np

from lbt_core.subjects.ode.answers.arithmetic import DIGITS, DOUBLES, Array, Backend
from lbt_core.subjects.ode.answers.branches import factors, real_points, vanishes_at_zero
from lbt_core.subjects.ode.answers.equations import Equations, difference, summands
from lbt_core.subjects.ode.answers.expr import ZERO, Node, ParseError, symbols
from lbt_core.subjects.ode.answers.points import (
    QUADRATURE,
    STEP,
    Judged,
    constant_values,
    evaluator,
    judge,
    non_analytic,
    widen,
)
from lbt_core.subjects.ode.answers.solutions import (
    Check,
    Columns,
    base_columns,
    free_constants,
    jacobian_rank,
    judge_residuals,
    with_differences,
)
from lbt_core.subjects.ode.answers.taylor import Evaluator, Series
from lbt_core.subjects.ode.answers.visibility import many_valued, settled_by_digits

_ITERATIONS = 40


def check_implicit(equations: Equations, left: Node, right: Node) -> Check:
    """Checks ``left = right`` as a relation between the variable and the one unknown; raises
    ParseError.
    """
    if len(equations.unknowns) != 1:
        raise ParseError("implicit solution of a system")
    unknown = equations.unknowns[0]
    parts = factors(left, right, unknown)
    if parts:
        return _product(equations, parts)
    curve = difference(left, right)
    if unknown not in symbols(curve):
        raise ParseError("the unknown does not occur")
    names = free_constants([curve], equations)
    if len(names) > 12:
        raise ParseError("too many constants")
    with np.errstate(all="ignore"):
        return _check(equations, curve, unknown, names)


def _product(equations: Equations, parts: list[Node]) -> Check:
    """A product that vanishes: each factor that has real points must be a solution by itself."""
    checks: list[Check] = []
    for part in parts:
        names = free_constants([part], equations)
        env = _real_columns(equations, names)
        which, _ = real_points(part, equations.unknowns[0], env)
        if len(which) or names:
            checks.append(check_implicit(equations, part, ZERO))
    if not checks:
        return Check(False, True, 0, "no point on the curve")
    for check in checks:
        if not check.solves or not check.fits:
            return Check(
                check.solves, check.fits, check.rank, f"a branch of its own: {check.detail}"
            )
    return max(checks, key=lambda c: c.rank)


def _real_columns(equations: Equations, names: Sequence[str]) -> dict[str, Array]:
    env = base_columns(equations, names, True)
    return {n: np.real(series[0][:6]) for n, series in env.items()}


def _other_branch(equations: Equations, curve: Node, unknown: str) -> str:
    """Why a curve without constants holds more than the solution: another real branch of it that
    solves nothing. Empty where there is none, or where branches of roots may explain it.
    """
    env = _real_columns(equations, ())
    if vanishes_at_zero(curve, unknown, equations, env):
        zero = [g for g in equations.conditions if g.order == 0 and g.values[0] == ZERO]
        if not zero:
            return f"{unknown} = 0 is a branch of its own"
    if many_valued([curve, *equations.residuals]):
        return ""
    which, y = real_points(curve, unknown, env)
    if not len(which):
        return ""
    columns: Columns = {n: [v[which] + 0j] for n, v in env.items()}
    columns[equations.variable].append(np.ones(len(which), dtype=complex))
    order = max(max(equations.orders), 1)
    jets = {unknown: implicit_series(curve, unknown, columns, y + 0j, order)}
    judged, _ = judge_residuals(equations, columns, jets, len(which), DOUBLES)
    wrong = any(int(np.sum(j.nonzero)) >= 3 for j in judged)
    return "another branch solves nothing" if wrong else ""


def _check(equations: Equations, curve: Node, unknown: str, names: list[str]) -> Check:
    order = max(max(equations.orders), 1)
    env = base_columns(equations, names, non_analytic(curve))
    count = len(env[equations.variable][0])
    guess = _guess(equations, count)
    solved, env, y = _on_curve(equations, curve, unknown, names, env, guess)
    if not np.any(solved):
        return Check(False, True, 0, "no point on the curve")
    bases = [int(k) for k in np.flatnonzero(solved)[:2]]
    if names:
        env = with_differences(env, names, bases)
        repeats = [b for b in bases for _ in range(2 * len(names))]
        y = _solve(curve, unknown, env, np.concatenate([y, y[repeats]]))[0]
    jets = {unknown: implicit_series(curve, unknown, env, y, order)}
    hidden = np.where(solved, 1.0, np.nan)
    jets[unknown] = [np.concatenate([c[:count] * hidden, c[count:]]) for c in jets[unknown]]
    judged, terms = judge_residuals(equations, env, jets, count, DOUBLES, QUADRATURE)
    rank = jacobian_rank(equations, jets, names, bases, count) if names else 0
    branching = many_valued([curve, *equations.residuals])
    settles = settled_by_digits([curve, *equations.residuals])
    exact = judged[0].settled and _exact_enough(terms[0], judged[0], 1e-14)
    if settles and judged[0].passes and not exact:
        judged, terms = _with_digits(equations, curve, unknown, env, y, count, order, hidden)
        if not judged[0].passes or not _exact_enough(terms[0], judged[0], 1e-13):
            return Check(False, True, rank, f"residual {judged[0].worst:.2g}")
    if not (judged[0].passes if branching else judged[0].everywhere):
        return Check(False, True, rank, f"residual {judged[0].worst:.2g}")
    detail = f"residual {judged[0].agreeing:.2g}"
    if equations.conditions and not names and (why := _other_branch(equations, curve, unknown)):
        return Check(True, False, rank, why)
    fits = _fits(equations, curve, unknown, names) if equations.conditions else True
    return Check(True, fits, rank, detail if fits else "conditions fail")


def _exact_enough(terms: list[Array], judged: Judged, bound: float) -> bool:
    """Whether half of the points that count have a residual as small as rounding leaves."""
    total = np.array([float(abs(v)) for v in np.atleast_1d(sum(terms[1:], terms[0]))])
    scale: Array = sum(np.array([float(abs(v)) for v in np.atleast_1d(t)]) for t in terms)
    counted = judged.zero & (scale > 0)
    return not np.any(counted) or bool(np.median(total[counted] / scale[counted]) <= bound)


def _with_digits(
    equations: Equations,
    curve: Node,
    unknown: str,
    env: Columns,
    y: Array,
    count: int,
    order: int,
    hidden: Array,
) -> tuple[list[Judged], list[list[Array]]]:
    """The residuals with many digits, at the points that doubles found on the curve."""
    short = {k: [c[:count] for c in v] for k, v in env.items()}
    jets = {unknown: implicit_series(curve, unknown, short, y[:count], order, DIGITS)}
    jets[unknown] = [c * hidden for c in jets[unknown]]
    judged, terms = judge_residuals(equations, short, jets, count, DIGITS)
    ratios = []
    for one, parts in zip(judged, terms, strict=True):
        total = DIGITS.magnitude(sum(parts[1:], parts[0]))
        scale = sum(DIGITS.magnitude(t) for t in parts)
        finite = np.isfinite(scale) & (scale > 0)
        zero = finite & (total <= QUADRATURE * scale)
        ratios.append(Judged(zero, finite & ~zero, one.worst, one.agreeing))
    return ratios, terms


def _guess(equations: Equations, count: int) -> Array:
    """Where to look for y: at the initial value, nudged off it, or at sample values."""
    for given in equations.conditions:
        if given.order == 0 and not symbols(given.values[0]):
            value = np.atleast_1d(Evaluator(DOUBLES, 0, {}).value(given.values[0]))[0]
            return complex(value) + np.linspace(0.01, 0.02, count) + 0j
    return constant_values(40, count)


def _on_curve(
    equations: Equations,
    curve: Node,
    unknown: str,
    names: Sequence[str],
    env: Columns,
    guess: Array,
) -> tuple[Array, Columns, Array]:
    """Points on the curve: solve for a constant where there is one (y stays free), else for y."""
    for name in names:
        trial = {**env, unknown: [guess]}
        values, good = _solve(curve, name, trial, env[name][0])
        if np.sum(good) >= 4:
            return good, {**env, name: [values]}, guess
    values, good = _solve(curve, unknown, env, guess)
    return good, env, values


def _solve(curve: Node, name: str, env: Columns, start: Array) -> tuple[Array, Array]:
    """Newton's method for one symbol at every column; values and the mask of columns that
    converged.
    """
    values = start + 0j
    fixed = {k: v[:1] for k, v in env.items() if k != name}
    good = np.zeros(len(values), dtype=bool)
    for _ in range(_ITERATIONS):
        series = Evaluator(DOUBLES, 1, {**fixed, name: [values, np.ones_like(values)]}).series(
            curve
        )
        if len(series) < 2:
            return values, good
        step = series[0] / series[1]
        step = np.where(np.isfinite(step), step, 0.37)
        values = values - step
        good = np.abs(step) <= 1e-12 * (1 + np.abs(values))
        if np.all(good):
            break
    terms = [
        widen(Evaluator(DOUBLES, 0, {**fixed, name: [values]}).series(t), values)[0]
        for t in summands(curve)
    ]
    scale = sum(np.abs(t) for t in terms)
    residual = np.abs(sum(terms))
    good = (
        good
        & np.isfinite(scale)
        & (residual <= 1e-10 * np.maximum(scale, 1e-6))
        & (np.abs(values) < 1e8)
    )
    return values, good


def implicit_series(
    curve: Node, unknown: str, env: Columns, y: Array, order: int, backend: Backend = DOUBLES
) -> Series:
    """Taylor series of y(x) on the curve: each coefficient is linear in F's, with slope F_y."""
    env = evaluator(backend, 0, env).env
    y = backend.array(y)
    fixed = {k: v[:1] for k, v in env.items() if k != unknown}
    slope = Evaluator(backend, 1, {**fixed, unknown: [y, 0 * y + 1]}).series(curve)
    if len(slope) < 2:
        raise ParseError("the unknown cancels")
    series: Series = [y]
    for k in range(1, order + 1):
        trial = Evaluator(backend, k, {**env, unknown: [*series, 0 * y]}).series(curve)
        coefficient = trial[k] if k < len(trial) else 0 * y
        series.append(-coefficient / slope[1])
    return series


def _fits(equations: Equations, curve: Node, unknown: str, names: Sequence[str]) -> bool:
    """Conditions on the curve itself: y(x0) lies on it, and derivatives agree there. Left-over
    constants make it fail.
    """
    if names:
        return False
    count = 4
    env: Columns = {
        n: [constant_values(60 + k, count, real=True)]
        for k, n in enumerate(sorted(equations.parameters))
    }
    ev = Evaluator(DOUBLES, 0, env)
    ordered = sorted(equations.conditions, key=lambda g: g.order)
    start: Array | None = None
    for given in ordered:
        at = np.broadcast_to(np.asarray(ev.value(given.at), dtype=complex), (count,))
        value = np.broadcast_to(np.asarray(ev.value(given.values[0]), dtype=complex), (count,))
        here = {**env, equations.variable: [at, np.ones(count, dtype=complex)]}
        if given.order == 0:
            point = {k: v[:1] for k, v in here.items()} | {unknown: [value]}
            terms = [widen(Evaluator(DOUBLES, 0, point).series(t), at)[0] for t in summands(curve)]
            if not judge(terms, 1e-3, DOUBLES).everywhere:
                return False
            start = value
        elif start is not None:
            series = implicit_series(curve, unknown, here, start, given.order)
            if np.any(
                np.abs(series[given.order] * math.factorial(given.order) - value)
                > 1e-12 * (1 + np.abs(value))
            ):
                return False
    return True


__all__ = ["STEP", "check_implicit", "implicit_series"]
