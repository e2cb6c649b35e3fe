"""Claims about transforms, forced motions with steps and impulses, power series, boundary problems
and simple PDE.

Each is proven by substitution in numbers, like those of ``proof``; the Laplace transform by
quadrature of its integral.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import mpmath
import sympy as sp
from sympy.core.function import AppliedUndef

from lbt_core.subjects.ode.proof import fingerprint, vanishes

_QUADRATURE = [0, 0.5, 1, 2, 3, 4, 6, 8, 12]


@dataclass(frozen=True, slots=True)
class TransformClaim:
    """``image`` (of s) is the Laplace transform of ``original`` (of t, zero for t < 0); either may
    be the answer.

    ``jumps`` are the points where the original is not smooth, ``growth`` bounds its exponential
    growth. ``given`` is the
    statement's own expression where it is neither of the two (a convolution's integrand, say).
    """

    answer: tuple[sp.Expr, ...]
    original: sp.Expr | None
    image: sp.Expr | None
    t: sp.Symbol
    s: sp.Symbol
    growth: float = 0
    jumps: tuple[float, ...] = ()

    def holds(self) -> bool:
        """The integral of exp(-s t) f(t) equals F(s) at three values of s."""
        original = self.answer[0] if self.original is None else self.original
        image = self.answer[0] if self.image is None else self.image
        if original.free_symbols - {self.t} or image.free_symbols - {self.s}:
            return False
        f = sp.lambdify(self.t, original, "mpmath")
        value = sp.lambdify(self.s, image, "mpmath")
        cuts = sorted({*_QUADRATURE, *self.jumps})
        for shift in (5.3, 6.1, 7.7):
            at = mpmath.mpf(self.growth) + shift
            integral = mpmath.quad(lambda u, at=at: mpmath.exp(-at * u) * f(u), cuts, maxdegree=5)
            if abs(integral - value(at)) > 1e-9:
                return False
        return True

    def identity(self) -> str:
        """The function given and the direction."""
        if self.original is not None:
            return "transform:" + fingerprint(self.original, [self.t])
        assert self.image is not None
        return "inverse:" + fingerprint(self.image, [self.s])


@dataclass(frozen=True, slots=True)
class PiecewiseClaim:
    """Motion under a forcing that changes at ``breaks``, with impulses there: a y'' + b y' + c y =
    f, or b y' + c y = f.

    ``coefficients`` are from the highest derivative down; ``forcing`` and ``pieces`` hold one
    expression for each interval,
    ``impulses`` the strength at each break; ``start`` the initial values. The answer is one
    expression in t, which must
    agree with the pieces on the intervals listed in ``asked``.
    """

    answer: tuple[sp.Expr, ...]
    coefficients: tuple[sp.Expr, ...]
    t: sp.Symbol
    breaks: tuple[sp.Expr, ...]
    forcing: tuple[sp.Expr, ...]
    pieces: tuple[sp.Expr, ...]
    impulses: tuple[sp.Expr, ...]
    start: tuple[sp.Expr, ...]
    asked: tuple[int, ...]

    def holds(self) -> bool:
        """Every piece solves its equation, joins the one before with the right jump, and agrees
        with the answer."""
        return self._solve() and self._join() and self._agree()

    def _solve(self) -> bool:
        order = len(self.coefficients) - 1
        return all(
            vanishes(
                sum(c * sp.diff(piece, self.t, order - k) for k, c in enumerate(self.coefficients))
                - force
            )
            for piece, force in zip(self.pieces, self.forcing, strict=True)
        )

    def _join(self) -> bool:
        order = len(self.coefficients) - 1
        for k, value in enumerate(self.start):
            if not vanishes(sp.diff(self.pieces[0], self.t, k).subs(self.t, 0) - value):
                return False
        for i, at in enumerate(self.breaks):
            for k in range(order):
                jump = sp.diff(self.pieces[i + 1] - self.pieces[i], self.t, k).subs(self.t, at)
                expected = self.impulses[i] / self.coefficients[0] if k == order - 1 else 0
                if not vanishes(jump - expected):
                    return False
        return True

    def _agree(self) -> bool:
        answer = self.answer[0]
        if answer.free_symbols - {self.t}:
            return False
        edges = [sp.S(0), *self.breaks, self.breaks[-1] + 2]
        for i in self.asked:
            for part in (sp.Rational(3, 11), sp.Rational(5, 7)):
                at = edges[i] + part * (edges[i + 1] - edges[i])
                if not vanishes((answer - self.pieces[i]).subs(self.t, at)):
                    return False
        return True

    def identity(self) -> str:
        """The equation with its forcing."""
        parts = [c / self.coefficients[0] for c in self.coefficients[1:]]
        parts += [*self.breaks, *(f / self.coefficients[0] for f in self.forcing)]
        parts += [i / self.coefficients[0] for i in self.impulses]
        return "steps:" + "|".join(fingerprint(sp.sympify(p, strict=True), [self.t]) for p in parts)


@dataclass(frozen=True, slots=True)
class SeriesClaim:
    """The Taylor polynomial of the given degree, at zero, of the solution of a linear equation with
    polynomial coefficients."""

    answer: tuple[sp.Expr, ...]
    equation: sp.Eq
    function: AppliedUndef
    variable: sp.Symbol
    start: tuple[sp.Expr, ...]
    degree: int

    def holds(self) -> bool:
        """Substituted, the polynomial leaves no power below degree + 1 - order, and its first
        coefficients are given."""
        polynomial = sp.Poly(self.answer[0], self.variable)
        if polynomial.degree() > self.degree:
            return False
        if any(
            polynomial.coeff_monomial(self.variable**k) != value / sp.factorial(k)
            for k, value in enumerate(self.start)
        ):
            return False
        residual = (
            (self.equation.lhs - self.equation.rhs).subs(self.function, self.answer[0]).doit()
        )
        rest = sp.Poly(sp.expand(residual), self.variable)
        order = len(self.start)
        return all(
            rest.coeff_monomial(self.variable**k) == 0 for k in range(self.degree + 1 - order)
        )

    def identity(self) -> str:
        """The equation, coefficients as polynomials in the variable."""
        d = [sp.Symbol(f"D{k}") for k in range(len(self.start) + 1)]
        residual = self.equation.lhs - self.equation.rhs
        for k in range(len(self.start), 0, -1):
            residual = residual.subs(sp.Derivative(self.function, (self.variable, k)), d[k])
        residual = residual.subs(self.function, d[0])
        top = sp.diff(residual, d[-1])
        normal = -residual.subs(d[-1], 0) / top
        return f"ode{len(self.start)}:" + fingerprint(normal, [self.variable, *d[:-1]])


@dataclass(frozen=True, slots=True)
class PdeClaim:
    """A solution u of a partial differential equation with data on lines.

    ``data`` holds (derivative variable or None, the line as variable and value, what u or its
    derivative is there).
    """

    answer: tuple[sp.Expr, ...]
    equation: sp.Expr
    function: AppliedUndef
    data: tuple[tuple[sp.Symbol | None, sp.Symbol, sp.Expr, sp.Expr], ...]

    def holds(self) -> bool:
        """The equation's residual and that of each datum vanish."""
        (u,) = self.answer
        if u.free_symbols - set(self.function.args):
            return False
        if not vanishes(self.equation.subs(self.function, u).doit()):
            return False
        for derivative, variable, at, value in self.data:
            trace = u if derivative is None else sp.diff(u, derivative)
            if not vanishes(trace.subs(variable, at) - value):
                return False
        return True

    def identity(self) -> str:
        """The equation's coefficients and its data, in terms of the answer that they determine."""
        return "pde:" + fingerprint(self.answer[0], list(self.function.args))


@dataclass(frozen=True, slots=True)
class EigenClaim:
    """The eigenvalues, or eigenfunctions, of y'' + lambda y = 0 on [0, length], numbered by
    ``index`` from ``first``.

    ``ends`` says for each end whether the value ("D") or the slope ("N") is zero; ``values`` and
    ``functions`` are the
    formulas in the index, and the answer is one of them.
    """

    answer: tuple[sp.Expr, ...]
    length: sp.Expr
    ends: str
    index: sp.Symbol
    x: sp.Symbol
    values: sp.Expr
    functions: sp.Expr
    asks_values: bool
    first: int = 1

    def holds(self) -> bool:
        """The first four pairs solve the problem, and the characteristic function has no other zero
        below the fourth."""
        value, function = self.values, self.functions
        if self.asks_values:
            value = self.answer[0]
        else:
            function = self.answer[0]
        numbers = range(self.first, self.first + 4)
        return all(self._pair(value, function, n) for n in numbers) and self._complete(
            value, numbers
        )

    def _pair(self, value: sp.Expr, function: sp.Expr, n: int) -> bool:
        lam, y = value.subs(self.index, n), function.subs(self.index, n)
        traces = [
            (y if end == "D" else sp.diff(y, self.x)).subs(self.x, at)
            for end, at in zip(self.ends, (sp.S(0), self.length), strict=True)
        ]
        nonzero = not vanishes(y + 0 * self.x)
        return (
            nonzero
            and vanishes(sp.diff(y, self.x, 2) + lam * y)
            and all(vanishes(t) for t in traces)
        )

    def _complete(self, value: sp.Expr, numbers: Sequence[int]) -> bool:
        found = [float(value.subs(self.index, n)) for n in numbers]
        if sorted(found) != found:
            return False
        length = float(self.length)

        def characteristic(lam: float) -> float:
            root = mpmath.sqrt(lam)
            if self.ends[0] == "D":
                y, slope = mpmath.sin(root * length) / root, mpmath.cos(root * length)
            else:
                y, slope = mpmath.cos(root * length), -root * mpmath.sin(root * length)
            return float((y if self.ends[1] == "D" else slope).real)

        top = found[-1] * 1.02
        grid = [top * (k + 0.37) / 120 for k in range(120)]
        signs = [characteristic(lam) > 0 for lam in grid]
        changes = sum(a != b for a, b in pairwise(signs))
        return changes == sum(v > 0 for v in found)

    def identity(self) -> str:
        """The interval, the ends and what is asked."""
        return f"eigen:{self.ends}:{self.length}"


@dataclass(frozen=True, slots=True)
class RootsClaim:
    """All roots of a polynomial in one symbol, in increasing order: the exponents of an indicial
    equation, say."""

    answer: tuple[sp.Expr, ...]
    equation: sp.Eq
    function: AppliedUndef
    variable: sp.Symbol

    def holds(self) -> bool:
        """The lowest power of x^r substituted vanishes exactly for the answers; distinct and as
        many as the order."""
        residual = self.equation.lhs - self.equation.rhs
        for r in self.answer:
            power = self.variable**r
            leading = residual.subs(self.function, power).doit() / self.variable**r
            if sp.limit(sp.expand(leading), self.variable, 0, "+") != 0:
                return False
        return len(set(self.answer)) == 2

    def identity(self) -> str:
        """The equation's solution operator on a generic function."""
        stand = sp.exp(self.variable * sp.Rational(7, 5)) + self.variable**4
        residual = self.equation.lhs - self.equation.rhs
        top = residual.coeff(sp.Derivative(self.function, (self.variable, 2)))
        return "ode2:" + fingerprint(
            (residual / top).subs(self.function, stand).doit(), [self.variable]
        )
