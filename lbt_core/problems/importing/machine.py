"""The machine-readable side of a question: equation, conditions, unknown, kind, and the proof of the reference answer."""

import ast
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from lbt_core.problems.importing.fields import as_text, is_empty
from lbt_core.rows import KINDS, Condition, Problem

_NUMBER = re.compile(
    r"^\$?\s*[-+]?\s*(?:\d[\d,]*\.?\d*|\.\d+|\\frac\{\d+\}\{\d+\}|\d+/\d+)\s*\$?\s*[A-Za-z%]*$"
)
PROVEN, UNPROVEN, WRONG, NONE = "proven", "unproven", "wrong", "none"


@dataclass(frozen=True)
class Enriched:
    """A problem with its machine-readable fields; ``status`` is proven, unproven, wrong or none; ``residual`` where wrong."""

    problem: Problem
    status: str
    residual: str = ""


def stated_fields(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Kind, equation, conditions and unknown as the source states them, as arguments of Problem; what is not valid is left out."""
    out: dict[str, Any] = {}
    kind = as_text(attributes.get("kind")).strip().lower()
    if kind in KINDS:
        out["kind"] = kind
    lucky = attributes.get("lucky")
    if isinstance(lucky, bool):
        out["lucky"] = lucky
    ode = attributes.get("ode")
    if isinstance(ode, list):
        ode = "[" + ", ".join(as_text(item) for item in ode) + "]"
    if isinstance(ode, str) and ode.strip():
        out["ode"] = ode.strip()
        out["func"] = as_text(attributes.get("func")).strip() or None
        out["ics"] = conditions_of(attributes.get("ics"))
    return out


def conditions_of(value: Any) -> tuple[Condition, ...]:
    """Conditions from ``[[order, at, value], …]`` or ``[{"order", "at", "value"}, …]``, also as JSON text; others are dropped."""
    if isinstance(value, str):
        value = _parsed(value)
    if not isinstance(value, list | tuple):
        return ()
    out = []
    for item in value:
        if isinstance(item, Mapping):
            parts = [item.get("order", 0), item.get("at"), item.get("value")]
        elif isinstance(item, list | tuple) and len(item) == 3:
            parts = list(item)
        else:
            continue
        order = as_text(parts[0])
        if order.isdigit() and not is_empty(parts[1]) and not is_empty(parts[2]):
            out.append(Condition(int(order), _expression(parts[1]), _expression(parts[2])))
    return tuple(out)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def _expression(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "[" + ", ".join(as_text(item) for item in value) + "]"
    return as_text(value)


def enrich(problem: Problem) -> Enriched:
    """The problem with equation, conditions, unknown and kind where the reference answer is proven against them.

    Fields that the source states are kept unless they prove wrong; fields read from the question are kept only when proven.
    """
    from lbt_core.answers import prove, read_ode  # noqa: PLC0415 - loads numpy and mpmath, only where answers are proven

    stated = problem.ode is not None
    candidate = problem
    if not stated:
        read = read_ode(problem.question)
        if read is None:
            return Enriched(with_plain_kind(problem), NONE)
        candidate = replace(problem, ode=read.ode, ics=read.ics, func=read.func, kind=read.kind)
    proof = prove(candidate)
    if proof.verdict == "correct":
        return Enriched(candidate, PROVEN)
    if proof.verdict == "incorrect":
        return Enriched(candidate, WRONG, proof.detail)
    return Enriched(candidate if stated else with_plain_kind(problem), UNPROVEN)


def with_plain_kind(problem: Problem) -> Problem:
    """Kind "numeric" where none is known and the answer is a number."""
    if problem.kind == "other" and _NUMBER.match(problem.answer):
        return replace(problem, kind="numeric")
    return problem
