"""Orthogonal trajectories."""

import random

import sympy as sp

from lbt_core.subjects.ode.proof import OrthogonalClaim
from lbt_core.subjects.ode.university import tex as t
from lbt_core.subjects.ode.university.family import Exercise, Question, Registry, nonzero

registry = Registry("First-order equations", "orthogonal trajectories")

X, Y = sp.symbols("x y")


def _exercise(
    rng: random.Random,
    curves: str,
    level: sp.Expr,
    answer: sp.Expr,
    slope: sp.Expr,
    steps: list[str],
) -> Exercise:
    text = rng.choice(
        [
            (
                f"Find the orthogonal trajectories of the family of curves ${curves}$, where"
                " $c$ is a parameter."
            ),
            (
                f"Which curves in the $xy$-plane cross every curve of the family ${curves}$ ($c$ a"
                " parameter) at right angles?"
            ),
            (
                f"The equipotential lines of a field are ${curves}$ with a parameter $c$. Find the"
                " field lines, which are orthogonal to them."
            ),
        ]
    )
    steps = [
        f"Eliminating $c$, the curves satisfy $\\frac{{dy}}{{dx}} = {t.tex(slope)}$.",
        (
            "The orthogonal trajectories have the negative reciprocal slope, $\\frac{dy}{dx} ="
            f" {t.tex(sp.cancel(-1 / slope))}$, which is separable."
        ),
        *steps,
    ]
    claim = OrthogonalClaim((answer,), level, (X, Y))
    return Exercise("", (Question(text, "$<0> = C$", steps, "other", claim, machine=False),))


@registry.family("other")
def orthogonal_powers(rng: random.Random) -> Exercise:
    """y = c x^n, and y^m = c x^n."""
    m, n = rng.choice([1, 1, 1, 2, 3, 4]), rng.choice([n for n in range(-6, 8) if n])
    divisor = sp.gcd(m, n)
    m, n = int(m / divisor), int(n / divisor)
    left = "y" if m == 1 else f"y^{m}"
    curves = f"{left} = {t.tex(sp.Symbol('c') * X**n)}"
    slope = sp.Rational(n, m) * Y / X
    answer = m * X**2 + n * Y**2
    if n < 0 and m == 1 and n == -1:
        answer = X**2 - Y**2
    steps = [f"Separating, ${t.tex(n * Y)}\\,dy = {t.tex(-m * X)}\\,dx$; integrate and double."]
    return _exercise(rng, curves, Y**m / X**n, answer, slope, steps)


@registry.family("other")
def orthogonal_conics(rng: random.Random) -> Exercise:
    """a x^2 + b y^2 = c: trajectories y^a = C x^b."""
    a, b = rng.randint(1, 6), nonzero(rng, -6, 6)
    divisor = int(sp.gcd(a, b))
    a, b = a // divisor, b // divisor
    curves = f"{t.tex(a * X**2 + b * Y**2)} = c"
    slope = -sp.Rational(a, b) * X / Y
    logarithm = "\\ln|x|"
    answer = Y**a / X**b
    steps = [
        f"Separating, $\\frac{{dy}}{{y}} = {t.tex(sp.Rational(b, a) / X)}\\,dx$, hence $\\ln|y| ="
        f" {t.term(sp.Rational(b, a), logarithm)} + k$; exponentiate."
    ]
    return _exercise(rng, curves, a * X**2 + b * Y**2, answer, slope, steps)


@registry.family("other")
def orthogonal_exponentials(rng: random.Random) -> Exercise:
    """y = c e^{kx}, y = k x + c, y = ln x^k + c, and shifted parabolas."""
    k = sp.Rational(nonzero(rng, -7, 7), rng.choice([1, 1, 2, 3]))
    c = sp.Symbol("c")
    case = rng.randint(0, 2)
    if case == 0:
        curves, level, slope = f"y = {t.tex(c * sp.exp(k * X))}", Y * sp.exp(-k * X), k * Y
        answer = k * Y**2 + 2 * X
        steps = [f"Separating, ${t.tex(k * Y)}\\,dy = -dx$; integrate and double."]
    elif case == 1:
        n = rng.choice([2, 3, 4])
        curves, level, slope = f"y = {t.tex(k * X**n)} + c", Y - k * X**n, n * k * X ** (n - 1)
        if n == 2:
            answer = Y + sp.log(X) / (2 * k)
            steps = ["Integrate both sides (for $x > 0$)."]
        else:
            answer = Y - X ** (2 - n) / (n * k * (n - 2))
            steps = ["Integrate the power of $x$."]
    else:
        curves, level, slope = f"y = {t.tex(k * sp.log(X))} + c", Y - k * sp.log(X), k / X
        answer = Y + X**2 / (2 * k)
        steps = ["Integrate both sides."]
    exercise = _exercise(rng, curves, level, answer, slope, steps)
    return exercise
