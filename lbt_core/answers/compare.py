"""Without an equation: is the answer the same as the reference?"""

from lbt_core.answers.grading import Outcome
from lbt_core.rows import Problem


def by_reference(problem: Problem, answer: str) -> Outcome:
    """The verdict by comparison with the reference answer."""
    return "undecided", "reference", ""
