"""A subject of one's own in one file: formulas whose digits add up to a given number.

In this folder: `lbt run --set subject=digit_sums:subject --set corpus.source=digits`.
"""

import itertools
import random

from lbt_core import UserError
from lbt_core.method.subject import Subject
from lbt_core.store.rows import Problem

SIZES = {"train": 40, "exam": 30, "validation": 10, "test": 30}


def example(total, digit):
    """A formula that is right: ones, or, where ones are forbidden, twos and perhaps a three."""
    ones = ["1"] * total
    others = ["2"] * (total // 2 - total % 2) + ["3"] * (total % 2)
    return " + ".join(ones if digit != 1 else others)


class DigitSums(Subject):
    name = "digit-sums"
    version = "1"
    title = "formulas with a digit sum"
    sources = {"digits": "sums from 2 to 15, each with a digit that must not be used"}

    def problems(self, source, request):
        sizes = request.sizes or SIZES
        tasks = list(itertools.product(range(2, 16), range(10)))
        if sum(sizes.values()) > len(tasks):
            raise UserError(f"corpus.generated: there are {len(tasks)} problems of {source}")
        random.Random(request.seed).shuffle(tasks)
        splits = [split for split, count in sizes.items() for _ in range(count)]
        return [
            Problem(
                id=f"sum-{total}-without-{digit}",
                question=f"Write a formula whose digits add up to {total}, without {digit}.",
                answer=example(total, digit),
                topic=f"without {digit}",
                kind="formula",
                split=split,
            )
            for (total, digit), split in zip(tasks, splits, strict=False)
        ]

    def grade(self, problem, answer):
        _, total, _, digit = problem.id.split("-")
        digits = [c for c in answer if c in "0123456789"]
        if digit in digits:
            return "incorrect", "digits", f"holds {digit}"
        reached = sum(map(int, digits))
        return ("correct" if reached == int(total) else "incorrect"), "digits", f"sum {reached}"


subject = DigitSums()
