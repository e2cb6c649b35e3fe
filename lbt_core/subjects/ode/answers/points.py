"""Sample points: fixed pseudo-random values for variables, parameters and constants, and how to
judge residuals at them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lbt_core.subjects.ode.answers.arithmetic import Array, Backend
from lbt_core.subjects.ode.answers.expr import Node, walk
from lbt_core.subjects.ode.answers.functions import NON_ANALYTIC
from lbt_core.subjects.ode.answers.taylor import Evaluator, Series

SMALL = 1e-12  # a residual this small against its terms is zero in doubles
QUADRATURE = 1e-9  # the same where integrals or cut-off sums are in it
LARGE = 1e-6  # one this large is not; between them more digits decide
STEP = 2e-5  # of the central differences with respect to constants

_ROWS, _COLUMNS = 96, 24
_rng = np.random.default_rng(19790519)
_POSITIVE = _rng.uniform(0.35, 1.9, (_ROWS, _COLUMNS))
_SIGNED = _rng.uniform(0.3, 1.7, (_ROWS, _COLUMNS)) * _rng.choice((-1.0, 1.0), (_ROWS, _COLUMNS))
_NEGATIVE = -_rng.uniform(2.2, 4.5, (_ROWS, _COLUMNS))
_COMPLEX = _rng.uniform(0.2, 1.4, (_ROWS, _COLUMNS)) + 1j * _rng.uniform(
    -0.9, 0.9, (_ROWS, _COLUMNS)
)

# More columns of the same, drawn apart so that the first ones stay as they are
_more = np.random.default_rng(20260101)
_POSITIVE = np.hstack([_POSITIVE, _more.uniform(0.35, 1.9, (_ROWS, _COLUMNS))])
_SIGNED = np.hstack([_SIGNED, _more.uniform(0.3, 1.7, (_ROWS, _COLUMNS))])

GENERAL_POINTS = 12
_LADDER = np.array([0.11, 0.041, 0.013, 0.0043, 0.0012, 3.3])
_SMALL_OFFSETS = np.array([0.013, -0.011, 0.0031, -0.0027, 0.0007, 1.1])
_OFFSETS = np.array([0.05, 0.11, 0.19, 0.31, 0.47, 0.64, -0.06, -0.13, -0.27, -0.42])
_WIDE = np.array(
    [
        0.013,
        0.21,
        0.37,
        0.58,
        0.83,
        1.07,
        1.31,
        1.72,
        2.13,
        2.41,
        2.87,
        3.19,
        3.73,
        4.11,
        4.59,
        5.27,
        6.13,
        7.31,
        8.77,
        10.3,
    ]
)


def variable_values(extra: Sequence[float] = ()) -> Array:
    """Points of the independent variable for a general solution: positive, negative and complex
    ones, then positive ones on smaller and smaller scales, then ``extra`` ones.
    """
    x = np.array(_POSITIVE[0, :GENERAL_POINTS], dtype=complex)
    x[7] = _SIGNED[0, 7] - 2.1
    x[10:12] = _COMPLEX[0, 10:12]
    return np.concatenate([x, _LADDER, np.asarray(extra, dtype=complex)])


def near(point: complex, wide: bool = False, extra: Sequence[float] = ()) -> Array:
    """Real points around an initial point, on smaller and smaller scales, then ``extra`` offsets;
    with ``wide`` to the right of it, over several steps of a step function.
    """
    return point + np.concatenate(
        [_WIDE if wide else _OFFSETS, np.abs(_SMALL_OFFSETS) if wide else _SMALL_OFFSETS, extra]
    )


def constant_values(row: int, count: int, real: bool = False) -> Array:
    """Values of the row-th constant at ``count`` points: positive, mixed, all negative and complex
    ones.
    """
    row = 1 + row % (_ROWS - 1)
    out = np.array(_POSITIVE[row, :count], dtype=complex)
    if count > 10:
        out[5:7] = _SIGNED[row, 5:7]
        out[8:10] = _NEGATIVE[row, 8:10]
        if not real:
            out[10:12] = _COMPLEX[row, 10:12]
    return out


def parameter_values(row: int, count: int) -> Array:
    """Positive values of the row-th parameter (away from those of constants)."""
    return np.array(_POSITIVE[_ROWS - 1 - row % 40, :count][::-1], dtype=complex)


def scattered_values(row: int) -> Array:
    """Sixty real values of widely different size and sign."""
    rng = np.random.default_rng(4099 + row)
    return rng.choice((-1.0, 1.0), 60) * 10.0 ** rng.uniform(-1.3, 0.7, 60) + 0j


def non_analytic(*nodes: Node) -> bool:
    """Whether steps, absolute values or real parts occur (``ln|g|`` is as good as ``ln g``)."""
    for node in nodes:
        logs = {id(n.args[0]) for n in walk(node) if n.op == "fn" and n.val == "ln"}
        for n in walk(node):
            if n.op == "cases" or (
                n.op == "fn" and n.val in NON_ANALYTIC and not (n.val == "abs" and id(n) in logs)
            ):
                return True
    return False


@dataclass(frozen=True, slots=True)
class Judged:
    """Masks over the sample points: where a residual is zero, where it is not, the worst ratio
    seen, the worst among the zeros, and where doubles leave open which it is.
    """

    zero: Any
    nonzero: Any
    worst: float
    agreeing: float = 0.0
    open: Any = False

    @property
    def share(self) -> float:
        """Zeros among the points that were decided; 0 where there are fewer than three."""
        hits, misses = int(np.sum(self.zero)), int(np.sum(self.nonzero))
        return hits / (hits + misses) if hits >= 3 else 0.0

    @property
    def passes(self) -> bool:
        """Zero at enough points: several, and more than a chance share (branches may differ
        elsewhere).
        """
        return self.share >= 0.35

    @property
    def everywhere(self) -> bool:
        """Zero wherever it has a value."""
        return int(np.sum(self.zero)) >= 3 and not np.any(self.nonzero)

    @property
    def settled(self) -> bool:
        """No point where doubles leave open whether it is zero."""
        return not np.any(self.open)

    @property
    def empty(self) -> bool:
        """No point had a value."""
        return not np.any(self.zero) and not np.any(self.nonzero)


def judge(
    terms: Sequence[Array],
    sizes: Any,
    backend: Backend,
    small: float = SMALL,
    large: float = LARGE,
) -> Judged:
    """Judges a residual given as its terms; ``sizes`` is the magnitude of the solution, which
    bounds rounding noise; in doubles ``small`` against the terms is zero and ``large`` is not.
    """
    total: Any = 0
    scale: Any = 0.0
    for term in terms:
        total = total + term
        scale = scale + backend.magnitude(term)
    with np.errstate(all="ignore"):
        residual = backend.magnitude(total)
        finite = backend.finite(total) & np.isfinite(scale) & np.isfinite(sizes)
        bound = np.maximum(scale, sizes)
        if backend.exact:
            zero = finite & (residual <= backend.tolerance * bound)
            nonzero = finite & ~zero
        else:
            zero = finite & (residual <= small * scale)
            nonzero = finite & ~zero & (residual > large * bound)
        ratio = np.where(finite & (bound > 0), residual / bound, 0.0)
    agreeing = float(np.max(np.where(zero, ratio, 0.0), initial=0.0))
    open_ = finite & ~zero & ~nonzero
    return Judged(zero, nonzero, float(np.max(ratio, initial=0.0)), agreeing, open_)


def widen(series: Series, like: Array) -> Series:
    """Scalar coefficients spread over the sample points."""
    return [
        np.broadcast_to(np.asarray(c), np.shape(like)) if np.ndim(c) == 0 else c for c in series
    ]


def evaluator(backend: Backend, order: int, env: dict[str, Series]) -> Evaluator:
    """An evaluator whose environment is converted to the backend's numbers."""
    if not backend.exact:
        return Evaluator(backend, order, env)
    return Evaluator(
        backend, order, {k: [backend.array(np.atleast_1d(c)) for c in v] for k, v in env.items()}
    )


def long_decimals(node: Node) -> bool:
    """Whether a number with many digits occurs, which doubles could not tell from the number that
    it rounds.
    """
    return any(
        n.op == "num" and (n.val.denominator > 10**6 or abs(n.val.numerator) > 10**8)
        for n in walk(node)
    )
