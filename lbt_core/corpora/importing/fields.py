"""Which key of a record holds which field: known names, the user's ``--map FIELD=PATH``, and values
as plain text.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from lbt_core import UserError

NAMES: dict[str, tuple[str, ...]] = {
    "id": ("id", "uid", "uuid", "problem_id", "question_id", "exercise_id", "qid", "key",
    "number", "no", "num"),
    "label": ("label", "part", "letter", "part_id", "part_label", "subpart", "number", "no",
    "id", "name"),
    "question": (
        "question", "problem", "problem_text", "question_text", "stem", "statement",
        "problem_statement", "prompt", "query",
        "exercise", "exercise_text", "task", "text", "body", "content", "latex", "input",
    ),
    "answer": (
        "answer", "answer_raw", "final_answer", "reference_answer", "correct_answer",
        "expected_answer", "gold_answer",
        "ground_truth", "gold", "ans", "answer_text", "reference", "result", "expected",
        "target", "answers", "output",
    ),
    "solution": (
        "solution", "worked_solution", "full_solution", "reference_solution",
        "solution_text", "explanation", "rationale",
        "derivation", "steps", "solutions", "response", "completion",
    ),
    "parts": (
        "parts", "subparts", "sub_parts", "subproblems", "sub_problems", "subquestions",
        "sub_questions", "part_list",
        "subexercises", "items", "tasks", "variants",
    ),
    "after": ("after_parts", "after", "closing", "epilogue", "note_after"),
    "hint": ("hint", "hints"),
    "topic": ("topic", "subject", "category", "tag", "tags", "topics", "subtopic", "area",
    "concept"),
    "family": ("family", "template", "problem_family"),
    "kind": ("kind", "problem_kind", "type", "problem_type"),
    "ode": ("ode", "equation_sympy", "ode_sympy"),
    "ics": ("ics", "initial_conditions", "conditions", "ic"),
    "func": ("func", "unknown", "unknowns", "function"),
    "lucky": ("lucky",),
    "split": ("split", "subset", "partition", "fold"),
    "chapter": ("chapter", "chapter_title", "unit", "module"),
    "section": ("section", "section_title", "lesson"),
}  # fmt: skip
"""The names that are looked for, in this order and without regard to case, spaces, dashes and
underscores.
"""

CONTAINERS = (
    "exercises", "problems", "questions", "sections", "chapters", "subsections", "units",
    "modules", "lessons", "data", "items",
    "examples", "records", "rows", "children", "problem_sets", "sets", "parts", "contents",
    "book", "train", "test", "validation",
)  # fmt: skip
TITLES = ("title", "name", "heading", "chapter", "section", "topic", "label")
SHARED_TEXT = (
    "stem",
    "instructions",
    "instruction",
    "directions",
    "direction",
    "preamble",
    "setup",
    "given",
    "common",
    "context",
)
MAPPABLE = (*NAMES, "items")
NO_ANSWER = frozenset(
    {
        "",
        "-",
        "--",
        "—",
        "?",
        "n/a",
        "na",
        "none",
        "null",
        "nan",
        "tbd",
        "todo",
        "omitted",
        "no answer",
        "not given",
        "unknown",
    }
)
LICENCE_NAMES = ("license", "licence", "rights", "copyright")
ATTRIBUTION_NAMES = (
    "attribution",
    "author",
    "authors",
    "credit",
    "source",
    "source_url",
    "url",
    "homepage",
    "citation",
)
MAX_TEXT_DEPTH = 8


@lru_cache(maxsize=16_384)
def fold(name: str) -> str:
    """A key as it is compared: without spaces, dashes, dots and underscores, lower case."""
    return re.sub(r"[\s_\-.]+", "", name).lower()


@dataclass(frozen=True)
class FieldMap:
    """The user's ``--map``: field to path, a path being keys and list indices separated by dots."""

    paths: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def has(self, name: str) -> bool:
        return name in self.paths


def parse_map(options: Sequence[str]) -> FieldMap:
    """``FIELD=PATH`` options as a field map.

    Raises UserError for an option that is not FIELD=PATH or names no known field.
    """
    paths = {}
    for option in options:
        name, equals, path = option.partition("=")
        name = name.strip()
        if not equals or not path.strip():
            raise UserError(
                f"--map {option}: write FIELD=PATH, for example --map question=body.text"
            )
        if name not in MAPPABLE:
            raise UserError(
                f"--map {option}: there is no field {name!r}; the fields are {', '.join(MAPPABLE)}"
            )
        keys = re.sub(r"\[(\d+)\]", r".\1", path.strip()).strip(".")
        paths[name] = tuple(keys.split("."))
    return FieldMap(paths)


def follow(record: Any, path: Sequence[str]) -> Any:
    """The value at a path of keys and list indices, or None where it is not there."""
    for depth, key in enumerate(path):
        if isinstance(record, Mapping):
            whole = ".".join(path[depth:])
            if whole in record:
                return record[whole]
            record = record.get(key)
        elif isinstance(record, list | tuple) and key.isdigit():
            record = record[int(key)] if int(key) < len(record) else None
        else:
            return None
    return record


def lookup(record: Mapping[str, Any], name: str, fields: FieldMap) -> Any:
    """The value of a field: at the mapped path if one is given, else under the first known name
    that holds something.
    """
    if fields.has(name):
        return follow(record, fields.paths[name])
    return first_of(record, NAMES[name])


def first_of(record: Mapping[str, Any], names: Sequence[str]) -> Any:
    """The first non-empty value under one of the names, compared folded."""
    return next(all_of(record, names), None)


def all_of(record: Mapping[str, Any], names: Sequence[str]) -> Iterator[Any]:
    """The non-empty values under the names, in the order of the names."""
    folded: dict[str, Any] = {}
    for key, value in record.items():
        if isinstance(key, str):
            folded.setdefault(fold(key), value)
    for name in names:
        value = folded.get(fold(name))
        if not is_empty(value):
            yield value


def is_empty(value: Any) -> bool:
    """Nothing there: None, NaN, an empty or blank text, an empty list or mapping."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return True
    if isinstance(value, str):
        return not value.strip()
    return isinstance(value, list | tuple | dict) and not value


def as_text(value: Any, depth: int = 0) -> str:
    """A value as text: numbers written out, lists joined by line ends, mappings by their text or as
    ``key = value``.
    """
    if is_empty(value) or depth > MAX_TEXT_DEPTH:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, bool):
        return "Yes" if value else "No"
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    if isinstance(value, list | tuple):
        texts = [as_text(item, depth + 1) for item in value]
        return "\n".join(text for text in texts if text)
    if isinstance(value, Mapping):
        inner = first_of(
            value,
            ("text", "latex", "tex", "markdown", "value", "content", "display", "answer", "final"),
        )
        if inner is not None:
            return as_text(inner, depth + 1)
        pairs = [(key, as_text(item, depth + 1)) for key, item in value.items()]
        return ", ".join(f"{key} = {text}" if text else str(key) for key, text in pairs)
    return str(value)


def answer_text(value: Any) -> str:
    """A reference answer as text, "" where the source says that it has none; a list of answers is
    joined by commas.
    """
    if isinstance(value, list | tuple):
        texts = [answer_text(item) for item in value]
        return ", ".join(dict.fromkeys(text for text in texts if text))
    text = as_text(value).strip()
    return "" if text.strip(" .").lower() in NO_ANSWER else text


def optional_text(value: Any) -> str | None:
    """The value as text, or None where there is none."""
    text = as_text(value).strip()
    return text or None
