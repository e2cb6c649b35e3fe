"""Exact equations and integrating factors that make an equation exact."""

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
    letters,
    listed,
    nonzero,
)

registry = Registry("First-order equations", "exact equations")


def _differential(at: Letters, m: sp.Expr, n: sp.Expr) -> str:
    """The equation M + N y' = 0 in one of its usual forms."""
    left = f"({t.tex(m)})" if m.is_Add else t.tex(m)
    right = f"({t.tex(n)})" if n.is_Add else t.tex(n)
    if right.startswith("-"):
        return f"${left}\\,d{at.x} - {right[1:]}\\,d{at.y} = 0$"
    return f"${left}\\,d{at.x} + {right}\\,d{at.y} = 0$"


def _question(
    rng: random.Random, at: Letters, potential: sp.Expr, m: sp.Expr, n: sp.Expr, steps: list[str]
) -> Question:
    """The implicit solution potential = C, or through a point."""
    equation = sp.Eq(m.subs(at.u, at.f) + n.subs(at.u, at.f) * at.D(), 0)
    text = _differential(at, m, n)
    value: sp.Expr = C
    conditions: tuple[tuple[int, sp.Expr, tuple[sp.Expr, ...]], ...] = ()
    place = {at.v: sp.Integer(rng.randint(1, 2)), at.u: sp.Integer(nonzero(rng, -2, 3))}
    level = potential.subs(place)
    if rng.random() < 0.35 and level.is_Integer and n.subs(place) != 0:
        value = level
        conditions = ((0, place[at.v], (place[at.u],)),)
        text += f", {at.conditions([place[at.u]], place[at.v])}"
        steps = [
            *steps,
            f"At ${at.x} = {place[at.v]}$, ${at.y} = {place[at.u]}$ the constant is ${value}$.",
        ]
    claim = proof.ImplicitClaim((potential, value), (equation,), (at.f,), at.v, conditions)
    return Question(text, "$<0> = <1>$", steps, "implicit", claim)


def _steps(at: Letters, potential: sp.Expr, m: sp.Expr, n: sp.Expr) -> list[str]:
    part = sp.expand(sp.integrate(m, at.v))
    rest = sp.expand(potential - part)
    slope = sp.diff(rest, at.u)
    return [
        (
            f"Put $M = {t.tex(m)}$ and $N = {t.tex(n)}$. Since $M_{at.y} ="
            f" {t.tex(sp.diff(m, at.u))} = N_{at.x}$, the equation is exact."
        ),
        f"Integrating $M$ with respect to ${at.x}$, $F = {t.tex(part)} + g({at.y})$.",
        (
            f"From $F_{at.y} = N$ we get $g'({at.y}) = {t.tex(slope)}$, so $g({at.y}) ="
            f" {t.tex(rest)}$."
        ),
        f"The solutions are the level curves of $F({at.x}, {at.y}) = {t.tex(potential)}$.",
    ]


def _letters(rng: random.Random) -> Letters:
    at = letters(rng, style="prime")
    return at if at.y not in ("v",) else Letters("y", "x")


@registry.family("implicit")
def exact_polynomial(rng: random.Random) -> Exercise:
    """Polynomial potentials."""
    at = _letters(rng)

    def make() -> Question:
        x, y = at.v, at.u
        mixed = rng.choice([x * y, x**2 * y, x * y**2, x**2 * y**2])
        potential = nonzero(rng, -4, 4) * mixed + nonzero(rng, -4, 4) * x ** rng.randint(1, 3)
        potential += rng.randint(1, 5) * y ** rng.randint(2, 4)
        m, n = sp.diff(potential, x), sp.diff(potential, y)
        return _question(rng, at, potential, m, n, _steps(at, potential, m, n))

    return listed(
        rng,
        make,
        single=(
            "Check that <q> is exact and solve it (an implicit solution will do).",
            "Solve the exact equation <q>; leave the solution in implicit form.",
        ),
        several=(
            "Check that each equation is exact and solve it; implicit solutions will do.",
            "Solve the following exact equations. Leave the solutions in implicit form.",
        ),
    )


@registry.family("implicit")
def exact_transcendental(rng: random.Random) -> Exercise:
    """Potentials with exponentials and trigonometric functions."""
    at = _letters(rng)

    def make() -> Question:
        x, y = at.v, at.u
        a, b, c = rng.randint(1, 3), rng.randint(1, 4), nonzero(rng, -4, 4)
        mixed = rng.choice(
            [
                y * sp.exp(a * x),
                x * sp.exp(a * y),
                y * sp.sin(a * x),
                x * sp.cos(a * y),
                x**2 * sp.exp(y),
            ]
        )
        potential = (
            b * mixed + c * x ** rng.randint(1, 3) + rng.randint(1, 4) * y ** rng.randint(2, 3)
        )
        m, n = sp.diff(potential, x), sp.diff(potential, y)
        return _question(rng, at, potential, m, n, _steps(at, potential, m, n))

    return listed(
        rng,
        make,
        single=(
            "Show that <q> is exact and find its solutions in implicit form.",
            "Find a potential function and solve <q> implicitly.",
        ),
        several=(
            "Test for exactness and solve implicitly.",
            (
                "Each of these equations is exact. Find a potential function and give the solutions"
                " implicitly."
            ),
        ),
    )


@registry.family("implicit")
def integrating_factor_power(rng: random.Random) -> Exercise:
    """Equations that a power of x makes exact."""
    at = _letters(rng)

    def make() -> Question:
        x, y = at.v, at.u
        k, p = rng.randint(1, 2), rng.randint(1, 3)
        a, b, c = rng.randint(1, 5), nonzero(rng, -4, 5), rng.randint(1, 4)
        potential = a * x ** (k + 1) * y**c + b * x ** (k + p + 1)
        m = sp.expand(sp.diff(potential, x) / x**k)
        n = sp.expand(sp.diff(potential, y) / x**k)
        my, nx = sp.diff(m, y), sp.diff(n, x)
        ratio = sp.cancel((my - nx) / n)
        full_m, full_n = sp.diff(potential, x), sp.diff(potential, y)
        steps = [
            (
                f"With $M = {t.tex(m)}$ and $N = {t.tex(n)}$ we have $M_{at.y} = {t.tex(my)}$ but"
                f" $N_{at.x} = {t.tex(nx)}$: the equation is not exact."
            ),
            (
                f"However, $(M_{at.y} - N_{at.x})/N = {t.tex(ratio)}$ depends on ${at.x}$ alone, so"
                f" $\\mu = e^{{\\int {t.tex(ratio)}\\,d{at.x}}} = {t.tex(x**k)}$ is an integrating"
                " factor."
            ),
            (
                f"After multiplication, {_differential(at, full_m, full_n)} is exact with potential"
                f" $F = {t.tex(potential)}$."
            ),
        ]
        return _question(rng, at, potential, m, n, steps)

    return listed(
        rng,
        make,
        single=(
            (
                f"Find an integrating factor that depends on ${at.x}$ alone and solve <q>"
                f" implicitly (${at.x} > 0$)."
            ),
            (
                f"For ${at.x} > 0$ make <q> exact by an integrating factor $\\mu({at.x})$ and solve"
                " it; an implicit solution will do."
            ),
        ),
        several=(
            (
                f"Each equation has an integrating factor $\\mu({at.x})$. Find it and solve"
                f" implicitly for ${at.x} > 0$."
            ),
            (
                f"Make the equation exact with an integrating factor that depends on ${at.x}$ only,"
                f" and solve it implicitly for ${at.x} > 0$."
            ),
        ),
    )
