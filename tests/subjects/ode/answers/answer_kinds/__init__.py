"""Cases by kind of phrasing: for each kind a problem with answers that are right and wrong."""

from typing import NamedTuple

from lbt_core.subjects.ode.problem import Condition, OdeProblem


class Group(NamedTuple):
    """Answers to one problem: every one of ``right`` must be accepted, none of ``wrong``."""

    name: str
    problem: OdeProblem
    right: tuple[str, ...] = ()
    wrong: tuple[str, ...] = ()


def ivp(question: str, ode: str, ics: list[tuple[int, str, str]], answer: str, func: str = "y(x)",
        kind: str = "ivp") -> OdeProblem:  # fmt: skip
    """A problem with an equation and its conditions."""
    given = tuple(Condition(*c) for c in ics)
    return OdeProblem("p", question, answer, kind=kind, ode=ode, ics=given, func=func)


def general(question: str, ode: str, answer: str, func: str = "y(x)",
            kind: str = "general") -> OdeProblem:  # fmt: skip
    """A problem with an equation and no conditions."""
    return OdeProblem("p", question, answer, kind=kind, ode=ode, func=func)


def asked(question: str, answer: str, kind: str = "other") -> OdeProblem:
    """A problem without an equation."""
    return OdeProblem("p", question, answer, kind=kind)


DECAY = ivp(
    "Solve $y' = -3y$, $y(0) = 4$.", "Eq(Derivative(y(t), t) + 3*y(t), 0)", [(0, "0", "4")],
    "$y = 4e^{-3t}$", "y(t)",
)  # fmt: skip
