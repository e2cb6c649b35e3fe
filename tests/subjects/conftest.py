"""Shared problems of the grader's tests."""

import pytest

from lbt_core.subjects.ode.problem import Condition, OdeProblem


@pytest.fixture
def decay() -> OdeProblem:
    """y' = -3y, general solution."""
    return OdeProblem(
        "decay", "Solve $y' + 3y = 0$.", "$y = Ce^{-3x}$", kind="general",
        ode="Eq(Derivative(y(x), x) + 3*y(x), 0)", func="y(x)",
    )  # fmt: skip


@pytest.fixture
def growth() -> OdeProblem:
    """y' = 2y, y(0) = 5."""
    return OdeProblem(
        "growth", "Solve $y' = 2y$, $y(0)=5$.", "$y = 5e^{2x}$", kind="ivp",
        ode="Eq(Derivative(y(x), x), 2*y(x))", ics=(Condition(0, "0", "5"),), func="y(x)",
    )  # fmt: skip
