"""Homogeneous linear equations with constant coefficients."""

import random

import sympy as sp

from lbt_core.subjects.ode.university import tex as t
from lbt_core.subjects.ode.university.family import (
    C1,
    C2,
    C3,
    C4,
    Exercise,
    Letters,
    Question,
    Registry,
    explicit,
    letters,
    listed,
    nonzero,
    starts,
)

registry = Registry(
    "Linear equations of higher order", "linear equations with constant coefficients"
)

R = sp.Symbol("r")


def written(at: Letters, coefficients: list[sp.Expr]) -> str:
    """The left side, coefficients from the highest derivative down."""
    order = len(coefficients) - 1
    return t.combination(
        *((c, at.d(order - k) if k < order else at.y) for k, c in enumerate(coefficients))
    )


def operator(at: Letters, coefficients: list[sp.Expr]) -> sp.Expr:
    """The left side as an object."""
    order = len(coefficients) - 1
    return sum(
        (c * (at.D(order - k) if k < order else at.f) for k, c in enumerate(coefficients)), sp.S(0)
    )


def characteristic(coefficients: list[sp.Expr]) -> str:
    """The characteristic polynomial as printed."""
    order = len(coefficients) - 1
    powers = ["" if p == 0 else "r" if p == 1 else f"r^{p}" for p in range(order, -1, -1)]
    shown = [
        t.term(c, p) if p else (t.tex(c) if c else "")
        for c, p in zip(coefficients, powers, strict=True)
    ]
    return t.join([s for s in shown if s])


def quadratic(rng: random.Random, case: str) -> tuple[list[sp.Expr], list[sp.Expr], str]:
    """Coefficients with roots of the given case, their two basis functions of the letter x, and a
    sentence on the roots."""
    x = sp.Symbol("x")
    if case == "distinct":
        a, r = rng.choice([1, 1, 1, 2, 3]), rng.randint(-5, 5)
        s = rng.choice([s for s in range(-5, 6) if s != r])
        first = sp.Rational(r, a) if r % a else sp.Integer(r)
        lead = first.q
        roots = sorted([first, sp.Integer(s)])
        coefficients = [sp.Integer(lead), -lead * sum(roots), lead * roots[0] * roots[1]]
        basis = [sp.exp(roots[0] * x), sp.exp(roots[1] * x)]
        return (
            coefficients,
            basis,
            f"has the roots $r = {t.tex(roots[0])}$ and $r = {t.tex(roots[1])}$",
        )
    if case == "repeated":
        p, q = nonzero(rng, -5, 5), rng.choice([1, 1, 2, 3])
        root = sp.Rational(p, q)
        lead = root.q**2
        coefficients = [sp.Integer(lead), -2 * lead * root, lead * root**2]
        return (
            coefficients,
            [sp.exp(root * x), x * sp.exp(root * x)],
            f"has the double root $r = {t.tex(root)}$",
        )
    a, b = sp.Integer(rng.randint(-4, 4)), sp.Integer(rng.randint(1, 6))
    lead = 1
    if rng.random() < 0.25:
        a, b, lead = (
            sp.Rational(rng.choice([-3, -1, 1, 3]), 2),
            sp.Rational(rng.choice([1, 3, 5]), 2),
            2,
        )
    coefficients = [sp.Integer(lead), -2 * lead * a, lead * (a**2 + b**2)]
    basis = [sp.exp(a * x) * sp.cos(b * x), sp.exp(a * x) * sp.sin(b * x)]
    pair = f"{t.tex(a) if a else ''} \\pm {t.term(b, 'i')}".strip()
    return coefficients, basis, f"has the complex roots $r = {pair}$"


def _homogeneous(rng: random.Random, at: Letters, case: str) -> Question:
    coefficients, basis, roots = quadratic(rng, case)
    basis = [b.subs(sp.Symbol("x"), at.v) for b in basis]
    general = C1 * basis[0] + C2 * basis[1]
    steps = [
        (
            f"Try ${at.y} = e^{{r{at.x}}}$. The characteristic equation"
            f" ${characteristic(coefficients)} = 0$ {roots}."
        ),
        (
            f"So ${t.tex(basis[0])}$ and ${t.tex(basis[1])}$ are two independent solutions, and the"
            " general solution is their linear combination."
        ),
    ]
    equation = sp.Eq(operator(at, coefficients), 0)
    return explicit(
        at, f"${written(at, coefficients)} = 0$", equation, general, steps, "general", constants=2
    )


def _general(rng: random.Random, case: str) -> Exercise:
    at = letters(rng)
    return listed(
        rng,
        lambda: _homogeneous(rng, at, case),
        single=(
            "Find the general solution of <q>.",
            f"Solve <q> for ${at.yx}$.",
            "Write down the characteristic equation of <q> and find the general solution.",
        ),
        several=(
            f"Find the general solution ${at.yx}$ from the characteristic equation.",
            f"Find the general solution ${at.yx}$ of each equation.",
        ),
    )


@registry.family("general")
def distinct_real_roots(rng: random.Random) -> Exercise:
    """Second order, two real roots."""
    return _general(rng, "distinct")


@registry.family("general")
def repeated_root(rng: random.Random) -> Exercise:
    """Second order, a double root."""
    return _general(rng, "repeated")


@registry.family("general")
def complex_roots(rng: random.Random) -> Exercise:
    """Second order, a pair of complex roots."""
    return _general(rng, "complex")


@registry.family("ivp")
def second_order_ivp(rng: random.Random) -> Exercise:
    """Second order with two initial values, in all three cases."""
    at = letters(rng)

    def make() -> Question:
        coefficients, basis, roots = quadratic(rng, rng.choice(["distinct", "repeated", "complex"]))
        basis = [b.subs(sp.Symbol("x"), at.v) for b in basis]
        a, b = rng.choice(
            [(nonzero(rng, -4, 5), nonzero(rng, -4, 5)), (rng.randint(0, 3), nonzero(rng, -3, 3))]
        )
        solution = a * basis[0] + b * basis[1]
        values = [solution.subs(at.v, 0), sp.diff(solution, at.v).subs(at.v, 0)]
        general = t.tex(C1 * basis[0] + C2 * basis[1])
        slopes = [sp.diff(f, at.v).subs(at.v, 0) for f in basis]
        conditions = [
            t.combination((f.subs(at.v, 0), "C_1"), (g.subs(at.v, 0), "C_2"))
            for f, g in [tuple(basis)]
        ] + [t.combination((slopes[0], "C_1"), (slopes[1], "C_2"))]
        steps = [
            (
                f"The characteristic equation ${characteristic(coefficients)} = 0$ {roots}, so"
                f" ${at.y} = {general}$."
            ),
            (
                f"The initial values give ${conditions[0]} = {t.tex(values[0])}$ and"
                f" ${conditions[1]} = {t.tex(values[1])}$, hence $C_1 = {a}$ and $C_2 = {b}$."
            ),
        ]
        text = f"${written(at, coefficients)} = 0$, {at.conditions(values)}"
        equation = sp.Eq(operator(at, coefficients), 0)
        return explicit(at, text, equation, solution, steps, "ivp", starts(values))

    return listed(
        rng,
        make,
        single=(
            "Solve the initial value problem <q>.",
            f"Find ${at.yx}$ if <q>.",
            "Find the solution of <q>.",
        ),
        several=(
            f"Solve each initial value problem for ${at.yx}$.",
            f"Find the function ${at.yx}$ that satisfies the equation and the initial conditions.",
        ),
    )


@registry.family("general")
def higher_order(rng: random.Random) -> Exercise:
    """Third and fourth order with factorable characteristic polynomials."""
    at = letters(rng, style="prime")

    def make() -> Question:
        x = at.v
        a, b = nonzero(rng, -4, 4), rng.randint(1, 4)
        c = rng.choice([c for c in range(-4, 5) if c != a])
        kind = rng.choice(["three", "double", "pair", "biquadratic", "oscillation"])
        if kind == "three":
            d = rng.choice([d for d in range(-3, 4) if d not in (a, c)])
            polynomial, basis = (R - a) * (R - c) * (R - d), [sp.exp(k * x) for k in (a, c, d)]
        elif kind == "double":
            polynomial = (R - a) ** 2 * (R - c)
            basis = [sp.exp(a * x), x * sp.exp(a * x), sp.exp(c * x)]
        elif kind == "pair":
            polynomial = (R - a) * (R**2 + b**2)
            basis = [sp.exp(a * x), sp.cos(b * x), sp.sin(b * x)]
        elif kind == "biquadratic":
            polynomial = (R**2 - a**2) * (R**2 + b**2)
            basis = [sp.exp(a * x), sp.exp(-a * x), sp.cos(b * x), sp.sin(b * x)]
        else:
            polynomial = (
                R**2 * (R**2 + b**2) if rng.random() < 0.5 else R**2 * (R - a) * (R - a - b)
            )
            if polynomial.subs(R, a) == 0 and a + b == 0:
                polynomial = R**2 * (R**2 + b**2)
            tail = (
                [sp.cos(b * x), sp.sin(b * x)]
                if polynomial.subs(R, a) != 0
                else [sp.exp(a * x), sp.exp((a + b) * x)]
            )
            basis = [sp.S(1), x, *tail]
        coefficients = sp.Poly(polynomial, R).all_coeffs()
        constants = (C1, C2, C3, C4)[: len(basis)]
        general = sum((c * f for c, f in zip(constants, basis, strict=True)), sp.S(0))
        steps = [
            (
                f"The characteristic equation is ${characteristic(coefficients)} = 0$; its left"
                f" side factors as ${t.tex(polynomial)}$."
            ),
            "The roots give the solutions " + ", ".join(f"${t.tex(f)}$" for f in basis) + ".",
            "They are independent, and there are as many as the order; combine them linearly.",
        ]
        equation = sp.Eq(operator(at, coefficients), 0)
        text = f"${written(at, coefficients)} = 0$"
        return explicit(at, text, equation, general, steps, "general", constants=len(basis))

    return listed(
        rng,
        make,
        single=(
            "Find the general solution of <q>.",
            f"Factor the characteristic polynomial and solve <q> for ${at.yx}$.",
        ),
        several=(
            f"Find the general solution ${at.yx}$ of each higher-order equation.",
            f"Factor the characteristic polynomial and find ${at.yx}$ in general.",
        ),
    )
