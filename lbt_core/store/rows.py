"""The rows that stages hand to each other: one frozen dataclass a table, and its Parquet schema
derived from it.

A row is identified by its content (problem id, sample index, text key, exam problem id), never by
its position in a file.
"""

import functools
import hashlib
import types
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar

import pyarrow as pa

VERDICTS = ("correct", "incorrect", "undecided", "unparsable")


def text_key(text: str) -> str:
    """Identity of a text: the first 16 hex digits of its SHA-256."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Problem:
    """One question with one reference answer; a subject may derive a type with fields of its own.

    ``kind`` is a word of the subject's for what is asked, ``solution`` a worked solution where the
    corpus has one. ``lucky`` says, for generated problems only, whether a wrong method happens to
    give the right answer here. ``split`` is train, exam, validation or test; ``source`` is the
    item's place in the corpus it came from and ``parent`` the exercise it is a part of.
    """

    id: str
    question: str
    answer: str
    topic: str = ""
    family: str = ""
    kind: str = "other"
    solution: str | None = None
    lucky: bool | None = None
    split: str = "train"
    source: str = ""
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class Rationale:
    """One sampled solution of a problem, graded. Evaluation answers have the same shape (greedy
    decoding is sample 0).

    ``text_key`` is the identity of the text, so that identical texts share their exams.
    ``finish_reason`` is the engine's: "stop", "length", or "error:…" for a prompt that could not
    be run. ``tokens`` counts generated tokens, ``prompt_tokens`` the prompt's. ``verdict`` is one
    of VERDICTS, ``method`` how the grader decided, ``answer`` what it extracted, or None.
    """

    problem_id: str
    sample: int
    text: str
    text_key: str
    finish_reason: str
    prompt_tokens: int
    tokens: int
    verdict: str
    method: str
    answer: str | None
    correct: bool


@dataclass(frozen=True, slots=True)
class ExamPlace:
    """One line of the exams' design: a problem's exam holds this exam problem.

    ``rank`` counts from 0 by descending ``similarity`` (cosine, at most 1).
    """

    problem_id: str
    rank: int
    exam_problem_id: str
    similarity: float


@dataclass(frozen=True, slots=True)
class ExamAnswer:
    """One student answer to one exam problem after reading one rationale (named by its problem and
    text key).
    """

    problem_id: str
    rationale_key: str
    student: str
    exam_problem_id: str
    repetition: int
    text: str
    finish_reason: str
    prompt_tokens: int
    tokens: int
    verdict: str
    method: str
    answer: str | None
    correct: bool


@dataclass(frozen=True, slots=True)
class ExamLikelihood:
    """What one student thinks of the reference of one exam problem, with one rationale shown and
    without any: sums of log-probabilities in nats over the reference's ``tokens``.

    ``finish_reason`` is "error:…" where either could not be run; both sums are 0 then.
    """

    problem_id: str
    rationale_key: str
    student: str
    exam_problem_id: str
    repetition: int
    finish_reason: str
    prompt_tokens: int
    tokens: int
    logprob: float
    unaided: float


@dataclass(frozen=True, slots=True)
class Score:
    """A rationale's scores, all in [0, 1]: ``lbt`` is the mean over students of the student's exam
    accuracy.
    """

    problem_id: str
    sample: int
    text_key: str
    verdict: str
    correct: bool
    lbt: float
    score: float
    exam_answers: int
    lbt_by_student: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Preference:
    """One preference pair with its lineage: which two rationales of which problem, and why one is
    preferred.

    ``arm`` is the rule that made it: combined, correctness, lbt or random. ``prompt`` is the
    rendered prompt (chat format included), ``chosen`` and ``rejected`` the texts as generated.
    """

    arm: str
    problem_id: str
    prompt: str
    chosen: str
    rejected: str
    chosen_sample: int
    rejected_sample: int
    chosen_score: float
    rejected_score: float
    chosen_lbt: float
    rejected_lbt: float
    chosen_verdict: str
    rejected_verdict: str
    gap: float


Row = TypeVar("Row")

_SCALARS: dict[Any, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
}


def _arrow_type(annotation: Any) -> tuple[pa.DataType, bool]:
    """Arrow type and nullability of a field annotation (scalar, ``X | None``, ``tuple[X, ...]``
    of scalars or rows).
    """
    if isinstance(annotation, types.UnionType):
        inner = [a for a in typing.get_args(annotation) if a is not type(None)]
        return _arrow_type(inner[0])[0], True
    if typing.get_origin(annotation) is tuple:
        item = typing.get_args(annotation)[0]
        if item in _SCALARS:
            return pa.list_(_SCALARS[item]), False
        return pa.list_(pa.struct(list(schema_of(item)))), False
    return _SCALARS[annotation], False


@functools.cache
def _hints(row_type: type[Any]) -> dict[str, Any]:
    return typing.get_type_hints(row_type)


def schema_of(row_type: type) -> pa.Schema:
    """The Parquet schema of a row dataclass, in field order."""
    return _schema_of(row_type)


@functools.cache
def _schema_of(row_type: Any) -> pa.Schema:
    hints = _hints(row_type)
    return pa.schema([pa.field(f.name, *_arrow_type(hints[f.name])) for f in fields(row_type)])


def storable(text: str) -> str:
    """The text as UTF-8 can hold it: lone surrogates are written out (``\\ud800``), nothing else
    changes. They come from JSON escapes in corpora; failing on one would lose the other rows."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def to_table(rows: Iterable[Row], row_type: type[Row]) -> pa.Table:
    """Rows as an Arrow table with the dataclass's schema; texts as ``storable`` gives them."""
    return pa.Table.from_pylist([_to_dict(row) for row in rows], schema=schema_of(row_type))


def _to_dict(row: Any) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for f in fields(row):
        value = getattr(row, f.name)
        if isinstance(value, tuple):
            value = [_to_dict(v) if hasattr(v, "__dataclass_fields__") else v for v in value]
        out[f.name] = storable(value) if isinstance(value, str) else value
    return out


# evaluating them for every row takes longer than making the row


def from_record(record: Mapping[str, Any], row_type: type[Row]) -> Row:
    """One row from a mapping with the dataclass's field names; missing fields take their defaults.

    Raises TypeError where a field without a default is missing.
    """
    names, tuples = _layout(row_type)  # type: ignore[arg-type]
    values = {name: record[name] for name in names if name in record}
    for name, item in tuples:
        if name in values:
            found = values[name] or ()
            values[name] = tuple(from_record(v, item) if item else v for v in found)
    return row_type(**values)


@functools.cache
def _layout(row_type: Any) -> tuple[tuple[str, ...], tuple[tuple[str, Any], ...]]:
    """The fields' names, and those that hold tuples with the row type of their items, None for
    plain values."""
    found = []
    for name, hint in _hints(row_type).items():
        if typing.get_origin(hint) is tuple:
            item = typing.get_args(hint)[0]
            found.append((name, item if hasattr(item, "__dataclass_fields__") else None))
    return tuple(f.name for f in fields(row_type)), tuple(found)


def from_table(table: pa.Table, row_type: type[Row]) -> list[Row]:
    """All rows of a table as dataclass instances."""
    return [from_record(record, row_type) for record in table.to_pylist()]
