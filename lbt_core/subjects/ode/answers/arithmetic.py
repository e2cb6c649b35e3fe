"""Number backends: complex doubles (numpy) and many digits (mpmath), over vectors of sample points.

Both work on arrays with one entry a sample point; entries that overflow or have no value become nan
or inf and are dropped
by the caller.
"""

import math
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np

Array = Any  # ndarray of complex128, or of mpmath.mpc objects

MP_DIGITS = 40
_HUGE = 1e30  # an argument this large has no value worth its time


class Backend:
    """Elementwise numbers and functions. ``exact`` is False for doubles, True for many digits."""

    exact = False
    tolerance = 0.0  # what is this small against its terms is zero, for exact backends

    def number(self, value: Fraction) -> Any:
        """A rational as a scalar; a double beyond range is infinite."""
        try:
            return complex(value)
        except OverflowError:
            return complex(math.inf)

    def constant(self, name: str) -> Any:
        """pi, e, i or inf as a scalar."""
        return {"pi": math.pi + 0j, "e": math.e + 0j, "i": 1j, "inf": complex(math.inf)}[name]

    def array(self, values: Any) -> Array:
        """Sample values as an array of this backend."""
        return np.asarray(values, dtype=complex)

    def call(self, name: str, *args: Array) -> Array:
        """An elementary or special function at every entry; raises KeyError for one that it does
        not have.
        """
        direct = _NUMPY.get(name)
        if direct is not None:
            return direct(*args)
        return np.asarray(_vector(_mp_function(name))(*args), dtype=complex)

    def power(self, base: Array, exponent: Array) -> Array:
        """Principal power."""
        return np.asarray(base, dtype=complex) ** exponent

    def real(self, value: Array) -> Array:
        """Real part, as a number of this backend."""
        return np.real(value) + 0j

    def finite(self, value: Array) -> Any:
        """Mask of the entries that are finite and not absurdly large."""
        return np.isfinite(value) & (np.abs(value) < 1e100)

    def magnitude(self, value: Array) -> Any:
        """Absolute values as doubles."""
        return np.abs(value)


class ManyDigits(Backend):
    """mpmath numbers of ``digits`` digits in object arrays; slow, settles what doubles leave
    open.
    """

    exact = True

    def __init__(self, digits: int):
        self.digits = digits
        self.tolerance = 10.0 ** -min(digits // 2, 290)

    @property
    def mp(self) -> Any:
        return _mp(self.digits)

    def number(self, value: Fraction) -> Any:
        mp = self.mp
        return mp.mpc(mp.mpf(value.numerator) / value.denominator)

    def constant(self, name: str) -> Any:
        mp = self.mp
        return {"pi": mp.mpc(+mp.pi), "e": mp.mpc(+mp.e), "i": mp.mpc(0, 1), "inf": mp.mpc(mp.inf)}[
            name
        ]

    def array(self, values: Any) -> Array:
        mp = self.mp
        flat = np.asarray(values, dtype=complex)
        out = np.empty(flat.shape, dtype=object)
        for k, v in enumerate(flat):
            out[k] = mp.mpc(complex(v))
        return out

    def call(self, name: str, *args: Array) -> Array:
        return _vector(_mp_function(name, self.mp))(*args)

    def power(self, base: Array, exponent: Array) -> Array:
        mp = self.mp
        return _vector(lambda a, b: _power(mp, a, b))(base, exponent)

    def real(self, value: Array) -> Array:
        mp = self.mp
        return _vector(lambda a: mp.mpc(mp.re(a)))(value)

    def finite(self, value: Array) -> Any:
        return np.array([_is_finite(v) for v in np.atleast_1d(value)])

    def magnitude(self, value: Array) -> Any:
        return np.array([float(abs(v)) for v in np.atleast_1d(value)])


def _is_finite(value: Any) -> bool:
    try:
        size = float(abs(value))
    except (OverflowError, ValueError):
        return False
    return math.isfinite(size) and size < 1e100


@lru_cache(maxsize=64)
def _mp(digits: int = MP_DIGITS) -> Any:
    import mpmath  # noqa: PLC0415 - heavy import, only where used

    context = mpmath.mp.clone()
    context.dps = digits
    return context


def _vector(function: Callable[..., Any]) -> Callable[..., Any]:
    def at(*args: Any) -> Any:
        try:
            return function(*args)
        except (ValueError, ZeroDivisionError, OverflowError, ArithmeticError, TypeError):
            return _mp().mpc("nan")

    return np.frompyfunc(at, 1, 1) if function.__code__.co_argcount == 1 else _variadic(at)


def _variadic(at: Callable[..., Any]) -> Callable[..., Any]:
    def apply(*args: Any) -> Any:
        return np.frompyfunc(at, len(args), 1)(*args)

    return apply


def _mp_function(name: str, context: Any = None) -> Callable[..., Any]:
    mp = context or _mp()
    table: dict[str, Any] = {
        "exp": mp.exp,
        "ln": mp.log,
        "sqrt": mp.sqrt,
        "sin": mp.sin,
        "cos": mp.cos,
        "tan": mp.tan,
        "sinh": mp.sinh,
        "cosh": mp.cosh,
        "tanh": mp.tanh,
        "asin": mp.asin,
        "acos": mp.acos,
        "atan": mp.atan,
        "asinh": mp.asinh,
        "acosh": mp.acosh,
        "atanh": mp.atanh,
        "acot": mp.acot,
        "asec": mp.asec,
        "acsc": mp.acsc,
        "acoth": mp.acoth,
        "asech": mp.asech,
        "acsch": mp.acsch,
        "erf": mp.erf,
        "erfc": mp.erfc,
        "erfi": mp.erfi,
        "gamma": mp.gamma,
        "factorial": lambda z: mp.gamma(z + 1),
        "Si": mp.si,
        "Ci": mp.ci,
        "Ei": mp.ei,
        "li": mp.li,
        "LambertW": mp.lambertw,
        "Shi": mp.shi,
        "Chi": mp.chi,
        "erfinv": mp.erfinv,
        "besselj": mp.besselj,
        "bessely": mp.bessely,
        "besseli": mp.besseli,
        "besselk": mp.besselk,
        "airyai": mp.airyai,
        "airybi": mp.airybi,
        "conjugate": mp.conj,
        "arg": mp.arg,
        "airyaiprime": lambda z: mp.airyai(z, derivative=1),
        "airybiprime": lambda z: mp.airybi(z, derivative=1),
    }
    function = table[name]
    if name == "factorial":
        return lambda z: function(z) if abs(z) < 1e4 else mp.mpc("inf")
    return lambda *args: function(*args) if all(abs(a) < _HUGE for a in args) else mp.mpc("nan")


def _power(mp: Any, base: Any, exponent: Any) -> Any:
    """Principal power; no number where its size alone would take long (``9^9^9^9``)."""
    if abs(exponent) > 1e6 and abs(exponent) * abs(mp.log(base)) > 1e7:
        return mp.mpc("nan")
    return mp.power(base, exponent)


def _factorial(z: Array) -> Array:
    values = np.atleast_1d(np.asarray(z, dtype=complex))
    out = np.full(values.shape, np.nan + 0j)
    for k, v in enumerate(values):
        if v.imag == 0 and abs(v.real) < 170 and not (v.real < 0 and v.real == int(v.real)):
            out[k] = math.gamma(v.real + 1)
    return out


_NUMPY: dict[str, Callable[..., Any]] = {
    "exp": np.exp,
    "ln": np.log,
    "sqrt": np.sqrt,
    "sin": np.sin,
    "cos": np.cos,
    "tan": np.tan,
    "sinh": np.sinh,
    "cosh": np.cosh,
    "tanh": np.tanh,
    "asin": np.arcsin,
    "acos": np.arccos,
    "atan": np.arctan,
    "asinh": np.arcsinh,
    "acosh": np.arccosh,
    "atanh": np.arctanh,
    "acot": lambda z: np.arctan(1 / z),
    "asec": lambda z: np.arccos(1 / z),
    "acsc": lambda z: np.arcsin(1 / z),
    "acoth": lambda z: np.arctanh(1 / z),
    "asech": lambda z: np.arccosh(1 / z),
    "acsch": lambda z: np.arcsinh(1 / z),
    "conjugate": np.conj,
    "arg": lambda z: np.angle(z) + 0j,
    "factorial": _factorial,
}

DOUBLES = Backend()
DIGITS = ManyDigits(MP_DIGITS)


@lru_cache(maxsize=64)
def digits(count: int) -> ManyDigits:
    """The backend with at least ``count`` digits (rounded up, so that few kinds of it exist)."""
    return ManyDigits(next((d for d in (MP_DIGITS, 80, 160, 320, 640) if d >= count), 1200))
