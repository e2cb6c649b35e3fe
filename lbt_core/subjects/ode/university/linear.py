"""First-order linear equations."""

import random

import sympy as sp

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

registry = Registry("First-order equations", "linear first-order equations")


def _finish(
    rng: random.Random,
    at: Letters,
    text: str,
    equation: sp.Eq,
    general: sp.Expr,
    steps: list[str],
    point: int = 0,
) -> Question:
    """Asks for the general solution, or for the one through a point with a nice constant."""
    if rng.random() < 0.5:
        return explicit(at, text, equation, general, steps, "general", constants=1)
    value = nonzero(rng, -3, 6)
    start = sp.expand(general.subs(at.v, point).subs(C, value))
    solution = general.subs(C, value)
    more = [*steps, f"The condition ${at.at(0, point, start)}$ gives $C = {value}$."]
    text = f"{text}, {at.conditions([start], point)}"
    return explicit(at, text, equation, solution, more, "ivp", starts([start], point))


@registry.family("general")
def linear_constant(rng: random.Random) -> Exercise:
    """y' + a y = polynomial or exponential."""
    at = letters(rng)

    def make() -> Question:
        a = nonzero(rng, -6, 6)
        if rng.random() < 0.5:
            p, q = sp.Integer(nonzero(rng, -4, 4)), sp.Integer(rng.randint(-4, 4))
            particular = p * at.v + q
            shape = "integrate by parts"
        else:
            r = rng.choice([r for r in range(-4, 5) if r not in (-a, 0)])
            particular = sp.Integer(nonzero(rng, -4, 4)) * sp.exp(r * at.v)
            shape = "an exponential integral"
        right = sp.expand(sp.diff(particular, at.v) + a * particular)
        mu = sp.exp(a * at.v)
        factor = t.tex(mu)
        steps = [
            (
                f"The integrating factor is $\\mu = e^{{\\int {a}\\,d{at.x}}} = {factor}$, so "
                f"$({factor} {at.y})' = {_times(mu, right)}$."
            ),
            (
                f"The right side is the derivative of ${_times(mu, particular)}$ ({shape}), so "
                f"${factor} {at.y} = {_times(mu, particular)} + C$."
            ),
            f"Hence ${at.y} = {t.tex(C * sp.exp(-a * at.v) + particular)}$.",
        ]
        text = f"${t.combination((1, at.d()), (a, at.y))} = {t.tex(right)}$"
        equation = sp.Eq(at.D() + a * at.f, right)
        return _finish(rng, at, text, equation, C * sp.exp(-a * at.v) + particular, steps)

    return listed(
        rng,
        make,
        single=(
            "Solve the linear equation <q>.",
            f"Use an integrating factor to find ${at.yx}$ from <q>.",
        ),
        several=(
            (
                f"Solve each linear equation for ${at.yx}$; where no condition is given, find the"
                " general solution."
            ),
            (
                f"Use an integrating factor to find ${at.yx}$ (in general form if there is no"
                " initial condition)."
            ),
        ),
    )


def _times(factor: sp.Expr, expr: sp.Expr) -> str:
    """The product with the factor, sums kept in parentheses."""
    if expr.is_Add:
        return f"{t.tex(factor)}({t.tex(expr)})"
    return t.tex(factor * expr)


@registry.family("general")
def linear_power(rng: random.Random) -> Exercise:
    """x y' + n y = k x^m for x > 0."""
    at = letters(rng)

    def make() -> Question:
        n = nonzero(rng, -3, 5)
        m = rng.choice([m for m in range(1, 6) if m + n != 0])
        k = nonzero(rng, -3, 4) * (m + n)
        particular = sp.Rational(k, m + n) * at.v**m
        general = C * at.v ** (-n) + particular
        steps = [
            (
                f"Divide by ${at.x}$: ${t.combination((1, at.d()), (n / at.v, at.y))} ="
                f" {t.tex(k * at.v ** (m - 1))}$. The integrating factor is $e^{{\\int"
                f" \\frac{{{n}}}{{{at.x}}}\\,d{at.x}}} = {t.tex(at.v**n)}$."
            ),
            (
                f"Then $\\frac{{d}}{{d{at.x}}}\\left({t.term(at.v**n, at.y)}\\right) ="
                f" {t.tex(k * at.v ** (m - 1 + n))}$, and integrating, ${t.term(at.v**n, at.y)} ="
                f" {t.tex(particular * at.v**n)} + C$."
            ),
        ]
        text = f"${t.combination((at.v, at.d()), (n, at.y))} = {t.tex(k * at.v**m)}$"
        equation = sp.Eq(at.v * at.D() + n * at.f, k * at.v**m)
        return _finish(rng, at, text, equation, general, steps, point=1)

    return listed(
        rng,
        make,
        single=(
            f"Solve <q> for ${at.x} > 0$.",
            (
                f"Find ${at.yx}$, ${at.x} > 0$, if <q>. Write the equation in standard linear form"
                " first."
            ),
        ),
        several=(
            (
                f"Solve each linear equation on ${at.x} > 0$; give the general solution unless a"
                " condition is stated."
            ),
            (
                f"Let ${at.x} > 0$. Find ${at.yx}$ with an integrating factor (in general, if no"
                " condition is given)."
            ),
        ),
    )


@registry.family("general")
def linear_gaussian(rng: random.Random) -> Exercise:
    """y' + a x^n y = b x^n: an exponential of a power plus a constant."""
    at = letters(rng)

    def make() -> Question:
        n, a = rng.randint(1, 3), nonzero(rng, -3, 3)
        a *= n + 1
        b = nonzero(rng, -4, 4) * (abs(a) if rng.random() < 0.6 else 1)
        area = sp.Rational(a, n + 1) * at.v ** (n + 1)
        level = sp.Rational(b, a)
        factor = t.tex(sp.exp(area))
        steps = [
            (
                f"The integrating factor is $\\mu({at.x}) = e^{{\\int"
                f" {t.tex(a * at.v**n)}\\,d{at.x}}} = {factor}$."
            ),
            (
                f"Multiplying, $({factor} {at.y})' = {t.tex(b * at.v**n * sp.exp(area))}$, whose"
                f" right side is the derivative of ${t.tex(level * sp.exp(area))}$."
            ),
            (
                f"So ${factor} {at.y} = {t.tex(level * sp.exp(area) + C)}$; divide by the"
                " integrating factor."
            ),
        ]
        text = f"${t.combination((1, at.d()), (a * at.v**n, at.y))} = {t.tex(b * at.v**n)}$"
        equation = sp.Eq(at.D() + a * at.v**n * at.f, b * at.v**n)
        return _finish(rng, at, text, equation, C * sp.exp(-area) + level, steps)

    return listed(
        rng,
        make,
        single=(
            "Find the solution of the linear equation <q>.",
            f"Find ${at.yx}$ by an integrating factor: <q>.",
        ),
        several=(
            (
                f"Solve for ${at.yx}$ with the help of an integrating factor (generally, if no"
                " value is prescribed)."
            ),
            (
                f"Each of these equations is linear in ${at.y}$. Solve it, in general unless a"
                " condition is given."
            ),
        ),
    )


@registry.family("general")
def linear_trigonometric(rng: random.Random) -> Exercise:
    """Linear equations with trigonometric coefficients."""
    at = letters(rng)

    def make() -> Question:
        k, a = nonzero(rng, -6, 6), rng.randint(1, 4)
        sine, cosine = sp.sin(a * at.v), sp.cos(a * at.v)
        case = rng.randint(0, 1)
        if case == 0:
            b = nonzero(rng, -3, 3)
            rate, factor = a * b * cosine, sp.exp(b * sine)
            right, particular = a * b * k * cosine, sp.Integer(k)
            product = right * factor
        else:
            rate, factor = a * sp.tan(a * at.v), 1 / cosine
            right, particular = k * cosine, k * at.v * cosine
            product = sp.Integer(k)
        left = particular * factor
        steps = [
            (
                f"The equation is linear with $p({at.x}) = {t.tex(rate)}$; an integrating factor is"
                f" $e^{{\\int p\\,d{at.x}}} = {t.tex(factor)}$."
            ),
            (
                f"Multiplying by it, $\\frac{{d}}{{d{at.x}}}\\left({t.tex(factor)}\\,{at.y}\\right)"
                f" = {t.tex(product)}$."
            ),
            (
                f"Integrating, ${t.tex(factor)}\\,{at.y} = {t.tex(left)} + C$, and dividing gives"
                " the solution."
            ),
        ]
        text = f"${t.combination((1, at.d()), (rate, at.y))} = {t.tex(right)}$"
        equation = sp.Eq(at.D() + rate * at.f, right)
        return _finish(rng, at, text, equation, C / factor + particular, steps)

    interval = f"near ${at.x} = 0$"
    return listed(
        rng,
        make,
        single=(
            f"Solve the linear equation <q> {interval}.",
            f"Find ${at.yx}$ {interval} if <q>.",
        ),
        several=(
            (
                f"Solve the following linear equations for ${at.yx}$ {interval}, in general unless"
                " a value is given."
            ),
            (
                f"Find ${at.yx}$ {interval} with an integrating factor (in general form where no"
                " condition is given)."
            ),
        ),
    )
