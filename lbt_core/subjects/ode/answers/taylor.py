"""Truncated Taylor series of expressions at many sample points at once: how derivatives are taken.

A series is a list of coefficient arrays ``[c0, c1, …]`` in t, the expression at ``x = x0 + t``; a
list of length one is constant
in t. The k-th derivative is ``k! * ck``. Recurrences: Griewank and Walther, Evaluating Derivatives,
ch. 13.
"""

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from lbt_core.subjects.ode.answers.arithmetic import Array, Backend
from lbt_core.subjects.ode.answers.expr import Node, ParseError, num, symbols

Series = list[Any]

_SUM_TERMS = 60

RULES: dict[
    str, Callable[..., Series]
] = {}  # filled by functions.py, whose rules need the evaluator


class Evaluator:
    """Evaluates trees to series of length ``order + 1`` under an environment of named series.

    ``unknowns`` maps an unknown's name to its series (with enough coefficients for its
    derivatives); ``steps`` says how many
    non-analytic functions were met, where only real points have a meaning.
    """

    def __init__(self, backend: Backend, order: int, env: Mapping[str, Series]):
        self.be = backend
        self.order = order
        self.env = dict(env)
        self.watch: Any = None  # notes the sides of sums (visibility.Watch)

    def series(self, node: Node) -> Series:
        """The series of an expression; raises ParseError for what has no numeric meaning here."""
        op = node.op
        if op == "num":
            return [self.be.number(node.val)]
        if op == "sym":
            try:
                return self.env[node.val]
            except KeyError:
                raise ParseError(f"unknown symbol {node.val}") from None
        if op == "const":
            if node.val not in ("pi", "e", "i", "inf"):
                raise ParseError("not a value")
            return [self.be.constant(node.val)]
        handler = _OPS.get(op)
        if handler is None:
            raise ParseError(f"{op} is not a value")
        return handler(self, node)

    def value(self, node: Node) -> Array:
        """The zeroth coefficient."""
        return self.series(node)[0]

    # arithmetic

    def _add(self, node: Node) -> Series:
        left, right = self.series(node.args[0]), self.series(node.args[1])
        if self.watch is not None:
            self.watch.note(node, left[0], right[0])
        return plus(left, right)

    def _neg(self, node: Node) -> Series:
        # not -c: a negative zero changes branches
        return [0 - c for c in self.series(node.args[0])]

    def _mul(self, node: Node) -> Series:
        return times(self.series(node.args[0]), self.series(node.args[1]), self.order)

    def _div(self, node: Node) -> Series:
        return divide(self.series(node.args[0]), self.series(node.args[1]), self.order)

    def _pow(self, node: Node) -> Series:
        base, exponent = node.args
        if base.op == "const" and base.val == "e":
            return self.exp(self.series(exponent))
        rational = as_rational(exponent)
        g = self.series(base)
        if rational is not None:
            return self.rational_power(g, rational)
        h = self.series(exponent)
        if len(g) == 1 and len(h) == 1:
            return [self.be.power(g[0], h[0])]
        if len(h) == 1:
            return self.power_recurrence(g, h[0], self.be.power(g[0], h[0]))
        return self.exp(times(h, self.log(g), self.order))

    def rational_power(self, g: Series, p: Fraction) -> Series:
        if p.denominator == 1 and abs(p) <= 64:
            power = integer_power(g, abs(int(p)), self.order)
            return power if p >= 0 else divide([self.be.number(Fraction(1))], power, self.order)
        value = self.be.number(p)
        head = self.root_head(g[0], p) if p.denominator % 2 else self.be.power(g[0], value)
        if len(g) == 1:
            return [head]
        return self.power_recurrence(g, value, head)

    def root_head(self, base: Array, p: Fraction) -> Array:
        """g**p, with the real root of a negative real where the denominator is odd (the convention
        of calculus).
        """
        base = np.atleast_1d(base)
        real_negative = np.array([v.imag == 0 and v.real < 0 for v in base], dtype=bool)
        head = self.be.power(np.where(real_negative, -base, base), self.be.number(p))
        return np.where(real_negative, -head if p.numerator % 2 else head, head)

    def power_recurrence(self, g: Series, p: Any, head: Array) -> Series:
        out = [head]
        for k in range(1, self.order + 1):
            total = 0
            for j in range(1, min(k, len(g) - 1) + 1):
                total = total + (p * j - (k - j)) * g[j] * out[k - j]
            out.append(total / (k * g[0]))
        return out

    # elementary functions

    def exp(self, g: Series) -> Series:
        out = [self.be.call("exp", g[0])]
        if len(g) > 1:
            for k in range(1, self.order + 1):
                total = 0
                for j in range(1, min(k, len(g) - 1) + 1):
                    total = total + j * g[j] * out[k - j]
                out.append(total / k)
        return out

    def log(self, g: Series, head: Array | None = None) -> Series:
        out = [self.be.call("ln", g[0]) if head is None else head]
        if len(g) > 1:
            for k in range(1, self.order + 1):
                total = g[k] * k if k < len(g) else 0
                for j in range(1, k):
                    if k - j < len(g):
                        total = total - j * out[j] * g[k - j]
                out.append(total / (k * g[0]))
        return out

    def pair(self, g: Series, names: tuple[str, str], sign: int) -> tuple[Series, Series]:
        """sin and cos (sign -1), or sinh and cosh (sign +1)."""
        s, c = [self.be.call(names[0], g[0])], [self.be.call(names[1], g[0])]
        if len(g) > 1:
            for k in range(1, self.order + 1):
                ds: Any = 0
                dc: Any = 0
                for j in range(1, min(k, len(g) - 1) + 1):
                    ds = ds + j * g[j] * c[k - j]
                    dc = dc + j * g[j] * s[k - j]
                s.append(ds / k)
                c.append(sign * dc / k)
        return s, c

    def integrated(self, head: Array, slope: Series, g: Series) -> Series:
        """The series with this head whose derivative in g is ``slope``."""
        if len(g) == 1:
            return [head]
        dg = [g[k] * k if k < len(g) else 0 * g[0] for k in range(1, self.order + 1)]
        product = times(slope, dg, self.order - 1) if self.order else []
        out = [head]
        for k in range(1, self.order + 1):
            out.append((product[k - 1] if k - 1 < len(product) else 0 * head) / k)
        return out

    def _fn(self, node: Node) -> Series:
        name = node.val
        if name == "ln" and node.args[0].op == "fn" and node.args[0].val == "abs":
            return self.log_abs(self.series(node.args[0].args[0]))
        rule = RULES.get(name)
        if rule is None:
            if name.startswith("log") and name[3:].isdigit():
                return divide(
                    self.log(self.series(node.args[0])),
                    self.log([self.be.number(Fraction(int(name[3:])))]),
                    self.order,
                )
            raise ParseError(f"function {name}")
        if len(node.args) != (2 if name.startswith("bessel") else 1):
            raise ParseError(f"{name} with {len(node.args)} arguments")
        return rule(self, *(self.series(a) for a in node.args))

    def log_abs(self, g: Series) -> Series:
        """ln|g|: at real g the real logarithm, elsewhere ln g (they differ by a constant)."""
        head = np.atleast_1d(g[0])
        real = np.array([v.imag == 0 for v in head], dtype=bool)
        sign = np.array([-1 if r and v.real < 0 else 1 for r, v in zip(real, head, strict=True)])
        return self.log(g, self.be.call("ln", head * sign))

    # the rest

    def _cases(self, node: Node) -> Series:
        out: Series | None = None
        for k in range(len(node.args) - 2, -1, -2):
            value, condition = self.series(node.args[k]), node.args[k + 1]
            mask = self.holds(condition)
            out = value if out is None and mask is True else select(mask, value, out, self.order)
        if out is None:
            raise ParseError("empty cases")
        return out

    def holds(self, condition: Node) -> Any:
        """Mask of the points where a chain of inequalities holds (True: everywhere)."""
        if condition.op == "const" and condition.val == "true":
            return True
        if condition.op != "rel":
            raise ParseError("condition")
        mask: Any = True
        for left, op, right in zip(condition.args, condition.val, condition.args[1:], strict=False):
            a, b = np.real(self.plain(left)), np.real(self.plain(right))
            test = {
                "<": a < b,
                "<=": a <= b,
                ">": a > b,
                ">=": a >= b,
                "=": a == b,
                "!=": a != b,
            }.get(op)
            if test is None:
                raise ParseError("condition")
            mask = mask & test
        return mask

    def plain(self, node: Node) -> Any:
        value = np.atleast_1d(self.value(node))
        return np.array([complex(v) for v in value])

    def _int(self, node: Node) -> Series:
        """Definite integral by Gauss-Legendre after mapping to [0, 1], the integrand's series taken
        at every node.
        """
        if self.order > 12:
            raise ParseError("integral")
        inner, lower, upper = node.args
        a, b = self.series(lower), self.series(upper)
        if self.order and not self.moves(inner, node.val):
            return self.by_limits(node, a, b)
        width = plus(b, [-c for c in a])
        nodes, weights = np.polynomial.legendre.leggauss(24)
        total: Series = [0 * a[0]]
        saved = self.env.get(node.val)
        for x, w in zip(nodes, weights, strict=True):
            s = self.be.number(Fraction(float(x + 1) / 2))
            self.env[node.val] = plus(a, [s * c for c in width])
            part = self.series(inner)
            total = plus(total, [self.be.number(Fraction(float(w) / 2)) * c for c in part])
        if saved is None:
            del self.env[node.val]
        else:
            self.env[node.val] = saved
        return times(total, width, self.order)

    def moves(self, inner: Node, bound: str) -> bool:
        """Whether an integrand varies with t otherwise than by the integral's own variable."""
        return any(len(self.env.get(n, ())) > 1 for n in symbols(inner) - {bound})

    def by_limits(self, node: Node, a: Series, b: Series) -> Series:
        """An integral of which only the limits vary: by the fundamental theorem, so that an error
        of the quadrature is one of the value alone, and none of its derivatives.
        """
        inner, name = node.args[0], node.val
        heads = {n: s[:1] for n, s in self.env.items()}
        order, self.order = self.order, 0
        saved, self.env = self.env, {**heads, "·low": a[:1], "·high": b[:1]}
        bounds = (Node("sym", (), "·low"), Node("sym", (), "·high"))
        out = self._int(Node("int", (inner, *bounds), name))
        self.order, self.env = order, dict(saved)
        for limit, sign in ((b, 1), (a, -1)):
            if len(limit) > 1:
                self.env[name] = limit
                slope = self.series(inner)
                grown = self.integrated(0 * limit[0], slope, limit)
                out = plus(out, [sign * c for c in grown])
        self.env = saved
        return out

    def _sum(self, node: Node) -> Series:
        """A sum with rational limits, at most _SUM_TERMS terms; raises ParseError where it has not
        settled by then.
        """
        term, lower, upper = node.args
        first = as_rational(lower)
        last = as_rational(upper)
        infinite = upper.op == "const" and upper.val == "inf"
        if (
            first is None
            or first.denominator != 1
            or (last is None and not infinite)
            or abs(first) > 1000
        ):
            raise ParseError("limits of a sum")
        count = _SUM_TERMS if infinite or last is None else int(last - first) + 1
        if count > _SUM_TERMS:
            raise ParseError("sum too long")
        total: Series = [self.be.number(Fraction(0))]
        saved = self.env.get(node.val)
        for k in range(max(count, 0)):
            self.env[node.val] = [self.be.number(first + k)]
            part = self.series(term)
            total = plus(total, part)
            if (
                infinite
                and k > 3
                and np.all(self.be.magnitude(part[0]) < 1e-17 * (1 + self.be.magnitude(total[0])))
            ):
                break
        if saved is None:
            self.env.pop(node.val, None)
        else:
            self.env[node.val] = saved
        return total


_OPS: dict[str, Callable[[Evaluator, Node], Series]] = {
    "add": Evaluator._add,
    "neg": Evaluator._neg,
    "mul": Evaluator._mul,
    "div": Evaluator._div,
    "pow": Evaluator._pow,
    "fn": Evaluator._fn,
    "cases": Evaluator._cases,
    "int": Evaluator._int,
    "sum": Evaluator._sum,
}


def as_rational(node: Node) -> Fraction | None:
    """The value of a tree of plain rationals with small numbers, or None."""
    if node.op == "num":
        value: Fraction = node.val
        return value
    if node.op == "neg":
        inner = as_rational(node.args[0])
        return None if inner is None else -inner
    if node.op in ("div", "add", "mul"):
        a, b = as_rational(node.args[0]), as_rational(node.args[1])
        if (
            a is None
            or b is None
            or max(abs(a.numerator), a.denominator, abs(b.numerator), b.denominator) > 10**30
        ):
            return None
        if node.op == "div":
            return a / b if b else None
        return a + b if node.op == "add" else a * b
    return None


def plus(a: Series, b: Series) -> Series:
    """Sum of two series."""
    if len(a) < len(b):
        a, b = b, a
    return [x + b[k] if k < len(b) else x for k, x in enumerate(a)]


def times(a: Series, b: Series, order: int) -> Series:
    """Product, cut after ``order``."""
    if len(a) == 1:
        return [a[0] * y for y in b[: order + 1]]
    if len(b) == 1:
        return [x * b[0] for x in a[: order + 1]]
    out = []
    for k in range(min(order, len(a) + len(b) - 2) + 1):
        low, high = max(0, k - len(b) + 1), min(k, len(a) - 1)
        total = a[low] * b[k - low]
        for j in range(low + 1, high + 1):
            total = total + a[j] * b[k - j]
        out.append(total)
    return out


def divide(a: Series, b: Series, order: int) -> Series:
    """Quotient, cut after ``order``."""
    head = np.asarray(b[0])
    if head.dtype == object:
        head = np.array(
            [v if v != 0 else v * float("nan") for v in np.atleast_1d(head)], dtype=object
        )
    if len(b) == 1:
        return [x / head for x in a]
    out: Series = []
    for k in range(order + 1):
        total = a[k] if k < len(a) else 0 * a[0]
        for j in range(1, min(k, len(b) - 1) + 1):
            total = total - b[j] * out[k - j]
        out.append(total / head)
    return out


def integer_power(g: Series, p: int, order: int) -> Series:
    """g**p for p >= 0 by squaring, defined at g = 0 as well."""
    out: Series | None = None
    while p:
        if p & 1:
            out = g if out is None else times(out, g, order)
        p >>= 1
        if p:
            g = times(g, g, order)
    return [1 + 0 * g[0]] if out is None else out


def select(mask: Any, a: Series, b: Series | None, order: int) -> Series:
    """a where the mask holds, b (nan where there is none) elsewhere."""
    if mask is True:
        return a
    out = []
    for k in range(max(len(a), len(b or [])) if order else 1):
        x = a[k] if k < len(a) else 0 * a[0]
        y = float("nan") if b is None else (b[k] if k < len(b) else 0 * b[0])
        out.append(np.where(mask, x, y))
    return out


def one(backend: Backend) -> Series:
    """The constant 1."""
    return [backend.number(num(1).val)]
