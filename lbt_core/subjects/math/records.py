"""The shapes of GSM8K and MATH as records with question, answer and solution."""

import re
from collections.abc import Mapping
from typing import Any

from lbt_core.subjects.math.answers import final_answer

_HASHES = re.compile(r"^[ \t]*####[ \t]*(.*)\Z", re.MULTILINE | re.DOTALL)


def known_shape(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """A record of GSM8K (``question``, ``answer`` ending with ``#### 42``) or MATH (``problem``,
    ``solution`` with ``\\boxed{}``, ``level``, ``type``) with question, answer, solution, topic
    and family; any other record as it is.
    """
    answer, problem, solution = (record.get(k) for k in ("answer", "problem", "solution"))
    if isinstance(answer, str) and (found := _HASHES.search(answer)) and "question" in record:
        given = record.get("solution") or answer[: found.start()].rstrip() or None
        return {**record, "answer": found[1].strip(), "solution": given}
    if isinstance(problem, str) and isinstance(solution, str) and "question" not in record:
        return _competition(record, problem, solution)
    return record


def _competition(record: Mapping[str, Any], problem: str, solution: str) -> Mapping[str, Any]:
    rest = {k: v for k, v in record.items() if k not in ("problem", "level", "type", "subject")}
    shaped = {**rest, "question": problem, "solution": solution}
    if not isinstance(record.get("answer"), str):
        boxed = final_answer(solution)
        shaped["answer"] = boxed.answer if boxed.marked else ""
    topic = record.get("type") or record.get("subject")
    if isinstance(topic, str):
        shaped.setdefault("topic", topic)
    if (level := record.get("level")) is not None:
        shaped.setdefault("family", level if isinstance(level, str) else f"Level {level}")
    return shaped
