"""The equation read out of a question's text."""

import pytest

from lbt_core.subjects.ode.answers import grade, read_ode
from lbt_core.subjects.ode.problem import OdeProblem


@pytest.mark.parametrize(
    ("question", "ode"),
    [
        ("Solve y' + 2y = 0, y(0) = 3.", "Eq(Derivative(y(x), x) + 2*y(x), 0)"),
        ("Solve $y'' + \\omega^2 y = 0$.", "Eq(Derivative(y(x), (x, 2)) + omega**2*y(x), 0)"),
        ("Solve $y' = k y$ with $k = 3$.", "Eq(Derivative(y(x), x) - 3*y(x), 0)"),
        (
            "Solve the law y' = -6(y - A) with A = 6, y(0) = 18.",
            "Eq(Derivative(y(x), x) - (-6*(y(x) - 6)), 0)",
        ),
    ],
)
def test_the_equation_with_its_given_values(question: str, ode: str) -> None:
    read = read_ode(question)
    assert read is not None
    assert read.ode == ode


def test_values_stand_in_conditions_too() -> None:
    read = read_ode("Solve $y' = y$, $y(0) = c$, where $c = 2$.")
    assert read is not None
    assert [c.value for c in read.ics] == ["2"]


def test_a_value_of_the_unknown_is_no_parameter() -> None:
    read = read_ode("Solve y' = y where x = 0, y = 3.")
    assert read is not None
    assert read.ode == "Eq(Derivative(y(x), x) - y(x), 0)"


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [("y = 6 + 12*exp(-6*x)", "correct"), ("y = 6 + 18*exp(-6*x)", "incorrect")],
)
def test_an_answer_in_numbers_is_checked_with_the_given_values(answer: str, verdict: str) -> None:
    question = "Solve the law y' = -6(y - A) with A = 6, y(0) = 18."
    problem = OdeProblem("p", question, "y = 12*exp(-6*x) + 6")
    assert grade(problem, f"[[Final Answer]]: {answer}").verdict == verdict
