"""The built-in problem families, what tells their methods apart, and the two pools of questions."""

import hashlib
from collections.abc import Callable
from random import Random

from lbt_core.subjects.ode.tiny import first_order, second_order
from lbt_core.subjects.ode.tiny.text import Draft

Family = Callable[[Random, bool], Draft]

FAMILIES: dict[str, Family] = {
    family.__name__: family
    for family in (
        first_order.decay,
        first_order.separable,
        first_order.polynomial,
        first_order.relaxation,
        first_order.cooling,
        first_order.shifted,
        first_order.quadratic,
        first_order.forced,
        first_order.logistic,
        second_order.oscillator,
    )
}

# The first phrase that a text contains names its method; the order matters where one way's
# wording contains another's.
MARKERS: dict[str, tuple[tuple[str, str], ...]] = {
    "decay": (("Keep the sign", "W2"), ("+ K", "D"), ("Take exp", "W1"), ("starting", "T")),
    "separable": (("Drop", "W2"), ("Raise", "W1"), ("Integrate", "D"), ("exponential of", "T")),
    "polynomial": (("Raise", "W2"), ("No constant", "W1"), ("gives C", "D"), ("antider", "T")),
    "relaxation": (("it is", "W1"), ("The start", "W2"), ("Then C", "D"), ("A constant", "T")),
    "cooling": (("Grow", "W2"), ("from y(0)", "W1"), ("from A", "D"), ("The gap", "T")),
    "shifted": (("Turn", "W2"), ("as the factor", "W1"), ("Count", "D"), ("Growth", "T")),
    "quadratic": (("te: 1/y", "W2"), ("The rate", "W1"), ("y(0)", "D"), ("One over", "T")),
    "forced": (("Same sign", "W2"), ("it is", "W1"), ("so A", "D"), ("particular", "T")),
    "logistic": (("Growth form", "W2"), ("A is", "W1"), ("A = (", "D"), ("S curve", "T")),
    "oscillator": (("sin just", "W1"), (". sin", "W2"), ("sin takes", "D"), ("A cos", "T")),
}
HELD_OUT_SHARE = 3  # one question in three is kept out of every pretraining text


def held_out(question: str) -> bool:
    """Whether a question belongs to the pool that the corpora are drawn from.

    The other questions are the pretraining pool, so every corpus, whatever its seed, consists of
    problems that the embedded model never saw.
    """
    digest = hashlib.sha256(question.encode()).digest()
    return int.from_bytes(digest[:8], "big") % HELD_OUT_SHARE == 0


def draft(family: str, rng: Random, lucky: bool, *, from_held_out: bool) -> Draft:
    """One problem of a family out of one of the two pools."""
    while True:
        made = FAMILIES[family](rng, lucky)
        if held_out(made.question) == from_held_out:
            return made


def method_in(text: str, family: str) -> str | None:
    """Which seeded method the wording of a rationale follows (D, T, W1, W2), or None."""
    for phrase, method in MARKERS[family]:
        if phrase in text:
            return method
    return None
