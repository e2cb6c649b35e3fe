"""A chain of operations on whole numbers: drawn at random within a level's bounds, and computed."""

import random
from dataclasses import dataclass

from lbt_core.subjects.math.arithmetic.options import LEVELS, Options, operations_of

SIGNS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/"}
SMALLEST = 2
_TRIES = 200


@dataclass(frozen=True, slots=True)
class Computation:
    """A number to start from, and operations with a number each; every result on the way is a
    whole number of at least 1."""

    start: int
    steps: tuple[tuple[str, int], ...]

    def results(self) -> list[int]:
        """The results after each step; the last one is the answer."""
        value, out = self.start, []
        for operation, number in self.steps:
            value = apply(operation, value, number)
            out.append(value)
        return out

    def expression(self) -> str:
        """As a formula, read from left to right."""
        text = str(self.start)
        for place, (operation, number) in enumerate(self.steps):
            inner = text if place == 0 or operation in ("add", "subtract") else f"({text})"
            text = f"{inner} {SIGNS[operation]} {number}"
        return text


def apply(operation: str, value: int, number: int) -> int:
    """One operation; a division must come out even."""
    if operation == "add":
        return value + number
    if operation == "subtract":
        return value - number
    if operation == "multiply":
        return value * number
    if value % number:
        raise ValueError(f"{value} / {number} is no whole number")
    return value // number


def draw(level: int, options: Options, dice: random.Random) -> Computation | None:
    """A computation of a level, or None where chance led into a dead end."""
    bounds, operations = LEVELS[level], operations_of(level, options)
    within = min(bounds.within, options.max_number)
    factor = min(bounds.factor, options.max_number)
    chosen = [dice.choice(operations) for _ in range(bounds.steps)]
    value = start = _start(chosen[0], within, factor, dice)
    steps: list[tuple[str, int]] = []
    for operation in chosen:
        number = _number(operation, value, within, factor, options.max_number, dice)
        if number is None:
            return None
        value = apply(operation, value, number)
        steps.append((operation, number))
    return Computation(start, tuple(steps))


def _start(operation: str, within: int, factor: int, dice: random.Random) -> int:
    if operation == "multiply":
        return dice.randint(SMALLEST, max(SMALLEST, factor))
    if operation == "divide":
        top = max(SMALLEST, factor)
        return dice.randint(SMALLEST, top) * dice.randint(SMALLEST, top)
    return dice.randint(SMALLEST, within - SMALLEST if operation == "add" else within)


def _number(
    operation: str, value: int, within: int, factor: int, largest: int, dice: random.Random
) -> int | None:
    """The other number of a step, None where there is none within the bounds."""
    if value > largest:
        return None
    if operation == "add":
        room = within - value
        return dice.randint(SMALLEST, room) if room >= SMALLEST else None
    if operation == "subtract":
        return dice.randint(SMALLEST, value - 1) if value > SMALLEST else None
    if operation == "multiply":
        top = min(factor, largest // value)
        return dice.randint(SMALLEST, top) if value <= factor and top >= SMALLEST else None
    even = [d for d in range(SMALLEST, factor + 1) if value % d == 0 and 1 < value // d <= factor]
    return dice.choice(even) if even else None


def draw_some(level: int, options: Options, dice: random.Random) -> Computation | None:
    """A computation of a level; None where many tries found none."""
    for _ in range(_TRIES):
        if (found := draw(level, options, dice)) is not None:
            return found
    return None
