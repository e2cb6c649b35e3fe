"""Does an explicit candidate solve the equations, satisfy the conditions, and hold enough
independent constants?
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lbt_core.subjects.ode.answers.arithmetic import DIGITS, DOUBLES, Array, Backend
from lbt_core.subjects.ode.answers.equations import Equations
from lbt_core.subjects.ode.answers.expr import Node, ParseError, symbols
from lbt_core.subjects.ode.answers.points import (
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
    unsettled,
    variable_values,
    widen,
)
from lbt_core.subjects.ode.answers.taylor import Evaluator, Series

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
    env = base_columns(equations, names, real)
    count = len(env[equations.variable][0])
    bases = []
    if names:
        bases = [0, 5] if real or equations.conditions else [0, 5, 10]
        env = with_differences(env, names, [b for b in bases if b < count])
    order = max(max(equations.orders), 0)
    backend: Backend = DIGITS if exact and any(long_decimals(n) for n in nodes) else DOUBLES
    with np.errstate(all="ignore"):
        jets = series_of(equations, candidate, env, order, backend)
        solves, detail = _residuals(equations, candidate, env, jets, count, order, backend)
        rank = jacobian_rank(equations, jets, names, bases, count) if bases else 0
        fits: bool | None = True
        if solves and equations.conditions:
            fits, detail = check_conditions(equations, candidate, names)
    return Check(solves, fits, rank, detail, nodes[0] if len(nodes) == 1 else None, len(names))


def base_columns(equations: Equations, names: Sequence[str], real: bool) -> Columns:
    """Sample values of variable, parameters and constants; around the initial point where there is
    one.
    """
    start = initial_point(equations)
    if start is not None:
        x = near(start, wide=real)
    else:
        x = variable_values()
        if real:
            x = np.real(x) + 0j
    count = len(x)
    env: Columns = {equations.variable: [x + 0j, np.ones(count, dtype=complex)]}
    for row, name in enumerate(sorted(equations.parameters)):
        env[name] = [parameter_values(row, count)]
    for row, name in enumerate(names):
        env[name] = [constant_values(row, count, real)]
    return env


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
    equations: Equations, candidate: Mapping[str, Node], env: Columns, order: int, backend: Backend
) -> dict[str, Series]:
    """Series of every unknown at all columns, padded to ``order + 1`` coefficients."""
    ev = evaluator(backend, order, env)
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


# Where a solution is this large, a wrong term of ordinary size is lost in rounding
OVERGROWN = 1e4


def _residuals(
    equations: Equations,
    candidate: Mapping[str, Node],
    env: Columns,
    jets: dict[str, Series],
    count: int,
    order: int,
    backend: Backend,
) -> tuple[bool | None, str]:
    judged, terms = judge_residuals(equations, env, jets, count, backend)
    if any(unsettled(j, t, backend) for j, t in zip(judged, terms, strict=True)):
        short = {k: [c[:count] for c in v] for k, v in env.items()}
        backend = DIGITS
        jets = series_of(equations, candidate, short, order, backend)
        judged, terms = judge_residuals(equations, short, jets, count, backend)
    detail = f"residual {max(j.worst for j in judged):.2g}"
    partly = not equations.conditions and all(np.any(j.zero) or j.empty for j in judged)
    if partly and not all(j.share >= 0.6 for j in judged):
        return _elsewhere(equations, candidate, env, order), detail
    if any(j.empty for j in judged):
        return False, "no value at any sample point"
    return all(j.passes for j in judged), detail


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
    judged, _ = judge_residuals(equations, far, jets, len(like), DOUBLES)
    hits = [int(np.sum(j.zero & matters)) for j in judged]
    misses = [int(np.sum(j.nonzero & matters)) for j in judged]
    return all(h >= 4 and h >= 0.1 * (h + m) for h, m in zip(hits, misses, strict=True))


def judge_residuals(
    equations: Equations, env: Columns, jets: Mapping[str, Series], count: int, backend: Backend
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
        judged.append(judge(values, sizes, backend))
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
    env = base_columns(equations, names, non_analytic(*nodes, *equations.residuals))
    count = len(env[equations.variable][0])
    bases = [0, 5]
    with np.errstate(all="ignore"):
        jets = series_of(
            equations, candidate, with_differences(env, names, bases), max(equations.orders), DIGITS
        )
        return jacobian_rank(equations, jets, names, bases, count, noise=1e-22)


def check_conditions(
    equations: Equations, candidate: Mapping[str, Node], names: Sequence[str]
) -> tuple[bool | None, str]:
    """Initial or boundary values, with parameters and left-over constants at random values."""
    count = 6
    shared: Columns = {}
    for row, name in enumerate(sorted(equations.parameters)):
        shared[name] = [parameter_values(row, count)]
    for row, name in enumerate(names):
        shared[name] = [constant_values(row, count)]
    for given in equations.conditions:
        ev = Evaluator(DOUBLES, 0, shared)
        at = np.broadcast_to(np.asarray(ev.value(given.at), dtype=complex), (count,))
        if not np.all(np.isfinite(at)):
            continue
        for unknown, wanted in zip(equations.unknowns, given.values, strict=True):
            target = np.broadcast_to(np.asarray(ev.value(wanted), dtype=complex), (count,))
            if not _takes(equations, candidate[unknown], shared, at, given.order, target):
                return False, f"{unknown}^({given.order}) at the point differs"
    return True, "conditions hold"


def _takes(
    equations: Equations, node: Node, shared: Columns, at: Array, order: int, target: Array
) -> bool:
    """Whether a derivative takes a value at a point; beside it where it has none exactly there."""
    for nudge, tolerance in ((0.0, 1e-9), (1e-7, 1e-5), (-1e-7, 1e-5)):
        env = {**shared, equations.variable: [at + nudge, np.ones(len(at), dtype=complex)]}
        series = widen(Evaluator(DOUBLES, order, env).series(node), at)
        value = math.factorial(order) * series[order] if order < len(series) else 0 * at
        if np.all(np.isfinite(value)):
            sizes = np.maximum(np.abs(target), 1e-3 * np.max([np.abs(c) for c in series], axis=0))
            return bool(np.all(np.abs(value - target) <= tolerance * np.maximum(sizes, 1e-3)))
    return False
