"""One question, one model: its reasoning, its answer, and whether the answer checks out."""

from dataclasses import dataclass
from typing import Literal

from lbt_core.answers import extract, read_ode
from lbt_core.generation import Engine, Request, Settings
from lbt_core.prompts import Renderer
from lbt_core.rows import Problem
from lbt_core.sampling import GradeMany

Check = Literal["verified", "refuted", "not checked"]


@dataclass(frozen=True, slots=True)
class Solution:
    """A model's solution. ``check``: "verified" by substitution into the equation read out of the
    question, "refuted" by it, or "not checked" where no equation could be read or decided."""

    question: str
    reasoning: str
    answer: str | None
    check: Check
    finish_reason: str
    tokens: int


def solve(
    question: str, engine: Engine, renderer: Renderer, max_new_tokens: int, grade: GradeMany
) -> Solution:
    """Answer a question greedily and check the answer by substitution."""
    settings = Settings(temperature=0.0, top_k=0, top_p=1.0, max_new_tokens=max_new_tokens)
    prompt = renderer.question(question)
    (completion,) = engine.generate([Request("question", prompt, 0, settings)])
    found = extract(completion.text)
    return Solution(
        question=question,
        reasoning=found.reasoning,
        answer=found.answer,
        check=check_answer(question, completion.text, grade),
        finish_reason=completion.finish_reason,
        tokens=completion.tokens,
    )


def check_answer(question: str, text: str, grade: GradeMany) -> Check:
    """Whether the final answer in a text solves the equation that the question states."""
    read = read_ode(question)
    if read is None or extract(text).answer is None:
        return "not checked"
    problem = Problem(
        id="question",
        question=question,
        answer="",
        kind=read.kind,
        ode=read.ode,
        ics=read.ics,
        func=read.func,
    )
    verdict = grade([(problem, text)])[0].verdict
    if verdict == "correct":
        return "verified"
    return "refuted" if verdict == "incorrect" else "not checked"
