"""Boundary value problems and eigenvalue problems."""

import random

import sympy as sp

from lbt_core.subjects.ode import proof
from lbt_core.subjects.ode.proof_operators import EigenClaim
from lbt_core.subjects.ode.university import tex as t
from lbt_core.subjects.ode.university.family import (
    Exercise,
    Question,
    Registry,
    letters,
    listed,
    nonzero,
)

registry = Registry("Boundary value problems", "boundary and eigenvalue problems")

N = sp.Symbol("n")


@registry.family("boundary")
def boundary_trigonometric(rng: random.Random) -> Exercise:
    """y'' + w^2 y = constant with values or slopes at both ends."""
    at = letters(rng)

    def make() -> Question:
        x, w = at.v, rng.randint(1, 4)
        end = sp.pi / (2 * w)
        force = rng.randint(-3, 3)
        a, b = rng.randint(-4, 4), nonzero(rng, -4, 4)
        solution = a * sp.cos(w * x) + b * sp.sin(w * x) + force
        right = sp.Integer(force * w * w)
        slope = rng.random() < 0.3
        orders = (0, 1) if slope else (0, 0)
        if slope:
            end = sp.pi / w
        points = (sp.S(0), end)
        values = [sp.diff(solution, x, k).subs(x, p) for k, p in zip(orders, points, strict=True)]
        conditions = tuple((k, p, (v,)) for k, p, v in zip(orders, points, values, strict=True))
        shown = ", ".join(f"${at.at(k, p, v)}$" for k, p, (v,) in conditions)
        equation = sp.Eq(at.D(2) + w * w * at.f, right)
        general = f"C_1{t.tex(sp.cos(w * x))} + C_2{t.tex(sp.sin(w * x))}"
        general = t.join([general, t.tex(sp.Integer(force))]) if force else general
        steps = [
            f"The general solution is ${at.y} = {general}$.",
            (
                f"The condition at ${at.x} = 0$ gives $C_1 = {a}$, the one at ${at.x} ="
                f" {t.tex(end)}$ gives $C_2 = {b}$."
            ),
        ]
        text = f"${t.combination((1, at.d(2)), (w * w, at.y))} = {t.tex(right)}$, {shown}"
        claim = proof.OdeClaim((solution,), (equation,), (at.f,), x, conditions)
        return Question(text, f"${at.yx} = <0>$", steps, "boundary", claim)

    return listed(
        rng,
        make,
        single=(
            "Solve the boundary value problem <q>.",
            f"Find the solution ${at.yx}$ of the boundary value problem <q>.",
        ),
        several=(
            f"Solve each boundary value problem for ${at.yx}$.",
            f"Find ${at.yx}$ from the equation and the boundary conditions.",
        ),
    )


@registry.family("boundary")
def boundary_polynomial(rng: random.Random) -> Exercise:
    """y'' = polynomial, or y'' + a y' = b, with boundary values."""
    at = letters(rng)

    def make() -> Question:
        x, end = at.v, sp.Integer(rng.randint(1, 3))
        p = nonzero(rng, -3, 3) * x ** rng.choice([2, 3, 4]) + rng.randint(-2, 2) * x**2
        solution = sp.expand(p + rng.randint(-4, 4) * x + rng.randint(-4, 5))
        right = sp.expand(sp.diff(solution, x, 2))
        orders = rng.choice([(0, 0), (0, 1), (1, 0)])
        points = (sp.S(0), end)
        values = [sp.diff(solution, x, k).subs(x, q) for k, q in zip(orders, points, strict=True)]
        conditions = tuple((k, q, (v,)) for k, q, v in zip(orders, points, values, strict=True))
        shown = ", ".join(f"${at.at(k, q, v)}$" for k, q, (v,) in conditions)
        part = sp.integrate(sp.integrate(right, x), x)
        steps = [
            f"Integrate twice: ${at.y} = {t.tex(part)} + C_1{at.x} + C_2$.",
            (
                f"The two boundary conditions give $C_1 = {sp.diff(solution - part, x)}$ and "
                f"$C_2 = {(solution - part).subs(x, 0)}$."
            ),
        ]
        claim = proof.OdeClaim((solution,), (sp.Eq(at.D(2), right),), (at.f,), x, conditions)
        return Question(
            f"${at.d(2)} = {t.tex(right)}$, {shown}", f"${at.yx} = <0>$", steps, "boundary", claim
        )

    return listed(
        rng,
        make,
        single=(
            "Solve the boundary value problem <q>.",
            f"A loaded cable has the shape ${at.yx}$ given by <q>. Find ${at.yx}$.",
        ),
        several=(
            f"Integrate twice to solve each boundary value problem for ${at.yx}$.",
            f"Find ${at.yx}$ from the equation and the boundary conditions.",
        ),
    )


@registry.family("other")
def eigenvalues(rng: random.Random) -> Exercise:
    """Eigenvalues and eigenfunctions of y'' + lambda y = 0 with several kinds of ends."""
    at = letters(rng, style="prime")
    ends = rng.choice(["DD", "DD", "DN", "ND", "NN"])
    multiple = sp.Rational(rng.randint(1, 12), rng.choice([1, 1, 2, 3]))
    length = multiple if rng.random() < 0.5 else multiple * sp.pi
    x = at.v
    root = N * sp.pi / length if ends in ("DD", "NN") else (2 * N - 1) * (sp.pi / (2 * length))
    values = (
        sp.cancel(root**2)
        if ends in ("DD", "NN")
        else (2 * N - 1) ** 2 * (sp.pi / (2 * length)) ** 2
    )
    shape = sp.sin if ends[0] == "D" else sp.cos
    function = shape(root * x)
    conditions = ", ".join(
        f"${at.at(0 if end == 'D' else 1, point, 0)}$"
        for end, point in zip(ends, (sp.S(0), length), strict=True)
    )
    problem = f"${at.d(2)} + \\lambda {at.y} = 0$, {conditions}"
    steps = [
        (
            "For $\\lambda < 0$ there are only hyperbolic solutions, and the conditions leave"
            f" ${at.y} = 0$. For $\\lambda > 0$ put $\\lambda = k^2$: ${at.y} = A\\cos(k{at.x}) +"
            f" B\\sin(k{at.x})$."
        ),
        (
            f"The condition at ${at.x} = 0$ leaves only the"
            f" {'sine' if ends[0] == 'D' else 'cosine'}; the one at ${at.x} = {t.tex(length)}$ then"
            f" requires $k = {t.tex(root)}$ with $n = 1, 2, 3, \\ldots$"
        ),
    ]
    if ends == "NN":
        steps.append(
            f"(Besides, $\\lambda = 0$ with constant ${at.y}$ is an eigenvalue, which is not asked"
            " for here.)"
        )
    asks = rng.random() < 0.6
    positive = "positive eigenvalues" if ends == "NN" else "eigenvalues"
    if asks:
        text = rng.choice(
            [
                (
                    f"Find the {positive} $\\lambda_n$, $n = 1, 2, 3, \\ldots$, in increasing"
                    f" order, of {problem}."
                ),
                (
                    "For which $\\lambda = \\lambda_n > 0$ ($n = 1, 2, 3, \\ldots$, in increasing"
                    f" order) does the problem {problem} have nonzero solutions ${at.yx}$?"
                ),
            ]
        )
        form = "$\\lambda_n = <0>$"
    else:
        unit = f"{at.y}_n'(0) = {t.tex(root)}" if ends[0] == "D" else f"{at.y}_n(0) = 1"
        text = (
            f"Let $\\lambda_1 < \\lambda_2 < \\cdots$ be the {positive} of {problem}. Find the"
            f" eigenfunction ${at.y}_n({at.x})$ of $\\lambda_n$ that is scaled so that ${unit}$."
        )
        form = f"${at.y}_n({at.x}) = <0>$"
    claim = EigenClaim((values if asks else function,), length, ends, N, x, values, function, asks)
    return Exercise("", (Question(text, form, steps, "other", claim, machine=False),))


@registry.family("numeric")
def eigenvalue_number(rng: random.Random) -> Exercise:
    """One eigenvalue as a number: the smallest, or the k-th."""
    at = letters(rng, style="prime")
    q = rng.choice([1, 2, 3, 4, 5, 6])
    length = sp.pi * sp.Rational(rng.randint(1, 9), q)
    shift = rng.choice([0, 0, 1, 2, 3])
    k = rng.randint(1, 5)
    value = sp.Integer(k) ** 2 * sp.pi**2 / length**2 + shift * shift
    # y'' + 2 shift y' + lambda y = 0 has y = e^{-shift x} sin, lambda = shift^2 + (k pi / L)^2
    x = at.v
    text_equation = t.combination((1, at.d(2)), (2 * shift, at.d()))
    ordinal = {
        1: "smallest",
        2: "second smallest",
        3: "third smallest",
        4: "fourth smallest",
        5: "fifth smallest",
    }[k]
    problem = (
        f"${text_equation} + \\lambda {at.y} = 0$, ${at.at(0, 0, 0)}$, ${at.at(0, length, 0)}$"
    )
    text = rng.choice(
        [
            f"Find the {ordinal} eigenvalue $\\lambda$ of {problem}.",
            (
                f"What is the {ordinal} number $\\lambda$ for which {problem} has a nonzero"
                f" solution ${at.yx}$?"
            ),
        ]
    )
    lam = proof.TARGET
    frequency = sp.sqrt(lam - shift * shift)
    steps = [
        (
            "Oscillating solutions that vanish at $0$ are multiples of"
            f" ${'' if not shift else t.tex(sp.exp(-shift * x))}\\sin(\\omega {at.x})$ with"
            f" $\\omega^2 = {t.tex(sp.Symbol('lambda') - shift * shift)}$; for smaller $\\lambda$"
            " there are none that vanish twice."
        ),
        (
            f"The other condition requires $\\omega = n\\pi/({t.tex(length, inline=True)})$, and"
            f" the eigenvalue asked for has $n = {k}$."
        ),
    ]
    claim = proof.ValueClaim(
        (value,),
        frequency * length - k * sp.pi,
        about=f"eigen:{shift}:{length}:{k}",
    )
    return Exercise(
        "", (Question(text, "$\\lambda = <0>$", steps, "numeric", claim, machine=False),)
    )
