"""A differential-equation problem: the row type with its machine-readable equation."""

from dataclasses import asdict, dataclass

from lbt_core.store.rows import Problem, from_record

KINDS = (
    "general",
    "ivp",
    "particular",
    "implicit",
    "system",
    "boundary",
    "pde",
    "numeric",
    "other",
)


@dataclass(frozen=True, slots=True)
class Condition:
    """One initial or boundary condition: the derivative of the given order takes ``value`` at
    ``at``.

    ``at`` and ``value`` are sympy-syntax strings; for a system ``value`` is a list in the order of
    the unknowns, "[1, 3]".
    """

    order: int
    at: str
    value: str


@dataclass(frozen=True, slots=True)
class OdeProblem(Problem):
    """A problem with its equation.

    ``ode``, ``ics`` and ``func`` are the machine-readable equation (sympy syntax, ``Eq(lhs,
    rhs)``; a list for a system), its conditions and its unknown, ``y(x)`` or ``x(t), y(t)``; they
    are None where the question is not one equation to solve or has not been proven to parse.
    ``kind`` is one of KINDS.
    """

    ode: str | None = None
    ics: tuple[Condition, ...] = ()
    func: str | None = None


def as_ode(problem: Problem) -> OdeProblem:
    """The problem as one of this subject's; a plain one has no equation."""
    if isinstance(problem, OdeProblem):
        return problem
    return from_record(asdict(problem), OdeProblem)
