"""Equations solved by a substitution: homogeneous equations and Bernoulli equations."""

import math
import random

import sympy as sp

from lbt_core.subjects.ode import proof
from lbt_core.subjects.ode.university import tex as t
from lbt_core.subjects.ode.university.family import (
    C,
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

registry = Registry("First-order equations", "homogeneous and Bernoulli equations")


@registry.family("general")
def homogeneous_quadratic(rng: random.Random) -> Exercise:
    """y' = y/x + k (y/x)^2."""
    at = letters(rng)

    def make() -> Question:
        x = at.v
        k, q = nonzero(rng, -6, 6), rng.randint(1, 4)
        k, q = k // math.gcd(k, q), q // math.gcd(k, q)
        # x y' = y + (k/q) y^2/x
        rate = sp.Rational(k, q)
        right = t.combination((q * x, at.y), (k, at.y + "^2"))
        written = f"{t.term(q * x**2, at.d())} = {right}"
        steps = [
            (
                f"The equation is homogeneous: put ${at.y} = {at.x}V$, so that ${at.d()} = V +"
                f" {at.x}V'$."
            ),
            (
                f"It becomes ${at.x}V' = {t.term(rate, 'V^2')}$, which is separable:"
                f" $-\\frac{{1}}{{V}} = {t.tex(rate * sp.log(x))} - C$."
            ),
            (
                f"Hence $V = {t.tex(1 / (C - rate * sp.log(x)))}$ and ${at.y} = {at.x}V$. (Besides,"
                f" ${at.y} = 0$ is a solution.)"
            ),
        ]
        equation = sp.Eq(q * x**2 * at.D(), q * x * at.f + k * at.f**2)
        if rng.random() < 0.5:
            a = nonzero(rng, -4, 4)
            solution = a * x / (1 - a * rate * sp.log(x))
            more = [
                *steps,
                f"The condition ${at.y}(1) = {a}$ gives $C = {t.tex(sp.Rational(1, a))}$.",
            ]
            return explicit(
                at,
                f"${written}$, {at.conditions([a], 1)}",
                equation,
                solution,
                more,
                "ivp",
                starts([a], 1),
            )
        solution = x / (C - rate * sp.log(x))
        return explicit(at, f"${written}$", equation, solution, steps, "general", constants=1)

    domain = f"${at.x} > 0$"
    return listed(
        rng,
        make,
        single=(
            (
                f"Solve the homogeneous equation <q> for {domain}; a nonzero solution ${at.y}$ is"
                " wanted."
            ),
            (
                f"Use the substitution ${at.y} = {at.x}V$ to find the nonzero solutions of <q>,"
                f" where {domain}."
            ),
        ),
        several=(
            (
                f"Use the substitution ${at.y} = {at.x}V$ to find nonzero solutions for {domain},"
                " in general if no condition is given."
            ),
            (
                f"Find the nonzero solutions of each homogeneous equation on {domain} (all of them,"
                " or the one that meets the condition)."
            ),
        ),
    )


def _squares(at: Letters, p: int, q: int) -> str:
    """The sum p x^2 + q y^2 with a positive term first if there is one."""
    terms = [(p, f"{at.x}^2"), (q, f"{at.y}^2")]
    return t.combination(*sorted(terms, key=lambda term: p < 0 and term[0] < 0))


@registry.family("implicit")
def homogeneous_squares(rng: random.Random) -> Exercise:
    """x y y' = p x^2 + q y^2."""
    at = letters(rng)

    def make() -> Question:
        x, y = at.v, at.u
        p, q = nonzero(rng, -6, 8), rng.choice([-2, -1, 1, 2, 3])
        equation = sp.Eq(x * at.f * at.D(), p * x**2 + q * at.f**2)
        text = f"${at.x}{at.y}\\,{at.d()} = {_squares(at, p, q)}$"
        first = (
            f"Put ${at.y} = {at.x}V$. Then ${at.x}V V' + V^2 ="
            f" {t.tex(p + q * sp.Symbol('V') ** 2)}$."
        )
        if q == 1:
            relation = y**2 / x**2 - 2 * p * sp.log(x)
            steps = [
                first,
                (
                    f"So $V\\,dV = \\frac{{{p}}}{{{at.x}}}\\,d{at.x}$ and $V^2 ="
                    f" {t.tex(2 * p * sp.log(x))} + C$."
                ),
            ]
        else:
            shift = sp.Rational(p, q - 1)
            relation = (y**2 + shift * x**2) * x ** (-2 * q)
            if q - 1 not in (1, -1) and not shift.is_Integer:
                relation = (shift.q * y**2 + shift.p * x**2) * x ** (-2 * q)
            square = t.tex(shift + sp.Symbol("V") ** 2)
            steps = [
                first,
                f"So ${at.x}VV' = {t.tex(sp.Integer(q - 1))}({square})$".replace(
                    "= 1(", "= ("
                ).replace("= -1(", "= -(")
                + f", hence ${square} = {t.tex(C * x ** (2 * q - 2))}$.",
                f"Multiply by ${at.x}^2$ and return to ${at.y}$.",
            ]
        claim = proof.ImplicitClaim((relation, C), (equation,), (at.f,), at.v)
        return Question(text, "$<0> = <1>$", steps, "implicit", claim)

    return listed(
        rng,
        make,
        single=(
            f"Solve the homogeneous equation <q> for ${at.x} > 0$; an implicit solution will do.",
            (
                f"Find the general solution of <q>, ${at.x} > 0$, in implicit form by putting"
                f" ${at.y} = {at.x}V$."
            ),
        ),
        several=(
            (
                f"Put ${at.y} = {at.x}V$ to solve these homogeneous equations implicitly for"
                f" ${at.x} > 0$."
            ),
            (
                f"Find implicit general solutions of the homogeneous equations for ${at.y}$ as a"
                f" function of ${at.x} > 0$."
            ),
        ),
    )


@registry.family("general")
def bernoulli_quadratic(rng: random.Random) -> Exercise:
    """y' + a y = b y^2 with constant coefficients or the forcing b e^{c x} y^2."""
    at = letters(rng)

    def make() -> Question:
        x = at.v
        a, c = nonzero(rng, -5, 5), rng.choice([0, 0, 1, 2, 3])
        if c == a:
            c = 0
        b = nonzero(rng, -4, 4) * (abs(a - c) if rng.random() < 0.6 else 1)
        push = b * sp.exp(c * x)
        level = sp.Rational(b, a - c)
        inverse = C * sp.exp(a * x) + level * sp.exp(c * x)
        steps = [
            (
                f"This is a Bernoulli equation with exponent 2. Put $V = 1/{at.y}$; then $V' ="
                f" -{at.d()}/{at.y}^2$ and the equation becomes $V' {'-' if a > 0 else '+'}"
                f" {abs(a) if abs(a) > 1 else ''}V = {t.tex(-push)}$."
            ),
            f"This linear equation has the solutions $V = {t.tex(inverse)}$.",
            f"Hence ${at.y} = 1/V$. (The solution ${at.y} = 0$ is lost in the substitution.)",
        ]
        text = f"${t.combination((1, at.d()), (a, at.y))} = {t.term(push, at.y + '^2')}$"
        equation = sp.Eq(at.D() + a * at.f, push * at.f**2)
        if rng.random() < 0.5:
            value = rng.choice([v for v in range(-3, 5) if v + level != 0])
            start = 1 / (value + level)
            solution = 1 / inverse.subs(C, value)
            steps = [*steps, f"The condition gives $V(0) = {t.tex(1 / start)}$, so $C = {value}$."]
            text += f", {at.conditions([start])}"
            return explicit(at, text, equation, solution, steps, "ivp", starts([start]))
        return explicit(at, text, equation, 1 / inverse, steps, "general", constants=1)

    return listed(
        rng,
        make,
        single=(
            f"Solve the Bernoulli equation <q> (nonzero ${at.y}$).",
            f"Find the nonzero solution ${at.yx}$ of <q> by a substitution that makes it linear.",
        ),
        several=(
            (
                f"Solve each Bernoulli equation for ${at.yx} \\neq 0$, in general where no"
                " condition is given."
            ),
            (
                f"Transform to a linear equation and find the nonzero solutions ${at.yx}$ (general,"
                " unless a value is given)."
            ),
        ),
    )


@registry.family("ivp")
def bernoulli_root(rng: random.Random) -> Exercise:
    """x y' + a y = b x^m y^3 or y^{-1}, positive, from x = 1."""
    at = letters(rng)

    def make() -> Question:
        x = at.v
        n = rng.choice([3, 3, -1])
        a = nonzero(rng, -3, 3)
        # V = y^{1-n}: x V' + (1-n) a V = (1-n) b x^m
        slope = (1 - n) * a
        m = rng.choice([m for m in range(1, 5) if m + slope != 0])
        level = nonzero(rng, -3, 3)
        b = sp.Rational(level * (m + slope), 1 - n)
        constant = rng.choice([k for k in (1, 4, 9, 16, 25, 2, 3, 5) if k > level]) - level
        if constant == 0:
            constant, level = 1, 3
            b = sp.Rational(level * (m + slope), 1 - n)
        inner = level * x**m + constant * x ** (-slope)
        power = sp.Rational(1, 1 - n)
        solution = inner**power
        start = sp.sqrt(level + constant) ** (2 * power)
        shown = at.y + "^3" if n == 3 else f"{at.y}^{{-1}}"
        right = t.term(b * x**m, shown) if n == 3 else t.tex(b * x**m / at.u)
        text = f"${t.combination((x, at.d()), (a, at.y))} = {right}$, {at.conditions([start], 1)}"
        linear = t.combination((x, "V'"), (slope, "V"))
        steps = [
            f"A Bernoulli equation with exponent ${n}$: put $V = {t.tex(at.u ** (1 - n))}$.",
            (
                "Then $V' ="
                f" {t.term(1 - n, t.tex(at.u ** (-n)) if n != 3 else at.y + '^{-3}')}{at.d()}$ and"
                f" the equation becomes linear: ${linear} = {t.tex((1 - n) * b * x**m)}$."
            ),
            (
                f"Its general solution is $V = {t.tex(level * x**m + C * x ** (-slope))}$; $V(1) ="
                f" {level + constant}$ gives $C = {constant}$."
            ),
            f"Since ${at.y}(1) > 0$, the positive root is taken.",
        ]
        equation = sp.Eq(x * at.D() + a * at.f, b * x**m * at.f**n)
        return explicit(at, text, equation, solution, steps, "ivp", starts([start], 1))

    return listed(
        rng,
        make,
        single=(
            "Solve the Bernoulli problem <q>.",
            f"Find ${at.yx}$ near ${at.x} = 1$ from the Bernoulli equation <q>.",
        ),
        several=(
            f"Solve each Bernoulli problem for ${at.yx}$ near ${at.x} = 1$.",
            (
                f"Use the substitution $V = {at.y}^{{1-n}}$ with the right $n$ to find ${at.yx}$"
                f" near ${at.x} = 1$."
            ),
        ),
    )
