"""Files of answers to grade, with or without labels, and the counts that a run over them gives."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lbt_core import UserError
from lbt_core.method.subject import Grade, Subject
from lbt_core.store.rows import Problem


@dataclass(frozen=True, slots=True)
class Pair:
    """One line of a file: a problem, a candidate, and whether it is right (None: not said)."""

    id: str
    problem: Problem
    candidate: str
    label: bool | None
    category: str


def read_pairs(path: Path, subject: Subject) -> list[Pair]:
    """Pairs from JSON lines with ``id, question, reference, candidate, label?, category?`` and the
    subject's own fields (``Subject.from_record``).

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
                pairs.append(_pair(json.loads(line), number, subject))
            except (ValueError, KeyError, TypeError) as error:
                raise UserError(f"{path}, line {number}: {_reason(error)}") from None
    return pairs


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"the field {error} is missing."
    return f"{error}."


def _pair(record: Mapping[str, Any], number: int, subject: Subject) -> Pair:
    if not isinstance(record, dict):
        raise ValueError("expected an object")
    problem = subject.problem_type(
        id=str(record.get("base") or record.get("id") or number),
        question=_text(record, "question"),
        answer=_text(record, "reference"),
        **subject.from_record(record),
    )
    label = record.get("label")
    if label is not None and not isinstance(label, bool):
        raise ValueError("label must be true or false")
    category = str(record.get("category") or "")
    return Pair(
        str(record.get("id") or number), problem, _text(record, "candidate"), label, category
    )


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
