"""Files of answers to grade, with or without labels, and the counts that a run over them gives."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lbt_core.answers.equations import compile_equations, functions_of, is_impulse
from lbt_core.answers.expr import ParseError
from lbt_core.answers.grading import Grade
from lbt_core.errors import UserError
from lbt_core.rows import KINDS, Condition, Problem


@dataclass(frozen=True, slots=True)
class Pair:
    """One line of a file: a problem, a candidate, and whether it is right (None: not said)."""

    id: str
    problem: Problem
    candidate: str
    label: bool | None
    category: str


def read_pairs(path: Path) -> list[Pair]:
    """Pairs from JSON lines with ``id, question, reference, candidate, ode?, ics?, func?, kind?,
    label?, category?``.

    Raises UserError naming the line that cannot be read.
    """
    if not path.is_file():
        raise UserError(f"{path} is not a file.")
    pairs = []
    with path.open(encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                pairs.append(_pair(json.loads(line), number))
            except (ValueError, KeyError, TypeError) as error:
                raise UserError(f"{path}, line {number}: {_reason(error)}") from None
    return pairs


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"the field {error} is missing."
    return f"{error}."


def _pair(record: Mapping[str, Any], number: int) -> Pair:
    if not isinstance(record, dict):
        raise ValueError("expected an object")
    conditions = tuple(
        Condition(int(order), str(at), str(value)) for order, at, value in record.get("ics") or []
    )
    _check_fields(record, conditions)
    problem = Problem(
        id=str(record.get("base") or record.get("id") or number),
        question=_text(record, "question"),
        answer=_text(record, "reference"),
        kind=record.get("kind") or "other",
        ode=record.get("ode"),
        ics=conditions,
        func=record.get("func"),
    )
    label = record.get("label")
    if label is not None and not isinstance(label, bool):
        raise ValueError("label must be true or false")
    category = str(record.get("category") or "")
    return Pair(
        str(record.get("id") or number), problem, _text(record, "candidate"), label, category
    )


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


def _text(record: Mapping[str, Any], name: str) -> str:
    value = record[name]
    if not isinstance(value, str):
        raise ValueError(f"{name} must be a text")
    return value


def summarise(
    pairs: Sequence[Pair], grades: Sequence[Grade], seconds: float, workers: int
) -> dict[str, Any]:
    """Accuracy, false accepts and rejects (where labels are given), speed and counts by verdict and
    category.

    ``checks_per_s_core`` divides by the workers that ran; ``p99_s`` is the 99th percentile of the
    time of one answer.
    """
    labelled = [(p, g) for p, g in zip(pairs, grades, strict=True) if p.label is not None]
    wrong_accepts = [p for p, g in labelled if not p.label and g.verdict == "correct"]
    wrong_rejects = [p for p, g in labelled if p.label and g.verdict != "correct"]
    errors = len(wrong_accepts) + len(wrong_rejects)
    times = sorted(g.seconds for g in grades)
    return {
        "accuracy": round(1 - errors / len(labelled), 6) if labelled else None,
        "false_accepts": len(wrong_accepts) if labelled else None,
        "false_rejects": len(wrong_rejects) if labelled else None,
        "checks_per_s_core": round(len(grades) / max(seconds * workers, 1e-9), 1),
        "p99_s": round(times[min(len(times) - 1, int(0.99 * len(times)))], 5) if times else None,
        "answers": len(grades),
        "labelled": len(labelled),
        "max_s": round(times[-1], 4) if times else None,
        "verdicts": dict(sorted(Counter(g.verdict for g in grades).items())),
        "categories": by_category(labelled),
        "false_accept_ids": [p.id for p in wrong_accepts],
        "false_reject_ids": [p.id for p in wrong_rejects],
    }


def by_category(labelled: Iterable[tuple[Pair, Grade]]) -> dict[str, dict[str, int]]:
    """Confusion counts by category: right, false accepts, false rejects."""
    out: dict[str, dict[str, int]] = {}
    for pair, grade in labelled:
        row = out.setdefault(
            pair.category or "none", {"right": 0, "false_accepts": 0, "false_rejects": 0}
        )
        accepted = grade.verdict == "correct"
        row[
            "right"
            if accepted == pair.label
            else ("false_accepts" if accepted else "false_rejects")
        ] += 1
    return dict(sorted(out.items()))
