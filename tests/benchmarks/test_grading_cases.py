"""A small sample of the grader's generated near misses and rewrites, with a seed of its own."""

import pytest
from grading_cases import Source, near_misses, rewrites, sources

from lbt_core.subjects.ode.answers import grade

SEED = 5


@pytest.fixture(scope="module")
def found() -> list[Source]:
    return sources(SEED, university=60, tiny=20)


def test_near_misses_are_not_accepted(found: list[Source]) -> None:
    pairs = list(near_misses(found, 160, SEED))
    assert len(pairs) == 160
    assert [p.candidate for p in pairs if grade(p.problem, p.candidate).verdict == "correct"] == []


def test_rewrites_are_not_refused(found: list[Source]) -> None:
    pairs = list(rewrites(found, 160, SEED))
    assert len(pairs) == 160
    assert [p.candidate for p in pairs if grade(p.problem, p.candidate).verdict != "correct"] == []


def test_a_near_miss_is_another_answer_and_a_reference_is_right(found: list[Source]) -> None:
    for pair in near_misses(found, 40, SEED):
        assert pair.candidate != pair.problem.answer
        assert grade(pair.problem, pair.problem.answer).verdict == "correct"
