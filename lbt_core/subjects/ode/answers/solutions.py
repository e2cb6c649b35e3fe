"""Does an explicit candidate solve the equations, satisfy the conditions, and hold enough
independent constants?
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lbt_core.subjects.ode.answers.arithmetic import DIGITS, DOUBLES, Array, Backend, digits
from lbt_core.subjects.ode.answers.conditions import check_conditions
from lbt_core.subjects.ode.answers.equations import Equations
from lbt_core.subjects.ode.answers.expr import Node, ParseError, symbols
from lbt_core.subjects.ode.answers.points import (
    LARGE,
    QUADRATURE,
    SMALL,
    STEP,
    Judged,
    constant_values,
    evaluator,
    judge,
    long_decimals,
    near,
    non_analytic,
    parameter_values,
    scattered_values,
    variable_values,
    widen,
)
from lbt_core.subjects.ode.answers.taylor import Evaluator, Series
from lbt_core.subjects.ode.answers.visibility import (
    FAINT,
    Watch,
    antiderivatives_only,
    digits_for,
    many_valued,
    scales,
    settled_by_digits,
    spread,
)

Columns = dict[str, Series]


@dataclass(frozen=True, slots=True)
class Check:
    """What a check found: ``solves`` the equations, ``fits`` the conditions, ``rank`` of the
    constants (None: not settled).
    """

    solves: bool | None
    fits: bool | None = True
    rank: int = 0
    detail: str = ""
    node: Node | None = None
    constants: int = 0

    @property
    def undecided(self) -> bool:
        """Whether something could not be settled and nothing else refutes the candidate."""
        return self.solves is None or (self.solves and self.fits is None)


def free_constants(nodes: Sequence[Node], equations: Equations) -> list[str]:
    """Names in a candidate that the problem does not know: its constants, sorted."""
    known = {*equations.unknowns, equations.variable, *equations.parameters}
    found = set().union(*(symbols(n) for n in nodes)) - known
    return sorted(found)


def check_explicit(
    equations: Equations, candidate: Mapping[str, Node], exact: bool = True
) -> Check:
    """Substitutes an explicit candidate (one expression an unknown).

    With ``exact`` a rounded decimal is wrong, however long; without, one of 10 digits passes (for
    problems that hold such
    themselves). Raises ParseError where the candidate has no numeric meaning.
    """
    nodes = [candidate[u] for u in equations.unknowns]
    names = free_constants(nodes, equations)
    if len(names) > 12:
        raise ParseError("too many constants")
    real = non_analytic(*nodes, *equations.residuals)
    env = base_columns(equations, names, real, nodes)
    count = len(env[equations.variable][0])
    bases = []
    if names:
        # at the smallest of the fixed points, and of the points on the scales of the rates, too
        bases = [0, 5, 14, count - 3] if real or equations.conditions else [0, 5, 10, 16, count - 3]
        env = with_differences(env, names, [b for b in bases if b < count])
    watch = Watch(count)
    with np.errstate(all="ignore"):
        order = max(max(equations.orders), 0)
        jets = series_of(equations, candidate, env, order, DOUBLES, watch)
        backend: Backend = DOUBLES
        if exact and settled_by_digits(nodes):
            if watch.faintest < FAINT:
                backend = digits(digits_for(watch.faintest))
            elif any(long_decimals(n) for n in nodes):
                backend = DIGITS
        solves, detail = _residuals(equations, candidate, env, jets, count, backend)
        rank = jacobian_rank(equations, jets, names, bases, count) if bases else 0
        fits: bool | None = True
        if solves and equations.conditions:
            fits, detail = check_conditions(equations, candidate, names, backend, detail)
    return Check(solves, fits, rank, detail, nodes[0] if len(nodes) == 1 else None, len(names))


def base_columns(
    equations: Equations, names: Sequence[str], real: bool, nodes: Sequence[Node] = ()
) -> Columns:
    """Sample values of variable, parameters and constants; around the initial point where there is
    one, and on the scales of the rates in equations and candidate.
    """
    start = initial_point(equations)
    own = scales((*nodes, *equations.residuals))
    if start is not None:
        extra = [s * f for s in own for f in (0.31, 0.9, 1.7, -0.6)]
        x = near(start, real, extra)
        ends = boundary(equations)
        if ends is not None:
            x = np.concatenate([x, spread(*ends)])
    else:
        x = variable_values([s * f for s in own for f in (0.31, 0.9, 1.7)])
        if real:
            x = np.real(x) + 0j
    count = len(x)
    env: Columns = {equations.variable: [x + 0j, np.ones(count, dtype=complex)]}
    for row, name in enumerate(sorted(equations.parameters)):
        env[name] = [parameter_values(row, count)]
    for row, name in enumerate(names):
        env[name] = [constant_values(row, count, real)]
    return env


def boundary(equations: Equations) -> tuple[float, float] | None:
    """The ends of the interval where conditions stand at different points; None elsewhere."""
    points = []
    for given in equations.conditions:
        if symbols(given.at):
            return None
        value = complex(np.atleast_1d(Evaluator(DOUBLES, 0, {}).value(given.at))[0]).real
        if math.isfinite(value):
            points.append(value)
    return (min(points), max(points)) if points and min(points) < max(points) else None


def initial_point(equations: Equations) -> float | None:
    """Where to sample: at the one initial point, between two boundary points; None for a general
    solution.
    """
    if not equations.conditions:
        return None
    points = []
    for given in equations.conditions:
        if symbols(given.at):
            return 0.5
        value = complex(np.atleast_1d(Evaluator(DOUBLES, 0, {}).value(given.at))[0])
        points.append(value.real)
    finite = [p for p in points if math.isfinite(p)]
    if not finite:
        return 0.5
    return finite[0] if max(finite) == min(finite) else (min(finite) + max(finite)) / 2


def with_differences(env: Columns, names: Sequence[str], bases: Sequence[int]) -> Columns:
    """Columns appended that repeat each base point with one constant moved by +-STEP."""
    out: Columns = {}
    repeats = [b for b in bases for _ in range(2 * len(names))]
    for name, series in env.items():
        out[name] = [np.concatenate([c, c[repeats]]) for c in series]
    count = len(next(iter(env.values()))[0])
    for which, _base in enumerate(bases):
        for k, name in enumerate(names):
            at = count + 2 * (which * len(names) + k)
            values = out[name][0]
            values[at] += STEP
            values[at + 1] -= STEP
    return out


def series_of(
    equations: Equations,
    candidate: Mapping[str, Node],
    env: Columns,
    order: int,
    backend: Backend,
    watch: Watch | None = None,
) -> dict[str, Series]:
    """Series of every unknown at all columns, padded to ``order + 1`` coefficients."""
    ev = evaluator(backend, order, env)
    ev.watch = watch
    like = ev.env[equations.variable][0]
    out = {}
    for unknown in equations.unknowns:
        series = widen(ev.series(candidate[unknown]), like)
        while len(series) <= order:
            series.append(0 * like)
        out[unknown] = series
    return out


def derivative_env(jets: Mapping[str, Series], columns: slice) -> Columns:
    """The symbols ``y`` and ``y@k`` from series."""
    env: Columns = {}
    for unknown, series in jets.items():
        for k, c in enumerate(series):
            env[f"{unknown}@{k}" if k else unknown] = [math.factorial(k) * c[columns]]
    return env


_FEW = slice(1, 12, 4)
SLOPES = 1e-12  # rounding in residuals whose integrals count by their slopes only
# Where a solution is this large, a wrong term of ordinary size is lost in rounding
OVERGROWN = 1e4


def _residuals(
    equations: Equations,
    candidate: Mapping[str, Node],
    env: Columns,
    jets: dict[str, Series],
    count: int,
    backend: Backend,
) -> tuple[bool | None, str]:
    """Whether the equations hold: in doubles first, then with the digits that ``backend`` has or
    that open or mixed points need. Where roots and logarithms make branches, on a part.
    """
    order = max(max(equations.orders), 0)
    nodes = [candidate[u] for u in equations.unknowns]
    settles = settled_by_digits((*nodes, *equations.residuals))
    sharp = antiderivatives_only((*nodes, *equations.residuals), equations.variable)
    small, large = (SMALL, LARGE) if settles else (QUADRATURE, QUADRATURE)
    if sharp and not settles:
        small = large = SLOPES
    judged, _ = judge_residuals(equations, env, jets, count, DOUBLES, small, large)
    if any(not np.any(j.zero) and np.any(j.nonzero) for j in judged):
        return False, f"residual {max(j.worst for j in judged):.2g}"
    doubtful = any(np.any(j.nonzero) or not j.settled for j in judged)
    if settles and not (doubtful or backend.exact or any(j.empty for j in judged)):
        doubtful = not _confirmed(equations, candidate, env, count)
    if (doubtful or backend.exact) and settles:
        short = {k: [c[:count] for c in v] for k, v in env.items()}
        for better in (backend if backend.exact else digits(80), digits(640)):
            exact_jets = series_of(equations, candidate, short, order, better)
            judged, _ = judge_residuals(equations, short, exact_jets, count, better)
            if not any(np.any(j.zero) and np.any(j.nonzero) for j in judged):
                break  # else digits may have been lost to cancellation
    if any(j.empty for j in judged):
        return False, "no value at any sample point"
    if all(j.everywhere for j in judged):
        return True, f"residual {max(j.agreeing for j in judged):.2g}"
    worst = f"residual {max(j.worst for j in judged):.2g}"
    if not settles and not (sharp and equations.conditions):
        return all(j.share >= 0.6 for j in judged), worst
    if not many_valued((*nodes, *equations.residuals)):
        return False, worst
    detail = f"residual {max(j.agreeing for j in judged):.2g} on its branch"
    if equations.conditions:
        x = np.real(env[equations.variable][0][:count]) - (initial_point(equations) or 0.0)
        good = all(j.passes and _on_one_side(j, x) for j in judged)
    else:
        good = all(j.share >= 0.6 for j in judged) or (
            all(np.any(j.zero) for j in judged) and _elsewhere(equations, candidate, env, order)
        )
    return good, detail if good else worst


def _confirmed(
    equations: Equations, candidate: Mapping[str, Node], env: Columns, count: int
) -> bool:
    """Whether many digits, at a few of the points, agree with doubles that a residual vanishes: it
    may be smaller than rounding where a wrong exponent cancels to several orders.
    """
    few = {k: [c[:count][_FEW] for c in v] for k, v in env.items()}
    jets = series_of(equations, candidate, few, max(max(equations.orders), 0), DIGITS)
    judged, _ = judge_residuals(equations, few, jets, len(few[equations.variable][0]), DIGITS)
    return not any(np.any(j.nonzero) for j in judged)


def _on_one_side(judged: Judged, offsets: Array) -> bool:
    """Whether no point near the initial one contradicts, on one side of it at least."""
    near_by = np.abs(offsets) < 0.12
    sides = [near_by & (offsets > 0), near_by & (offsets < 0)]
    return any(np.any(judged.zero & s) and not np.any(judged.nonzero & s) for s in sides)


def _elsewhere(
    equations: Equations, candidate: Mapping[str, Node], env: Columns, order: int
) -> bool:
    """Judged again at many real points, for solutions that hold on a part of the plane (roots,
    inverse functions).

    Only points count where the constants matter and nothing has grown out of sight of the rest: a
    wrong term that has died out, or that another one dwarfs, proves nothing.
    """
    far = {name: [scattered_values(row)] for row, name in enumerate(sorted(env))}
    like = far[equations.variable][0]
    far[equations.variable] = [np.abs(like), np.ones_like(like)]
    constants = set(env) - equations.parameters - {equations.variable}
    moved = {k: [np.roll(v[0], 1)] if k in constants else v for k, v in far.items()}
    jets = series_of(equations, candidate, far, order, DOUBLES)
    other = series_of(equations, candidate, moved, order, DOUBLES)
    matters: Any = False
    for unknown in equations.unknowns:
        here, there = jets[unknown][0], other[unknown][0]
        visible = np.abs(here) < OVERGROWN
        matters = matters | (visible & (np.abs(here - there) > 1e-4 * np.abs(here)))
    many = digits(80)
    exact = series_of(equations, candidate, far, order, many)
    judged, _ = judge_residuals(equations, far, exact, len(like), many)
    hits = [int(np.sum(j.zero & matters)) for j in judged]
    misses = [int(np.sum(j.nonzero & matters)) for j in judged]
    return all(h >= 4 and h >= 0.1 * (h + m) for h, m in zip(hits, misses, strict=True))


def judge_residuals(
    equations: Equations,
    env: Columns,
    jets: Mapping[str, Series],
    count: int,
    backend: Backend,
    small: float = SMALL,
    large: float = LARGE,
) -> tuple[list[Judged], list[list[Array]]]:
    """Every residual judged at the first ``count`` columns, with its evaluated terms."""
    own = slice(0, count)
    sizes: Any = 0.0
    for series in jets.values():
        for k, c in enumerate(series):
            sizes = np.maximum(sizes, backend.magnitude(c[own]) * math.factorial(k))
    ev = evaluator(backend, 0, {k: [c[own] for c in v[:1]] for k, v in env.items()})
    ev.env.update(derivative_env(jets, own))
    like = ev.env[equations.variable][0]
    judged, evaluated = [], []
    for terms in equations.terms:
        values = [widen([ev.value(t)], like)[0] for t in terms]
        judged.append(judge(values, sizes, backend, small, large))
        evaluated.append(values)
    return judged, evaluated


def jacobian_rank(
    equations: Equations,
    jets: Mapping[str, Series],
    names: Sequence[str],
    bases: Sequence[int],
    count: int,
    noise: float = 1e-9,
) -> int:
    """Rank of the Jacobian of (y, y', …, y^(n-1)) with respect to the constants, the best over the
    base points.
    """
    rows: list[Any] = []
    for unknown, order in zip(equations.unknowns, equations.orders, strict=True):
        rows += jets[unknown][: max(order, 1)]
    best = 0
    for which in range(len(bases)):
        matrix = np.full((len(rows), len(names)), np.nan + 0j)
        for k in range(len(names)):
            at = count + 2 * (which * len(names) + k)
            for r, row in enumerate(rows):
                if at + 1 < len(row):
                    matrix[r, k] = complex(row[at] - row[at + 1]) / (2 * STEP)
        scale = max((abs(complex(row[bases[which]])) for row in rows), default=0.0)
        best = max(best, matrix_rank(matrix, noise * scale))
    return best


def matrix_rank(matrix: Any, noise: float) -> int:
    """Numerical rank with columns normalised; columns smaller than ``noise`` count as zero."""
    if not np.all(np.isfinite(matrix)):
        return 0
    norms = np.linalg.norm(matrix, axis=0)
    keep = norms > max(noise, 1e-200)
    if not np.any(keep):
        return 0
    values = np.linalg.svd(matrix[:, keep] / norms[keep], compute_uv=False)
    return int(np.sum(values > 1e-7 * values[0]))


def exact_rank(equations: Equations, candidate: Mapping[str, Node]) -> int:
    """The rank of the constants with many digits, where their effect is too small for doubles."""
    nodes = [candidate[u] for u in equations.unknowns]
    names = free_constants(nodes, equations)
    if not names or len(names) > 12:
        return 0
    env = base_columns(equations, names, non_analytic(*nodes, *equations.residuals), nodes)
    count = len(env[equations.variable][0])
    bases = [0, 5, 14, count - 3]
    with np.errstate(all="ignore"):
        jets = series_of(
            equations, candidate, with_differences(env, names, bases), max(equations.orders), DIGITS
        )
        return jacobian_rank(equations, jets, names, bases, count, noise=1e-22)
