"""The series rule of every function on the whitelist."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from lbt_core.subjects.ode.answers.expr import ParseError
from lbt_core.subjects.ode.answers.taylor import RULES, Evaluator, Series, divide, one, plus, times

Rule = Callable[..., Series]

_HALF = Fraction(1, 2)


def _neg(a: Series) -> Series:
    return [-c for c in a]


def _inverse(ev: Evaluator, a: Series) -> Series:
    return divide(one(ev.be), a, ev.order)


def _square(ev: Evaluator, a: Series) -> Series:
    return times(a, a, ev.order)


def _ratio(which: str) -> Rule:
    """tan, sec and the like as quotients of a sine-cosine pair: numerator over denominator, s, c or
    1.
    """
    names, sign, top, bottom = {
        "tan": (("sin", "cos"), -1, "s", "c"),
        "cot": (("sin", "cos"), -1, "c", "s"),
        "sec": (("sin", "cos"), -1, "1", "c"),
        "csc": (("sin", "cos"), -1, "1", "s"),
        "tanh": (("sinh", "cosh"), 1, "s", "c"),
        "coth": (("sinh", "cosh"), 1, "c", "s"),
        "sech": (("sinh", "cosh"), 1, "1", "c"),
        "csch": (("sinh", "cosh"), 1, "1", "s"),
    }[which]

    def rule(ev: Evaluator, g: Series) -> Series:
        s, c = ev.pair(g, names, sign)
        pick = {"s": s, "c": c, "1": one(ev.be)}
        return divide(pick[top], pick[bottom], ev.order)

    return rule


def _pair(names: tuple[str, str], sign: int, index: int) -> Rule:
    return lambda ev, g: ev.pair(g, names, sign)[index]


def _by_slope(name: str, slope: Callable[[Evaluator, Series], Series]) -> Rule:
    """A function from its value and the series of its derivative."""

    def rule(ev: Evaluator, g: Series) -> Series:
        head = ev.be.call(name, g[0])
        if len(g) == 1:
            return [head]
        return ev.integrated(head, slope(ev, g), g)

    return rule


def _root_of(ev: Evaluator, inside: Series, power: Fraction) -> Series:
    return ev.rational_power(inside, power)


def _one_plus(ev: Evaluator, g: Series, sign: int) -> Series:
    square = _square(ev, g)
    return plus(one(ev.be), square if sign > 0 else _neg(square))


def _asin(ev: Evaluator, g: Series) -> Series:
    return _root_of(ev, _one_plus(ev, g, -1), -_HALF)


def _acosh(ev: Evaluator, g: Series) -> Series:
    minus = _root_of(ev, plus(g, _neg(one(ev.be))), -_HALF)
    return times(minus, _root_of(ev, plus(g, one(ev.be)), -_HALF), ev.order)


def _reciprocal_argument(name: str) -> Rule:
    return lambda ev, g: TABLE[name](ev, _inverse(ev, g))


def _gauss(factor: float, sign: int) -> Callable[[Evaluator, Series], Series]:
    def slope(ev: Evaluator, g: Series) -> Series:
        square = _square(ev, g)
        scale = ev.be.number(Fraction(2)) / ev.be.power(ev.be.constant("pi"), ev.be.number(_HALF))
        return [factor * scale * c for c in ev.exp(square if sign > 0 else _neg(square))]

    return slope


def _over_argument(name: str) -> Callable[[Evaluator, Series], Series]:
    return lambda ev, g: divide(TABLE[name](ev, g), g, ev.order)


def _lambert(ev: Evaluator, g: Series) -> Series:
    """W from its differential equation W' = W / (g (1 + W)), coefficient by coefficient."""
    out: Series = [ev.be.call("LambertW", g[0])]
    if len(g) == 1:
        return out
    dg = [k * g[k] if k < len(g) else 0 * g[0] for k in range(1, ev.order + 1)]
    for k in range(1, ev.order + 1):
        slope = divide(out, times(g, plus(out, one(ev.be)), k), k - 1)
        out.append(times(slope, dg, k - 1)[k - 1] / k)
    return out


def _bessel(kind: str) -> Rule:
    signs = {"besselj": (1, -1), "bessely": (1, -1), "besseli": (1, 1), "besselk": (-1, -1)}[kind]

    def rule(ev: Evaluator, nu: Series, g: Series, depth: int = 0) -> Series:
        if len(nu) != 1:
            raise ParseError("order of a Bessel function")
        head = ev.be.call(kind, nu[0], g[0])
        if len(g) == 1 or depth >= ev.order:
            return [head]
        below = rule(ev, [nu[0] - 1], g, depth + 1)
        above = rule(ev, [nu[0] + 1], g, depth + 1)
        slope = [
            c * _half(ev)
            for c in plus([signs[0] * c for c in below], [signs[1] * c for c in above])
        ]
        return ev.integrated(head, slope, g)

    return rule


def _half(ev: Evaluator) -> Any:
    return ev.be.number(_HALF)


def _airy(name: str) -> Rule:
    """Ai and Bi from w'' = g w."""

    def rule(ev: Evaluator, g: Series, depth: int = 0) -> Series:
        head = ev.be.call(name, g[0])
        if len(g) == 1 or depth >= ev.order:
            return [head]
        return ev.integrated(head, prime(ev, g, depth + 1), g)

    def prime(ev: Evaluator, g: Series, depth: int) -> Series:
        head = ev.be.call(name + "prime", g[0])
        if depth >= ev.order:
            return [head]
        return ev.integrated(head, times(g, rule(ev, g, depth + 1), ev.order), g)

    return rule


def _real_sign(ev: Evaluator, g: Series) -> Any:
    """Sign of real values; nan where the value is not real, since there the function has no meaning
    here.
    """
    head = np.atleast_1d(g[0])
    out = [
        float("nan")
        if abs(v.imag) > 1e-12
        else (0.0 if v.real == 0 else (1.0 if v.real > 0 else -1.0))
        for v in head
    ]
    return np.array(out)


def _heaviside(ev: Evaluator, g: Series) -> Series:
    return [(_real_sign(ev, g) + 1) * _half(ev)]


def _abs(ev: Evaluator, g: Series) -> Series:
    sign = _real_sign(ev, g)
    if np.any(np.isnan(sign)) and len(g) == 1:
        modulus = ev.be.magnitude(g[0]) + 0j
        return [np.where(np.isnan(sign), modulus, g[0] * np.where(np.isnan(sign), 1, sign))]
    return [c * sign for c in g]


def _impulse(ev: Evaluator, g: Series) -> Series:
    sign = _real_sign(ev, g)
    return [np.where(sign == 0, np.inf, 0 * sign) + 0j]


def _real(ev: Evaluator, g: Series) -> Series:
    return [ev.be.real(c) for c in g]


def _imaginary(ev: Evaluator, g: Series) -> Series:
    return [ev.be.real(c * -ev.be.constant("i")) for c in g]


def _conjugate(ev: Evaluator, g: Series) -> Series:
    return [ev.be.call("conjugate", c) for c in g]


def _constant_only(name: str) -> Rule:
    def rule(ev: Evaluator, g: Series) -> Series:
        if len(g) > 1:
            raise ParseError(f"{name} of a variable")
        return [ev.be.call(name, g[0])]

    return rule


TABLE: dict[str, Rule] = {
    "exp": lambda ev, g: ev.exp(g),
    "ln": lambda ev, g: ev.log(g),
    "sqrt": lambda ev, g: ev.rational_power(g, _HALF),
    "cbrt": lambda ev, g: ev.rational_power(g, Fraction(1, 3)),
    "sin": _pair(("sin", "cos"), -1, 0),
    "cos": _pair(("sin", "cos"), -1, 1),
    "sinh": _pair(("sinh", "cosh"), 1, 0),
    "cosh": _pair(("sinh", "cosh"), 1, 1),
    **{name: _ratio(name) for name in ("tan", "cot", "sec", "csc", "tanh", "coth", "sech", "csch")},
    "asin": _by_slope("asin", _asin),
    "acos": _by_slope("acos", lambda ev, g: _neg(_asin(ev, g))),
    "atan": _by_slope("atan", lambda ev, g: _inverse(ev, _one_plus(ev, g, 1))),
    "acot": _by_slope("acot", lambda ev, g: _neg(_inverse(ev, _one_plus(ev, g, 1)))),
    "asinh": _by_slope("asinh", lambda ev, g: _root_of(ev, _one_plus(ev, g, 1), -_HALF)),
    "acosh": _by_slope("acosh", _acosh),
    "atanh": _by_slope("atanh", lambda ev, g: _inverse(ev, _one_plus(ev, g, -1))),
    "acoth": _by_slope("acoth", lambda ev, g: _inverse(ev, _one_plus(ev, g, -1))),
    "asec": _reciprocal_argument("acos"),
    "acsc": _reciprocal_argument("asin"),
    "asech": _reciprocal_argument("acosh"),
    "acsch": _reciprocal_argument("asinh"),
    "erf": _by_slope("erf", _gauss(1.0, -1)),
    "erfc": _by_slope("erfc", _gauss(-1.0, -1)),
    "erfi": _by_slope("erfi", _gauss(1.0, 1)),
    "Si": _by_slope("Si", _over_argument("sin")),
    "Ci": _by_slope("Ci", _over_argument("cos")),
    "Ei": _by_slope("Ei", _over_argument("exp")),
    "Shi": _by_slope("Shi", _over_argument("sinh")),
    "Chi": _by_slope("Chi", _over_argument("cosh")),
    "li": _by_slope("li", lambda ev, g: _inverse(ev, ev.log(g))),
    "LambertW": _lambert,
    **{name: _bessel(name) for name in ("besselj", "bessely", "besseli", "besselk")},
    "airyai": _airy("airyai"),
    "airybi": _airy("airybi"),
    "abs": _abs,
    "sign": lambda ev, g: [_real_sign(ev, g) + 0j],
    "Heaviside": _heaviside,
    "DiracDelta": _impulse,
    "re": _real,
    "im": _imaginary,
    "conjugate": _conjugate,
    **{name: _constant_only(name) for name in ("factorial", "gamma", "arg")},
}

NON_ANALYTIC = frozenset({"abs", "sign", "Heaviside", "DiracDelta", "re", "im", "conjugate", "arg"})

RULES.update(TABLE)
