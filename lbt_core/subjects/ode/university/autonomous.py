"""Autonomous equations and population models."""

import random
from itertools import pairwise

import sympy as sp

from lbt_core.subjects.ode import proof
from lbt_core.subjects.ode.proof import TARGET
from lbt_core.subjects.ode.university import tex as t
from lbt_core.subjects.ode.university.family import (
    Exercise,
    Letters,
    Question,
    Registry,
    explicit,
    letters,
    listed,
    nonzero,
    said,
    starts,
)

registry = Registry("First-order equations", "autonomous equations and populations")


def _factors(at: Letters, zeros: list[int], k: int) -> str:
    """The product k (y - a)(y - b)… as printed."""
    out = "".join(f"({t.tex(at.u - a)})" if a else at.y for a in sorted(zeros, key=abs))
    return t.term(k, out)


@registry.family("numeric")
def equilibria(rng: random.Random) -> Exercise:
    """Equilibria of a product of linear factors, their stability, and the limit of one solution."""
    at = letters(rng, time=True)
    zeros = sorted(rng.sample(range(-4, 7), 3))
    k = rng.choice([-3, -2, -1, 1, 2, 3])
    rate = sp.expand(k * sp.prod([TARGET - a for a in zeros]))
    right = _factors(at, zeros, k)
    all_claim = proof.EquilibriumClaim(tuple(map(sp.Integer, zeros)), rate)
    signs = [(zeros[0] - 1, zeros[0])] + [(a, b) for a, b in pairwise(zeros)]
    table = ", ".join(
        f"{'positive' if rate.subs(TARGET, sp.Rational(a + b, 2)) > 0 else 'negative'} for "
        + (f"${at.y} < {b}$" if i == 0 else f"${a} < {at.y} < {b}$")
        for i, (a, b) in enumerate(signs)
    )
    last = "positive" if k > 0 else "negative"
    table += f" and {last} for ${at.y} > {zeros[-1]}$"
    stable = tuple(sp.Integer(z) for i, z in enumerate(zeros) if (k > 0) == (i == 1))
    names = ", ".join(f"${z}$" for z in zeros)
    find = Question(
        f"Find all equilibria (critical points) of ${at.d()} = {right}$, where ${at.y} = {at.yx}$.",
        f"${at.y} = " + ", ".join(f"<{i}>" for i in range(3)) + "$",
        [f"Equilibria are the zeros of the right side; each factor gives one: {names}."],
        "numeric",
        all_claim,
        machine=False,
    )
    plural = "equilibria are" if len(stable) > 1 else "equilibrium is"
    stability = Question(
        f"Which {plural} asymptotically stable for ${at.d()} = {right}$?",
        f"${at.y} = " + ", ".join(f"<{i}>" for i in range(len(stable))) + "$",
        [
            f"The equilibria are {names}. The right side is {table}.",
            (
                "An equilibrium is asymptotically stable where the sign changes from positive to"
                " negative."
            ),
        ],
        "numeric",
        proof.EquilibriumClaim(stable, rate, "stable"),
        machine=False,
    )
    start, goal = _start(rng, zeros, k)
    limit = Question(
        f"Find $\\lim_{{{at.x} \\to \\infty}} {at.yx}$ for the solution of ${at.d()} = {right}$"
        f" with ${at.y}(0) = {t.tex(start)}$.",
        "$<0>$",
        [
            f"The equilibria are {names}, and the right side is {table}.",
            (
                f"Starting from ${t.tex(start)}$ the solution is"
                f" {'increasing' if goal > start else 'decreasing'} and bounded by the next"
                " equilibrium, which it approaches."
            ),
        ],
        "numeric",
        proof.LimitClaim((sp.Integer(goal),), rate, start),
        machine=False,
    )
    if rng.random() < 0.6:
        return Exercise("", (rng.choice([find, stability, limit]),))
    return _parts(at, right, (find, stability, limit), start)


def _parts(
    at: Letters, right: str, whole: tuple[Question, Question, Question], start: sp.Expr
) -> Exercise:
    stem = f"Consider the autonomous equation ${at.d()} = {right}$ for ${at.yx}$."
    texts = (
        "Find all equilibria (critical points).",
        "Find every asymptotically stable equilibrium.",
        f"Find the limit of ${at.yx}$ as ${at.x} \\to \\infty$ if ${at.y}(0) = {t.tex(start)}$.",
    )
    return Exercise(
        stem,
        tuple(
            Question(text, q.form, q.steps, q.kind, q.claim, machine=False)
            for text, q in zip(texts, whole, strict=True)
        ),
    )


def _start(rng: random.Random, zeros: list[int], k: int) -> tuple[sp.Expr, int]:
    """An initial value between two equilibria and the equilibrium that its solution tends to."""
    i = rng.randint(0, 1)
    low, high = zeros[i], zeros[i + 1]
    inside = [sp.Integer(n) for n in range(low + 1, high)] or [sp.Rational(low + high, 2)]
    start = rng.choice(inside)
    rising = (k > 0) == (i == 0)
    return start, high if rising else low


@registry.family("ivp")
def logistic(rng: random.Random) -> Exercise:
    """The logistic equation with an initial population."""
    at = Letters(rng.choice("PNy"), "t", rng.choice(("prime", "leibniz")))
    capacity = rng.choice([10, 12, 20, 30, 40, 50, 60, 80, 100, 120, 200, 400, 500, 600, 800, 1000])
    rate = sp.Rational(rng.choice([1, 2, 3, 4, 6]), rng.choice([1, 2, 4, 5, 10]))
    ratio = rng.choice([1, 2, 3, 4, 9, 5])
    start = sp.Rational(capacity, ratio + 1)
    if not start.is_Integer:
        ratio, start = 1, sp.Rational(capacity, 2)
    time = at.v
    solution = capacity / (1 + ratio * sp.exp(-rate * time))
    equation = sp.Eq(at.D(), rate * at.f * (1 - at.f / capacity))
    right = f"{t.term(rate, at.y)}\\left(1 - \\frac{{{at.y}}}{{{capacity}}}\\right)"
    steps = [
        (
            f"Separate variables: $\\frac{{d{at.y}}}{{{at.y}(1 - {at.y}/{capacity})}} ="
            f" {t.tex(rate)}\\,dt$; by partial fractions $\\frac{{1}}{{{at.y}(1 -"
            f" {at.y}/{capacity})}} = \\frac{{1}}{{{at.y}}} + \\frac{{1}}{{{capacity} - {at.y}}}$."
        ),
        (
            f"Integrating, $\\ln\\frac{{{at.y}}}{{{capacity} - {at.y}}} = {t.tex(rate * time)} +"
            f" c$, so ${at.y} = \\frac{{{capacity}}}{{1 +"
            f" Ae^{{-{t.tex(rate * time, inline=True)}}}}}$."
        ),
        f"From ${at.y}(0) = {start}$ we get $A = {ratio}$.",
    ]
    animal, place = rng.choice(
        [
            ("rabbits", "an island"),
            ("trout", "a lake"),
            ("deer", "a reserve"),
            ("bacteria", "a dish, in thousands,"),
            ("squirrels", "a park"),
            ("frogs", "a pond"),
        ]
    )
    plain = f"${at.d()} = {right}$, {at.conditions([start])}"
    story = (
        f"The number ${at.yx}$ of {animal} in {place} follows the logistic equation ${at.d()} ="
        f" {right}$, with ${at.x}$ in months, and there are {start} at ${at.x} = 0$."
    ).replace("in an island", "on an island")
    solve = explicit(at, "", equation, solution, steps, "ivp", starts([start]))
    if rng.random() < 0.5:
        text = rng.choice(
            [
                f"Solve the logistic problem {plain}.",
                f"Find ${at.yx}$ if {plain}.",
                f"{story} Find ${at.yx}$.",
            ]
        )
        return Exercise("", (said(solve, text),))
    share = rng.choice(
        [s for s in (2, 4, 5, 10) if sp.Rational(1, s) != 1 - sp.Rational(1, ratio + 1)]
    )
    level = capacity * (1 - sp.Rational(1, share))
    if level <= start or not level.is_Integer:
        level, share = capacity * sp.Rational(19, 20), 20
    when = sp.log(ratio * (share - 1)) / rate
    reach = Question(
        f"At what time ${at.x}$ does the population reach ${t.tex(level)}$?",
        f"${at.x} = <0>$",
        [
            *steps,
            (
                f"So ${at.y} = {t.tex(solution)}$, and ${at.y} = {t.tex(level)}$ means"
                f" $e^{{{t.tex(rate * time, inline=True)}}} = {ratio * (share - 1)}$; about"
                f" ${t.decimal(when)}$ months."
            ),
        ],
        "numeric",
        proof.ValueClaim((when,), solution.subs(time, TARGET) - level, solve.claim),
        machine=False,
    )
    return Exercise(story, (said(solve, f"Find ${at.yx}$."), reach))


@registry.family("numeric")
def harvesting(rng: random.Random) -> Exercise:
    """Logistic growth with constant harvest: equilibria, and the largest sustainable harvest."""
    at = Letters(rng.choice("PNx"), "t", rng.choice(("prime", "leibniz")))
    # k (b - P)(P - a) = k (a + b) P - k P^2 - k a b
    a = rng.randint(1, 6) * 10
    b = a + rng.randint(1, 9) * 20
    k = sp.Rational(1, rng.choice([50, 100, 200, 400]))
    growth, crowding, harvest = k * (a + b), k, k * a * b
    animal = rng.choice(
        ["fish in a lake", "deer in a forest", "lobsters in a bay", "geese in a valley"]
    )
    rate = sp.expand(growth * TARGET - crowding * TARGET**2 - harvest)
    natural = t.combination((growth, at.y), (-crowding, at.y + "^2"))
    stem = (
        f"Without hunting, the number ${at.yx}$ of {animal} would follow ${at.d()} = {natural}$"
        f" (${at.x}$ in years); in fact ${t.tex(harvest)}$ animals are taken every year, so that"
        f" ${at.d()} = {natural} - {t.tex(harvest)}$."
    )
    both = Question(
        "Find all equilibrium populations.",
        f"${at.y} = <0>, <1>$",
        [
            (
                f"Set the right side to zero and multiply by ${t.tex(-1 / k)}$: ${at.y}^2 -"
                f" {a + b}{at.y} + {a * b} = 0$."
            ),
            f"It factors as $({at.y} - {a})({at.y} - {b}) = 0$.",
        ],
        "numeric",
        proof.EquilibriumClaim((sp.Integer(a), sp.Integer(b)), rate),
        machine=False,
    )
    survive = Question(
        "Below which initial population do they die out?",
        f"${at.y}(0) = <0>$",
        [
            (
                f"The right side is $-{t.tex(k)}({at.y} - {a})({at.y} - {b})$: negative below"
                f" ${a}$, positive between ${a}$ and ${b}$."
            ),
            (
                f"Hence ${a}$ is an unstable equilibrium, and a population that starts below it"
                " decreases until it is gone."
            ),
        ],
        "numeric",
        proof.EquilibriumClaim((sp.Integer(a),), rate, "unstable"),
        machine=False,
    )
    largest = growth**2 / (4 * crowding)
    most = Question(
        "What is the largest number of animals that could be taken each year without making the"
        " equilibria disappear?",
        "$<0>$",
        [
            (
                f"With harvest $h$ the equilibria solve ${t.term(crowding, at.y + '^2')} -"
                f" {t.term(growth, at.y)} + h = 0$."
            ),
            (
                f"They are real as long as the discriminant $({t.tex(growth)})^2 -"
                f" {t.tex(4 * crowding)}h$ is not negative."
            ),
        ],
        "numeric",
        proof.ValueClaim(
            (largest,), growth**2 - 4 * crowding * TARGET, about=both.claim.identity()
        ),
        machine=False,
    )
    return Exercise(stem, (both, rng.choice([survive, most])))


@registry.family("ivp")
def explosive_growth(rng: random.Random) -> Exercise:
    """y' = k (y - a)(y - b) solved explicitly by partial fractions."""
    at = letters(rng, time=True)

    def make() -> Question:
        a = rng.randint(-3, 3)
        b = a + rng.randint(1, 4)
        k, ratio = nonzero(rng, -2, 2), rng.choice([-3, -2, -1, 2, 3, 4])
        # (y - b)/(y - a) = A e^{k (b - a) t}
        start = sp.Rational(b - a * ratio, 1 - ratio) if ratio != 1 else sp.Integer(a)
        growth = sp.exp(k * (b - a) * at.v)
        solution = (b - a * ratio * growth) / (1 - ratio * growth)
        quotient = f"\\frac{{{t.tex(at.u - b)}}}{{{t.tex(at.u - a)}}}"
        equation = sp.Eq(at.D(), k * (at.f - a) * (at.f - b))
        front = "" if b - a == 1 else f"\\frac{{1}}{{{b - a}}}"
        steps = [
            (
                "The equation is separable, and by partial fractions"
                f" $\\frac{{1}}{{{_factors(at, [a, b], 1)}}} ="
                f" {front}\\left(\\frac{{1}}{{{t.tex(at.u - b)}}} -"
                f" \\frac{{1}}{{{t.tex(at.u - a)}}}\\right)$."
            ),
            (
                f"Integrating, ${quotient} = A{t.tex(growth)}$, and the initial value gives $A ="
                f" {ratio}$."
            ),
            f"Solve this relation for ${at.y}$.",
        ]
        text = f"${at.d()} = {_factors(at, [a, b], k)}$, {at.conditions([start])}"
        return explicit(at, text, equation, solution, steps, "ivp", starts([start]))

    return listed(
        rng,
        make,
        single=(
            "Solve the autonomous problem <q> explicitly.",
            f"Find ${at.yx}$ by partial fractions: <q>.",
        ),
        several=(
            f"Solve each autonomous initial value problem explicitly for ${at.yx}$.",
            f"Use partial fractions to find ${at.yx}$.",
        ),
        most=2,
    )
