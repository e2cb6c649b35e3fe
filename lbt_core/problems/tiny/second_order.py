"""Second-order and exact equations; see ``first_order`` for what a family promises."""

from random import Random

from lbt_core.problems.tiny.text import (
    Draft,
    draw,
    exp,
    explicit,
    implicit,
    initial,
    minus,
    plus,
    qtimes,
    times,
)

Y = "Derivative(y(x), x)"
YY = "Derivative(y(x), (x, 2))"


def oscillator(rng: Random, lucky: bool) -> Draft:
    """y'' + w^2 y = 0, y(0) = a, y'(0) = v. W1 does not divide v by w: harmless at w = 1."""
    w = 1 if lucky else rng.randint(2, 6)
    a = draw(rng, -20, 20) if lucky else draw(rng, -9, 9)
    b = draw(rng, -20, 20, a) if lucky else draw(rng, -9, 9, a)
    v = b * w

    def answer(cosine: int, sine: int) -> str:
        wx = times(w, "x")
        return plus(times(cosine, f"cos({wx})"), times(sine, f"sin({wx})"))

    ways = {
        "D": explicit(f"Frequency {w}. cos takes {a}, sin takes {v}/{w} = {b}.", answer(a, b)),
        "T": explicit("A cosine and a sine.", answer(a, b)),
        "W1": explicit(f"Frequency {w}. cos takes {a}, sin just {v}.", answer(a, v)),
        "W2": explicit(f"Frequency {w}. sin takes {a}, cos takes {v}/{w} = {b}.", answer(b, a)),
    }
    question = f"Solve y'' + {qtimes(w * w, 'y')} = 0, y(0) = {a}, y'(0) = {v}."
    ics = (initial(a), initial(v, order=1))
    ode = f"Eq({YY} + {w * w}*y(x), 0)"
    return Draft("oscillator", lucky, question, "ivp", ode, ics, "y(x)", ways)


def repeated(rng: Random, lucky: bool) -> Draft:
    """y'' - 2k y' + k^2 y = 0, y(0) = a, y'(0) = v. W1 takes C2 = v: harmless at a = 0."""
    k, a = draw(rng, -9, 9), 0 if lucky else draw(rng, -5, 5)
    while True:
        slope = draw(rng, -30, 30) if lucky else draw(rng, -9, 9)
        v = slope + k * a
        if v:
            break

    def answer(second: int, root: int) -> str:
        if a == 0:
            return f"{times(second, 'x')}*{exp(root)}"
        return f"({plus(str(a), times(second, 'x'))})*{exp(root)}"

    solved = f"C1 = {a}, C2 = {minus(v, k * a)} = {slope}."
    ways = {
        "D": explicit(f"Double root {k}. {solved}", answer(slope, k)),
        "T": explicit("A line times an exponential.", answer(slope, k)),
        "W1": explicit(f"Double root {k}. C1 = {a}, C2 is {v}.", answer(v, k)),
        "W2": explicit(f"Root by sign {-k}. {solved}", answer(slope, -k)),
    }
    left = plus("y''", qtimes(-2 * k, "y'"), qtimes(k * k, "y"))
    question = f"Solve {left} = 0, y(0) = {a}, y'(0) = {v}."
    ode = f"Eq({YY} + ({-2 * k})*{Y} + {k * k}*y(x), 0)"
    ics = (initial(a), initial(v, order=1))
    return Draft("repeated", lucky, question, "ivp", ode, ics, "y(x)", ways)


def exact(rng: Random, lucky: bool) -> Draft:
    """(2a x + b y) dx + (b x + 2c y) dy = 0. W1 counts the mixed term twice: harmless at b = 0."""
    a, c = draw(rng, -12, 12), draw(rng, -12, 12)
    b = 0 if lucky else draw(rng, -12, 12)

    def answer(mixed: int, square: int) -> str:
        term = times(mixed, "x*y") if mixed else "0"
        return plus(times(a, "x^2"), term, times(square, "y^2"))

    mixed = times(b, "x*y") if b else "0"
    head = f"Integrate in x: {2 * a}/2*x^2 = {times(a, 'x^2')} and {mixed}."
    ways = {
        "D": implicit(f"{head} Left in y: {2 * c}/2*y^2 = {times(c, 'y^2')}.", answer(b, c)),
        "T": implicit("Find the potential.", answer(b, c)),
        "W1": implicit(
            f"{head} Integrate in y and add: {times(c, 'y^2')} and {mixed}.", answer(2 * b, c)
        ),
        "W2": implicit(f"{head} Move across: {2 * c}/2*y^2 = {times(c, 'y^2')}.", answer(b, -c)),
    }
    by, bx = (qtimes(b, "y"), qtimes(b, "x")) if b else ("0", "0")
    m, n = plus(qtimes(2 * a, "x"), by), plus(bx, qtimes(2 * c, "y"))
    question = f"Solve ({m}) dx + ({n}) dy = 0."
    ode = f"Eq(({2 * a})*x + ({b})*y(x) + (({b})*x + ({2 * c})*y(x))*{Y}, 0)"
    return Draft("exact", lucky, question, "implicit", ode, (), "y(x)", ways)


def twice(rng: Random, lucky: bool) -> Draft:
    """y'' = k x^n, y(0) = a, y'(0) = v. W1 keeps one constant of two: harmless at v = 0."""
    n, m, a = rng.randint(0, 2), draw(rng, -6, 6), draw(rng, -12, 12)
    v = 0 if lucky else draw(rng, -12, 12)
    first, k = m * (n + 2), m * (n + 2) * (n + 1)

    def power(exponent: int) -> str:
        return {0: "1", 1: "x"}.get(exponent, f"x^{exponent}")

    def answer(factor: int, slope: int) -> str:
        linear = times(slope, "x") if slope else "0"
        return plus(times(factor, power(n + 2)), linear, str(a))

    once = times(first, power(n + 1))
    ways = {
        "D": explicit(
            f"Integrate: {once} with slope {v}. Again: {times(m, power(n + 2))} and {a}.",
            answer(m, v),
        ),
        "T": explicit("Two antiderivatives.", answer(m, v)),
        "W1": explicit(
            f"Integrate: {once}. Again: {times(m, power(n + 2))} and {a}.", answer(m, 0)
        ),
        "W2": explicit(
            f"Raise the power by two: {times(k, power(n + 2))}. Slope {v} and {a}.", answer(k, v)
        ),
    }
    question = f"Solve y'' = {qtimes(k, power(n))}, y(0) = {a}, y'(0) = {v}."
    ics = (initial(a), initial(v, order=1))
    return Draft("twice", lucky, question, "ivp", f"Eq({YY}, ({k})*x**{n})", ics, "y(x)", ways)
