"""Word problems by split: levels in equal parts, no question twice in the whole corpus."""

import random
from collections.abc import Iterator, Mapping

from lbt_core import UserError
from lbt_core.method.sameness import text_keys
from lbt_core.method.seeds import derive_seed
from lbt_core.store.rows import Problem
from lbt_core.subjects.math.arithmetic.computation import Computation, draw_some
from lbt_core.subjects.math.arithmetic.options import Options
from lbt_core.subjects.math.arithmetic.stories import plain_question, solution, story

VERSION = "1"
"""Raised when the same seed, sizes and options give other problems."""
SIZES = {"train": 200, "exam": 90, "validation": 105, "test": 330}
SOURCE = "arithmetic: "
"""What the field ``source`` begins with; the computation follows."""
_MISSES = 400


def corpus(seed: int, sizes: Mapping[str, int], options: Options) -> list[Problem]:
    """So many problems by split. Raises UserError where the options give too few different ones."""
    seen: set[str] = set()
    problems: list[Problem] = []
    for split, count in sizes.items():
        streams = {level: _different(level, options, seed, split, seen) for level in options.levels}
        for number in range(count):
            level = options.levels[number % len(options.levels)]
            made = next(streams[level], None)
            if made is None:
                raise UserError(
                    f"corpus.generated.{split}: after {len(problems)} problems the options give no "
                    f"more different questions of level {level}; lower the numbers of problems, "
                    "raise corpus.generated.options.max_number or widen "
                    "corpus.generated.options.difficulty (or operations)"
                )
            problems.append(_problem(f"{split}-{number:05d}", split, level, *made))
    return problems


def _different(
    level: int, options: Options, seed: int, split: str, seen: set[str]
) -> Iterator[tuple[str, Computation]]:
    """Questions whose keys are new, until many tries in a row give none."""
    dice = random.Random(derive_seed(seed, "arithmetic", VERSION, split, level))
    misses = 0
    while misses < _MISSES:
        computation = draw_some(level, options, dice)
        if computation is None:
            return
        plain = options.style == "plain"
        question = plain_question(computation) if plain else story(computation, dice)
        keys = text_keys(question)
        if seen.intersection(keys):
            misses += 1
            continue
        misses = 0
        seen.update(keys)
        yield question, computation


def _problem(name: str, split: str, level: int, question: str, computation: Computation) -> Problem:
    return Problem(
        id=f"arithmetic-{name}",
        question=question,
        answer=str(computation.results()[-1]),
        topic=f"level {level}",
        family=", ".join(operation for operation, _ in computation.steps),
        kind="number",
        solution=solution(computation),
        split=split,
        source=f"{SOURCE}{computation.expression()}",
    )
