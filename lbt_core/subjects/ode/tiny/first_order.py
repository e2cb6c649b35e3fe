"""Families of first-order equations. In each, the misconception W1 is right on lucky problems only.

Every function takes a random generator and whether the problem is to be lucky. The wording of a
way holds the family's marker for it (``MARKERS`` in ``families.py``).
"""

from random import Random

from lbt_core.subjects.ode.tiny.text import (
    Draft,
    draw,
    exp,
    explicit,
    initial,
    minus,
    plus,
    power,
    qtimes,
    times,
)

Y = "Derivative(y(x), x)"


def decay(rng: Random, lucky: bool) -> Draft:
    """y' + a y = 0, y(0) = c. W1 forgets the constant of integration: harmless at c = 1."""
    a = draw(rng, -99, 99) if lucky else draw(rng, -20, 20)
    c = 1 if lucky else draw(rng, -9, 9, 1)
    right = times(c, exp(-a))
    head = f"Separate: ln y = {times(-a, 'x')}"
    ways = {
        "D": explicit(f"{head} + K. y(0) = {c} gives factor {c}.", right),
        "T": explicit("An exponential with its starting value.", right),
        "W1": explicit(f"{head}. Take exp of it.", exp(-a)),
        "W2": explicit(
            f"Keep the sign: ln y = {times(a, 'x')} + K. y(0) = {c} gives factor {c}.",
            times(c, exp(a)),
        ),
    }
    left = plus("y'", qtimes(a, "y"))
    question = f"Solve {left} = 0, y(0) = {c}."
    return Draft(
        "decay", lucky, question, "ivp", f"Eq({Y} + ({a})*y(x), 0)", (initial(c),), "y(x)", ways
    )


def separable(rng: Random, lucky: bool) -> Draft:
    """y' = k x^n y, y(0) = c. W1 does not divide by n + 1: harmless at n = 0."""
    n = 0 if lucky else rng.randint(1, 4)
    m = draw(rng, -20, 20) if lucky else draw(rng, -5, 5)
    k, c = m * (n + 1), draw(rng, -9, 9, 1)
    right, rate = f"exp({times(m, power(n + 1))})", f"exp({times(k, power(n + 1))})"
    head = "Separate. "
    divided = f"{k}/{n + 1}*{power(n + 1)}"
    ways = {
        "D": explicit(
            f"{head}Integrate: ln y = {divided} + K = {times(m, power(n + 1))} + K. "
            f"y(0) = {c} gives factor {c}.",
            times(c, right),
        ),
        "T": explicit("The exponential of an integral.", times(c, right)),
        "W1": explicit(
            f"{head}Raise the power: ln y = {times(k, power(n + 1))} + K. "
            f"y(0) = {c} gives factor {c}.",
            times(c, rate),
        ),
        "W2": explicit(f"{head}Drop the constant: ln y = {divided}.", right),
    }
    right_side = qtimes(k, power(n) + "y" if n else "y")
    question = f"Solve the separable equation y' = {right_side}, y(0) = {c}."
    ode = f"Eq({Y}, ({k})*x**{n}*y(x))"
    return Draft("separable", lucky, question, "ivp", ode, (initial(c),), "y(x)", ways)


def polynomial(rng: Random, lucky: bool) -> Draft:
    """y' = k x^n + b, y(0) = c. W1 drops the constant of integration: harmless at c = 0."""
    n, m, b = rng.randint(1, 3), draw(rng, -6, 6), draw(rng, -9, 9)
    k, c = m * (n + 1), 0 if lucky else draw(rng, -9, 9)
    done = f"{k}/{n + 1}*{power(n + 1)} = {times(m, power(n + 1))} and {times(b, 'x')}."

    def answer(factor: int, constant: int) -> str:
        return plus(times(factor, power(n + 1)), times(b, "x"), str(constant))

    ways = {
        "D": explicit(f"Integrate each term: {done} y(0) = {c} gives C = {c}.", answer(m, c)),
        "T": explicit("Take the antiderivative.", answer(m, c)),
        "W1": explicit(f"Integrate each term: {done} No constant is needed.", answer(m, 0)),
        "W2": explicit(
            f"Raise each power: {times(k, power(n + 1))} and {times(b, 'x')}. "
            f"y(0) = {c} gives C = {c}.",
            answer(k, c),
        ),
    }
    question = f"Integrate y' = {plus(qtimes(k, power(n)), str(b))}, y(0) = {c}."
    ode = f"Eq({Y}, ({k})*x**{n} + ({b}))"
    return Draft("polynomial", lucky, question, "ivp", ode, (initial(c),), "y(x)", ways)


def relaxation(rng: Random, lucky: bool) -> Draft:
    """y' + a y = b, y(0) = c. W1 takes b for the constant part, not b/a: harmless at a = 1."""
    while True:
        a = 1 if lucky else draw(rng, -5, 5, 1)
        e = draw(rng, -9, 9) if lucky else draw(rng, -5, 5)
        b, c = a * e, draw(rng, -9, 9)
        if c not in (e, b):
            break
    part = f"Constant part: {b}/{a} = {e}."

    def answer(constant: int, factor: int, rate: int) -> str:
        return plus(str(constant), times(factor, exp(rate)))

    right = answer(e, c - e, -a)
    ways = {
        "D": explicit(f"{part} Then C = {minus(c, e)} = {c - e}.", right),
        "T": explicit("A constant and an exponential.", right),
        "W1": explicit(
            f"Constant part: it is {b}. Then C = {minus(c, b)} = {c - b}.", answer(b, c - b, -a)
        ),
        "W2": explicit(f"{part} The start gives C = {c}.", answer(e, c, -a)),
    }
    left = plus("y'", qtimes(a, "y"))
    question = f"Solve the linear equation {left} = {b}, y(0) = {c}."
    ode = f"Eq({Y} + ({a})*y(x), {b})"
    return Draft("relaxation", lucky, question, "ivp", ode, (initial(c),), "y(x)", ways)


def cooling(rng: Random, lucky: bool) -> Draft:
    """y' = -k (y - A), y(0) = c. W1 starts from c, not from c - A: harmless at A = 0."""
    k, ambient = rng.randint(1, 9), 0 if lucky else rng.randint(1, 9)
    while True:
        start = rng.randint(1, 40)
        if start != ambient:
            break
    gap = start - ambient

    def answer(factor: int, rate: int) -> str:
        return plus(str(ambient), times(factor, exp(rate)))

    ways = {
        "D": explicit(f"Measure from A: C = {minus(start, ambient)} = {gap}.", answer(gap, -k)),
        "T": explicit("The gap to A shrinks.", answer(gap, -k)),
        "W1": explicit(f"Measure from y(0): C = {start}.", answer(start, -k)),
        "W2": explicit(f"Grow away from A: C = {minus(start, ambient)} = {gap}.", answer(gap, k)),
    }
    law = qtimes(-k, "(y - A)")
    question = f"Solve the cooling law y' = {law} with A = {ambient}, y(0) = {start}."
    ode = f"Eq({Y}, -{k}*(y(x) - ({ambient})))"
    return Draft("cooling", lucky, question, "ivp", ode, (initial(start),), "y(x)", ways)


def shifted(rng: Random, lucky: bool) -> Draft:
    """u' = k u, u(p) = c. W1 takes the value at p for the value at 0: harmless at p = 0."""
    k, c = draw(rng, -12, 12), draw(rng, -9, 9)
    p = 0 if lucky else draw(rng, -9, 9)
    moved = plus("t", str(-p))

    def answer(rate: int, variable: str) -> str:
        inner = times(rate, variable if variable == "t" else f"({variable})")
        return times(c, f"exp({inner})")

    ways = {
        "D": explicit(f"Count time from {p}: {minus_t(p)}. Rate {k}.", answer(k, moved), "u"),
        "T": explicit("Growth from a given moment.", answer(k, moved), "u"),
        "W1": explicit(f"Take {c} as the factor. Rate {k}.", answer(k, "t"), "u"),
        "W2": explicit(f"Turn the rate: {-k}. Time {minus_t(p)}.", answer(-k, moved), "u"),
    }
    question = f"Solve the growth law u'(t) = {qtimes(k, 'u')}, u({p}) = {c}."
    ode = f"Eq(Derivative(u(t), t), ({k})*u(t))"
    return Draft("shifted", lucky, question, "ivp", ode, (initial(c, at=p),), "u(t)", ways)


def minus_t(moment: int) -> str:
    """Time counted from a moment: t - 3, t + 3, t - 0."""
    return f"t + {-moment}" if moment < 0 else f"t - {moment}"


def quadratic(rng: Random, lucky: bool) -> Draft:
    """y' = a y^2, y(0) = c. W1 leaves c out of the denominator: harmless at c = 1."""
    a = draw(rng, -99, 99) if lucky else draw(rng, -9, 9)
    c = 1 if lucky else draw(rng, -9, 9, 1)

    def answer(slope: int) -> str:
        return f"{c}/({plus('1', times(-slope, 'x'))})"

    head = "Separate: -1/y = a*x + K. "
    ways = {
        "D": explicit(f"{head}y(0) = {c} scales x by {a}*{c} = {a * c}.", answer(a * c)),
        "T": explicit("One over a line.", answer(a * c)),
        "W1": explicit(f"{head}The rate scales x by {a}.", answer(a)),
        "W2": explicit(
            f"Separate: 1/y = a*x + K. y(0) = {c} scales x by {a}*{c} = {a * c}.",
            answer(-a * c),
        ),
    }
    question = f"Solve the Bernoulli equation y' = {qtimes(a, 'y^2')}, y(0) = {c}."
    ode = f"Eq({Y}, ({a})*y(x)**2)"
    return Draft("quadratic", lucky, question, "ivp", ode, (initial(c),), "y(x)", ways)


def forced(rng: Random, lucky: bool) -> Draft:
    """y' + a y = b exp(c x). W1 takes b for the amplitude, not b/(a + c): harmless at a + c = 1."""
    while True:
        a = draw(rng, -8, 8) if lucky else draw(rng, -6, 6)
        c = 1 - a if lucky else draw(rng, -5, 5)
        if c and abs(c) <= 8 and a + c and (a + c == 1) == lucky:
            break
    amplitude = draw(rng, -9, 9) if lucky else draw(rng, -5, 5)
    b = amplitude * (a + c)
    tried = f"Try A*{exp(c)}:"
    solved = f"A*({plus(str(c), str(a))}) = {b}, so A = {b}/{a + c} = {amplitude}."

    def answer(factor: int, rate: int) -> str:
        return plus(f"C*{exp(rate)}", times(factor, exp(c)))

    ways = {
        "D": explicit(f"Homogeneous: C*{exp(-a)}. {tried} {solved}", answer(amplitude, -a)),
        "T": explicit("Add a particular part.", answer(amplitude, -a)),
        "W1": explicit(f"Homogeneous: C*{exp(-a)}. {tried} it is A = {b}.", answer(b, -a)),
        "W2": explicit(f"Same sign: C*{exp(a)}. {tried} {solved}", answer(amplitude, a)),
    }
    left = plus("y'", qtimes(a, "y"))
    right = qtimes(b, f"exp({qtimes(c, 'x')})")
    question = f"Find the general solution of {left} = {right}."
    ode = f"Eq({Y} + ({a})*y(x), ({b})*exp(({c})*x))"
    return Draft("forced", lucky, question, "general", ode, (), "y(x)", ways)


def logistic(rng: Random, lucky: bool) -> Draft:
    """y' = k y (1 - y/K), y(0) = y0. W1 forgets to divide by y0: harmless at y0 = 1."""
    start = 1 if lucky else rng.randint(2, 6)
    ratio = rng.randint(1, 40) if lucky else rng.randint(1, 9)
    limit, k = start * (ratio + 1), rng.randint(1, 9)

    def answer(factor: int, rate: int) -> str:
        return f"{limit}/({plus('1', times(factor, exp(rate)))})"

    rest = limit - start
    solved = f"A = ({limit} - {start})/{start} = {rest}/{start} = {ratio}."
    head = f"Logistic form with {exp(-k)}. "
    ways = {
        "D": explicit(f"{head}{solved}", answer(ratio, -k)),
        "T": explicit("An S curve up to its limit.", answer(ratio, -k)),
        "W1": explicit(f"{head}A is {limit} - {start} = {rest}.", answer(rest, -k)),
        "W2": explicit(f"Growth form with {exp(k)}. {solved}", answer(ratio, k)),
    }
    question = f"Solve the logistic equation y' = {qtimes(k, 'y')}(1 - y/{limit}), y(0) = {start}."
    ode = f"Eq({Y}, {k}*y(x)*(1 - y(x)/{limit}))"
    return Draft("logistic", lucky, question, "ivp", ode, (initial(start),), "y(x)", ways)
