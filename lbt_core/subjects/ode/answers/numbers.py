"""Numeric comparison of expressions: equal values, equal families of functions, equal equations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np

from lbt_core.subjects.ode.answers.arithmetic import DIGITS, DOUBLES, Array, Backend, digits
from lbt_core.subjects.ode.answers.expr import Node, ParseError, symbols
from lbt_core.subjects.ode.answers.points import (
    Judged,
    constant_values,
    evaluator,
    judge,
    non_analytic,
    widen,
)
from lbt_core.subjects.ode.answers.taylor import Series
from lbt_core.subjects.ode.answers.visibility import (
    FAINT,
    Watch,
    digits_for,
    many_valued,
    scales,
    settled_by_digits,
    steps_of,
)

_POINTS = 12
_STARTS = 6
_STEPS = 60
_POLISH = 8  # steps with many digits


_SMALL_POINTS = 16  # further real points, each name on a scale of its own
_SETTLED = slice(0, 28, 3)  # the points at which many digits confirm what doubles say


@dataclass(frozen=True, slots=True)
class Names:
    """Symbols of the reference: ``variables`` stand for themselves, ``constants`` may be renamed;
    ``question``: the question's; ``integers``: those that count (indices of sequences and modes).
    """

    variables: frozenset[str]
    constants: frozenset[str]
    question: frozenset[str]
    integers: frozenset[str] = frozenset()


def _points(
    names: Sequence[str],
    wide: bool,
    nodes: Sequence[Node] = (),
    integers: frozenset[str] = frozenset(),
) -> dict[str, Series]:
    """Sample values of variables: of ordinary size, then each on a random scale down to 1e-4, or on
    those of the rates in ``nodes``; with ``wide`` real ones from 0 to 10, so that step functions
    are crossed.
    """
    env: dict[str, Series] = {}
    own = scales(nodes)
    for row, name in enumerate(sorted(names)):
        rng = np.random.default_rng(row + 11)
        if name in integers:
            env[name] = [rng.permutation(np.arange(1.0, _POINTS + _SMALL_POINTS + 1)) % 13 + 1 + 0j]
        elif wide:
            env[name] = [rng.permutation(np.linspace(0.07, 9.93, 24)) + 0j]
        else:
            small = 10.0 ** rng.uniform(-4.0, 0.3, _SMALL_POINTS)
            small[:4] = rng.uniform(0.3, 1.9, 4)
            for scale in own:
                at = rng.choice(_SMALL_POINTS, 6, replace=False)
                small[at] = scale * rng.uniform(0.2, 2.0, 6)
            env[name] = [np.concatenate([constant_values(row + 7, _POINTS), small])]
    if wide and any(n in integers for n in env):
        env = {n: [series[0][:24]] for n, series in env.items()}
    return env


def _evaluate(
    node: Node, env: Mapping[str, Series], backend: Backend, watch: Watch | None = None
) -> Array:
    ev = evaluator(backend, 0, dict(env))
    ev.watch = watch
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
    tolerance (zero only with zero).

    Raises ParseError where one of them has no numeric meaning.
    """
    mine, other = symbols(a), symbols(b)
    if other - mine - names.variables and not other <= mine | names.question:
        return False
    free = sorted(mine | other)
    wide = non_analytic(a, b)
    env = _points(free, wide, (a, b), names.integers)
    if after:
        env = {n: [series[0] + after] for n, series in env.items()}
    if wide:
        env = _between_steps(env, steps_of((a, b)), after)
    with np.errstate(all="ignore"):
        watch = Watch(_POINTS + _SMALL_POINTS)
        x, y = _evaluate(a, env, DOUBLES, watch), _evaluate(b, env, DOUBLES, watch)
        if tolerance:
            x, y = x * factors[0], y * factors[1]
            if not np.all(np.isfinite(x)) or not np.all(np.isfinite(y)):
                return False
            if np.all(np.abs(x) < 1e-9) and not free:
                return _close_small(a, b, factors, tolerance)
            return bool(np.all(np.abs(x - y) <= tolerance * np.abs(x)))
        if not free:
            if np.all(np.isinf(x.real)) and np.all(np.isinf(y.real)):
                return bool(np.all(np.sign(x.real) == np.sign(y.real)))
            return equal_numbers(a, b)
        judged = judge([x, -y], 0.0, DOUBLES)
        if judged.empty:
            return False
        if wide:
            return _same_pieces(a, b, env, judged)
        if names.integers & set(free) and settled_by_digits((a, b)):
            return _same_terms(a, b, env)
        return _same_function(a, b, env, judged, watch)


def _between_steps(
    env: dict[str, Series], steps: Mapping[str, Sequence[float]], after: float
) -> dict[str, Series]:
    """Sample points with further ones between each two places where pieces meet, however close,
    as far as they lie behind ``after``.
    """
    for name, at in steps.items():
        if name not in env or not at:
            continue
        more = [(p + q) / 2 for p, q in pairwise(at)] + [at[0] - 0.01, at[-1] + 0.01]
        more = [m for m in more if m > after]
        if not more:
            continue
        added = len(more)
        env = {n: [np.concatenate([s[0], np.resize(s[0], added)])] for n, s in env.items()}
        env[name][0][-added:] = more
    return env


def _same_pieces(a: Node, b: Node, env: Mapping[str, Series], judged: Judged) -> bool:
    """Agreement at every real point, with many digits where doubles leave it open."""
    if not judged.everywhere or judged.settled:
        return judged.everywhere
    if not settled_by_digits((a, b)):
        return False
    many = digits(80)
    return judge([_evaluate(a, env, many), -_evaluate(b, env, many)], 0.0, many).everywhere


def _same_terms(a: Node, b: Node, env: Mapping[str, Series]) -> bool:
    """Agreement of the terms of sequences, some of which may be zero: there the difference shrinks
    as digits are added.
    """
    gaps = []
    for many in (DIGITS, digits(160)):
        p, q = _evaluate(a, env, many), _evaluate(b, env, many)
        gaps.append((many.magnitude(p - q), many.magnitude(p) + many.magnitude(q)))
    (first, _), (second, size) = gaps
    finite = np.isfinite(second) & np.isfinite(size)
    same = (second <= 1e-75 * size) | (second <= 1e-60 * first)
    return int(np.sum(finite)) >= 3 and bool(np.all(same[finite]))


def _same_function(a: Node, b: Node, env: Mapping[str, Series], judged: Any, watch: Watch) -> bool:
    """Agreement at every point, with as many digits as the faintest term needs. Where roots and
    logarithms make branches: at every point where both values are real, and at most of the others.
    """
    branching = many_valued((a, b))
    if _disagree(judged, None if branching else judged):
        cancelled = not branching and int(np.sum(judged.zero)) >= 3
        if not (cancelled and settled_by_digits((a, b))):
            return False
    if not settled_by_digits((a, b)):
        first = slice(0, _POINTS // 2)
        return not np.any((judged.nonzero | judged.open)[first]) and int(np.sum(judged.zero)) >= 3
    doubtful = bool(np.any(~judged.zero))
    many = digits(digits_for(watch.faintest)) if watch.faintest < FAINT else DIGITS
    if not doubtful and many is DIGITS:
        env = {n: [series[0][_SETTLED]] for n, series in env.items()}
    p, q = _evaluate(a, env, many), _evaluate(b, env, many)
    exact = judge([p, -q], 0.0, many)
    if np.any(exact.zero) and np.any(exact.nonzero):  # or digits were lost to cancellation
        many = digits(640)
        p, q = _evaluate(a, env, many), _evaluate(b, env, many)
        exact = judge([p, -q], 0.0, many)
    if int(np.sum(exact.zero)) < 3:
        return False
    if not branching:
        return exact.everywhere
    real = np.array([_is_real(v, many) and _is_real(w, many) for v, w in zip(p, q, strict=True)])
    points_real = np.all([np.abs(np.imag(s[0])) == 0 for s in env.values()], axis=0)
    return not np.any(exact.nonzero & real & points_real) and not _disagree(exact, None)


def _is_real(value: Any, backend: Backend) -> bool:
    size = float(abs(value))
    return bool(float(abs(value.imag)) <= backend.tolerance * size)


def _disagree(judged: Any, everywhere: Any) -> bool:
    """Two branches of one function differ at few points; different functions at nearly all."""
    if everywhere is not None:
        # a few points may be noise of cancellation: many digits judge them
        return int(np.sum(judged.nonzero)) > int(np.sum(judged.zero))
    hits, misses = int(np.sum(judged.zero)), int(np.sum(judged.nonzero))
    return misses > hits or bool(np.any(judged.nonzero[:5]))


def equal_numbers(a: Node, b: Node) -> bool:
    """Whether two constants are the same number: their difference vanishes as digits are added."""
    x, y = _evaluate(a, {}, DOUBLES), _evaluate(b, {}, DOUBLES)
    if not (np.all(np.isfinite(x)) and np.all(np.isfinite(y))):
        return False
    if np.any(np.abs(x - y) > 1e-8 * (np.abs(x) + np.abs(y)) + 1e-300) and np.any(
        np.abs(x) + np.abs(y) > 1e-9
    ):
        return False
    if not settled_by_digits((a, b)):
        return bool(np.all(np.abs(x - y) <= 1e-10 * (np.abs(x) + np.abs(y))))
    gaps = []
    for many in (DIGITS, digits(160)):
        p, q = _evaluate(a, {}, many)[0], _evaluate(b, {}, many)[0]
        gaps.append((abs(p - q), abs(p) + abs(q)))
    (first, _), (second, size) = gaps
    return bool(second == 0 or second <= size * 10.0**-75 or second <= first * 10.0**-60)


def _close_small(a: Node, b: Node, factors: tuple[float, float], tolerance: float) -> bool:
    """Two small constants within a relative tolerance; zero (however written) only with zero."""
    zero = Node("num", (), Fraction(0))
    nothing = [equal_numbers(n, zero) for n in (a, b)]
    if any(nothing) or not settled_by_digits((a, b)):
        return all(nothing)
    p, q = (_evaluate(n, {}, DIGITS)[0] * f for n, f in zip((a, b), factors, strict=True))
    return bool(abs(p - q) <= tolerance * abs(p))


def same_equation(a: Sequence[Node], b: Sequence[Node], names: Names) -> bool:
    """Whether two equations ``sum(a) = 0`` and ``sum(b) = 0`` are the same up to a constant factor.

    With an arbitrary constant in the reference: whether their level curves are the same.
    """
    left, right = _total(a), _total(b)
    if names.constants & symbols(left):
        return _same_curves(left, right, names)
    if symbols(left) != symbols(right):
        return False
    env = _points(sorted(symbols(left)), False, (left, right), names.integers)
    with np.errstate(all="ignore"):
        x, y = _evaluate(left, env, DOUBLES), _evaluate(right, env, DOUBLES)
        ratio = y / x
        steady = np.isfinite(ratio) & (ratio != 0)
        if not np.any(steady):
            return False
        first = int(np.flatnonzero(steady)[0])
        judged = judge([y, -ratio[first] * x], 0.0, DOUBLES)
        if np.sum(judged.nonzero) > np.sum(judged.zero | judged.open):
            return False
        if not settled_by_digits((left, right)):
            return judged.everywhere and judged.settled
        at = [first, *range(*_SETTLED.indices(len(ratio)))]
        few = {n: [series[0][at]] for n, series in env.items()}
        x, y = _evaluate(left, few, DIGITS), _evaluate(right, few, DIGITS)
        return judge([y, -(y[0] / x[0]) * x], 0.0, DIGITS).everywhere


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
    few = {n: [series[0][_SETTLED]] for n, series in env.items()}
    for backend in (DOUBLES, DIGITS) if settled_by_digits((a, b)) else (DOUBLES,):
        with np.errstate(all="ignore"):
            (ax, ay), (bx, by) = (_gradient(n, variables, few, backend) for n in (a, b))
            judged = judge([ax * by, -ay * bx], 0.0, backend)
        if np.any(judged.nonzero) or not np.all(judged.zero | judged.open):
            return False
    return judged.everywhere and judged.settled


def _gradient(
    node: Node, variables: Sequence[str], env: Mapping[str, Series], backend: Backend
) -> list[Array]:
    """The partial derivatives at the sample points."""
    out = []
    for name in variables:
        along = {**env, name: [env[name][0], np.ones_like(env[name][0])]}
        ev = evaluator(backend, 1, along)
        like = ev.env[name][0]
        series = widen(ev.series(node), like)
        out.append(series[1] if len(series) > 1 else 0 * like)
    return out


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
    """Whether random members of the target family are members of the model family, on every scale
    of the variables.
    """
    count = 14 + 2 * len(unknown)
    rng = np.random.default_rng(5)
    own = scales((target, model))
    env: dict[str, Series] = {}
    for name in variables:
        values = rng.uniform(0.3, 1.9, count)
        values[::3] = 10.0 ** rng.uniform(-3.0, -0.3, len(values[::3]))
        for scale in own:
            values[rng.choice(count, 4, replace=False)] = scale * rng.uniform(0.2, 2.0, 4)
        env[name] = [values + 0j]
    if not variables:
        env["·"] = [np.zeros(count, dtype=complex)]
    for _ in range(2):
        fixed = {n: [np.full(count, rng.uniform(0.4, 1.6) + 0j)] for n in given}
        with np.errstate(all="ignore"):
            wanted = _evaluate(target, {**env, **fixed}, DOUBLES)
            if not np.all(np.isfinite(wanted)):
                return False
            tries = (_newton(model, unknown, env, wanted, rng) for _ in range(_STARTS))
            found = next((point for point in tries if point is not None), None)
            if found is None:
                return False
            if settled_by_digits((target, model)) and not _fits_exactly(
                target, {**env, **fixed}, model, dict(zip(unknown, found, strict=True)), env
            ):
                return False
    return True


def _newton(
    model: Node, unknown: Sequence[str], env: Mapping[str, Series], wanted: Array, rng: Any
) -> Array | None:
    """Damped Gauss-Newton for the model's constants from one random start: their values where they
    fit as well as doubles show, else None.
    """
    count = len(wanted)
    values = rng.uniform(0.3, 1.5, len(unknown)) + 1j * rng.uniform(-0.4, 0.4, len(unknown))

    def at(point: Array) -> Array:
        return _evaluate(
            model,
            {**env, **{n: [np.full(count, v)] for n, v in zip(unknown, point, strict=True)}},
            DOUBLES,
        )

    sizes = np.abs(wanted)
    weight = 1 / np.maximum(sizes, 1e-6 * np.max(sizes, initial=0.0) + 1e-300)
    residual = (at(values) - wanted) * weight
    for _ in range(_STEPS):
        if not np.all(np.isfinite(residual)):
            return None
        norm = np.linalg.norm(residual)
        if np.max(np.abs(residual)) <= 1e-9:
            return values
        jacobian = np.empty((count, len(unknown)), dtype=complex)
        for k in range(len(unknown)):
            moved = values.copy()
            moved[k] += 1e-6
            jacobian[:, k] = (at(moved) - at(values)) * weight / 1e-6
        if not np.all(np.isfinite(jacobian)):
            return None
        step = np.linalg.lstsq(jacobian, -residual, rcond=1e-10)[0]
        for damping in (1.0, 0.5, 0.2, 0.05):
            trial = (at(values + damping * step) - wanted) * weight
            if np.all(np.isfinite(trial)) and np.linalg.norm(trial) < norm:
                values, residual = values + damping * step, trial
                break
        else:
            return None
    return None


def _fits_exactly(
    target: Node,
    given: Mapping[str, Series],
    model: Node,
    found: Mapping[str, complex],
    env: Mapping[str, Series],
) -> bool:
    """Whether a fit that doubles call exact is, to more digits: the constants are improved by
    Newton's method with the slopes that doubles have, which gains some digits a step.
    """
    names = list(found)
    with np.errstate(all="ignore"):
        wanted = _evaluate(target, given, DIGITS)
        size = np.abs(np.array([complex(w) for w in wanted]))
        weight = 1 / np.maximum(size, 1e-6 * np.max(size, initial=0.0) + 1e-300)
        count = len(wanted)
        doubles = {**env, **{n: [np.full(count, found[n])] for n in names}}
        slopes = np.array([g * weight for g in _gradient(model, names, doubles, DOUBLES)]).T
        point = DIGITS.array([found[n] for n in names])
        if not np.all(np.isfinite(slopes)):
            return False
        for _ in range(_POLISH):
            at = {n: [np.full(count, v, dtype=object)] for n, v in zip(names, point, strict=True)}
            ev = evaluator(DIGITS, 0, dict(env))
            ev.env.update(at)
            gap = (ev.value(model) - wanted) * weight
            rest = np.array([complex(g) for g in np.broadcast_to(gap, (count,))])
            if not np.all(np.isfinite(rest)):
                return False
            if np.max(np.abs(rest)) <= 1e-22:
                return True
            step = np.linalg.lstsq(slopes, -rest, rcond=1e-10)[0]
            point = point + DIGITS.array(step)
    return False


__all__ = ["Names", "ParseError", "equal_values", "same_equation", "same_family"]
