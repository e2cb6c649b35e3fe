"""Separable equations."""

import random

import sympy as sp

from lbt_core.subjects.ode import proof
from lbt_core.subjects.ode.university import tex as t
from lbt_core.subjects.ode.university.family import (
    C,
    Exercise,
    Question,
    Registry,
    explicit,
    letters,
    listed,
    nonzero,
    starts,
)

registry = Registry("First-order equations", "separable equations")


@registry.family("general")
def separable_growth(rng: random.Random) -> Exercise:
    """y' = k x^n y: the exponential of a power."""
    at = letters(rng)

    def make() -> Question:
        n, k = rng.randint(1, 4), nonzero(rng, -9, 9)
        power = sp.Integer(k) * at.v**n
        area = sp.integrate(power, at.v)
        ratio = t.term(power, at.y)
        steps = [
            (
                f"The equation is separable: for ${at.y} \\neq 0$ divide by ${at.y}$ to get "
                f"$\\frac{{1}}{{{at.y}}}\\,d{at.y} = {t.differential(power, at.x)}$."
            ),
            f"Integrating both sides, $\\ln|{at.y}| = {t.tex(area)} + c$.",
            (
                f"Exponentiating, ${at.y} = Ce^{{{t.tex(area, inline=True)}}}$ with $C = \\pm e^c$;"
                f" the constant solution ${at.y} = 0$ is the case $C = 0$."
            ),
        ]
        equation = sp.Eq(at.D() - power * at.f, 0)
        return explicit(
            at, f"${at.d()} = {ratio}$", equation, C * sp.exp(area), steps, "general", constants=1
        )

    return listed(
        rng,
        make,
        single=(
            "Find the general solution of the separable equation <q>.",
            f"Separate variables and solve <q> for ${at.yx}$.",
            f"Find all solutions ${at.yx}$ of <q>.",
        ),
        several=(
            f"Find the general solution ${at.yx}$ of each separable equation.",
            f"Solve the following equations for ${at.yx}$ by separating variables.",
        ),
    )


@registry.family("ivp")
def separable_reciprocal(rng: random.Random) -> Exercise:
    """y' = k x^n y^2 with an initial value at zero."""
    at = letters(rng)

    def make() -> Question:
        n, k, a = rng.randint(0, 3), nonzero(rng, -6, 6), nonzero(rng, -4, 5)
        power = sp.Integer(k) * at.v**n
        area = sp.integrate(power, at.v)
        start = sp.Rational(1, a) if rng.random() < 0.4 else sp.Integer(a)
        solution = sp.cancel(1 / (1 / start - area))
        steps = [
            f"Separate variables: $\\frac{{d{at.y}}}{{{at.y}^2}} = {t.differential(power, at.x)}$.",
            f"Integrating, $-\\frac{{1}}{{{at.y}}} = {t.tex(area)} + C$.",
            (
                f"At ${at.x} = 0$ the condition ${at.y} = {t.tex(start)}$ gives $C ="
                f" {t.tex(-1 / start)}$."
            ),
            (
                f"Solving for ${at.y}$, ${at.yx} = {t.tex(solution)}$ as long as the denominator"
                " keeps its sign."
            ),
        ]
        equation = sp.Eq(at.D() - power * at.f**2, 0)
        text = f"${at.d()} = {t.term(power, at.y + '^2')}$, {at.conditions([start])}"
        return explicit(at, text, equation, solution, steps, "ivp", starts([start]))

    return listed(
        rng,
        make,
        single=(
            "Solve the initial value problem <q> by separating variables.",
            f"Find the solution ${at.yx}$ of <q> explicitly.",
        ),
        several=(
            f"Solve each initial value problem for ${at.yx}$ by separating variables.",
            f"Find ${at.yx}$ explicitly in each of the following separable problems.",
        ),
    )


@registry.family("ivp")
def separable_logarithm(rng: random.Random) -> Exercise:
    """y' = k x^n e^{-b y}: a logarithm."""
    at = letters(rng)

    def make() -> Question:
        n, b, m = rng.randint(0, 3), rng.randint(1, 3), rng.randint(1, 5)
        k = rng.randint(1, 6)
        power = sp.Integer(k) * at.v**n
        area = sp.integrate(b * power, at.v)
        start = sp.log(m) / b
        solution = sp.log(area + m) / b
        decay = t.tex(sp.exp(-b * at.u))
        growth = t.tex(sp.exp(b * at.u))
        steps = [
            (
                f"Multiply by ${growth}$ to separate variables: ${growth}\\,d{at.y} ="
                f" {t.differential(power, at.x)}$."
            ),
            (
                f"Integrating and multiplying by {b}, ${growth} = {t.tex(area)} + C$."
                if b > 1
                else f"Integrating, ${growth} = {t.tex(area)} + C$."
            ),
            f"At ${at.x} = 0$ the left side is ${m}$, so $C = {m}$; take logarithms.",
        ]
        equation = sp.Eq(at.D(), power * sp.exp(-b * at.f))
        front = "" if power == 1 else t.tex(power)
        text = f"${at.d()} = {front}{decay}$, {at.conditions([start])}"
        return explicit(at, text, equation, solution, steps, "ivp", starts([start]))

    return listed(
        rng,
        make,
        single=(
            "Solve the separable initial value problem <q>.",
            f"Use separation of variables to find ${at.yx}$ if <q>.",
        ),
        several=(
            f"Find the solution ${at.yx}$ of each separable initial value problem.",
            f"Separate variables to find ${at.yx}$.",
        ),
    )


@registry.family("implicit")
def separable_implicit(rng: random.Random) -> Exercise:
    """(a y^2 + b) y' = polynomial: an implicit general solution."""
    at = letters(rng)

    def make() -> Question:
        a, b = rng.randint(1, 3) * 3, rng.randint(1, 7)
        p, q = nonzero(rng, -4, 4), nonzero(rng, -6, 6)
        left, right = a * at.u**2 + b, 2 * p * at.v + q
        if rng.random() < 0.4:
            left, right = a * at.u**2 + sp.exp(at.u), 3 * p * at.v**2 + q
        relation = sp.integrate(left, at.u) - sp.integrate(right, at.v)
        steps = [
            f"The variables separate: $({t.tex(left)})\\,d{at.y} = {t.differential(right, at.x)}$.",
            (
                f"Integrate each side: ${t.tex(sp.integrate(left, at.u))} ="
                f" {t.tex(sp.integrate(right, at.v))} + C$."
            ),
            f"This cannot be solved for ${at.y}$ conveniently, so the solution stays implicit.",
        ]
        equation = sp.Eq(left.subs(at.u, at.f) * at.D(), right)
        claim = proof.ImplicitClaim((relation, C), (equation,), (at.f,), at.v)
        text = f"${t.term(left, at.d())} = {t.tex(right)}$"
        return Question(text, "$<0> = <1>$", steps, "implicit", claim)

    return listed(
        rng,
        make,
        single=(
            "Find the general solution of <q> in implicit form.",
            f"Solve <q>; leave ${at.y}$ as an implicit function of ${at.x}$.",
        ),
        several=(
            f"Find an implicit general solution of each separable equation for ${at.yx}$.",
            f"Separate variables; an implicit relation between ${at.x}$ and ${at.y}$ is enough.",
        ),
    )


@registry.family("general")
def separable_tangent(rng: random.Random) -> Exercise:
    """y' = k x^n (a^2 + y^2): a tangent."""
    at = letters(rng)

    def make() -> Question:
        n, a, k = rng.randint(0, 3), rng.randint(1, 4), rng.randint(1, 6)
        power = sp.Integer(k) * at.v**n
        area = sp.integrate(power, at.v)
        square = at.u**2 + a**2
        solution = a * sp.tan(a * area + C)
        inner = at.y if a == 1 else f"\\frac{{{at.y}}}{{{a}}}"
        front = "" if a == 1 else f"\\frac{{1}}{{{a}}}"
        steps = [
            (
                f"Separate variables: $\\frac{{d{at.y}}}{{{t.tex(square)}}} ="
                f" {t.differential(power, at.x)}$."
            ),
            f"Integrating, ${front}\\arctan{at_paren(inner)} = {t.tex(area)} + c$.",
            f"Solve for ${at.y}$"
            + (" and write $C$ for $c$." if a == 1 else f" and write $C$ for ${a}c$."),
        ]
        equation = sp.Eq(at.D(), power * (at.f**2 + a**2))
        front = "" if power == 1 else t.tex(power)
        text = f"${at.d()} = {front}({t.tex(square)})$"
        if power == 1:
            text = f"${at.d()} = {t.tex(square)}$"
        return explicit(at, text, equation, solution, steps, "general", constants=1)

    return listed(
        rng,
        make,
        single=(
            "Find the general solution of <q> by separation of variables.",
            f"Solve the separable equation <q> explicitly for ${at.yx}$.",
        ),
        several=(
            f"Find the general solution ${at.yx}$ by separation of variables.",
            f"Solve each separable equation explicitly for ${at.yx}$.",
        ),
    )


def at_paren(inner: str) -> str:
    """An argument in parentheses that grow with it."""
    return f"\\left({inner}\\right)" if "\\frac" in inner else f"({inner})"


@registry.family("ivp")
def separable_root(rng: random.Random) -> Exercise:
    """y y' = polynomial: the positive or negative square root, picked by the initial value."""
    at = letters(rng)

    def make() -> Question:
        a, k, n = nonzero(rng, -5, 5), nonzero(rng, -5, 8), rng.randint(1, 3)
        right = sp.Integer(k) * at.v**n
        square = 2 * sp.integrate(right, at.v) + a**2
        sign = sp.sign(a)
        solution = sign * sp.sqrt(square)
        word = "positive" if a > 0 else "negative"
        steps = [
            f"Separate variables: ${at.y}\\,d{at.y} = {t.differential(right, at.x)}$.",
            f"Integrating and doubling, ${at.y}^2 = {t.tex(square - a**2)} + C$.",
            f"The condition gives $C = {a**2}$.",
            f"Since ${at.y}(0) = {a}$ is {word}, the {word} root is the solution.",
        ]
        equation = sp.Eq(at.f * at.D(), right)
        if rng.random() < 0.5:
            text = f"${at.y}\\,{at.d()} = {t.tex(right)}$"
        else:
            text = f"${at.d()} = {t.tex(right / at.u)}$"
        return explicit(
            at, f"{text}, {at.conditions([a])}", equation, solution, steps, "ivp", starts([a])
        )

    return listed(
        rng,
        make,
        single=(
            "Solve <q> explicitly and choose the right sign of the root.",
            f"Find the solution ${at.yx}$ of the separable problem <q>.",
        ),
        several=(
            f"Solve each separable initial value problem explicitly for ${at.yx}$.",
            f"Find ${at.yx}$ in explicit form, minding the sign of the square root.",
        ),
    )
