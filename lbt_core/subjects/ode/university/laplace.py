"""The Laplace transform: transforms, inverse transforms, initial value problems, steps, impulses,
convolutions."""

import random

import sympy as sp

from lbt_core.subjects.ode.proof_operators import PiecewiseClaim, TransformClaim
from lbt_core.subjects.ode.university import tex as t
from lbt_core.subjects.ode.university.constant_coefficients import operator, quadratic, written
from lbt_core.subjects.ode.university.family import (
    Exercise,
    Letters,
    Question,
    Registry,
    explicit,
    listed,
    nonzero,
    starts,
)

registry = Registry("The Laplace transform", "the Laplace transform")

T, S = sp.symbols("t s")


def _elementary(rng: random.Random) -> tuple[sp.Expr, sp.Expr, str]:
    """A function, its transform, and the rule that gives it."""
    a, b, n = nonzero(rng, -4, 4), rng.randint(1, 5), rng.randint(1, 4)
    return rng.choice(
        [
            (T**n, sp.factorial(n) / S ** (n + 1), "$\\mathcal{L}\\{t^n\\} = n!/s^{n+1}$"),
            (sp.exp(a * T), 1 / (S - a), "$\\mathcal{L}\\{e^{at}\\} = 1/(s - a)$"),
            (sp.cos(b * T), S / (S**2 + b**2), "$\\mathcal{L}\\{\\cos bt\\} = s/(s^2 + b^2)$"),
            (sp.sin(b * T), b / (S**2 + b**2), "$\\mathcal{L}\\{\\sin bt\\} = b/(s^2 + b^2)$"),
            (
                T**n * sp.exp(a * T),
                sp.factorial(n) / (S - a) ** (n + 1),
                "the shift rule $\\mathcal{L}\\{e^{at}f\\} = F(s - a)$",
            ),
            (
                sp.exp(a * T) * sp.sin(b * T),
                b / ((S - a) ** 2 + b**2),
                "the shift rule $\\mathcal{L}\\{e^{at}f\\} = F(s - a)$",
            ),
            (
                sp.exp(a * T) * sp.cos(b * T),
                (S - a) / ((S - a) ** 2 + b**2),
                "the shift rule $\\mathcal{L}\\{e^{at}f\\} = F(s - a)$",
            ),
            (
                T * sp.sin(b * T),
                2 * b * S / (S**2 + b**2) ** 2,
                "$\\mathcal{L}\\{tf\\} = -F'(s)$",
            ),
        ]
    )


@registry.family("other")
def laplace_transform(rng: random.Random) -> Exercise:
    """Transforms of sums of elementary functions."""

    def make() -> Question:
        f, image, rule = _elementary(rng)
        p, q = nonzero(rng, -5, 6), nonzero(rng, -4, 4)
        g, other, second = _elementary(rng)
        while g == f:
            g, other, second = _elementary(rng)
        original, total = p * f + q * g, p * image + q * other
        steps = [
            (
                f"By linearity transform term by term. By {rule}, $\\mathcal{{L}}\\{{{t.tex(f)}\\}}"
                f" = {t.tex(image)}$."
            ),
            f"By {second}, $\\mathcal{{L}}\\{{{t.tex(g)}\\}} = {t.tex(other)}$.",
            "Multiply by the coefficients and add.",
        ]
        claim = TransformClaim((total,), original, None, T, S, growth=4)
        return Question(
            f"$f(t) = {t.tex(original)}$", "$F(s) = <0>$", steps, "other", claim, machine=False
        )

    return listed(
        rng,
        make,
        single=(
            "Find the Laplace transform $F(s)$ of <q>.",
            "Compute $F(s) = \\mathcal{L}\\{f(t)\\}$ for <q>.",
        ),
        several=(
            "Find the Laplace transform $F(s)$ of each function.",
            "Compute $F(s) = \\mathcal{L}\\{f(t)\\}$ with the help of a table.",
        ),
    )


@registry.family("other")
def inverse_transform(rng: random.Random) -> Exercise:
    """Inverse transforms by partial fractions or completing the square."""

    def make() -> Question:
        case = rng.choice(["fractions", "square", "mixed"])
        a = rng.randint(-4, 4)
        if case == "fractions":
            b = rng.choice([b for b in range(-4, 5) if b != a])
            p, q = nonzero(rng, -4, 4), nonzero(rng, -4, 4)
            original = p * sp.exp(a * T) + q * sp.exp(b * T)
            image = sp.expand(p * (S - b) + q * (S - a)) / sp.expand((S - a) * (S - b))
            split = p / (S - a) + q / (S - b)
            steps = [f"By partial fractions $F(s) = {t.tex(split)}$."]
        elif case == "square":
            a, b = nonzero(rng, -4, 4), rng.randint(1, 5)
            p, q = rng.randint(0, 4), nonzero(rng, -4, 4)
            original = sp.exp(a * T) * (p * sp.cos(b * T) + q * sp.sin(b * T))
            original = sp.expand(original)
            image = sp.expand(p * (S - a) + q * b) / sp.expand((S - a) ** 2 + b**2)
            steps = [
                f"Complete the square: the denominator is ${t.tex((S - a) ** 2 + b**2)}$.",
                (
                    f"Write the numerator as ${t.tex(p * (S - a) + q * b) if p else q * b}$ and use"
                    " the shift rule."
                ),
            ]
        else:
            b, p, q = rng.randint(1, 4), nonzero(rng, -4, 4), nonzero(rng, -4, 4)
            original = sp.Integer(p) * sp.exp(a * T) + q * sp.sin(b * T)
            image = sp.expand(p * (S**2 + b**2) + q * b * (S - a)) / (
                sp.expand(S - a) * (S**2 + b**2)
            )
            steps = [
                "By partial fractions $F(s) ="
                f" {t.tex(p / (S - a) + sp.Integer(q * b) / (S**2 + b**2))}$."
            ]
        steps.append("Look up each term in the table of transforms.")
        claim = TransformClaim((original,), None, image, T, S, growth=4)
        return Question(
            f"$F(s) = {t.tex(image)}$", "$f(t) = <0>$", steps, "other", claim, machine=False
        )

    return listed(
        rng,
        make,
        single=(
            "Find the inverse Laplace transform $f(t)$ of <q>.",
            "Which function $f(t)$ has the Laplace transform <q>?",
        ),
        several=(
            "Find the inverse Laplace transform $f(t) = \\mathcal{L}^{-1}\\{F(s)\\}$.",
            (
                "Use partial fractions or complete the square to find $f(t)$ with the given Laplace"
                " transform."
            ),
        ),
    )


@registry.family("ivp")
def laplace_ivp(rng: random.Random) -> Exercise:
    """Initial value problems solved by the transform."""
    at = Letters(rng.choice("yxu"), "t")

    def make() -> Question:
        coefficients, basis, roots = quadratic(rng, rng.choice(["distinct", "complex", "repeated"]))
        basis = [b.subs(sp.Symbol("x"), T) for b in basis]
        exponents = {sp.exp(a * T) for a in (1, 2, 3, -1, -2, -3)}
        force = rng.choice(sorted(exponents - set(basis), key=str))
        if basis[1] == T * force or force in basis:
            force = sp.exp(4 * T)
        k, a, b = nonzero(rng, -3, 3), rng.randint(-2, 2), nonzero(rng, -3, 3)
        solution = a * basis[0] + b * basis[1] + k * force
        right = sp.expand(sum(c * sp.diff(k * force, T, 2 - i) for i, c in enumerate(coefficients)))
        values = [sp.expand(sp.diff(solution, T, i).subs(T, 0)) for i in (0, 1)]
        capital = at.unknown.upper()
        growth = sp.diff(force, T).subs(T, 0)
        quadratic_s = sp.expand(sum(c * S ** (2 - i) for i, c in enumerate(coefficients)))
        first = sp.expand(
            coefficients[0] * (S * values[0] + values[1]) + coefficients[1] * values[0]
        )
        image = right.subs(T, 0) / (S - growth)
        start = (
            f" + {t.tex(first)}" if not t.tex(first).startswith("-") else f" - ({t.tex(-first)})"
        )
        start = "" if first == 0 else start
        steps = [
            (
                "Transform the equation with the initial values:"
                f" $({t.tex(quadratic_s)}){capital}(s) = {t.tex(image)}{start}$."
            ),
            (
                f"The polynomial {roots.replace('r =', 's =')}; divide by it and split into partial"
                " fractions."
            ),
            "Transforming back term by term gives the solution.",
        ]
        text = f"${written(at, coefficients)} = {t.tex(right)}$, {at.conditions(values)}"
        equation = sp.Eq(operator(at, coefficients), right)
        return explicit(at, text, equation, solution, steps, "ivp", starts(values))

    return listed(
        rng,
        make,
        single=(
            "Use the Laplace transform to solve <q>.",
            f"Find ${at.yx}$ with the Laplace transform: <q>.",
        ),
        several=(
            f"Use the Laplace transform to solve for ${at.yx}$.",
            f"Solve each problem for ${at.yx}$ with the Laplace transform.",
        ),
        most=2,
    )


@registry.family("other")
def step_forcing(rng: random.Random) -> Exercise:
    """Forcing that is switched on at a time: one formula with the step function, or the solution
    after the switch."""
    at = Letters(rng.choice("yx"), "t")
    first = rng.random() < 0.5
    a, k, level = rng.randint(1, 5), rng.randint(1, 5), rng.randint(1, 6)
    time = sp.Integer(a)
    start: tuple[sp.Expr, ...]
    coefficients: tuple[sp.Expr, ...]
    if first:
        start = (sp.Integer(rng.choice([0, 0, 1, 2, 3])),)
        coefficients = (sp.S(1), sp.Integer(k))
        before = start[0] * sp.exp(-k * T)
        force = sp.Integer(k * level)
        response = level * (1 - sp.exp(-k * (T - a)))
    else:
        start = (sp.Integer(rng.choice([0, 0, 1, 2])), sp.S(0))
        coefficients = (sp.S(1), sp.S(0), sp.Integer(k * k))
        before = start[0] * sp.cos(k * T)
        force = sp.Integer(k * k * level)
        response = level * (1 - sp.cos(k * (T - a)))
    if not first and rng.random() < 0.3:
        force = sp.Integer(level)
        response = response / (k * k)
    left = written(at, list(coefficients))
    shift = f"e^{{-{a if a > 1 else ''}s}}"
    step = sp.Heaviside(T - a)
    equation = f"${left} = {t.term(force, f'u(t - {a})')}$, {at.conditions(start)}"
    steps = [
        (
            f"The transform of $u(t - {a})$ is $e^{{-{a if a > 1 else ''}s}}/s$, so the forcing"
            " contributes"
            f" $\\frac{{{t.term(force, shift)}}}{{s({t.tex(_poly(coefficients))})}}$"
            " to the transform."
        ),
        (
            f"Without the exponential, the inverse transform is ${t.tex(response.subs(T, T + a))}$;"
            f" the factor shifts it to start at $t = {a}$."
        ),
        (
            "The initial values contribute nothing."
            if start[0] == 0
            else f"The initial values contribute ${t.tex(before)}$."
        ),
    ]
    pieces = (before, before + response)
    whole = before + step * response

    def claim(answer: sp.Expr, asked: tuple[int, ...]) -> PiecewiseClaim:
        return PiecewiseClaim(
            (answer,), coefficients, T, (time,), (sp.S(0), force), pieces, (sp.S(0),), start, asked
        )

    form = f"${at.yx} = <0>$"
    after = Question(
        f"Let $u(t - {a})$ be the unit step, which is $0$ for $t < {a}$ and $1$ for $t > {a}$. Find"
        f" ${at.yx}$ for $t > {a}$ if {equation}.",
        form,
        steps,
        "other",
        claim(pieces[1], (1,)),
        machine=False,
    )
    full = Question(
        f"Use the Laplace transform to solve {equation}, where $u$ is the unit step function.",
        form,
        steps,
        "other",
        claim(whole, (0, 1)),
        machine=False,
    )
    return Exercise("", (rng.choice([after, full]),))


def _poly(coefficients: tuple[sp.Expr, ...]) -> sp.Expr:
    order = len(coefficients) - 1
    return sum((c * S ** (order - i) for i, c in enumerate(coefficients)), sp.S(0))


@registry.family("other")
def impulse_forcing(rng: random.Random) -> Exercise:
    """A blow at one time: the motion after it, or the velocity that it leaves."""
    at = Letters(rng.choice("xy"), "t")
    a, k, strength = rng.randint(1, 6), rng.randint(1, 5), rng.randint(1, 8)
    b = rng.choice([0, 0, 1, 2, 3])
    # x'' + 2 b x' + (b^2 + k^2) x = strength delta(t - a)
    coefficients = (sp.S(1), sp.Integer(2 * b), sp.Integer(b * b + k * k))
    start = (
        (sp.S(0), sp.S(0)) if rng.random() < 0.6 else (sp.S(0), sp.Integer(k * rng.randint(1, 3)))
    )
    before = start[1] / k * sp.exp(-b * T) * sp.sin(k * T)
    response = sp.Rational(strength, k) * sp.exp(-b * (T - a)) * sp.sin(k * (T - a))
    pieces = (before, before + response)
    left = written(at, list(coefficients))
    delta = t.term(strength, f"\\delta(t - {a})")
    equation = f"${left} = {delta}$, {at.conditions(start)}"
    claim = PiecewiseClaim(
        (pieces[1],),
        coefficients,
        T,
        (sp.Integer(a),),
        (sp.S(0), sp.S(0)),
        pieces,
        (sp.Integer(strength),),
        start,
        (1,),
    )
    steps = [
        (
            f"The transform of $\\delta(t - {a})$ is $e^{{-{a if a > 1 else ''}s}}$, and the"
            f" polynomial is ${t.tex((S + b) ** 2 + k * k)}$."
        ),
        (
            f"The impulse response is $\\frac{{1}}{{{k}}}{t.tex(sp.exp(-b * T) * sp.sin(k * T))}$;"
            f" the blow contributes {strength} times it, shifted to $t = {a}$."
            if k > 1
            else (
                f"The impulse response is ${t.tex(sp.exp(-b * T) * sp.sin(T))}$; the blow"
                f" contributes {strength} times it, shifted to $t = {a}$."
            )
        ),
        (
            "Before the blow the system is at rest."
            if start[1] == 0
            else f"Before the blow ${at.y} = {t.tex(before)}$; add it."
        ),
    ]
    text = rng.choice(
        [
            f"Solve {equation} with the Laplace transform; give ${at.yx}$ for $t > {a}$.",
            (
                f"A mass on a spring is struck by a hammer at time $t = {a}$, so that {equation}."
                f" Find its position ${at.yx}$ for $t > {a}$."
            ),
            f"Let $\\delta$ be the Dirac delta. Find ${at.yx}$ for $t > {a}$ if {equation}.",
        ]
    )
    return Exercise("", (Question(text, f"${at.yx} = <0>$", steps, "other", claim, machine=False),))


@registry.family("other")
def convolution(rng: random.Random) -> Exercise:
    """Convolutions, by their transform."""

    def make() -> Question:
        a = rng.choice([a for a in range(-4, 5) if a])
        b = rng.choice([b for b in range(-4, 5) if b not in (0, a)])
        k, w = rng.randint(1, 5), rng.randint(1, 5)
        f, g, result = rng.choice(
            [
                (k * T, sp.exp(a * T), sp.Rational(k, a * a) * (sp.exp(a * T) - 1 - a * T)),
                (
                    k * sp.exp(a * T),
                    sp.exp(b * T),
                    sp.Rational(k, a - b) * (sp.exp(a * T) - sp.exp(b * T)),
                ),
                (sp.Integer(k), sp.sin(w * T), sp.Rational(k, w) * (1 - sp.cos(w * T))),
                (
                    k * T,
                    sp.sin(w * T),
                    sp.Rational(k, w) * T - sp.Rational(k, w * w) * sp.sin(w * T),
                ),
                (k * T, sp.cos(w * T), sp.Rational(k, w * w) * (1 - sp.cos(w * T))),
                (k * T, T**w, k * T ** (w + 2) / ((w + 1) * (w + 2))),
            ]
        )
        result = sp.expand(result)
        images = [sp.laplace_transform(h, T, S, noconds=True) for h in (f, g)]
        image = images[0] * images[1]
        steps = [
            (
                "By the convolution theorem $\\mathcal{L}\\{f * g\\} = F(s)G(s) ="
                f" {t.tex(images[0])} \\cdot {t.tex(images[1])}$."
            ),
            (
                f"Partial fractions and the table give $(f * g)(t) = {t.tex(result)}$; the integral"
                " $\\int_0^t f(\\tau)g(t - \\tau)\\,d\\tau$ gives the same."
            ),
        ]
        claim = TransformClaim((result,), None, image, T, S, growth=4)
        text = f"$f(t) = {t.tex(f)}$, $g(t) = {t.tex(g)}$"
        return Question(text, "$(f * g)(t) = <0>$", steps, "other", claim, machine=False)

    return listed(
        rng,
        make,
        single=(
            (
                "Compute the convolution $(f * g)(t) = \\int_0^t f(\\tau)g(t - \\tau)\\,d\\tau$ of"
                " <q>."
            ),
            (
                "Find the convolution $(f * g)(t)$ on $[0, t]$, with the Laplace transform or"
                " directly, for <q>."
            ),
        ),
        several=(
            "Compute the convolution $(f * g)(t) = \\int_0^t f(\\tau)g(t - \\tau)\\,d\\tau$.",
            "Use the convolution theorem for the Laplace transform to find $(f * g)(t)$.",
        ),
    )
