"""What scores say before training."""

import random

import pytest

from lbt_core.measurement.diagnostics import exam_diversity, score_diagnostics, student_fidelity
from lbt_core.store.rows import ExamPlace, Problem, Score
from lbt_core.subjects.ode import subject as ODE


def score(problem: str, correct: bool, lbt: float, verdict: str = "") -> Score:
    verdict = verdict or ("correct" if correct else "incorrect")
    combined = 0.5 * correct + 0.5 * lbt
    return Score(problem, 0, "", verdict, correct, lbt, combined, 9, (lbt,))


ROWS = [
    # an easy and a hard problem with gaps of 0.2 and 0.4, and one where all is right
    *(score("easy", True, lbt) for lbt in (0.9, 1.0)),
    score("easy", False, 0.75),
    score("hard", True, 0.5),
    score("hard", False, 0.1),
    score("hard", False, 0.1, "undecided"),
    *(score("sure", True, 0.2) for _ in range(2)),
]


def test_the_gap_is_taken_within_problems() -> None:
    found = score_diagnostics(ROWS)
    assert found.within_gap == pytest.approx(0.3)
    # t interval of 0.2 and 0.4: 0.3 +- 12.706 * 0.1
    assert (found.within_low, found.within_high) == pytest.approx((-0.9706, 1.5706), abs=1e-3)


def test_right_rationales_that_teach_no_better_than_wrong_ones() -> None:
    found = score_diagnostics(ROWS)
    assert found.lbt_wrong == pytest.approx(0.95 / 3)
    assert found.low_right == pytest.approx(2 / 5)


def test_problems_are_counted_by_their_verdicts() -> None:
    found = score_diagnostics(ROWS)
    counts = (found.problems, found.mixed, found.all_right, found.all_wrong, found.tied)
    assert counts == (3, 2, 1, 0, 1)
    assert (found.rationales, found.right, found.undecided) == (8, 5, 1)


def test_grades_are_compared_with_exams() -> None:
    found = score_diagnostics(ROWS)
    mean = (0.9 + 1.0 + 0.75 + 0.5 + 0.1 + 0.1 + 0.2 + 0.2) / 8
    assert found.grade_minus_lbt == pytest.approx(5 / 8 - mean)
    assert score_diagnostics([score("p", True, 0.25)]).grade_minus_lbt == pytest.approx(0.75)


def test_what_is_undefined_is_none() -> None:
    assert score_diagnostics([]).grade_minus_lbt is None
    found = score_diagnostics([score("p", True, 0.5)])
    assert (found.within_gap, found.lbt_wrong, found.low_right, found.right_spread) == (None,) * 4


def problem(name: str, question: str, lucky: bool | None = None) -> Problem:
    return Problem(name, question, "0", lucky=lucky)


def test_exams_that_repeat_the_lesson_are_not_diverse() -> None:
    lesson = "Solve y' = 2*x with y(0) = 1."
    rows = [problem(name, lesson) for name in ("taught", "same", "again")]
    places = [ExamPlace("taught", i, p.id, 1.0) for i, p in enumerate(rows[1:])]
    found = exam_diversity(places, {p.id: p for p in rows}, ODE)
    assert found is not None
    assert (found.within, found.to_taught) == pytest.approx((0.0, 0.0), abs=1e-6)


def test_exams_on_unrelated_problems_are_diverse() -> None:
    rows = [
        problem("taught", "Solve y' = 2*x with y(0) = 1."),
        problem("tank", "How much salt remains in the tank after one hour?"),
        problem("wave", "Find the fundamental frequency of a vibrating string."),
    ]
    places = [ExamPlace("taught", i, p.id, 0.0) for i, p in enumerate(rows[1:])]
    found = exam_diversity(places, {p.id: p for p in rows}, ODE)
    assert found is not None
    assert found.within is not None
    assert found.within > 0.5
    assert found.to_taught > 0.5


def test_luck_is_counted_as_often_as_a_problem_is_asked() -> None:
    rows = [
        problem("a", "y' = 1", True),
        problem("b", "y' = 2", True),
        problem("x", "y' = 3", True),
        problem("z", "y' = 4", False),
    ]
    asked = [("a", "x"), ("a", "z"), ("b", "z")]
    places = [ExamPlace(taught, i, exam, 0.0) for i, (taught, exam) in enumerate(asked)]
    found = exam_diversity(places, {p.id: p for p in rows}, ODE)
    assert found is not None
    assert (found.lucky_taught, found.lucky_asked) == (1.0, pytest.approx(1 / 3))


def test_no_design_has_no_diversity() -> None:
    assert exam_diversity([], {}, ODE) is None


def answers(
    chance: dict[str, float], questions: int = 40, problems: int = 6
) -> list[tuple[str, str, str, bool]]:
    """Exam answers that are right with a chance that depends on the rationale alone."""
    rng = random.Random(0)
    return [
        (f"p{p}", key, f"q{q}", rng.random() < share)
        for p in range(problems)
        for key, share in chance.items()
        for q in range(questions)
    ]


def test_a_student_that_does_as_shown_is_faithful() -> None:
    found = student_fidelity(answers({"good": 1.0, "bad": 0.0}))
    assert (found.share, found.reliability) == pytest.approx((1.0, 1.0))
    assert found.problems == 6


def test_a_student_that_ignores_the_example_is_not_faithful() -> None:
    found = student_fidelity(answers({"one": 0.5, "other": 0.5, "third": 0.5}))
    assert found.share is not None
    assert found.share < 0.05


def test_fidelity_is_the_share_that_lies_between_rationales() -> None:
    # chances 0.8 and 0.2: variance between two rationales 0.18, rest 0.16 each
    found = student_fidelity(answers({"good": 0.8, "bad": 0.2}, questions=200, problems=20))
    assert found.share == pytest.approx(0.18 / 0.34, abs=0.03)
    assert found.share_low is not None
    assert found.share_high is not None
    assert found.share_low < 0.18 / 0.34 < found.share_high


def test_longer_exams_are_more_reliable() -> None:
    short = student_fidelity(answers({"a": 0.7, "b": 0.3}, questions=3, problems=200))
    long = student_fidelity(answers({"a": 0.7, "b": 0.3}, questions=30, problems=200))
    assert short.reliability is not None
    assert long.reliability is not None
    # Spearman-Brown: 0.08 / (0.08 + 0.21 / questions)
    assert short.reliability == pytest.approx(0.08 / (0.08 + 0.07), abs=0.1)
    assert long.reliability == pytest.approx(0.08 / (0.08 + 0.007), abs=0.05)


def test_questions_that_differ_in_difficulty_are_not_fidelity() -> None:
    rows = [("p", key, f"q{q}", q % 2 == 0) for key in ("a", "b") for q in range(10)]
    assert student_fidelity(rows).share == pytest.approx(0.0)


def test_fidelity_without_two_rationales_is_undefined() -> None:
    found = student_fidelity([("p", "only", "q", True), ("p", "only", "r", False)])
    assert (found.problems, found.share, found.share_low) == (0, None, None)


def test_fidelity_of_answers_that_never_vary_is_undefined() -> None:
    found = student_fidelity(answers({"a": 1.0, "b": 1.0}))
    assert (found.share, found.reliability) == (None, None)
