"""What an import remembers about problems already seen, on disk: ids and keys in SQLite, rows in a
Parquet file.
"""

import sqlite3
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType

import pyarrow.parquet as pq

from lbt_core.store.rows import Problem, schema_of, to_table

CACHE_KIB = 32 * 1024
BATCH = 1_000


class Seen:
    """Keys to problem indices, and ids in use; memory stays at the cache size however many there
    are.
    """

    def __init__(self, path: Path) -> None:
        self._db = sqlite3.connect(path, isolation_level=None)
        for pragma in ("journal_mode=OFF", "synchronous=OFF", f"cache_size=-{CACHE_KIB}"):
            self._db.execute(f"PRAGMA {pragma}")
        self._db.execute(
            "CREATE TABLE keys (key TEXT PRIMARY KEY, number INTEGER, id TEXT, parent "
            "TEXT) WITHOUT ROWID"
        )
        self._db.execute("CREATE TABLE ids (id TEXT PRIMARY KEY) WITHOUT ROWID")
        self._db.execute("BEGIN")

    def __enter__(self) -> "Seen":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._db.close()

    def find(self, keys: Iterable[str], parent: str | None) -> tuple[str, str] | None:
        """(key, id) of the first problem that has one of the keys.

        An equation key of a part of the same exercise does not count: its parts ask different
        things of one equation.
        """
        for key in keys:
            row = self._db.execute(
                "SELECT key, id, parent FROM keys WHERE key = ?", (key,)
            ).fetchone()
            sibling = parent is not None and row and row[2] == parent and key.startswith("e:")
            if row and not sibling:
                return str(row[0]), str(row[1])
        return None

    def add(
        self, keys: Iterable[str], number: int, problem_id: str, parent: str | None
    ) -> list[int]:
        """Remember the keys of a problem; the numbers of earlier problems that hold one of them."""
        earlier = []
        for key in dict.fromkeys(keys):
            row = self._db.execute("SELECT number FROM keys WHERE key = ?", (key,)).fetchone()
            if row:
                earlier.append(int(row[0]))
            else:
                self._db.execute(
                    "INSERT INTO keys VALUES (?, ?, ?, ?)", (key, number, problem_id, parent)
                )
        return earlier

    def free_id(self, wanted: str) -> str:
        """The wanted id, or the first of "id~2", "id~3", … that is not in use; it is in use from
        now on.
        """
        name, count = wanted, 1
        while self._db.execute("INSERT OR IGNORE INTO ids VALUES (?)", (name,)).rowcount == 0:
            count += 1
            name = f"{wanted}~{count}"
        return name


class ProblemWriter:
    """Problems to a Parquet file, a row group every BATCH rows."""

    def __init__(self, path: Path, problem_type: type[Problem]) -> None:
        self._type = problem_type
        self._writer = pq.ParquetWriter(path, schema_of(problem_type), compression="zstd")
        self._rows: list[Problem] = []

    def __enter__(self) -> "ProblemWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._flush()
        self._writer.close()

    def write(self, problem: Problem) -> None:
        self._rows.append(problem)
        if len(self._rows) >= BATCH:
            self._flush()

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(to_table(self._rows, self._type))
            self._rows = []
