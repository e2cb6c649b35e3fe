"""Rationales: the teacher's sampled solutions, graded; evaluation is the same, greedily.

Rows in, rows out: what generates and what grades are functions handed in, so that the same code
runs in a notebook on one engine and on a cluster.
"""

from collections.abc import Callable, Sequence
from typing import TypeAlias

from lbt_core.generation import Completion, Request, Settings
from lbt_core.method.extraction import Extraction
from lbt_core.method.prompts import Renderer
from lbt_core.method.seeds import derive_seed
from lbt_core.method.subject import Grade
from lbt_core.store.rows import Problem, Rationale, text_key

Generate: TypeAlias = Callable[[Sequence[Request]], list[Completion]]
ExtractMany: TypeAlias = Callable[[Sequence[str]], list[Extraction]]
GradeMany: TypeAlias = Callable[[Sequence[tuple[Problem, str]]], list[Grade]]


def sample(
    problems: Sequence[Problem],
    *,
    samples: int,
    settings: Settings,
    renderer: Renderer,
    seed: int,
    generate: Generate,
    grade: GradeMany,
) -> list[Rationale]:
    """``samples`` graded rationales of every problem, in the order (problem, sample).

    A prompt that could not be run gives rows with an empty text and its reason in
    ``finish_reason``. Raises whatever ``generate`` and ``grade`` raise.
    """
    slots = [(problem, index) for problem in problems for index in range(samples)]
    requests = [
        Request(
            id=f"{problem.id}/{index}",
            prompt=renderer.question(problem.question),
            seed=derive_seed(seed, problem.id, index),
            settings=settings,
        )
        for problem, index in slots
    ]
    completions = generate(requests)
    grades = grade([(slot[0], c.text) for slot, c in zip(slots, completions, strict=True)])
    return [
        Rationale(
            problem_id=problem.id,
            sample=index,
            text=completion.text,
            text_key=text_key(completion.text),
            finish_reason=completion.finish_reason,
            prompt_tokens=completion.prompt_tokens,
            tokens=completion.tokens,
            verdict=graded.verdict,
            method=graded.method,
            answer=graded.answer,
            correct=graded.verdict == "correct",
        )
        for (problem, index), completion, graded in zip(slots, completions, grades, strict=True)
    ]
