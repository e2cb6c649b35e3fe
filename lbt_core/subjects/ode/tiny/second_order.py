"""A second-order family; see ``first_order`` for what a family promises."""

from random import Random

from lbt_core.subjects.ode.tiny.text import (
    Draft,
    draw,
    explicit,
    initial,
    plus,
    qtimes,
    times,
)

YY = "Derivative(y(x), (x, 2))"


def oscillator(rng: Random, lucky: bool) -> Draft:
    """y'' + w^2 y = 0, y(0) = a, y'(0) = v. W1 does not divide v by w: harmless at w = 1."""
    w = 1 if lucky else rng.randint(2, 5)
    a = draw(rng, -9, 9)
    b = draw(rng, -9, 9, a)
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
    question = (
        f"Solve the oscillator equation y'' + {qtimes(w * w, 'y')} = 0, y(0) = {a}, y'(0) = {v}."
    )
    ics = (initial(a), initial(v, order=1))
    ode = f"Eq({YY} + {w * w}*y(x), 0)"
    return Draft("oscillator", lucky, question, "ivp", ode, ics, "y(x)", ways)
