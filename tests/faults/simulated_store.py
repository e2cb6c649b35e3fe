"""An object store in memory that does what the world's seed says, and Parquet files read once.

Most of a history's time went into reading the same few files again: what their bytes say is kept,
while every request for the bytes is still made, and may fail.
"""

import functools
import io
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.implementations.memory import MemoryFileSystem
from simulated_world import here


class SimulatedStore(MemoryFileSystem):
    """An object store in memory that does what the world's seed says."""

    protocol = "sim"
    root_marker = "/"

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return "/" + str(path).removeprefix("sim://").strip("/")

    def cat_file(self, path: str, start: Any = None, end: Any = None, **_: Any) -> bytes:
        path = self._strip_protocol(path)
        here().call(f"get {path}")
        if path not in here().objects:
            raise FileNotFoundError(path)
        return here().objects[path][start:end]

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **_: Any) -> None:
        here().put(self._strip_protocol(path), value, mode)

    def exists(self, path: str, **_: Any) -> bool:
        path = self._strip_protocol(path)
        here().call(f"head {path}")
        return path in here().objects or self._is_folder(path, here().objects)

    def isdir(self, path: str) -> bool:
        path = self._strip_protocol(path)
        return self._is_folder(path, here().objects)

    def ls(self, path: str, detail: bool = True, **_: Any) -> Any:
        path = self._strip_protocol(path)
        here().call(f"list {path}")
        stale = here().happens(here().odds.stale)
        objects = here().before if stale else here().objects
        names = {"/".join(o.split("/")[: path.count("/") + 2]) for o in objects}
        return sorted(n for n in names if n.startswith(path + "/"))

    def open(self, path: str, mode: str = "rb", **_: Any) -> Any:
        assert mode == "rb"
        return io.BytesIO(self.cat_file(path))

    def mv(self, path1: str, path2: str, **_: Any) -> None:
        one, two = self._strip_protocol(path1), self._strip_protocol(path2)
        here().call(f"move {one} to {two}")
        if self.whole_bytes(one):
            here().broken.append(f"{one}: a committed file was moved aside")
        here().objects[two] = here().objects.pop(one)

    @staticmethod
    def whole_bytes(path: str) -> bool:
        return path in here().whole and here().objects.get(path) == here().whole[path]

    def find(self, path: str, **_: Any) -> list[str]:
        path = self._strip_protocol(path)
        here().call(f"list {path}")
        return sorted(o for o in here().objects if o == path or o.startswith(path + "/"))

    def cp_file(self, path1: str, path2: str, **_: Any) -> None:
        one, two = self._strip_protocol(path1), self._strip_protocol(path2)
        here().call(f"copy {one} to {two}")
        if self.whole_bytes(one):
            here().broken.append(f"{one}: a committed file was moved aside")
        here().objects[two] = here().objects[one]

    def rm_file(self, path: str) -> None:
        path = self._strip_protocol(path)
        here().call(f"remove {path}")
        if here().objects.pop(path, None) is None:
            raise FileNotFoundError(path)

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        pass

    @staticmethod
    def _is_folder(path: str, objects: dict[str, bytes]) -> bool:
        return any(o.startswith(path + "/") for o in objects)


class _Parsed:
    """A Parquet file's content: metadata and tables are read once, and cannot be changed."""

    def __init__(self, data: bytes, checked: bool) -> None:
        self._file = pq.ParquetFile(io.BytesIO(data), page_checksum_verification=checked)
        self.metadata, self.schema_arrow = self._file.metadata, self._file.schema_arrow
        self._tables: dict[tuple[str, ...] | None, pa.Table] = {}

    def read(self, columns: Sequence[str] | None = None) -> pa.Table:
        wanted = None if columns is None else tuple(columns)
        if wanted not in self._tables:
            self._tables[wanted] = self._file.read(columns=columns)
        return self._tables[wanted]

    def read_row_group(self, group: int) -> pa.Table:
        return self._file.read_row_group(group)


_parsed = functools.lru_cache(maxsize=512)(_Parsed)


class OncePerContent:
    """``pyarrow.parquet`` for the store's modules, which reads the same bytes once. A file that
    cannot be read raises each time."""

    write_table = staticmethod(pq.write_table)

    @staticmethod
    def ParquetFile(file: Any, page_checksum_verification: bool = False) -> _Parsed:
        return _parsed(file.read(), page_checksum_verification)
