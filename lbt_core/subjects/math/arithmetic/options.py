"""What ``corpus.generated.options`` may ask of the corpus ``arithmetic``, and what each level of
difficulty is."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lbt_core import UserError

OPERATIONS = ("add", "subtract", "multiply", "divide")
STYLES = ("story", "plain")
SMALLEST_MAX, LARGEST_MAX = 5, 10_000
_NAME = "corpus.generated.options."


@dataclass(frozen=True, slots=True)
class Level:
    """``steps``: operations one after the other. ``within``: no number of a problem, its answer
    included, is larger, products aside. ``factor``: both factors of a product, and divisor and
    quotient, are at most this; 0 where a level has only sums and differences.
    """

    steps: int
    within: int
    factor: int


LEVELS: dict[int, Level] = {
    1: Level(1, 10, 0),
    2: Level(1, 20, 5),
    3: Level(1, 100, 12),
    4: Level(2, 100, 12),
    5: Level(3, 200, 12),
    6: Level(4, 1_000, 20),
}


@dataclass(frozen=True, slots=True)
class Options:
    """``levels``: which difficulties, in equal parts. ``operations``: of OPERATIONS.
    ``max_number``: no number larger than this, whatever the level allows. ``style``: "story", or
    "plain" for "What is 3 + 4?".
    """

    levels: tuple[int, ...] = (1, 2, 3, 4)
    operations: tuple[str, ...] = OPERATIONS
    max_number: int = LARGEST_MAX
    style: str = "story"


def read_options(given: Mapping[str, Any]) -> Options:
    """Options as configured. Raises UserError naming the option and what is allowed."""
    known = {
        "difficulty": _levels,
        "operations": _operations,
        "max_number": _max_number,
        "style": _style,
    }
    for name in given:
        if name not in known:
            raise UserError(
                f"{_NAME}{name}: the corpus arithmetic has no such option; it has "
                f"{', '.join(known)}"
            )
    values: dict[str, Any] = {
        "levels" if name == "difficulty" else name: read(given[name])
        for name, read in known.items()
        if name in given
    }
    options = Options(**values)
    for level in options.levels:
        if not operations_of(level, options):
            raise UserError(
                f"{_NAME}operations: level {level} of difficulty has only sums and differences; "
                "add one of add, subtract, or raise corpus.generated.options.difficulty"
            )
    return options


def operations_of(level: int, options: Options) -> tuple[str, ...]:
    """The operations that problems of a level are made of."""
    products = LEVELS[level].factor > 0
    return tuple(o for o in options.operations if products or o in ("add", "subtract"))


def _levels(value: Any) -> tuple[int, ...]:
    ends = re.fullmatch(r"(\d+)(?:-(\d+))?", str(value).strip())
    low, high = (int(ends[1]), int(ends[2] or ends[1])) if ends else (0, 0)
    if isinstance(value, bool) or not 1 <= low <= high <= max(LEVELS):
        raise UserError(
            f"{_NAME}difficulty: a level from 1 to {max(LEVELS)}, or a range such as 1-3, not "
            f"{value!r}"
        )
    return tuple(range(low, high + 1))


def _operations(value: Any) -> tuple[str, ...]:
    names = [name.strip() for name in str(value).split(",")]
    wrong = [name for name in names if name not in OPERATIONS]
    if wrong or len(set(names)) != len(names):
        raise UserError(
            f"{_NAME}operations: some of {', '.join(OPERATIONS)}, separated by commas, not "
            f"{value!r}"
        )
    return tuple(name for name in OPERATIONS if name in names)


def _max_number(value: Any) -> int:
    whole = isinstance(value, int | float) and not isinstance(value, bool) and value == int(value)
    if not whole or not SMALLEST_MAX <= value <= LARGEST_MAX:
        raise UserError(
            f"{_NAME}max_number: a whole number from {SMALLEST_MAX} to {LARGEST_MAX}, not {value!r}"
        )
    return int(value)


def _style(value: Any) -> str:
    if value not in STYLES:
        raise UserError(f"{_NAME}style: {' or '.join(STYLES)}, not {value!r}")
    return str(value)
