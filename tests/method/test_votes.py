"""Votes are counted by what answers mean."""

from collections.abc import Sequence

from lbt_core.method.votes import ballots
from lbt_core.store.rows import Rationale, text_key
from lbt_core.subjects.ode import subject as ODE
from lbt_core.subjects.ode.answers import Grade, grade
from lbt_core.subjects.ode.problem import OdeProblem

PROBLEM = OdeProblem("p", "Find the general solution of y' = 2*x.", "x^2 + C", kind="general")


def rationale(sample: int, answer: str | None, verdict: str, problem: str = "p") -> Rationale:
    text = f"{sample}"
    return Rationale(
        problem, sample, text, text_key(text), "stop", 1, 1, verdict, "", answer,
        verdict == "correct",
    )  # fmt: skip


def grade_many(items: Sequence[tuple[OdeProblem, str]]) -> list[Grade]:
    return [grade(problem, text) for problem, text in items]


def refuse(items: Sequence[tuple[OdeProblem, str]]) -> list[Grade]:
    raise AssertionError(f"{len(items)} comparisons were not needed")


def test_wrong_answers_that_mean_the_same_are_one_vote() -> None:
    rows = [
        rationale(0, "x^2", "incorrect"),
        rationale(1, "x \\cdot x", "incorrect"),
        rationale(2, "2*x", "incorrect"),
        rationale(3, "x^2 + C", "correct"),
    ]
    (ballot,) = ballots({"p": PROBLEM}, rows, ODE, grade_many)
    first, second, third, right = (v.answer or "" for v in ballot.voters)
    assert ballot.same(first, second)
    assert not ballot.same(first, third)
    assert not ballot.same(first, right)


def test_rare_wrong_answers_are_left_alone_beyond_a_bound() -> None:
    rows = [
        *(rationale(i, "2*x", "incorrect") for i in range(2)),
        *(rationale(2 + i, "2 * x + 0", "incorrect") for i in range(2)),
        rationale(4, "x*2", "incorrect"),
        rationale(5, "x^2 + C", "correct"),
    ]
    (ballot,) = ballots({"p": PROBLEM}, rows, ODE, grade_many, compared=2)
    assert ballot.same("2*x", "2 * x + 0")
    assert not ballot.same("2*x", "x*2")


def test_right_answers_are_one_vote_without_being_compared() -> None:
    rows = [rationale(0, "x^2 + C", "correct"), rationale(1, "K + x^2", "correct")]
    (ballot,) = ballots({"p": PROBLEM}, rows, ODE, refuse)
    assert ballot.same("x^2 + C", "K + x^2")


def test_nothing_is_compared_where_no_answer_is_right() -> None:
    rows = [rationale(0, "1", "incorrect"), rationale(1, "2", "incorrect")]
    (ballot,) = ballots({"p": PROBLEM}, rows, ODE, refuse)
    assert not ballot.same("1", "2")


def test_voters_carry_scores_in_order_of_their_samples() -> None:
    rows = [rationale(1, None, "unparsable"), rationale(0, "x^2 + C", "correct")]
    (ballot,) = ballots({"p": PROBLEM}, rows, ODE, refuse, {("p", 0): 0.5, ("p", 1): 0.25})
    assert [(v.answer, v.correct, v.lbt) for v in ballot.voters] == [
        ("x^2 + C", True, 0.5),
        (None, False, 0.25),
    ]


def test_each_problem_has_its_own_ballot() -> None:
    problems = {"p": PROBLEM, "q": PROBLEM}
    rows = [rationale(0, "1", "incorrect", name) for name in ("p", "q")]
    assert [b.problem_id for b in ballots(problems, rows, ODE, refuse)] == ["p", "q"]
