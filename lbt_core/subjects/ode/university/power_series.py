"""Power series solutions and indicial equations."""

import random

import sympy as sp

from lbt_core.subjects.ode.proof_operators import RootsClaim, SeriesClaim
from lbt_core.subjects.ode.university import tex as t
from lbt_core.subjects.ode.university.family import (
    Exercise,
    Letters,
    Question,
    Registry,
    letters,
    listed,
    nonzero,
)

registry = Registry("Power series methods", "power series")


def taylor(
    order: int,
    coefficients: list[sp.Expr],
    right: sp.Expr,
    x: sp.Symbol,
    start: list[sp.Expr],
    degree: int,
) -> sp.Expr:
    """The Taylor polynomial of the solution of y^(order) = sum of coefficients[k] y^(k) + right, by
    its recurrence."""
    values = [sp.sympify(v, strict=True) / sp.factorial(k) for k, v in enumerate(start)]
    tables = [sp.Poly(c, x).all_coeffs()[::-1] for c in coefficients]
    force = sp.Poly(right, x).all_coeffs()[::-1]
    for n in range(degree + 1 - order):
        total = force[n] if n < len(force) else sp.S(0)
        for k, table in enumerate(tables):
            for j, c in enumerate(table[: n + 1]):
                index = n - j + k
                total += c * values[index] * sp.ff(index, k)
        values.append(total / sp.ff(n + order, order))
    return sum((v * x**k for k, v in enumerate(values)), sp.S(0))


def _question(
    at: Letters,
    order: int,
    coefficients: list[sp.Expr],
    right: sp.Expr,
    start: list[sp.Expr],
    degree: int,
) -> Question:
    x = at.v
    answer = taylor(order, coefficients, right, x, start, degree)
    derivatives = [at.y, at.d(1), at.d(2)]
    left = t.combination(
        (1, derivatives[order]),
        *((-coefficients[k], derivatives[k]) for k in range(order - 1, -1, -1)),
    )
    objects = [at.f, at.D(1), at.D(2)]
    equation = sp.Eq(
        objects[order] - sum((c * objects[k] for k, c in enumerate(coefficients)), sp.S(0)), right
    )
    claim = SeriesClaim(
        (answer,), equation, at.f, x, tuple(sp.sympify(v, strict=True) for v in start), degree
    )
    poly = sp.Poly(answer, x)
    found = ", ".join(
        f"$a_{k} = {t.tex(poly.coeff_monomial(x**k))}$" for k in range(order, degree + 1)
    )
    known = ", ".join(f"$a_{k} = {t.tex(poly.coeff_monomial(x**k))}$" for k in range(order))
    steps = [
        f"Put ${at.y} = \\sum a_n {at.x}^n$. The initial values give {known}.",
        (
            "Substitute the series and compare coefficients up to that of"
            f" ${at.x}^{degree - order}$: one after the other, {found}."
        ),
    ]
    text = f"${left} = {t.tex(right)}$, {at.conditions(start)}"
    return Question(text, "$<0>$", steps, "other", claim, machine=False)


@registry.family("other")
def series_second_order(rng: random.Random) -> Exercise:
    """Taylor polynomials at an ordinary point, second order."""
    at = letters(rng, style="prime")
    degree = rng.choice([4, 5, 6])

    def make() -> Question:
        x = at.v
        slope = rng.choice([0, 0, 1, 1, 2]) * nonzero(rng, -1, 1) * x + rng.choice([0, 0, 0, 1])
        level = nonzero(rng, -4, 4) * x ** rng.choice([0, 1, 1, 2])
        start = [sp.Integer(rng.randint(0, 2)), sp.Integer(rng.randint(-2, 2))]
        if start == [0, 0]:
            start = [sp.S(1), sp.S(0)]
        return _question(at, 2, [level, sp.sympify(slope, strict=True)], sp.S(0), start, degree)

    what = f"Taylor polynomial of degree {degree} at ${at.x} = 0$"
    return listed(
        rng,
        make,
        single=(
            f"Find the {what} of the solution ${at.yx}$ of <q>.",
            (
                "Use a power series to solve <q> up to and including the term in"
                f" ${at.x}^{degree}$; give ${at.yx}$ as a polynomial."
            ),
        ),
        several=(
            f"Find the {what} of the solution ${at.yx}$.",
            (
                f"Use a power series to find ${at.yx}$ up to and including the term in"
                f" ${at.x}^{degree}$, as a polynomial."
            ),
        ),
        most=2,
    )


@registry.family("other")
def series_first_order(rng: random.Random) -> Exercise:
    """Taylor polynomials at an ordinary point, first order with a forcing."""
    at = letters(rng, style="prime")
    degree = rng.choice([3, 4, 5])

    def make() -> Question:
        x = at.v
        level = nonzero(rng, -3, 3) * x ** rng.choice([0, 1, 2]) + rng.choice([0, 0, 1])
        right = sp.Integer(nonzero(rng, -3, 3)) * x ** rng.choice([0, 1, 2]) + rng.choice([0, 0, 1])
        return _question(at, 1, [level], right, [sp.Integer(rng.randint(-2, 3))], degree)

    what = f"Taylor polynomial of degree {degree} at ${at.x} = 0$"
    return listed(
        rng,
        make,
        single=(
            f"Find the {what} of the solution ${at.yx}$ of <q>.",
            (
                f"Find the power series solution ${at.yx}$ of <q> through the term in"
                f" ${at.x}^{degree}$, as a polynomial."
            ),
        ),
        several=(
            f"Find the {what} of the solution ${at.yx}$.",
            (
                f"Find the power series solution ${at.yx}$ through the term in ${at.x}^{degree}$,"
                " as a polynomial."
            ),
        ),
        most=2,
    )


@registry.family("numeric")
def indicial_roots(rng: random.Random) -> Exercise:
    """Exponents at a regular singular point."""
    at = letters(rng, style="prime")

    def make() -> Question:
        x = at.v
        lead = rng.choice([1, 2, 3, 4])
        r = sp.Rational(rng.randint(-4, 5), lead)
        s = sp.Integer(rng.choice([s for s in range(-3, 4) if s != r]))
        lead = r.q
        low, high = sorted((r, s))
        b, c = lead * (1 - r - s), lead * r * s
        b_poly = b + rng.choice([0, 1, -1, 2]) * x
        c_poly = c + nonzero(rng, -3, 3) * x ** rng.choice([1, 2])
        shown = t.combination(
            (lead * x**2, at.d(2)), (sp.expand(x * b_poly), at.d()), (c_poly, at.y)
        )
        equation = sp.Eq(lead * x**2 * at.D(2) + sp.expand(x * b_poly) * at.D() + c_poly * at.f, 0)
        lead_term = f"{'' if lead == 1 else lead}r(r - 1)"
        polynomial = t.join([p for p in (lead_term, t.term(b, "r"), t.tex(c) if c else "") if p])
        steps = [
            (
                f"Substitute ${at.y} = {at.x}^r(a_0 + a_1{at.x} + \\cdots)$ with $a_0 \\neq 0$; the"
                f" lowest power is ${at.x}^r$."
            ),
            f"Its coefficient vanishes if ${polynomial} = 0$, the indicial equation.",
        ]
        claim = RootsClaim((low, high), equation, at.f, x)
        return Question(f"${shown} = 0$", "$r = <0>, <1>$", steps, "numeric", claim, machine=False)

    return listed(
        rng,
        make,
        single=(
            f"Find the roots $r$ of the indicial equation of <q> at ${at.x} = 0$.",
            f"For the method of Frobenius at ${at.x} = 0$, find the exponents $r$ of <q>.",
        ),
        several=(
            (
                f"Find the roots $r$ of the indicial equation at the regular singular point ${at.x}"
                " = 0$."
            ),
            f"Find both exponents $r$ for a Frobenius series about ${at.x} = 0$.",
        ),
    )
