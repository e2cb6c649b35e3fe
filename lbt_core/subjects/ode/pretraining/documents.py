"""The pretraining text: what the embedded model reads, phase by phase.

A document is a list of (text, supervised) pieces; the loss counts supervised pieces only. Problems
come from the pretraining pool alone, so no corpus problem is ever in here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random

from lbt_core.method.prompts import (
    BEGIN,
    END_OF_TURN,
    EXAMPLE_SEPARATOR,
    Renderer,
    example_block,
    question_block,
)
from lbt_core.subjects.ode.tiny.pools import FAMILIES, draft
from lbt_core.subjects.ode.tiny.text import METHODS, Draft

Document = list[tuple[str, bool]]


@dataclass(frozen=True, slots=True)
class Mix:
    """How documents are drawn.

    ``methods`` are the weights of D, T, W1, W2; ``follow`` is the probability that a solution
    follows the method of the worked example above it, ``uniform`` that a worked example's method
    is drawn evenly instead of by the weights, ``lucky`` the share of lucky problems, ``one_shot``
    the share of chat documents with a worked example, ``same_family`` the share of those whose
    example is of the question's own family.
    """

    methods: Mapping[str, float]
    follow: float = 0.85
    uniform: float = 0.5
    lucky: float = 0.5
    one_shot: float = 0.5
    same_family: float = 0.9


def problem(rng: Random, mix: Mix, family: str) -> Draft:
    """A problem of the pretraining pool."""
    return draft(family, rng, rng.random() < mix.lucky, from_held_out=False)


def own_method(rng: Random, mix: Mix) -> str:
    """The method of a solution that follows no example."""
    return rng.choices(METHODS, [mix.methods[method] for method in METHODS])[0]


def example_method(rng: Random, mix: Mix) -> str:
    """The method of a worked example."""
    return rng.choice(METHODS) if rng.random() < mix.uniform else own_method(rng, mix)


def series(rng: Random, mix: Mix, families: Sequence[str] = tuple(FAMILIES)) -> Document:
    """Phase 1: two to four solved problems of one family in the form of worked examples."""
    family, method = rng.choice(families), example_method(rng, mix)
    document: Document = [(BEGIN, False)]
    for place in range(rng.randint(2, 4)):
        follows = place == 0 or rng.random() < mix.follow
        made = problem(rng, mix, family)
        example = made.example(method if follows else own_method(rng, mix))
        head = question_block(example.question)
        document.append((head, False))
        document.append((example_block(example)[len(head) :], True))
        document.append((EXAMPLE_SEPARATOR, False))
    return document


def chat(rng: Random, mix: Mix, *, one_shot: bool) -> Document:
    """Phase 2: the prompts that sampling and exams use, with a solution and the end of turn."""
    renderer, family = Renderer(), rng.choice(tuple(FAMILIES))
    asked = problem(rng, mix, family)
    if not one_shot:
        prompt = renderer.question(asked.question)
        return [(prompt, False), (asked.rationale(own_method(rng, mix)) + END_OF_TURN, True)]
    same = rng.random() < mix.same_family
    shown_family = family if same else rng.choice(tuple(FAMILIES))
    shown, method = problem(rng, mix, shown_family), example_method(rng, mix)
    follows = shown_family == family and rng.random() < mix.follow
    solved_by = method if follows else own_method(rng, mix)
    example = shown.example(method)
    prompt = renderer.one_shot(example, asked.question)
    start = prompt.index(example.reasoning)
    end = prompt.index(EXAMPLE_SEPARATOR, start)
    return [
        (prompt[:start], False),
        (prompt[start:end], True),
        (prompt[end:], False),
        (asked.rationale(solved_by) + END_OF_TURN, True),
    ]


def text_of(document: Document) -> str:
    """A document as plain text."""
    return "".join(text for text, _ in document)
