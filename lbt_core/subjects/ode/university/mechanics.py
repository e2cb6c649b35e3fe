"""Springs, circuits, and falling bodies."""

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
    nonzero,
    said,
    starts,
)

registry = Registry("Mathematical models", "springs, circuits and motion")

T = sp.Symbol("t")


def _some(rng: random.Random, stem: str, *questions: Question) -> Exercise:
    if rng.random() < 0.6:
        return Exercise(stem, questions)
    question = rng.choice(questions)
    return Exercise("", (said(question, f"{stem} {question.text}"),))


@registry.family("ivp")
def spring_free(rng: random.Random) -> Exercise:
    """An undamped spring: motion, period or amplitude."""
    at = Letters(rng.choice("xyu"), "t")
    mass, omega = (
        rng.choice([1, 2, 3, 4, 5, 8]),
        sp.Rational(rng.randint(1, 9), rng.choice([1, 1, 2])),
    )
    stiffness = mass * omega**2
    if not stiffness.is_Integer:
        mass, stiffness = 4 * mass, 4 * stiffness
    a, b = (
        sp.Rational(nonzero(rng, -6, 6), 10),
        sp.Rational(rng.choice([0, nonzero(rng, -6, 6)]), 10),
    )
    solution = a * sp.cos(omega * T) + b * sp.sin(omega * T)
    values = [a, b * omega]
    equation = sp.Eq(mass * at.D(2) + stiffness * at.f, 0)
    push = (
        "and released"
        if b == 0
        else f"and given the velocity ${t.tex(values[1])}$ metres per second"
    )
    stem = (
        f"A mass of {mass} kg hangs on a spring with constant {stiffness} N/m, without friction. At"
        f" $t = 0$ it is displaced from its equilibrium by ${t.tex(a)}$ metres {push}."
    )
    steps = [
        (
            f"The motion satisfies ${t.combination((mass, at.y + chr(39) * 2), (stiffness, at.y))}"
            f" = 0$, ${at.y}(0) = {t.tex(a)}$, ${at.y}'(0) = {t.tex(values[1])}$, with $\\omega ="
            f" \\sqrt{{{stiffness}/{mass}}} = {t.tex(omega)}$."
        ),
        (
            f"So ${at.y} = C_1{t.tex(sp.cos(omega * T))} + C_2{t.tex(sp.sin(omega * T))}$ with $C_1"
            f" = {t.tex(a)}$ and ${t.term(omega, 'C_2')} = {t.tex(values[1])}$."
        ),
    ]
    find = explicit(
        at,
        f"Find its displacement ${at.yx}$ in metres after $t$ seconds.",
        equation,
        solution,
        steps,
        "ivp",
        starts(values),
    )
    period = 2 * sp.pi / omega
    size = sp.sqrt(a**2 + b**2)
    beat = Question(
        "What is the period of the oscillation, in seconds?",
        "$<0>$ seconds",
        [steps[0], "The period is $2\\pi/\\omega$."],
        "numeric",
        proof.ValueClaim((period,), TARGET * omega - 2 * sp.pi, find.claim),
        machine=False,
    )
    swing = Question(
        "What is the amplitude of the oscillation, in metres?",
        "$<0>$ metres",
        [*steps, "The amplitude is $\\sqrt{C_1^2 + C_2^2}$."],
        "numeric",
        proof.ValueClaim(
            (size,), TARGET - sp.Abs(solution.subs(T, sp.atan2(b, a) / omega)), find.claim
        ),
        machine=False,
    )
    return _some(rng, stem, find, rng.choice([beat, swing]))


@registry.family("ivp")
def spring_damped(rng: random.Random) -> Exercise:
    """A damped spring: the motion, or the damping that makes it critical."""
    at = Letters(rng.choice("xyu"), "t")
    mass = rng.choice([1, 1, 2, 3, 4])
    p, q = rng.randint(1, 4), rng.randint(1, 5)
    case = rng.choice(["under", "over", "critical"])
    a, b = nonzero(rng, -4, 4), rng.choice([0, nonzero(rng, -4, 4)])
    if case == "under":
        friction, stiffness = 2 * mass * p, mass * (p * p + q * q)
        basis = [sp.exp(-p * T) * sp.cos(q * T), sp.exp(-p * T) * sp.sin(q * T)]
    elif case == "over":
        friction, stiffness = mass * (2 * p + q), mass * p * (p + q)
        basis = [sp.exp(-p * T), sp.exp(-(p + q) * T)]
    else:
        friction, stiffness = 2 * mass * p, mass * p * p
        basis = [sp.exp(-p * T), T * sp.exp(-p * T)]
    solution = a * basis[0] + b * basis[1]
    values = [solution.subs(T, 0), sp.diff(solution, T).subs(T, 0)]
    equation = sp.Eq(mass * at.D(2) + friction * at.D() + stiffness * at.f, 0)
    stem = (
        f"A mass of {mass} kg on a spring with constant {stiffness} N/m moves against a friction of"
        f" {friction} N s/m times its velocity. At $t = 0$ its displacement is ${values[0]}$ cm and"
        f" its velocity ${values[1]}$ cm/s."
    )
    word = {"under": "underdamped", "over": "overdamped", "critical": "critically damped"}[case]
    second = at.y + "''"
    steps = [
        (
            "The motion satisfies"
            f" ${t.combination((mass, second), (friction, at.y + chr(39)), (stiffness, at.y))}"
            " = 0$."
        ),
        (
            f"It is {word}: the general solution is"
            f" ${t.tex(sp.Symbol('C1') * basis[0] + sp.Symbol('C2') * basis[1])}$."
        ),
        f"The initial values give $C_1 = {a}$ and $C_2 = {b}$.",
    ]
    find = explicit(
        at,
        f"Find its displacement ${at.yx}$ in cm after $t$ seconds.",
        equation,
        solution,
        steps,
        "ivp",
        starts(values),
    )
    critical = 2 * sp.sqrt(mass * stiffness)
    other = Question(
        "Which friction coefficient, in N s/m, would make the motion critically damped?",
        "$<0>$ N s/m",
        [
            "Critical damping means a double root of the characteristic equation: $c^2 = 4mk$.",
            f"Here $c = 2\\sqrt{{{mass} \\cdot {stiffness}}}$.",
        ],
        "numeric",
        proof.ValueClaim((critical,), TARGET**2 - 4 * mass * stiffness, find.claim),
        machine=False,
    )
    return (
        _some(rng, stem, find, other)
        if case != "critical"
        else Exercise("", (said(find, f"{stem} {find.text}"),))
    )


@registry.family("ivp")
def circuit_first_order(rng: random.Random) -> Exercise:
    """RL and RC circuits with a constant source."""
    inductive = rng.random() < 0.5
    at = Letters("I" if inductive else rng.choice(["Q", "V"]), "t")
    source = rng.choice([5, 6, 9, 10, 12, 15, 20, 24, 30, 36, 48, 60, 100, 120])
    if inductive:
        resistance, inductance = (
            rng.choice([2, 3, 4, 5, 6, 8, 10, 12, 20]),
            sp.Rational(rng.choice([1, 2, 3, 4, 5]), rng.choice([1, 2, 4, 10])),
        )
        rate, limit = resistance / inductance, sp.Rational(source, resistance)
        equation = sp.Eq(inductance * at.D() + resistance * at.f, source)
        stem = (
            f"A coil of ${t.tex(inductance)}$ henry and a resistor of {resistance} ohm are"
            f" connected in series to a battery of {source} volt at $t = 0$, when no current flows."
        )
        ask = f"Find the current ${at.yx}$ in ampere after $t$ seconds."
        law = (
            f"${t.combination((inductance, at.y + chr(39)), (resistance, at.y))} = {source}$,"
            f" ${at.y}(0) = 0$"
        )
        unit, what = "ampere", "current"
    else:
        resistance, capacity = (
            rng.choice([2, 4, 5, 10, 20, 25, 50]),
            sp.Rational(1, rng.choice([5, 10, 20, 50, 100])),
        )
        rate = 1 / (resistance * capacity)
        charge = at.unknown == "Q"
        limit = capacity * source if charge else sp.Integer(source)
        equation = (
            sp.Eq(resistance * at.D() + at.f / capacity, source)
            if charge
            else sp.Eq(resistance * capacity * at.D() + at.f, source)
        )
        what, unit = ("charge", "coulomb") if charge else ("voltage", "volt")
        stem = (
            f"A capacitor of ${t.tex(capacity)}$ farad with zero {what} is connected at $t = 0$ in"
            f" series with a resistor of {resistance} ohm to a battery of {source} volt."
        )
        ask = f"Find the {what} ${at.yx}$ of the capacitor in {unit} after $t$ seconds."
        coefficients = (resistance, 1 / capacity) if charge else (resistance * capacity, 1)
        law = (
            f"${t.combination((coefficients[0], at.y + chr(39)), (coefficients[1], at.y))} ="
            f" {source}$, ${at.y}(0) = 0$"
        )
    solution = limit - limit * sp.exp(-rate * T)
    steps = [
        f"Kirchhoff's voltage law gives {law}.",
        (
            f"The steady state is ${t.tex(limit)}$ and the homogeneous solutions are"
            f" $C{t.tex(sp.exp(-rate * T))}$; the start gives $C = {t.tex(-limit)}$."
        ),
    ]
    find = explicit(at, ask, equation, solution, steps, "ivp", starts([0]))
    percent = rng.choice([50, 80, 90, 95, 99])
    time = sp.log(sp.Rational(100, 100 - percent)) / rate
    when = Question(
        f"After how many seconds has the {what} reached {percent} percent of the final value?",
        "$t = <0>$ seconds",
        [*steps, f"Solve $1 - {t.tex(sp.exp(-rate * T))} = {t.tex(sp.Rational(percent, 100))}$."],
        "numeric",
        proof.ValueClaim(
            (time,), solution.subs(T, TARGET) - sp.Rational(percent, 100) * limit, find.claim
        ),
        machine=False,
        decimals=4,
    )
    return _some(rng, stem, find, when)


@registry.family("ivp")
def circuit_oscillating(rng: random.Random) -> Exercise:
    """An LRC or LC circuit with a charged capacitor."""
    at = Letters(rng.choice(["Q", "q"]), "t")
    inductance = rng.choice([1, 1, 2, 4])
    a, w = rng.choice([0, 1, 2, 3, 4, 5]), rng.randint(1, 8)
    resistance, elastance = 2 * a * inductance, inductance * (a * a + w * w)
    factor = rng.choice([1, 1, 2, 3])
    start = sp.Integer(w * factor)
    b = sp.Rational(a * start, w)
    solution = sp.exp(-a * T) * (start * sp.cos(w * T) + b * sp.sin(w * T))
    solution = sp.expand(solution)
    equation = sp.Eq(inductance * at.D(2) + resistance * at.D() + elastance * at.f, 0)
    parts = f"a coil of {inductance} henry" + (f", a resistor of {resistance} ohm" if a else "")
    stem = (
        f"A capacitor of $\\frac{{1}}{{{elastance}}}$ farad with a charge of {start} coulomb is"
        f" connected at $t = 0$ in series with {parts}; no current flows at that moment and there"
        " is no other source."
    )
    law = t.combination((inductance, at.y + "''"), (resistance, at.y + "'"), (elastance, at.y))
    steps = [
        f"Kirchhoff's law for the charge is ${law} = 0$, ${at.y}(0) = {start}$, ${at.y}'(0) = 0$.",
        (
            f"The characteristic roots are ${-a if a else ''} \\pm {t.term(w, 'i')}$, and the"
            f" initial values fix the cosine's coefficient ${start}$ and the sine's ${t.tex(b)}$."
        ),
    ]
    find = explicit(
        at,
        f"Find the charge ${at.yx}$ of the capacitor.",
        equation,
        solution,
        steps,
        "ivp",
        starts([start, 0]),
    )
    return Exercise("", (said(find, f"{stem} {find.text}"),))


@registry.family("ivp")
def falling_body(rng: random.Random) -> Exercise:
    """A fall with friction proportional to the velocity."""
    at = Letters("v", "t")
    mass = rng.choice([1, 2, 3, 4, 5, 6, 8, 10, 50, 60, 70, 80])
    friction = rng.choice([f for f in (1, 2, 3, 4, 5, 8, 10, 12, 15, 20) if f <= 5 * mass])
    gravity = 10
    start = rng.choice([0, 0, 0, 5, 10, 20])
    limit = sp.Rational(mass * gravity, friction)
    if limit == start:
        start = 0
    rate = sp.Rational(friction, mass)
    solution = limit + (start - limit) * sp.exp(-rate * T)
    equation = sp.Eq(mass * at.D() + friction * at.f, mass * gravity)
    thing = rng.choice(["stone", "crate", "parcel", "ball", "parachutist", "probe"])
    begins = "is dropped from rest" if start == 0 else f"is thrown down at {start} m/s"
    stem = (
        f"A {thing} of {mass} kg {begins} and falls against an air resistance of {friction} N per"
        f" m/s of its speed. Take $g = {gravity}$ m/s$^2$."
    )
    steps = [
        (
            f"Newton's second law is ${t.term(mass, 'v' + chr(39))} = {mass * gravity} -"
            f" {t.term(friction, 'v')}$, $v(0) = {start}$."
        ),
        (
            f"The terminal speed is ${t.tex(limit)}$, and $v - {t.tex(limit)}$ decays like"
            f" ${t.tex(sp.exp(-rate * T))}$."
        ),
    ]
    find = explicit(
        at,
        "Find its speed $v(t)$ in m/s after $t$ seconds.",
        equation,
        solution,
        steps,
        "ivp",
        starts([start]),
    )
    end = Question(
        "What terminal speed, in m/s, is approached?",
        "$<0>$ m/s",
        [steps[0], "At the terminal speed gravity and resistance balance."],
        "numeric",
        proof.ValueClaim((limit,), mass * gravity - friction * TARGET, find.claim),
        machine=False,
    )
    deep = rng.choice([1, 2, 3, 5])
    distance = sp.integrate(solution, (T, 0, deep))
    far = Question(
        f"What distance, in metres, is fallen in the first {deep} seconds?".replace(
            "first 1 seconds", "first second"
        ),
        "$<0>$ metres",
        [*steps, f"Integrate $v(t) = {t.tex(solution)}$ from $0$ to ${deep}$."],
        "numeric",
        proof.ValueClaim(
            (distance,), sp.expand(_distance(limit, start, rate, deep)) - TARGET, find.claim
        ),
        machine=False,
        decimals=4,
    )
    return _some(rng, stem, find, rng.choice([end, far]))


def _distance(limit: sp.Expr, start: int, rate: sp.Expr, time: int) -> sp.Expr:
    """The integral of limit + (start - limit) e^{-rate t} in closed form."""
    return limit * time + (start - limit) / rate * (1 - sp.exp(-rate * time))
