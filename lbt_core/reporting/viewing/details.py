"""One thing of a run with all that hangs on it: a rationale, an exam answer, a pair, a test."""

import json
from collections.abc import Mapping
from dataclasses import astuple, dataclass, field, fields, is_dataclass
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lbt_core import UserError
from lbt_core.reporting.viewing.differences import Piece, marked
from lbt_core.reporting.viewing.index import Contents, RunIndex
from lbt_core.reporting.viewing.query import where
from lbt_core.store.rows import Problem

_BASE_FIELDS = {f.name for f in fields(Problem)}


@dataclass(frozen=True)
class Asked:
    """One exam problem with the answers that were given to it, in order of student and
    repetition."""

    problem_id: str
    problem: Problem | None
    answers: list[dict[str, Any]]

    @property
    def right(self) -> int:
        """How many answers are right."""
        return sum(bool(a["correct"]) for a in self.answers)


@dataclass(frozen=True)
class Teaching:
    """A rationale: its row, text, problem, exam, and the pairs that it is in.

    ``twins`` are the samples of the same problem with the same text.
    """

    row: dict[str, Any]
    text: str
    answer: str | None
    problem: Problem | None
    exam: list[Asked]
    twins: list[int] = field(default_factory=list)
    chosen_in: list[dict[str, Any]] = field(default_factory=list)
    rejected_in: list[dict[str, Any]] = field(default_factory=list)


@dataclass(frozen=True)
class Compared:
    """One exam problem under both rationales of a pair; ``decides`` where they did not do alike."""

    problem_id: str
    problem: Problem | None
    chosen: Asked | None
    rejected: Asked | None

    @property
    def decides(self) -> bool:
        """Whether the student did better after one of the two."""
        shares = [one.right / len(one.answers) if one else 0.0 for one in self.sides]
        return shares[0] != shares[1]

    @property
    def sides(self) -> tuple[Asked | None, Asked | None]:
        """Chosen and rejected."""
        return self.chosen, self.rejected


@dataclass(frozen=True)
class Pair:
    """A preference pair with both rationales; ``stale`` says that their scores are others now."""

    row: dict[str, Any]
    problem: Problem | None
    chosen: Teaching
    rejected: Teaching
    exam: list[Compared]
    chosen_pieces: list[Piece]
    rejected_pieces: list[Piece]
    stale: bool


def teaching(index: RunIndex, problem_id: str, sample: int) -> Teaching:
    """A stored rationale. Raises UserError where there is none."""
    contents = index.contents()
    same = where(contents.rationales, problem_id=problem_id)
    row = _only(where(same, sample=sample), f"rationale {problem_id}, sample {sample}")
    pairs = where(contents.pairs, problem_id=problem_id)
    return Teaching(
        row,
        index.texts(row["path"], [row["place"]])[0],
        _answer(index, row),
        contents.problems.get(problem_id),
        _exam(contents, problem_id, exam_key(index, row)),
        [s for s in where(same, text_key=row["text_key"])["sample"].to_pylist() if s != sample],
        where(pairs, chosen_sample=sample).to_pylist() if pairs.num_rows else [],
        where(pairs, rejected_sample=sample).to_pylist() if pairs.num_rows else [],
    )


def exam_key(index: RunIndex, row: Mapping[str, Any]) -> str:
    """What the exam answers on a rationale name it by (``lbt_core.method.exams``)."""
    key = str(row["text_key"])
    return key if index.config.exam.deduplicate else f"{key}-{row['sample']}"


def exam_answer(
    index: RunIndex, problem_id: str, key: str, student: str, asked: str, repetition: int
) -> tuple[dict[str, Any], str, str | None, Problem | None, Teaching | None]:
    """An exam answer's row and text, what it answers, what the grader took, and the rationale that
    the student had read. Raises UserError where there is none."""
    contents = index.contents()
    rows = where(contents.answers, problem_id=problem_id, rationale_key=key, student=student)
    rows = where(rows, exam_problem_id=asked, repetition=repetition) if rows.num_rows else rows
    row = _only(rows, f"answer of {student} to {asked} after rationale {key} of {problem_id}")
    shown = where(contents.rationales, problem_id=problem_id, text_key=key.split("-", 1)[0])
    samples = shown["sample"].to_pylist() if shown.num_rows else []
    if "-" in key:
        samples = [s for s in samples if key.endswith(f"-{s}")]
    taught = teaching(index, problem_id, samples[0]) if samples else None
    text = index.texts(row["path"], [row["place"]])[0]
    return row, text, _answer(index, row), contents.problems.get(asked), taught


def pair(index: RunIndex, arm: str, problem_id: str, chosen: int, rejected: int) -> Pair:
    """A stored preference pair. Raises UserError where there is none."""
    contents = index.contents()
    rows = where(contents.pairs, arm=arm, problem_id=problem_id)
    if rows.num_rows:
        rows = where(rows, chosen_sample=chosen, rejected_sample=rejected)
    row = _only(rows, f"pair of {problem_id}, samples {chosen} over {rejected}, arm {arm}")
    better, worse = (teaching(index, problem_id, s) for s in (chosen, rejected))
    first, second = marked(better.text, worse.text)
    sides = [{a.problem_id: a for a in one.exam} for one in (better, worse)]
    exam = [
        Compared(key, contents.problems.get(key), sides[0].get(key), sides[1].get(key))
        for key in dict.fromkeys([*sides[0], *sides[1]])
    ]
    stale = any(
        one.row["score"] is not None and abs(one.row["score"] - row[f"{side}_score"]) > 1e-9
        for side, one in (("chosen", better), ("rejected", worse))
    )
    exam.sort(key=lambda one: not one.decides)
    return Pair(row, better.problem, better, worse, exam, first, second, stale)


def neighbours(
    contents: Contents, row: Mapping[str, Any]
) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
    """The pairs of the same arm that are stored before and after this one."""
    rows = where(contents.pairs, arm=row["arm"])
    at = pc.index(rows["place"], row["place"]).as_py()
    around = [rows.slice(i, 1).to_pylist() if i >= 0 else [] for i in (at - 1, at + 1)]
    before, after = (found[0] if found else None for found in around)
    return before, after


def tested(index: RunIndex, problem_id: str) -> list[dict[str, Any]]:
    """Every arm's answer to a test problem, text and full extracted answer with it. Raises
    UserError where there is none."""
    rows: list[dict[str, Any]] = where(index.contents().tests, problem_id=problem_id).to_pylist()
    if not rows:
        raise UserError(f"no stored answer to test problem {problem_id}")
    for row in rows:
        row["text"] = index.texts(row["path"], [row["place"]])[0]
        row["answer"] = _answer(index, row)
    return rows


def grade_line(problem: Problem | None, name: str, text: str) -> str:
    """A row as a line for ``lbt grade``: the problem as the run has it, and the whole text, which
    the grader takes the answer out of as it did in the run. "" where the problem is not stored."""
    if problem is None:
        return ""
    own = {f.name: _plain(getattr(problem, f.name)) for f in fields(problem)}
    own = {k: v for k, v in own.items() if k not in _BASE_FIELDS}
    record = {
        "id": name,
        "base": problem.id,
        "question": problem.question,
        "reference": problem.answer,
        "kind": problem.kind,
        **own,
        "candidate": text,
    }
    # of ASCII and without control characters, so that it survives a page and a clipboard
    return json.dumps(record).replace("\x7f", "\\u007f")


def _plain(value: Any) -> Any:
    """A field as ``Subject.from_record`` reads it: a row in a field is the list of its values."""
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    return list(astuple(value)) if is_dataclass(value) and not isinstance(value, type) else value


def _exam(contents: Contents, problem_id: str, key: str) -> list[Asked]:
    rows = where(contents.answers, problem_id=problem_id, rationale_key=key)
    asked: dict[str, list[dict[str, Any]]] = {}
    for row in rows.to_pylist():
        asked.setdefault(row["exam_problem_id"], []).append(row)
    return [Asked(k, contents.problems.get(k), answers) for k, answers in asked.items()]


def _answer(index: RunIndex, row: Mapping[str, Any]) -> str | None:
    """The extracted answer in full; the index holds its beginning."""
    if row["answer"] is None:
        return None
    return index.texts(row["path"], [row["place"]], "answer")[0]


def _only(rows: pa.Table, what: str) -> dict[str, Any]:
    if rows.num_rows == 0:
        raise UserError(f"no {what} is stored in this run")
    row: dict[str, Any] = rows.slice(0, 1).to_pylist()[0]
    return row


def summary_of(contents: Contents) -> list[dict[str, Any]]:
    """One row a topic: teaching problems, rationales, how many of them right, mean scores."""
    table = contents.rationales
    if table is None:
        return []
    grouped = table.group_by("topic").aggregate(
        [("problem_id", "count_distinct"), ("correct", "sum"), ("sample", "count"), ("lbt", "mean")]
    )
    rows = [
        {
            "topic": row["topic"],
            "problems": row["problem_id_count_distinct"],
            "rationales": row["sample_count"],
            "right": row["correct_sum"],
            "lbt": row["lbt_mean"],
        }
        for row in grouped.to_pylist()
    ]
    return sorted(rows, key=lambda row: str(row["topic"]))


def arms_of(contents: Contents) -> list[dict[str, Any]]:
    """One row an arm: right answers to test problems, and how many were given so far."""
    if contents.tests is None:
        return []
    grouped = contents.tests.group_by("arm", use_threads=False).aggregate(
        [("correct", "sum"), ("correct", "count")]
    )
    return [
        {"arm": r["arm"], "right": r["correct_sum"], "answers": r["correct_count"]}
        for r in grouped.to_pylist()
    ]


def counts(table: pa.Table | None, column: str) -> dict[str, int]:
    """How many rows have each value of a column, most frequent first."""
    if table is None:
        return {}
    found = pc.value_counts(table[column]).to_pylist()
    return {
        str(one["values"]): one["counts"] for one in sorted(found, key=lambda one: -one["counts"])
    }
