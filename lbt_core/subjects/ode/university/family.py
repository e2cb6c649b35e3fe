"""What a family makes: exercises of one or more questions, each with its answer as text and as a
claim to prove."""

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any

import sympy as sp
from sympy.core.function import AppliedUndef

from lbt_core.subjects.ode import proof
from lbt_core.subjects.ode.problem import Condition
from lbt_core.subjects.ode.university import tex as t


@lru_cache(maxsize=4096)
def identity(claim: Any) -> str:
    """The claim's identity, worked out once."""
    return str(claim.identity())


C, C1, C2, C3, C4 = sp.symbols("C C1 C2 C3 C4")


@dataclass(frozen=True, slots=True)
class Question:
    """One question of an exercise.

    ``form`` is the answer's text with a place for each expression of the claim's answer;
    ``decimals`` prints them as numbers
    to that many significant digits. ``machine`` says whether the machine-readable fields are given:
    the question is then
    "solve this equation". ``steps`` are the worked solution's paragraphs before its last line, the
    answer.
    """

    text: str
    form: str
    steps: Sequence[str]
    kind: str
    claim: Any
    machine: bool = True
    decimals: int = 0

    def written(self, answer: Sequence[sp.Expr]) -> str:
        """An answer, the right one or another, as text."""
        if self.decimals:
            shown = [t.decimal(a, self.decimals) for a in answer]
        else:
            shown = [t.tex(a) for a in answer]
        out = self.form
        for i, text in enumerate(shown):
            out = out.replace(f"<{i}>", text)
        return out

    @property
    def answer(self) -> str:
        """The reference answer as text."""
        return self.written(self.claim.answer)

    @property
    def solution(self) -> str:
        """The worked solution; its last line is the answer."""
        return "\n\n".join([*self.steps, f"Answer: {self.answer}"])

    @property
    def ode(self) -> str | None:
        """The equation in sympy syntax; a list for a system; None where the question is not "solve
        this"."""
        if not self.machine or not hasattr(self.claim, "equations"):
            return None
        shown = [str(e) for e in self.claim.equations]
        return shown[0] if len(shown) == 1 else "[" + ", ".join(shown) + "]"

    @property
    def ics(self) -> tuple[Condition, ...]:
        """The conditions in sympy syntax."""
        if self.ode is None:
            return ()
        return tuple(
            Condition(
                order, str(at), str(v[0]) if len(v) == 1 else "[" + ", ".join(map(str, v)) + "]"
            )
            for order, at, v in self.claim.conditions
        )

    @property
    def func(self) -> str | None:
        """The unknown, or unknowns, with their variable."""
        return None if self.ode is None else ", ".join(map(str, self.claim.functions))


@dataclass(frozen=True, slots=True)
class Exercise:
    """A stem with parts; a single question has an empty stem and one part that is the whole
    text."""

    stem: str
    questions: tuple[Question, ...]


Builder = Callable[[random.Random], Exercise]


@dataclass(frozen=True, slots=True)
class Family:
    """A family of exercises: where it stands in the book and how one is made."""

    name: str
    topic: str
    chapter: str
    kind: str
    build: Builder


@dataclass(slots=True)
class Registry:
    """The families of one module, collected by its decorator."""

    chapter: str
    topic: str
    families: list[Family] = field(default_factory=list)

    def family(self, kind: str) -> Callable[[Builder], Builder]:
        """Registers a builder under its own name."""

        def register(build: Builder) -> Builder:
            self.families.append(Family(build.__name__, self.topic, self.chapter, kind, build))
            return build

        return register


@dataclass(frozen=True, slots=True)
class Letters:
    """The unknown and its variable in one exercise: names, symbols, and how derivatives are
    written."""

    unknown: str
    variable: str
    style: str = "prime"

    @property
    def v(self) -> sp.Symbol:
        """The variable."""
        return sp.Symbol(self.variable)

    @property
    def f(self) -> AppliedUndef:
        """The unknown applied to the variable."""
        return sp.Function(self.unknown)(self.v)

    @property
    def u(self) -> sp.Symbol:
        """The unknown as a plain symbol, for relations and for printing."""
        return sp.Symbol(self.unknown)

    @property
    def y(self) -> str:
        """The unknown as printed."""
        return t.name(self.unknown)

    @property
    def x(self) -> str:
        """The variable as printed."""
        return t.name(self.variable)

    @property
    def yx(self) -> str:
        """The unknown with its argument as printed."""
        return f"{self.y}({self.x})"

    def d(self, order: int = 1) -> str:
        """The derivative as printed in this exercise."""
        if self.style == "leibniz":
            return t.leibniz(self.unknown, self.variable, order)
        return t.prime(self.unknown, order)

    def D(self, order: int = 1) -> sp.Derivative:
        """The derivative as an object."""
        return (
            sp.Derivative(self.f, (self.v, order)) if order > 1 else sp.Derivative(self.f, self.v)
        )

    def at(self, order: int, point: sp.Expr | int, value: sp.Expr | int) -> str:
        """A printed condition."""
        return f"{t.prime(self.unknown, order)}({t.tex(point, inline=True)}) = {t.tex(value)}"

    def conditions(self, values: Sequence[sp.Expr | int], point: sp.Expr | int = 0) -> str:
        """Printed initial conditions, each in its own dollars."""
        return ", ".join(f"${self.at(k, point, v)}$" for k, v in enumerate(values))


_PAIRS = (
    ("y", "x"),
    ("y", "x"),
    ("y", "t"),
    ("x", "t"),
    ("u", "t"),
    ("z", "x"),
    ("w", "t"),
    ("v", "s"),
    ("u", "x"),
)


def letters(rng: random.Random, *, time: bool = False, style: str | None = None) -> Letters:
    """Letters for one exercise; ``time`` keeps to variables that read as time."""
    pairs = [p for p in _PAIRS if p[1] in "ts"] if time else _PAIRS
    unknown, variable = rng.choice(pairs)
    return Letters(unknown, variable, style or rng.choice(("prime", "prime", "leibniz")))


def starts(
    values: Sequence[sp.Expr | int], point: sp.Expr | int = 0
) -> tuple[tuple[int, sp.Expr, tuple[sp.Expr, ...]], ...]:
    """Initial conditions at one point, orders 0, 1, …, as claims want them."""
    return tuple(
        (k, sp.sympify(point, strict=True), (sp.sympify(v, strict=True),))
        for k, v in enumerate(values)
    )


def explicit(
    at: Letters,
    text: str,
    equation: sp.Eq,
    solution: sp.Expr,
    steps: Sequence[str],
    kind: str,
    conditions: Sequence[tuple[int, sp.Expr, tuple[sp.Expr, ...]]] = (),
    constants: int = 0,
) -> Question:
    """A question "solve this equation" with an explicit answer."""
    claim = proof.OdeClaim((solution,), (equation,), (at.f,), at.v, tuple(conditions), constants)
    form = f"${at.yx} = <0>$"
    return Question(text, form, steps, kind, claim)


def listed(
    rng: random.Random,
    make: Callable[[], Question],
    *,
    single: Sequence[str],
    several: Sequence[str],
    most: int = 3,
) -> Exercise:
    """One question, or two to ``most`` of a kind under a common stem; ``<q>`` in a single template
    takes the question."""
    count = rng.choice([1, *range(2, most + 1)])
    if count == 1:
        question = make()
        text = rng.choice(single).replace("<q>", question.text)
        return Exercise("", (said(question, text),))
    questions: list[Question] = []
    while len(questions) < count:
        question = make()
        if all(identity(question.claim) != identity(q.claim) for q in questions):
            questions.append(question)
    return Exercise(rng.choice(several), tuple(questions))


def said(question: Question, text: str) -> Question:
    """The same question in other words, with the variable named where the words do not."""
    functions: tuple[AppliedUndef, ...] = getattr(question.claim, "functions", ())
    if question.machine and len(functions) == 1:
        variable, unknown = t.name(question.claim.variable.name), functions[0].func.__name__
        formulas = re.sub(r"\\[A-Za-z]+", " ", "".join(text.split("$")[1::2]))
        if variable not in formulas:
            text += f" Here ${t.name(unknown)} = {t.name(unknown)}({variable})$."
    return replace(question, text=text)


def nonzero(rng: random.Random, low: int, high: int) -> int:
    """An integer in the range that is not zero."""
    return rng.choice([n for n in range(low, high + 1) if n != 0])
