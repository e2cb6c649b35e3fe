"""A computation told as a story, or asked plainly, and its worked solution."""

import random

from lbt_core.subjects.math.arithmetic.computation import SIGNS, Computation

NAMES = (
    *("Ada", "Ben", "Chloe", "David", "Elena", "Farid", "Grace", "Hiro", "Ines", "Jonas"),
    *("Kofi", "Lena", "Marco", "Nadia", "Omar", "Priya", "Rosa", "Sven", "Tara", "Yusuf"),
)
THINGS = (
    *("apples", "pencils", "marbles", "stickers", "books", "coins", "shells", "stamps", "cards"),
    *("beads", "buttons", "cookies", "flowers", "balloons", "eggs", "tickets", "photos", "oranges"),
)
_FIRST = {
    "multiply": (
        "{name} has {start} boxes with {number} {things} in each box.",
        "{name} buys {start} bags of {number} {things} each.",
        "{name} puts {number} {things} into each of {start} jars.",
    ),
}
_START = ("{name} has {start} {things}.", "There are {start} {things} on {name}'s table.")
_STEP = {
    "add": (
        "{name} gets {number} more {things}.",
        "{other} gives {name} {number} more {things}.",
        "{name} finds another {number} {things}.",
    ),
    "subtract": (
        "{name} gives {number} {things} to {other}.",
        "{name} loses {number} of the {things}.",
        "{other} takes {number} of the {things} away.",
    ),
    "multiply": (
        "Then {name} collects until there are {number} times as many {things}.",
        "A machine makes the number of {things} {number} times as large.",
    ),
    "divide": (
        "{name} splits the {things} equally into {number} bags and keeps only one bag.",
        "{name} shares the {things} equally among {number} children, and one of them is {name}.",
    ),
}
_ASK = (
    "How many {things} does {name} have now?",
    "How many {things} does {name} have in the end?",
)
_ASK_PRODUCT = ("How many {things} does {name} have in total?", "How many {things} is that?")


def story(computation: Computation, dice: random.Random) -> str:
    """The computation as a story of a person with things; every number stands in it as digits."""
    name, other = dice.sample(NAMES, 2)
    words: dict[str, object] = {"name": name, "other": other, "things": dice.choice(THINGS)}
    steps = list(computation.steps)
    sentences = []
    if steps[0][0] in _FIRST and dice.random() < 0.75:
        operation, number = steps.pop(0)
        opening = dice.choice(_FIRST[operation])
        sentences.append(opening.format(start=computation.start, number=number, **words))
    else:
        sentences.append(dice.choice(_START).format(start=computation.start, **words))
    for operation, number in steps:
        sentences.append(dice.choice(_STEP[operation]).format(number=number, **words))
    sentences.append(dice.choice(_ASK if steps else _ASK_PRODUCT).format(**words))
    return " ".join(sentences)


def plain_question(computation: Computation) -> str:
    """What is 3 + 4?"""
    return f"What is {computation.expression()}?"


def solution(computation: Computation) -> str:
    """One line for each step, as it is computed."""
    lines, value = [], computation.start
    for (operation, number), result in zip(computation.steps, computation.results(), strict=True):
        lines.append(f"{value} {SIGNS[operation]} {number} = {result}")
        value = result
    return "\n".join(lines)
