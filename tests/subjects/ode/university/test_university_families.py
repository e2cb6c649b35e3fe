"""Every family: right answers, however written, are graded correct and wrong ones incorrect;
answers are proven."""

import random
from collections.abc import Iterator

import pytest
from wrong_answers import rewritten, wrong_answer

from lbt_core.subjects.ode.answers import grade
from lbt_core.subjects.ode.problem import KINDS, OdeProblem
from lbt_core.subjects.ode.university.exercises import place
from lbt_core.subjects.ode.university.families import FAMILIES
from lbt_core.subjects.ode.university.family import Family, Question

FEW, MANY = 4, 200
COUNTS = [FEW, pytest.param(MANY, marks=pytest.mark.exhaustive)]


def questions(family: Family, count: int, name: str) -> Iterator[tuple[OdeProblem, Question]]:
    """Random questions of a family."""
    rng, made = random.Random(f"test/{name}/{family.name}"), 0
    while made < count:
        placed = place(family, 1, family.build(rng))
        for pair in zip(placed.problems, placed.exercise.questions, strict=True):
            yield pair
            made += 1


def by_family(test: object) -> object:
    return pytest.mark.parametrize("family", FAMILIES, ids=lambda f: f.name)(test)


def test_there_are_enough_families_and_topics() -> None:
    assert len(FAMILIES) >= 30
    assert len({f.topic for f in FAMILIES}) >= 9
    assert len({f.name for f in FAMILIES}) == len(FAMILIES)
    assert {f.kind for f in FAMILIES} <= set(KINDS)


@by_family
@pytest.mark.parametrize("count", COUNTS)
def test_right_answers_are_graded_correct(family: Family, count: int) -> None:
    rng = random.Random(family.name)
    for problem, question in questions(family, count, "right"):
        assert question.claim.holds(), f"not proven: {problem.question}"
        text = rewritten(question, rng)
        verdict = grade(problem, text)
        assert verdict.verdict == "correct", (problem.question, problem.answer, text, verdict)


@by_family
@pytest.mark.parametrize("count", COUNTS)
def test_wrong_answers_are_graded_incorrect(family: Family, count: int) -> None:
    rng, found = random.Random(family.name), 0
    for problem, question in questions(family, count, "wrong"):
        text = wrong_answer(question, rng)
        if text is None:
            continue
        found += 1
        verdict = grade(problem, text)
        assert verdict.verdict == "incorrect", (problem.question, problem.answer, text, verdict)
    assert found > 0, "no wrong answer could be made"


@by_family
def test_the_worked_solution_is_graded_correct(family: Family) -> None:
    for problem, _ in questions(family, 3, "solution"):
        assert problem.solution is not None
        verdict = grade(problem, problem.solution)
        assert verdict.verdict == "correct", (problem.solution, verdict)
