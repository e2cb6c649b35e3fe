"""Files of strangers bring data, not code and not places: pickled column types stay unread, and an
id that looks like a path is an id."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lbt_core.corpora.sources import read_problems
from lbt_core.method.subject import Subject
from lbt_core.store import Files
from lbt_core.store.shards import read_table
from lbt_core.subjects import load_subject

ROW = {"question": "Solve y' = y, y(0) = 1.", "answer": "y = e^x"}


class Touch:
    """Unpickled, it makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.path,)


@pytest.fixture
def hostile(tmp_path: Path) -> tuple[pa.Table, Path]:
    """A table whose columns claim to be of a type that is pickled in its metadata, and the file
    that appears where somebody unpickles it."""
    mark = tmp_path / "unpickled"
    extension = {
        b"ARROW:extension:name": b"arrow.py_extension_type",
        b"ARROW:extension:metadata": pickle.dumps(Touch(mark)),
    }
    fields = [pa.field(name, pa.string(), metadata=extension) for name in ROW]
    table = pa.Table.from_pylist([ROW], schema=pa.schema(fields))
    pickle.loads(pickle.dumps(Touch(mark)))
    assert mark.exists()  # it would be seen
    mark.unlink()
    return table, mark


def as_parquet(table: pa.Table, path: Path) -> None:
    pq.write_table(table, path)


def as_arrow(table: pa.Table, path: Path) -> None:
    with pa.ipc.new_file(path, table.schema) as writer:
        writer.write_table(table)


@pytest.mark.parametrize(("name", "write"), [("t.parquet", as_parquet), ("t.arrow", as_arrow)])
def test_an_import_unpickles_no_column_type(
    run: Any,
    tmp_path: Path,
    hostile: tuple[pa.Table, Path],
    name: str,
    write: Callable[[pa.Table, Path], None],
) -> None:
    table, mark = hostile
    write(table, tmp_path / name)
    assert len(run(tmp_path / name).problems) == 1
    assert not mark.exists()


def test_neither_does_a_table_of_problems_nor_of_a_run(
    tmp_path: Path, hostile: tuple[pa.Table, Path]
) -> None:
    table, mark = hostile
    as_parquet(table, tmp_path / "t.parquet")
    subject: Subject = load_subject("ode")
    (problem,) = read_problems(str(tmp_path / "t.parquet"), subject)
    assert problem.question == ROW["question"]
    assert read_table(Files(str(tmp_path)), "t.parquet").to_pylist() == [ROW]
    assert not mark.exists()


@pytest.mark.parametrize("name", ["../../outside", "/tmp/outside", "a/../../b", "..", "con\0fig"])
def test_an_id_that_looks_like_a_path_makes_none(run: Any, tmp_path: Path, name: str) -> None:
    found = run([ROW | {"id": name, "topic": name}])
    assert len(found.problems) == 1
    corpus, source = tmp_path / "corpus", tmp_path / "source.json"
    places = [p for p in tmp_path.rglob("*") if p != corpus and corpus not in p.parents]
    assert places == [source]
    assert all(p.is_file() for p in corpus.iterdir())
    assert not (tmp_path.parent / "outside").exists()
