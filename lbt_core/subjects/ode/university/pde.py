"""Partial differential equations by separation of variables."""

import random

import sympy as sp

from lbt_core.subjects.ode.proof_operators import PdeClaim
from lbt_core.subjects.ode.university import tex as t
from lbt_core.subjects.ode.university.family import Exercise, Question, Registry, nonzero

registry = Registry("Partial differential equations", "partial differential equations")

X, Y, T = sp.symbols("x y t")


def _length(rng: random.Random) -> tuple[sp.Expr, sp.Expr]:
    """A length and pi divided by it."""
    length = rng.choice([sp.pi, sp.pi, sp.S(1), sp.S(2), sp.S(3), sp.S(4), sp.pi / 2, 2 * sp.pi])
    return length, sp.pi / length


def _modes(rng: random.Random, low: int = 1) -> list[tuple[int, int]]:
    """Two or three wave numbers with amplitudes."""
    numbers = sorted(rng.sample(range(low, 7), rng.choice([1, 2, 2, 3])))
    return [(n, nonzero(rng, -5, 7)) for n in numbers]


@registry.family("pde")
def heat_equation(rng: random.Random) -> Exercise:
    """The heat equation on a rod with cold or insulated ends and a finite sum of modes at the
    start."""
    length, unit = _length(rng)
    cold = rng.random() < 0.6
    modes = _modes(rng)
    fastest = (modes[-1][0] * unit) ** 2
    rates = [sp.Rational(1, d) for d in (1, 2, 4, 5, 10, 20, 25, 40, 50, 100, 200)]
    k = rng.choice([r for r in (sp.S(3), sp.S(2), *rates) if r * fastest <= 9])
    shape = sp.sin if cold else sp.cos
    start = sum((a * shape(n * unit * X) for n, a in modes), sp.S(0))
    solution = sum(
        (a * sp.exp(-k * (n * unit) ** 2 * T) * shape(n * unit * X) for n, a in modes), sp.S(0)
    )
    if not cold and rng.random() < 0.6:
        mean = nonzero(rng, 1, 9)
        start, solution = start + mean, solution + mean
    u = sp.Function("u")(X, T)
    equation = sp.Derivative(u, T) - k * sp.Derivative(u, (X, 2))
    side = None if cold else X
    data = ((side, X, sp.S(0), sp.S(0)), (side, X, length, sp.S(0)), (None, T, sp.S(0), start))
    edge = (
        f"$u(0,t) = u({t.tex(length)},t) = 0$"
        if cold
        else f"$u_x(0,t) = u_x({t.tex(length)},t) = 0$"
    )
    problem = (
        f"$u_t = {t.term(k, 'u_{xx}')}$ for $0 < x < {t.tex(length)}$, {edge}, $u(x,0) ="
        f" {t.tex(start)}$"
    )
    ends = "kept at temperature zero" if cold else "insulated"
    text = rng.choice(
        [
            f"Solve the heat equation {problem}.",
            f"Find the temperature $u(x,t)$ in a rod whose ends are {ends}: {problem}.",
            f"Use separation of variables to find $u(x,t)$ if {problem}.",
        ]
    )
    name = "\\sin" if cold else "\\cos"
    steps = [
        "Separated solutions that satisfy the boundary conditions are"
        f" $e^{{-{t.tex(k * sp.Symbol('mu') ** 2, inline=True)}t}}{name}(\\mu x)$ with $\\mu ="
        f" {t.tex(sp.Symbol('n') * unit)}$" + ("." if cold else " (and constants)."),
        (
            "The initial temperature is already a finite sum of such modes: give each its own"
            " exponential factor and add."
        ),
    ]
    claim = PdeClaim((solution,), equation, u, data)
    return Exercise("", (Question(text, "$u(x,t) = <0>$", steps, "pde", claim, machine=False),))


@registry.family("pde")
def wave_equation(rng: random.Random) -> Exercise:
    """A string with fixed ends, plucked or struck in a finite sum of modes."""
    length, unit = _length(rng)
    c = rng.choice([1, 2, 3, 4, 5])
    plucked, struck = _modes(rng), _modes(rng)
    case = rng.choice(["plucked", "struck", "both"])
    if case == "plucked":
        struck = []
    elif case == "struck":
        plucked = []
    start = sum((a * sp.sin(n * unit * X) for n, a in plucked), sp.S(0))
    velocity = sum((a * c * n * unit * sp.sin(n * unit * X) for n, a in struck), sp.S(0))
    solution = sum(
        (a * sp.cos(c * n * unit * T) * sp.sin(n * unit * X) for n, a in plucked), sp.S(0)
    )
    solution += sum(
        (a * sp.sin(c * n * unit * T) * sp.sin(n * unit * X) for n, a in struck), sp.S(0)
    )
    u = sp.Function("u")(X, T)
    equation = sp.Derivative(u, (T, 2)) - c * c * sp.Derivative(u, (X, 2))
    data = (
        (None, X, sp.S(0), sp.S(0)),
        (None, X, length, sp.S(0)),
        (None, T, sp.S(0), start),
        (T, T, sp.S(0), velocity),
    )
    problem = (
        f"$u_{{tt}} = {t.term(c * c, 'u_{xx}')}$ for $0 < x < {t.tex(length)}$, $u(0,t) ="
        f" u({t.tex(length)},t) = 0$, $u(x,0) = {t.tex(start)}$, $u_t(x,0) = {t.tex(velocity)}$"
    )
    text = rng.choice(
        [
            f"Solve the wave equation {problem}.",
            f"A string is fixed at both ends. Find its displacement $u(x,t)$ if {problem}.",
            f"Use separation of variables to find $u(x,t)$ if {problem}.",
        ]
    )
    steps = [
        f"Separated solutions that vanish at both ends are $\\cos({t.term(c, '')}\\mu t)\\sin(\\mu"
        f" x)$ and $\\sin({t.term(c, '')}\\mu t)\\sin(\\mu x)$ with $\\mu ="
        f" {t.tex(sp.Symbol('n') * unit)}$.".replace("(1\\mu", "(\\mu"),
        (
            "The initial displacement gives the coefficients of the cosine modes, the initial"
            " velocity, divided by the frequency, those of the sine modes."
        ),
    ]
    claim = PdeClaim((solution,), equation, u, data)
    return Exercise("", (Question(text, "$u(x,t) = <0>$", steps, "pde", claim, machine=False),))


@registry.family("pde")
def transport_equation(rng: random.Random) -> Exercise:
    """u_t + c u_x = -k u with an initial profile."""
    c, k = nonzero(rng, -5, 6), rng.choice([0, 0, 1, 2, 3])
    a, b = rng.randint(1, 4), rng.randint(1, 5)
    profile = rng.choice(
        [
            sp.sin(a * X),
            sp.exp(-a * X**2),
            1 / (X**2 + b),
            X**2 + b,
            sp.cos(a * X) + b,
            X * sp.exp(-a * X),
            X**3 - b * X,
        ]
    )
    solution = profile.subs(X, X - c * T) * sp.exp(-k * T)
    u = sp.Function("u")(X, T)
    equation = sp.Derivative(u, T) + c * sp.Derivative(u, X) + k * u
    left = t.combination((1, "u_t"), (c, "u_x"), (k, "u"))
    problem = f"${left} = 0$, $u(x,0) = {t.tex(profile)}$"
    text = rng.choice(
        [
            f"Solve the transport equation {problem}.",
            f"Use characteristics to find $u(x,t)$ if {problem}.",
            f"Find the solution $u(x,t)$ of the first-order equation {problem}.",
        ]
    )
    path = t.join([s for s in ("x", t.term(-c, "t"))])
    steps = [
        (
            f"On the characteristics ${path} = \\xi$ the equation becomes $\\frac{{du}}{{dt}} ="
            f" {t.term(-k, 'u') or '0'}$."
        ),
        (
            f"So $u = f({path}){'' if k == 0 else t.tex(sp.exp(-k * T))}$ with the initial profile"
            " $f$."
        ),
    ]
    claim = PdeClaim((solution,), equation, u, ((None, T, sp.S(0), profile),))
    return Exercise("", (Question(text, "$u(x,t) = <0>$", steps, "pde", claim, machine=False),))


@registry.family("pde")
def laplace_equation(rng: random.Random) -> Exercise:
    """Laplace's equation on a rectangle with data on one side."""
    width, unit = _length(rng)
    height = sp.Integer(rng.randint(1, 4))
    modes = _modes(rng)[:2]
    top = sum((a * sp.sin(n * unit * X) for n, a in modes), sp.S(0))
    solution = sum(
        (
            a * sp.sin(n * unit * X) * sp.sinh(n * unit * Y) / sp.sinh(n * unit * height)
            for n, a in modes
        ),
        sp.S(0),
    )
    u = sp.Function("u")(X, Y)
    equation = sp.Derivative(u, (X, 2)) + sp.Derivative(u, (Y, 2))
    data = (
        (None, X, sp.S(0), sp.S(0)),
        (None, X, width, sp.S(0)),
        (None, Y, sp.S(0), sp.S(0)),
        (None, Y, height, top),
    )
    problem = (
        f"$u_{{xx}} + u_{{yy}} = 0$ for $0 < x < {t.tex(width)}$, $0 < y < {height}$, $u(0,y) ="
        f" u({t.tex(width)},y) = 0$, $u(x,0) = 0$, $u(x,{height}) = {t.tex(top)}$"
    )
    text = rng.choice(
        [
            f"Solve Laplace's equation on a rectangle: {problem}.",
            f"Find the steady temperature $u(x,y)$ of a plate: {problem}.",
            f"Use separation of variables to find $u(x,y)$ if {problem}.",
        ]
    )
    steps = [
        (
            "Separated solutions that vanish on the three sides are $\\sin(\\mu x)\\sinh(\\mu y)$"
            f" with $\\mu = {t.tex(sp.Symbol('n') * unit)}$."
        ),
        (
            f"On the side $y = {height}$ match each mode: divide its amplitude by"
            f" $\\sinh({'' if height == 1 else height}\\mu)$."
        ),
    ]
    claim = PdeClaim((solution,), equation, u, data)
    return Exercise("", (Question(text, "$u(x,y) = <0>$", steps, "pde", claim, machine=False),))
