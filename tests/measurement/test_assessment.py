"""A model's figures from rows of its answers."""

from collections.abc import Sequence

import pytest

from lbt_core.measurement.assessment import assess, default_ks
from lbt_core.store.rows import Rationale, text_key
from lbt_core.subjects.ode import subject as ODE
from lbt_core.subjects.ode.answers import Grade, grade
from lbt_core.subjects.ode.problem import OdeProblem

PROBLEMS = [
    OdeProblem("a", "Find 1 + 1.", "2", topic="Sums", kind="numeric"),
    OdeProblem("b", "Find 2 * 3.", "6", topic="Products", kind="numeric"),
]


def row(problem: str, sample: int, answer: str, correct: bool) -> Rationale:
    verdict = "correct" if correct else "incorrect"
    return Rationale(
        problem, sample, answer, text_key(answer), "stop", 1, 1, verdict, "", answer, correct
    )


def grade_many(items: Sequence[tuple[OdeProblem, str]]) -> list[Grade]:
    return [grade(problem, text) for problem, text in items]


GREEDY = [row("a", 0, "2", True), row("b", 0, "5", False)]
SAMPLED = [
    # a: two votes for the right answer beat one each; b: 4, written in three ways, wins
    *(row("a", i, "2", True) for i in range(2)),
    *(row("a", i, str(i), False) for i in (3, 4)),
    row("b", 0, "6", True),
    *(row("b", i + 1, text, False) for i, text in enumerate(("4", "4.0", "8/2"))),
]


def test_pass_at_1_is_of_greedy_answers() -> None:
    found = assess(PROBLEMS, GREEDY, [], [], ODE, grade_many)
    assert (found.pass_1.successes, found.pass_1.total) == (1, 2)
    assert {topic: p.rate for topic, p in found.topics.items()} == {"Products": 0.0, "Sums": 1.0}


def test_pass_at_k_is_the_mean_of_the_unbiased_estimator() -> None:
    found = assess(PROBLEMS, GREEDY, SAMPLED, [1, 2, 4], ODE, grade_many)
    values = {k: d.value for k, d in found.pass_at.items()}
    # of 4 samples 2 and 1 are right
    assert values == pytest.approx({1: 0.375, 2: (5 / 6 + 1 / 2) / 2, 4: 1.0})


def test_votes_for_equal_answers_written_differently_add_up() -> None:
    found = assess(PROBLEMS, GREEDY, SAMPLED, [4], ODE, grade_many)
    assert found.maj_at[4].value == 0.5


def test_k_beyond_the_samples_is_refused() -> None:
    with pytest.raises(ValueError, match="k = 5 of 4 samples"):
        assess(PROBLEMS, GREEDY, SAMPLED, [5], ODE, grade_many)


@pytest.mark.parametrize(("samples", "ks"), [(0, []), (1, [1]), (4, [1, 4]), (20, [1, 4, 16, 20])])
def test_default_ks(samples: int, ks: list[int]) -> None:
    assert default_ks(samples) == ks
