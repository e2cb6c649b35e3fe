"""Claims about answers, and their proof by substitution: independent of whoever built the problem.

A claim holds the statement of a problem and the claimed answer as sympy objects, never as text.
``holds`` substitutes the
answer into the statement and evaluates what must vanish at several points in 30-digit arithmetic;
for a general solution
the constants of integration must be as many as the order and independent (Jacobian of full rank).
``identity`` is the same
for two statements that differ only in notation: letters, scaling, order of terms.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import mpmath
import sympy as sp
from sympy.core.function import AppliedUndef

_DIGITS = 30
_TOLERANCE = mpmath.mpf(10) ** -12
_PLACES = ("0.7391", "1.2137", "0.4423", "1.6180", "0.9377", "1.3717", "0.5731", "1.1213", "0.8311")


class Claim(Protocol):
    """A statement with a claimed answer."""

    @property
    def answer(self) -> tuple[sp.Expr, ...]: ...

    def holds(self) -> bool:
        """Whether the answer is right, by substitution."""

    def identity(self) -> str:
        """A key of the statement that does not depend on its notation."""


def with_answer(claim: Any, answer: Sequence[sp.Expr]) -> Any:
    """The same statement with another answer."""
    return replace(claim, answer=tuple(answer))


def points(count: int, size: int) -> list[list[mpmath.mpf]]:
    """Fixed generic sample points: ``count`` points of ``size`` coordinates between 0.4 and 1.7."""
    with mpmath.workdps(_DIGITS):
        coordinates = [mpmath.mpf(p) for p in _PLACES]
        return [
            [
                coordinates[(3 * i + 2 * j) % len(coordinates)] + mpmath.mpf(i + j) / 97
                for j in range(size)
            ]
            for i in range(count)
        ]


def vanishes(expression: sp.Expr, count: int = 3) -> bool:
    """Whether an expression is zero at generic values of all its free symbols."""
    expr = sp.sympify(expression, strict=True)
    if expr.is_number:
        return bool(expr == 0 or abs(expr.evalf(_DIGITS, maxn=60)) < _TOLERANCE)
    symbols = sorted(expr.free_symbols, key=str)
    function = sp.lambdify(symbols, expr, "mpmath")
    checked = 0
    with mpmath.workdps(_DIGITS):
        for point in points(3 * count, len(symbols)):
            try:
                value = function(*point)
            except (ZeroDivisionError, ValueError):
                continue
            if not abs(value) < _TOLERANCE:
                return False
            checked += 1
            if checked == count:
                return True
    return False


def fingerprint(expression: sp.Expr, symbols: Sequence[sp.Symbol]) -> str:
    """Values of an expression at fixed points, the symbols in the given order; remaining symbols
    sorted by name."""
    rest = sorted(expression.free_symbols - set(symbols), key=str)
    names = [*symbols, *rest]
    function = sp.lambdify(names, expression, "mpmath")
    shown = []
    for point in points(3, len(names)):
        value = mpmath.mpc(function(*point))
        shown.append(f"{mpmath.nstr(value.real, 9)}{mpmath.nstr(value.imag, 9)}")
    return ";".join(shown)


def _plugged(
    expression: sp.Expr, functions: Sequence[AppliedUndef], solution: Sequence[sp.Expr]
) -> sp.Expr:
    """The expression with each unknown replaced by its solution and the derivatives carried out."""
    return expression.subs(dict(zip(functions, solution, strict=True))).doit()


def _normal_form(
    equation: sp.Eq, function: AppliedUndef, variable: sp.Symbol
) -> tuple[sp.Expr, list[sp.Symbol], int]:
    """The highest derivative of the unknown as a function of variable and lower derivatives, with
    its symbols and order."""
    residual = equation.lhs - equation.rhs
    order = max(
        (d.derivative_count for d in residual.atoms(sp.Derivative) if d.expr == function), default=0
    )
    stand_ins = sp.symbols(f"Y0:{order + 1}")
    for k in range(order, 0, -1):
        residual = residual.subs(sp.Derivative(function, (variable, k)), stand_ins[k])
    residual = residual.subs(function, stand_ins[0])
    top = stand_ins[order]
    slope = sp.diff(residual, top)
    return -residual.subs(top, 0) / slope, [variable, *stand_ins[:order]], order


@dataclass(frozen=True, slots=True)
class OdeClaim:
    """Explicit solutions of one equation or a system.

    ``conditions`` are (order, point, values of all unknowns); ``constants`` is how many constants
    of integration the answer
    must have: the total order for a general solution, none for an initial value problem or a
    particular solution.
    """

    answer: tuple[sp.Expr, ...]
    equations: tuple[sp.Eq, ...]
    functions: tuple[AppliedUndef, ...]
    variable: sp.Symbol
    conditions: tuple[tuple[int, sp.Expr, tuple[sp.Expr, ...]], ...] = ()
    constants: int = 0

    def holds(self) -> bool:
        """Residuals vanish, conditions are met, and the constants are independent."""
        known = set().union(*(e.free_symbols for e in self.equations)) | {self.variable}
        known |= {
            s
            for _, at, values in self.conditions
            for v in (at, *values)
            for s in sp.sympify(v, strict=True).free_symbols
        }
        free = sorted(set().union(*(a.free_symbols for a in self.answer)) - known, key=str)
        if len(free) != self.constants:
            return False
        for order, at, values in self.conditions:
            for solution, value in zip(self.answer, values, strict=True):
                if not vanishes(
                    sp.diff(solution, self.variable, order).subs(self.variable, at) - value
                ):
                    return False
        residuals = [_plugged(e.lhs - e.rhs, self.functions, self.answer) for e in self.equations]
        return all(vanishes(r) for r in residuals) and self._independent(free)

    def _independent(self, free: Sequence[sp.Symbol]) -> bool:
        if not free:
            return True
        states = [
            sp.diff(a, self.variable, k)
            for a in self.answer
            for k in range(len(free) // len(self.answer))
        ]
        rows = [[sp.diff(state, c) for c in free] for state in states]
        symbols = [self.variable, *free]
        function = sp.lambdify(symbols, rows, "mpmath")
        with mpmath.workdps(_DIGITS):
            matrix = mpmath.matrix(function(*points(1, len(symbols))[0]))
            return bool(abs(mpmath.det(matrix)) > _TOLERANCE)

    def identity(self) -> str:
        """The equations solved for their highest derivatives, whatever the names."""
        if len(self.functions) == 1:
            normal, symbols, order = _normal_form(
                self.equations[0], self.functions[0], self.variable
            )
            return f"ode{order}:" + fingerprint(normal, symbols)
        keys = []
        for permuted in itertools.permutations(self.functions):
            letters = sp.symbols(f"Y0:{len(permuted)}")
            names = dict(zip(permuted, letters, strict=True))
            sides = [_side(self.equations, f, self.variable).subs(names) for f in permuted]
            keys.append("|".join(fingerprint(side, [self.variable, *letters]) for side in sides))
        return "system:" + min(keys)


def _side(equations: Sequence[sp.Eq], function: AppliedUndef, variable: sp.Symbol) -> sp.Expr:
    """The right-hand side of the equation whose left side is the unknown's derivative."""
    return next(e.rhs for e in equations if e.lhs == sp.Derivative(function, variable))


@dataclass(frozen=True, slots=True)
class ImplicitClaim:
    """A relation F(x, y) = value that solves a first-order equation; the value is a constant C or
    fixed by a condition.

    ``answer`` is (F, value) with the unknown written as the symbol of its name.
    """

    answer: tuple[sp.Expr, ...]
    equations: tuple[sp.Eq, ...]
    functions: tuple[AppliedUndef, ...]
    variable: sp.Symbol
    conditions: tuple[tuple[int, sp.Expr, tuple[sp.Expr, ...]], ...] = ()

    @property
    def unknown(self) -> sp.Symbol:
        """The symbol that stands for the unknown in the relation."""
        return sp.Symbol(self.functions[0].func.__name__)

    def holds(self) -> bool:
        """The total derivative along the equation's slope vanishes, and the condition lies on the
        curve."""
        relation, value = self.answer
        normal, symbols, _ = _normal_form(self.equations[0], self.functions[0], self.variable)
        slope = normal.subs(symbols[1], self.unknown)
        along = sp.diff(relation, self.variable) + sp.diff(relation, self.unknown) * slope
        if sp.diff(relation, self.unknown) == 0 or not vanishes(along):
            return False
        if not self.conditions:
            names = value.free_symbols - {self.variable, self.unknown}
            return len(names) == 1 and names == value.free_symbols
        _, at, (start,) = self.conditions[0]
        return vanishes(relation.subs({self.variable: at, self.unknown: start}) - value)

    def identity(self) -> str:
        """The equation solved for the derivative."""
        normal, symbols, order = _normal_form(self.equations[0], self.functions[0], self.variable)
        return f"ode{order}:" + fingerprint(normal, symbols)


TARGET = sp.Symbol("w")


@dataclass(frozen=True, slots=True)
class ValueClaim:
    """A number asked for in a model: ``requirement`` vanishes when ``TARGET`` takes the answer;
    ``model`` must hold too."""

    answer: tuple[sp.Expr, ...]
    requirement: sp.Expr
    model: OdeClaim | None = None
    about: str = ""

    def holds(self) -> bool:
        """The requirement vanishes at the answer and nowhere else nearby, and the model's solution
        is proven."""
        if not vanishes(self.requirement.subs(TARGET, self.answer[0])):
            return False
        return self.model is None or self.model.holds()

    def identity(self) -> str:
        """The model's equation, or what the answer must satisfy."""
        if self.model is not None:
            return self.model.identity()
        return self.about or "value:" + fingerprint(self.requirement, [TARGET])


@dataclass(frozen=True, slots=True)
class EquilibriumClaim:
    """The equilibria of y' = rate(TARGET) with a polynomial rate: all of them, or those of one
    stability, in order."""

    answer: tuple[sp.Expr, ...]
    rate: sp.Expr
    select: str = "all"

    def holds(self) -> bool:
        """Exactly the real zeros of the rate with the sign change that is asked for."""
        zeros = sorted(set(sp.Poly(self.rate, TARGET).all_roots(radicals=False)))
        chosen = [z for z in zeros if z.is_real and self._selected(z)]
        return sorted(self.answer) == chosen

    def _selected(self, zero: sp.Expr) -> bool:
        step = sp.Rational(1, 1000)
        below, above = (self.rate.subs(TARGET, zero + d) for d in (-step, step))
        if self.select == "stable":
            return bool(below > 0 > above)
        if self.select == "unstable":
            return bool(below < 0 < above)
        return True

    def identity(self) -> str:
        """The autonomous equation."""
        return "ode1:" + fingerprint(self.rate.subs(TARGET, sp.Symbol("Y0")), sp.symbols("x Y0"))


@dataclass(frozen=True, slots=True)
class LimitClaim:
    """The limit, as time grows, of the solution of y' = rate(TARGET) that starts at ``start``."""

    answer: tuple[sp.Expr, ...]
    rate: sp.Expr
    start: sp.Expr

    def holds(self) -> bool:
        """The answer is the first equilibrium in the direction in which the solution sets out."""
        goal = self.answer[0]
        zeros = [z for z in sp.Poly(self.rate, TARGET).all_roots(radicals=False) if z.is_real]
        slope = self.rate.subs(TARGET, self.start)
        low, high = min(self.start, goal), max(self.start, goal)
        between = [z for z in zeros if low < z < high]
        return goal in zeros and not between and bool(slope * (goal - self.start) > 0)

    def identity(self) -> str:
        """The autonomous equation."""
        return EquilibriumClaim((), self.rate).identity()


@dataclass(frozen=True, slots=True)
class OrthogonalClaim:
    """The orthogonal trajectories ``answer`` = K of the curves ``curves`` = c in the plane of the
    two symbols."""

    answer: tuple[sp.Expr, ...]
    curves: sp.Expr
    plane: tuple[sp.Symbol, sp.Symbol]

    def holds(self) -> bool:
        """The gradients of both level functions are perpendicular and neither is zero."""
        x, y = self.plane
        (trajectory,) = self.answer
        product = sp.diff(self.curves, x) * sp.diff(trajectory, x)
        product += sp.diff(self.curves, y) * sp.diff(trajectory, y)
        return vanishes(product) and not vanishes(
            sp.diff(trajectory, x) + 2 * sp.diff(trajectory, y)
        )

    def identity(self) -> str:
        """The slope of the given curves."""
        x, y = self.plane
        slope = -sp.diff(self.curves, x) / sp.diff(self.curves, y)
        return "curves:" + fingerprint(slope, [x, y])


@dataclass(frozen=True, slots=True)
class EigenvalueClaim:
    """All eigenvalues of a square matrix with simple spectrum, in increasing order."""

    answer: tuple[sp.Expr, ...]
    matrix: sp.Matrix

    def holds(self) -> bool:
        """Each makes the matrix singular, and they are distinct and as many as its size."""
        size = self.matrix.rows
        singular = all((self.matrix - value * sp.eye(size)).det() == 0 for value in self.answer)
        return singular and len(set(self.answer)) == size

    def identity(self) -> str:
        """The matrix, up to exchanging unknowns, as a system."""
        letters = sp.symbols(f"Y0:{self.matrix.rows}")
        sides = self.matrix * sp.Matrix(letters)
        keys = []
        for order in itertools.permutations(range(self.matrix.rows)):
            symbols = [sp.Symbol("x"), *(letters[i] for i in order)]
            keys.append("|".join(fingerprint(sides[i], symbols) for i in order))
        return "system:" + min(keys)
