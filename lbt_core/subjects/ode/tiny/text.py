"""How the built-in families write mathematics, and the shape that every family gives its problems.

Questions use textbook notation (``3y``, ``2exp(5x)``); solutions use explicit products
(``3*exp(-2*x)``), which every answer parser reads the same way.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random

from lbt_core.method.prompts import Example, final_answer_block
from lbt_core.subjects.ode.problem import Condition

METHODS = ("D", "T", "W1", "W2")


@dataclass(frozen=True, slots=True)
class Way:
    """One way of solving a problem: the reasoning and the answer that it arrives at.

    ``solution`` is the answer in sympy syntax.
    """

    reasoning: str
    answer: str
    solution: str


@dataclass(frozen=True, slots=True)
class Draft:
    """A generated problem with all its ways: detailed (D), terse (T), and two misconceptions.

    D and T are right. W1 is right exactly when ``lucky``; W2 is never right. ``ode``, ``ics``,
    ``func`` and ``kind`` are as in ``lbt_core.store.rows.Problem``.
    """

    family: str
    lucky: bool
    question: str
    kind: str
    ode: str
    ics: tuple[Condition, ...]
    func: str
    ways: Mapping[str, Way]

    def rationale(self, method: str) -> str:
        """The full text of one way, ending in the final-answer block that the prompt asks for."""
        way = self.ways[method]
        return f"{way.reasoning}\n\n{final_answer_block(way.answer)}"

    def example(self, method: str) -> Example:
        """One way as the worked example of a one-shot prompt."""
        way = self.ways[method]
        return Example(self.question, way.reasoning, way.answer)


def draw(rng: Random, low: int, high: int, *excluded: int) -> int:
    """A non-zero integer in [low, high] that is none of ``excluded``."""
    while True:
        value = rng.randint(low, high)
        if value and value not in excluded:
            return value


def times(factor: int, term: str) -> str:
    """``factor * term`` in solutions: 3*x, x, -x, and the number alone for the term "1"."""
    if term == "1":
        return str(factor)
    return {1: term, -1: f"-{term}"}.get(factor, f"{factor}*{term}")


def qtimes(factor: int, term: str) -> str:
    """``factor * term`` in questions: 3x, x, -x, and the number alone for the term "1"."""
    if term == "1":
        return str(factor)
    return {1: term, -1: f"-{term}"}.get(factor, f"{factor}{term}")


def power(exponent: int, variable: str = "x") -> str:
    """x^n, written x for n = 1 and 1 for n = 0."""
    return {0: "1", 1: variable}.get(exponent, f"{variable}^{exponent}")


def exp(rate: int, variable: str = "x") -> str:
    """exp(k*x) in solutions."""
    return f"exp({times(rate, variable)})"


def plus(*terms: str) -> str:
    """Terms joined with + and -; terms that are "0" are left out."""
    kept = [term for term in terms if term != "0"]
    if not kept:
        return "0"
    text = kept[0]
    for term in kept[1:]:
        text += f" - {term[1:]}" if term.startswith("-") else f" + {term}"
    return text


def minus(left: int, right: int) -> str:
    """The difference as it is written out before it is worked out: 5 - 3, 5 - (-3)."""
    return f"{left} - {right}" if right >= 0 else f"{left} - ({right})"


def explicit(reasoning: str, right_side: str, unknown: str = "y") -> Way:
    """A way whose answer is the unknown's formula."""
    return Way(reasoning, f"{unknown} = {right_side}", right_side.replace("^", "**"))


def initial(value: int, at: int = 0, order: int = 0) -> Condition:
    """One initial condition."""
    return Condition(order, str(at), str(value))
