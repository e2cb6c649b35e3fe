"""The fields of a line for ``lbt grade`` that this subject knows, or why they cannot be used."""

from collections.abc import Mapping
from typing import Any

from lbt_core.subjects.ode.answers.equations import compile_equations, functions_of, is_impulse
from lbt_core.subjects.ode.answers.expr import ParseError
from lbt_core.subjects.ode.problem import KINDS, Condition


def fields_of_line(record: Mapping[str, Any]) -> dict[str, Any]:
    """Kind, equation, conditions and unknown of a line for ``lbt grade``, as arguments of
    OdeProblem. Raises ValueError, TypeError for an unknown kind, an equation or conditions that
    cannot be read, and an equation without its unknown."""
    conditions = tuple(
        Condition(int(order), str(at), str(value)) for order, at, value in record.get("ics") or []
    )
    _check_fields(record, conditions)
    return {
        "kind": record.get("kind") or "other",
        "ode": record.get("ode"),
        "ics": conditions,
        "func": record.get("func"),
    }


def _check_fields(record: Mapping[str, Any], conditions: tuple[Condition, ...]) -> None:
    """Raises ValueError for what would be passed over in silence: an unknown kind, an equation or
    conditions that cannot be read or lack what they need.
    """
    kind, ode, func = (record.get(name) for name in ("kind", "ode", "func"))
    if kind is not None and kind not in KINDS:
        raise ValueError(f"kind {kind!r} is none of {', '.join(KINDS)}")
    for name, value in (("ode", ode), ("func", func)):
        if value is not None and not isinstance(value, str):
            raise ValueError(f"{name} must be a text in sympy syntax or null")
    if ode and not func:
        raise ValueError("ode needs func, the unknown with its variable, such as y(x)")
    if func and not ode:
        raise ValueError("func needs ode, the equation, such as Eq(Derivative(y(x), x), y(x))")
    if conditions and not ode:
        raise ValueError("ics need ode and func, the equation that they belong to")
    if not ode or not func:
        return
    try:
        functions_of(func)
    except ParseError as error:
        raise ValueError(f"func cannot be read: {error}") from None
    try:
        compile_equations(ode, (), func)
    except ParseError as error:
        if not is_impulse(error):
            raise ValueError(f"ode cannot be read: {error}") from None
        return
    except RecursionError:
        raise ValueError("ode cannot be read: nested too deep") from None
    try:
        compile_equations(ode, tuple((c.order, c.at, c.value) for c in conditions), func)
    except ParseError as error:
        raise ValueError(f"ics cannot be read: {error}") from None
