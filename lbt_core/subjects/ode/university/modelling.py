"""Models in words with one rate: cooling, mixing, decay, savings."""

import random

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
    said,
    starts,
)

registry = Registry("Mathematical models", "first-order models")

T = sp.Symbol("t")


def _when(
    solution: sp.Expr,
    level: sp.Expr,
    time: sp.Expr,
    claim: object,
    steps: list[str],
    text: str,
    unit: str,
) -> Question:
    """Asks for the time at which a solution takes a value; the answer is a decimal."""
    value = proof.ValueClaim((time,), solution.subs(T, TARGET) - level, claim)  # type: ignore[arg-type]
    return Question(text, f"$t = <0>$ {unit}", steps, "numeric", value, machine=False, decimals=4)


@registry.family("ivp")
def cooling(rng: random.Random) -> Exercise:
    """Newton's law of cooling with a known rate: the temperature, and when it reaches a value."""
    at = Letters(rng.choice(["T", "y", "theta"]), "t")
    room = 5 * rng.randint(0, 6)
    gap = 5 * rng.randint(4, 18)
    rate = sp.Rational(rng.choice([1, 2, 3, 4, 5, 6, 8]), rng.choice([10, 20, 25, 40, 50]))
    start = room + gap
    level = room + rng.choice([g for g in range(5, gap, 5)])
    thing, place = rng.choice(
        [
            ("A cup of coffee", "a kitchen"),
            ("A pie", "a bakery"),
            ("A steel bar", "a workshop"),
            ("A bowl of soup", "a room"),
            ("A glass plate", "a laboratory"),
            ("A loaf of bread", "a cool cellar"),
        ]
    )
    solution = room + gap * sp.exp(-rate * T)
    equation = sp.Eq(at.D(), -rate * (at.f - room))
    inside = f"({at.y} - {room})" if room else at.y
    law = f"{at.y}' = -{t.tex(rate)}{inside}"
    stem = (
        f"{thing} at ${start}^\\circ$C is left in {place} at ${room}^\\circ$C. Its temperature"
        f" ${at.yx}$ after $t$ minutes obeys Newton's law of cooling ${law}$."
    )
    steps = [
        (
            f"The difference $D = {t.tex(at.u - room)}$ satisfies $D' = -{t.tex(rate)}D$, so $D ="
            f" {gap}{t.tex(sp.exp(-rate * T))}$ because $D(0) = {gap}$."
        ),
    ]
    find = explicit(at, f"Find ${at.yx}$.", equation, solution, steps, "ivp", starts([start]))
    time = sp.log(sp.Rational(gap, level - room)) / rate
    when = _when(
        solution,
        sp.Integer(level),
        time,
        find.claim,
        [
            *steps,
            (
                f"So ${at.y} = {t.tex(solution)}$, and ${at.y} = {level}$ when"
                f" $e^{{{t.tex(rate * T, inline=True)}}} ="
                f" {t.tex(sp.Rational(gap, level - room))}$, that is $t = {t.tex(time)}$."
            ),
        ],
        f"After how many minutes is the temperature ${level}^\\circ$C?",
        "minutes",
    )
    return _some(rng, stem, find, when)


def _some(rng: random.Random, stem: str, *questions: Question) -> Exercise:
    """The whole exercise, or one of its questions in one text."""
    if rng.random() < 0.6:
        return Exercise(stem, questions)
    question = rng.choice(questions)
    return Exercise("", (said(question, f"{stem} {question.text}"),))


@registry.family("numeric")
def cooling_measured(rng: random.Random) -> Exercise:
    """Newton's law with the rate found from two measurements."""
    room = 5 * rng.randint(1, 5)
    gap = rng.choice([40, 50, 60, 64, 70, 72, 75, 80])
    fraction = sp.Rational(*rng.choice([(1, 2), (3, 4), (2, 3), (3, 5), (4, 5)]))
    first = rng.choice([2, 3, 4, 5, 6, 8, 10, 12, 15])
    measured = room + fraction * gap
    thing = rng.choice(
        ["A thermometer", "A metal ball", "A roast", "An egg", "A tea pot", "A brick", "A casting"]
    )
    stem = (
        f"{thing} at ${room + gap}^\\circ$C is placed at $t = 0$ in a room at ${room}^\\circ$C and"
        f" has cooled to ${t.tex(measured)}^\\circ$C after {first} minutes. Assume Newton's law of"
        " cooling for the temperature."
    )
    rate = -sp.log(fraction) / first
    solution = room + gap * sp.exp(-rate * T)
    function = sp.Function("T")(T)
    model = proof.OdeClaim(
        (solution,),
        (sp.Eq(sp.Derivative(function, T), -rate * (function - room)),),
        (function,),
        T,
        starts([room + gap]),
    )
    base = (
        f"The temperature is ${room} + {gap}e^{{-kt}}$; the measurement gives $e^{{-{first}k}} ="
        f" {t.tex(fraction)}$, so "
    )
    base += f"$k = {t.tex(rate)} \\approx {t.decimal(rate)}$ per minute."
    level = room + rng.choice([g for g in range(5, int(fraction * gap), 5)])
    time = sp.log(sp.Rational(gap, level - room)) / rate
    when = _when(
        solution,
        sp.Integer(level),
        time,
        model,
        [
            base,
            (
                f"It reaches ${level}^\\circ$C when $e^{{-kt}} ="
                f" {t.tex(sp.Rational(level - room, gap))}$, $t ="
                f" \\ln({t.tex(sp.Rational(gap, level - room), inline=True)})/k$."
            ),
        ],
        f"How many minutes after the start is the temperature ${level}^\\circ$C?",
        "minutes",
    )
    late = first * rng.choice([2, 3])
    value = solution.subs(T, late)
    then = Question(
        f"What is the temperature {late} minutes after the start?",
        "$<0>^\\circ$C",
        [
            base,
            (
                f"At $t = {late}$ the difference is ${gap} \\cdot"
                f" ({t.tex(fraction)})^{late // first}$."
            ),
        ],
        "numeric",
        proof.ValueClaim(
            (sp.nsimplify(room + gap * fraction ** (late // first)),), value - TARGET, model
        ),
        machine=False,
        decimals=5,
    )
    return _some(rng, stem, then, when)


@registry.family("ivp")
def mixing(rng: random.Random) -> Exercise:
    """A stirred tank of constant volume."""
    at = Letters(rng.choice(["Q", "x", "A", "y", "S"]), "t")
    volume = rng.choice([50, 60, 80, 100, 120, 150, 200, 240, 250, 300, 400, 500, 600, 1000])
    flow = rng.choice([f for f in (2, 3, 4, 5, 6, 8, 10, 12, 20) if f * 5 <= volume])
    strength = sp.Rational(rng.choice([1, 2, 3, 4, 5]), rng.choice([1, 2, 4, 5, 10]))
    rate = sp.Rational(flow, volume)
    limit = strength * volume
    start = sp.Integer(rng.choice([0, 0, 5, 10, 15, 20, 25, 30, 40, 50]))
    if start == limit:
        start = sp.S(0)
    substance, liquid = rng.choice(
        [
            ("salt", "brine"),
            ("dye", "coloured water"),
            ("sugar", "syrup"),
            ("fertiliser", "solution"),
        ]
    )
    holds = f"{start} grams of {substance}" if start else f"no {substance}"
    stem = (
        f"A tank holds {volume} litres of water with {holds} at $t = 0$. From then on {liquid} with"
        f" ${t.tex(strength)}$ grams of {substance} per litre flows in at {flow} litres per minute,"
        " and the well-stirred mixture flows out at the same rate."
    )
    solution = limit + (start - limit) * sp.exp(-rate * T)
    equation = sp.Eq(at.D(), strength * flow - rate * at.f)
    steps = [
        (
            f"The rate in is ${t.tex(strength)} \\cdot {flow} = {t.tex(strength * flow)}$ grams per"
            f" minute, the rate out ${t.term(rate, at.y)}$: ${at.y}' = {t.tex(strength * flow)} -"
            f" {t.term(rate, at.y)}$, ${at.y}(0) = {start}$."
        ),
        (
            f"The equilibrium is ${t.tex(limit)}$, so ${at.y} = {t.tex(limit)} +"
            f" Ce^{{-{t.tex(rate * T, inline=True)}}}$, and the start gives $C ="
            f" {t.tex(start - limit)}$."
        ),
    ]
    find = explicit(
        at,
        f"Find the amount ${at.yx}$ of {substance} in grams after $t$ minutes.",
        equation,
        solution,
        steps,
        "ivp",
        starts([start]),
    )
    minute = rng.choice([5, 10, 15, 20, 30, 60])
    then = Question(
        f"How many grams of {substance} are in the tank after {minute} minutes?",
        "$<0>$ grams",
        [*steps, f"Put $t = {minute}$ into ${at.y} = {t.tex(solution)}$."],
        "numeric",
        proof.ValueClaim(
            (solution.subs(T, minute),), solution.subs(T, minute) - TARGET, find.claim
        ),
        machine=False,
        decimals=4,
    )
    long_run = Question(
        f"How many grams of {substance} does the tank hold in the long run?",
        "$<0>$ grams",
        [*steps, "As $t \\to \\infty$ the exponential term vanishes."],
        "numeric",
        proof.ValueClaim((limit,), strength * flow - rate * TARGET, find.claim),
        machine=False,
    )
    return _some(rng, stem, find, rng.choice([then, long_run]))


@registry.family("numeric")
def decay(rng: random.Random) -> Exercise:
    """Radioactive decay from a half-life."""
    half, unit, name = rng.choice(
        [
            (8, "days", "iodine-131"),
            (30, "years", "caesium-137"),
            (28, "years", "strontium-90"),
            (12, "years", "tritium"),
            (5730, "years", "carbon-14"),
            (15, "hours", "sodium-24"),
            (5, "years", "cobalt-60"),
            (138, "days", "polonium-210"),
            (74, "days", "iridium-192"),
            (14, "days", "phosphorus-32"),
            (6, "hours", "technetium-99m"),
            (45, "days", "iron-59"),
        ]
    )
    amount = rng.choice([10, 20, 25, 40, 50, 60, 80, 100, 120, 200, 400, 500])
    percent = rng.choice([5, 10, 20, 25, 30, 40, 60, 70, 75, 80, 90])
    rate = sp.log(2) / half
    function = sp.Function("N")(T)
    solution = amount * sp.exp(-rate * T)
    model = proof.OdeClaim(
        (solution,),
        (sp.Eq(sp.Derivative(function, T), -rate * function),),
        (function,),
        T,
        starts([amount]),
    )
    stem = (
        f"At $t = 0$ a sample holds {amount} milligrams of {name}, which decays at a rate"
        f" proportional to its amount with a half-life of {half} {unit}."
    )
    base = (
        f"The amount is ${amount}e^{{-kt}}$ with $k = \\frac{{\\ln 2}}{{{half}}}$ per {unit[:-1]}."
    )
    time = sp.log(sp.Rational(100, percent)) / rate
    when = _when(
        solution,
        sp.Rational(amount * percent, 100),
        time,
        model,
        [
            base,
            (
                f"Solve $e^{{-kt}} = {t.tex(sp.Rational(percent, 100))}$: $t ="
                f" \\frac{{{half}\\ln({t.tex(sp.Rational(100, percent), inline=True)})}}{{\\ln"
                " 2}$."
            ),
        ],
        f"After how many {unit} are {percent} percent of the {name} left?",
        unit,
    )
    late = half * rng.choice([2, 3, 4]) // rng.choice([1, 3, 4])
    value = solution.subs(T, late)
    left = Question(
        f"How many milligrams are left after {late} {unit}?",
        "$<0>$ milligrams",
        [base, f"At $t = {late}$ this is ${amount} \\cdot 2^{{-{late}/{half}}}$."],
        "numeric",
        proof.ValueClaim((value,), value - TARGET, model),
        machine=False,
        decimals=4,
    )
    return _some(rng, stem, when, left)


@registry.family("ivp")
def savings(rng: random.Random) -> Exercise:
    """Continuous interest with steady deposits or withdrawals."""
    at = Letters(rng.choice(["B", "M", "y", "A"]), "t")
    percent = rng.choice([2, 3, 4, 5, 6, 8, 10])
    rate = sp.Rational(percent, 100)
    flow = rng.choice([1, 2, 3, 4, 5, 6, 8]) * rng.choice([100, 200, 600])
    start = rng.choice([0, 1000, 2000, 4000, 5000, 8000, 10000, 20000])
    saving = rng.random() < 0.6 or start == 0
    steady = sp.Integer(flow if saving else -flow)
    level = -steady / rate
    if level == start:
        start += 1000
    solution = sp.expand((start - level) * sp.exp(rate * T) + level)
    equation = sp.Eq(at.D(), rate * at.f + steady)
    action = "deposits" if saving else "withdraws"
    stem = (
        f"At $t = 0$ the balance of an account is {start} euros. The account earns {percent}"
        f" percent interest a year, compounded continuously; its owner {action} {flow} euros a"
        " year, evenly spread over the year."
    )
    sign = "+" if saving else "-"
    steps = [
        (
            f"The balance satisfies ${at.y}' = {t.term(rate, at.y)} {sign} {flow}$, ${at.y}(0) ="
            f" {start}$."
        ),
        (
            f"The equation is linear with the constant solution ${t.tex(level)}$, so ${at.y} ="
            f" {t.tex(level)} + C{t.tex(sp.exp(rate * T))}$ with $C = {t.tex(start - level)}$."
        ),
    ]
    find = explicit(
        at,
        f"Find the balance ${at.yx}$ after $t$ years.",
        equation,
        solution,
        steps,
        "ivp",
        starts([start]),
    )
    year = rng.choice([y for y in (2, 5, 10, 15, 20) if y == 2 or solution.subs(T, y) > 500])
    value = solution.subs(T, year)
    then = Question(
        f"What is the balance after {year} years, in euros?",
        "$<0>$ euros",
        [*steps, f"Put $t = {year}$ into ${at.y} = {t.tex(solution)}$."],
        "numeric",
        proof.ValueClaim((value,), value - TARGET, find.claim),
        machine=False,
        decimals=6,
    )
    return _some(rng, stem, find, then)
