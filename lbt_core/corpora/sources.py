"""Problems to answer, from wherever a user keeps them: a file, a folder, a built-in corpus."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from lbt_core import UserError
from lbt_core.corpora.imported import load_corpus
from lbt_core.method.subject import CorpusRequest, Subject
from lbt_core.store.rows import Problem, from_record, schema_of, text_key, to_table


def read_problems(source: str, subject: Subject, split: str | None = None) -> list[Problem]:
    """Problems of one split: of a ``.parquet`` or ``.jsonl`` file of problem rows (all of it by
    default), an imported corpus's folder or a built-in corpus (the test split by default).

    Rows need a question and an answer; an id is made of the question where there is none. Raises
    UserError naming what is wrong and where.
    """
    if source in subject.sources:
        problems, split = list(subject.problems(source, CorpusRequest())), split or "test"
    elif Path(source).is_dir():
        problems, split = load_corpus(source, subject.problem_type), split or "test"
    else:
        problems = _read_file(Path(source), subject)
    chosen = [p for p in problems if split in (None, p.split)]
    if not chosen:
        have = ", ".join(sorted({p.split for p in problems})) or "none"
        raise UserError(f"{source} has no problems of split {split} (it has: {have})")
    repeated = [key for key, count in Counter(p.id for p in chosen).items() if count > 1]
    if repeated:
        raise UserError(f"{source}: two problems have the id {repeated[0]}")
    return chosen


def _read_file(path: Path, subject: Subject) -> list[Problem]:
    try:
        if path.suffix == ".parquet":
            records = pq.read_table(path).to_pylist()
        elif path.suffix in (".jsonl", ".ndjson"):
            records = _json_lines(path)
        else:
            raise UserError(
                f"{path}: name a .parquet or .jsonl file, the folder of an imported corpus, "
                f"or {' or '.join(subject.sources)}"
            )
    except (OSError, UnicodeDecodeError, pa.ArrowException) as error:
        raise UserError(f"{path} cannot be read ({' '.join(str(error).split())})") from None
    if not records:
        raise UserError(f"{path} holds no problems")
    return [
        _problem(path, number, record, subject) for number, record in enumerate(records, start=1)
    ]


def _json_lines(path: Path) -> list[Any]:
    records = []
    # not splitlines: JSON strings may hold other characters that it breaks lines at
    for number, line in enumerate(path.read_text("utf-8").split("\n"), start=1):
        if not line.strip():
            continue
        try:
            records.append(json.loads(line))
        except ValueError as error:
            raise UserError(f"{path}, line {number}: not JSON ({error})") from None
    return records


def _problem(path: Path, number: int, record: Any, subject: Subject) -> Problem:
    """One problem of a file; its types are those of the table, which is what everything expects."""
    where = f"{path}, problem {number}"
    if not isinstance(record, dict):
        raise UserError(f"{where}: expected an object with question and answer")
    record, row_type = subject.reshape(record), subject.problem_type
    missing = [k for k in ("question", "answer") if not isinstance(record.get(k), str)]
    if missing:
        raise UserError(f"{where}: {missing[0]} is missing or no text")
    fields = schema_of(row_type)
    known = {k: v for k, v in record.items() if k in fields.names}
    known = {k: v for k, v in known.items() if v is not None or fields.field(k).nullable}
    try:
        problem = from_record({"id": text_key(record["question"]), **known}, row_type)
        to_table([problem], row_type)
    except (TypeError, AttributeError, pa.ArrowException) as error:
        raise UserError(f"{where}: {' '.join(str(error).split())}") from None
    return problem
