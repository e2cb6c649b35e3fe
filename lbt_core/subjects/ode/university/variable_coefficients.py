"""Cauchy-Euler equations and reduction of order."""

import random

import sympy as sp

from lbt_core.subjects.ode.university import tex as t
from lbt_core.subjects.ode.university.family import (
    C1,
    C2,
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
    "Linear equations of higher order", "Cauchy-Euler equations and reduction of order"
)


def _euler(rng: random.Random, x: sp.Symbol) -> tuple[int, int, list[sp.Expr], str]:
    """Coefficients b, c of x^2 y'' + b x y' + c y, the basis, and a sentence on the exponents."""
    case = rng.choice(["distinct", "distinct", "repeated", "complex"])
    if case == "distinct":
        r = rng.randint(-5, 5)
        s = rng.choice([s for s in range(-4, 6) if s != r])
        r, s = sorted((r, s))
        return 1 - r - s, r * s, [x**r, x**s], f"has the roots $r = {r}$ and $r = {s}$"
    if case == "repeated":
        r = nonzero(rng, -5, 5)
        return 1 - 2 * r, r * r, [x**r, x**r * sp.log(x)], f"has the double root $r = {r}$"
    a, b = rng.randint(-3, 3), rng.randint(1, 4)
    basis = [x**a * sp.cos(b * sp.log(x)), x**a * sp.sin(b * sp.log(x))]
    pair = f"{a or ''} \\pm {t.term(b, 'i')}".strip()
    return 1 - 2 * a, a * a + b * b, basis, f"has the complex roots $r = {pair}$"


def _left(at: Letters, b: int, c: int) -> tuple[str, sp.Expr]:
    shown = t.combination((at.v**2, at.d(2)), (b * at.v, at.d()), (c, at.y))
    return shown, at.v**2 * at.D(2) + b * at.v * at.D() + c * at.f


def _indicial(b: int, c: int) -> str:
    shown = [s for s in ("r(r - 1)", t.term(b, "r"), str(c) if c else "") if s]
    return t.join(shown)


@registry.family("general")
def cauchy_euler(rng: random.Random) -> Exercise:
    """The homogeneous equation in all three cases, in general or from x = 1."""
    at = letters(rng)

    def make() -> Question:
        b, c, basis, roots = _euler(rng, at.v)
        text, left = _left(at, b, c)
        general = C1 * basis[0] + C2 * basis[1]
        steps = [
            f"Try ${at.y} = {at.x}^r$: the equation ${_indicial(b, c)} = 0$ {roots}.",
            f"Hence ${at.y} = {t.tex(general)}$ for ${at.x} > 0$.",
        ]
        equation = sp.Eq(left, 0)
        if rng.random() < 0.55:
            return explicit(at, f"${text} = 0$", equation, general, steps, "general", constants=2)
        p, q = nonzero(rng, -3, 4), nonzero(rng, -3, 4)
        solution = p * basis[0] + q * basis[1]
        values = [sp.diff(solution, at.v, k).subs(at.v, 1) for k in (0, 1)]
        steps.append(f"The conditions at ${at.x} = 1$ give $C_1 = {p}$ and $C_2 = {q}$.")
        return explicit(
            at,
            f"${text} = 0$, {at.conditions(values, 1)}",
            equation,
            solution,
            steps,
            "ivp",
            starts(values, 1),
        )

    return listed(
        rng,
        make,
        single=(
            f"Solve the Cauchy-Euler equation <q> for ${at.x} > 0$.",
            f"Find ${at.yx}$ on ${at.x} > 0$ if <q>.",
        ),
        several=(
            (
                f"Solve each Cauchy-Euler equation for ${at.x} > 0$; give the general solution"
                " where no conditions are stated."
            ),
            (
                f"Let ${at.x} > 0$. Find ${at.yx}$ by trying powers of ${at.x}$ (in general, if"
                " there are no conditions)."
            ),
        ),
    )


@registry.family("general")
def cauchy_euler_forced(rng: random.Random) -> Exercise:
    """Cauchy-Euler with a power on the right."""
    at = letters(rng)

    def make() -> Question:
        x = at.v
        b, c, basis, roots = _euler(rng, x)
        m, k = rng.randint(0, 4), nonzero(rng, -4, 4)
        size = m * (m - 1) + b * m + c
        while size == 0:
            m = rng.randint(0, 7)
            size = m * (m - 1) + b * m + c
        force = k * size if abs(k * size) < 40 else size
        particular = sp.Rational(force, size) * x**m
        text, left = _left(at, b, c)
        general = C1 * basis[0] + C2 * basis[1] + particular
        trial = "A" if m == 0 else t.term(sp.Symbol("A"), t.tex(x**m))
        steps = [
            (
                f"For the homogeneous equation try ${at.y} = {at.x}^r$: ${_indicial(b, c)} = 0$"
                f" {roots}."
            ),
            (
                f"For a particular solution try ${at.y}_p = {trial}$: substituting,"
                f" ${t.term(size, 'A')} = {force}$, so ${at.y}_p = {t.tex(particular)}$."
            ),
        ]
        equation = sp.Eq(left, force * x**m)
        return explicit(
            at,
            f"${text} = {t.tex(force * x**m)}$",
            equation,
            general,
            steps,
            "general",
            constants=2,
        )

    return listed(
        rng,
        make,
        single=(
            (
                "Find the general solution of the nonhomogeneous Cauchy-Euler equation <q> for"
                f" ${at.x} > 0$."
            ),
            f"Solve <q> in general on ${at.x} > 0$.",
        ),
        several=(
            (
                f"Find the general solution ${at.yx}$ of each nonhomogeneous Cauchy-Euler equation"
                f" for ${at.x} > 0$."
            ),
            (
                f"Solve for ${at.yx}$ in general on ${at.x} > 0$; a power of ${at.x}$ is a good"
                " guess for a particular solution."
            ),
        ),
    )


def _pair(rng: random.Random, x: sp.Symbol) -> tuple[sp.Expr, sp.Expr]:
    """A known solution and a second one, of an equation with variable coefficients."""
    a = nonzero(rng, -4, 4)
    m = rng.choice([m for m in (-3, -2, -1, 2, 3, 4) if m != 1])
    n = rng.choice([n for n in range(-4, 6) if n not in (0, 1)])
    return rng.choice(
        [
            (x**a, x**a * sp.log(x)),
            (x, x**m),
            (x ** sp.Integer(2), x ** sp.Integer(2) * x ** (n - 1)),
            (x, x * sp.exp(a * x)),
            (sp.exp(a * x), x**2 * sp.exp(a * x)),
            (sp.exp(a * x), x**3 * sp.exp(a * x)),
            (x, sp.exp(a * x)),
            (sp.exp(a * x), a * x + 1),
        ]
    )


@registry.family("general")
def reduction_of_order(rng: random.Random) -> Exercise:
    """The general solution from one known solution."""
    at = letters(rng)

    def make() -> Question:
        x = at.v
        first, second = _pair(rng, x)
        p, q = _coefficients(first, second, x)
        ratio = sp.powsimp(sp.expand(second / first))
        slope = sp.factor(sp.diff(ratio, x))
        lead = sp.lcm(*(sp.fraction(sp.together(c))[1] for c in (p, q)))
        coefficients = [
            sp.factor(lead),
            sp.expand(sp.cancel(lead * p)),
            sp.expand(sp.cancel(lead * q)),
        ]
        shown = t.combination(
            *((c, d) for c, d in zip(coefficients, (at.d(2), at.d(), at.y), strict=True))
        )
        left = coefficients[0] * at.D(2) + coefficients[1] * at.D() + coefficients[2] * at.f
        general = C1 * first + C2 * second
        steps = [
            (
                f"Put ${at.y} = V{at.y}_1$ with ${at.y}_1 = {t.tex(first)}$. The terms with $V$"
                " cancel and a first-order equation for $V'$ remains."
            ),
            (
                f"In standard form ${at.d(2)} + p{at.d()} + q{at.y} = 0$ with $p = {t.tex(p)}$, it"
                f" says $V' = {at.y}_1^{{-2}}e^{{-\\int p\\,d{at.x}}}$, up to a factor $V' ="
                f" {t.tex(slope)}$."
            ),
            (
                f"Integrating, $V = {t.tex(ratio)}$ up to constants, so a second solution is"
                f" ${t.tex(second)}$."
            ),
        ]
        text = f"${shown} = 0$, ${at.y}_1 = {t.tex(first)}$"
        return explicit(at, text, sp.Eq(left, 0), general, steps, "general", constants=2)

    return listed(
        rng,
        make,
        single=(
            (
                f"One solution ${at.y}_1$ is given. Use reduction of order to find the general"
                f" solution for ${at.x} > 0$: <q>."
            ),
            (
                f"Find the general solution ${at.yx}$, ${at.x} > 0$, by reduction of order from the"
                " given solution: <q>."
            ),
        ),
        several=(
            (
                f"One solution ${at.y}_1$ is given. Use reduction of order to find the general"
                f" solution for ${at.x} > 0$."
            ),
            (
                f"Find the general solution ${at.yx}$ on ${at.x} > 0$ by reduction of order from"
                f" the given solution ${at.y}_1$."
            ),
        ),
        most=2,
    )


def _coefficients(first: sp.Expr, second: sp.Expr, x: sp.Symbol) -> tuple[sp.Expr, sp.Expr]:
    """p and q of y'' + p y' + q y = 0 with the two solutions, from their Wronskian."""
    rows = [[sp.diff(f, x, k) for k in range(3)] for f in (first, second)]
    wronskian = rows[0][0] * rows[1][1] - rows[1][0] * rows[0][1]
    p = -(rows[0][0] * rows[1][2] - rows[1][0] * rows[0][2]) / wronskian
    q = (rows[0][1] * rows[1][2] - rows[1][1] * rows[0][2]) / wronskian
    return sp.cancel(sp.expand(sp.simplify(p))), sp.cancel(sp.expand(sp.simplify(q)))
