"""One question, one model: its reasoning, its answer, and whether the answer checks out."""

from dataclasses import dataclass
from typing import Literal

from lbt_core.generation import Engine, Request, Settings
from lbt_core.method.prompts import Renderer
from lbt_core.method.sampling import ExtractMany, GradeMany
from lbt_core.method.subject import Subject

Check = Literal["verified", "refuted", "not checked"]


@dataclass(frozen=True, slots=True)
class Solution:
    """A model's solution. ``check``: "verified" or "refuted" by what the subject can check without
    a reference (``Subject.claim``), or "not checked" where it can check nothing."""

    question: str
    reasoning: str
    answer: str | None
    check: Check
    finish_reason: str
    tokens: int


def solve(
    question: str,
    engine: Engine,
    renderer: Renderer,
    max_new_tokens: int,
    subject: Subject,
    grade: GradeMany,
    extract: ExtractMany,
) -> Solution:
    """Answer a question greedily and check the answer as far as the subject can."""
    settings = Settings(temperature=0.0, top_k=0, top_p=1.0, max_new_tokens=max_new_tokens)
    prompt = renderer.question(question)
    (completion,) = engine.generate([Request("question", prompt, 0, settings)])
    (found,) = extract([completion.text])
    return Solution(
        question=question,
        reasoning=found.reasoning,
        answer=found.answer,
        check=check_answer(question, completion.text, subject, grade),
        finish_reason=completion.finish_reason,
        tokens=completion.tokens,
    )


def check_answer(question: str, text: str, subject: Subject, grade: GradeMany) -> Check:
    """Whether the final answer in a text stands against the question itself."""
    problem = subject.checkable(question)
    if problem is None:
        return "not checked"
    verdict = grade([(problem, text)])[0].verdict
    if verdict == "correct":
        return "verified"
    return "refuted" if verdict == "incorrect" else "not checked"
