"""What is finished of a shard that is not: records appended one by one beside the run's files.

A sidecar belongs to one shard of one fingerprint. Its first line says which; every line carries a
checksum, so that a line that a kill tore is owed again and no other is lost. It is folded into the
shard's file when that is committed, and then removed: what it held is in the file.

On a file system it lies in the run's folder. An object store has no append: there it lies on the
disk of the machine that works on the run, so that it survives a killed process, not a lost machine.
"""

import contextlib
import errno
import hashlib
import json
import os
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from lbt_core.store.faultpoints import reach
from lbt_core.store.files import Files, LeaseLost, StoreUnavailable
from lbt_core.store.shards import Shard

FOLDER = "unfinished"
SCRATCH = Path("~/.lbt/unfinished")
_FORMAT = 1


def sidecar_path(files: Files, shard: Shard[Any]) -> Path:
    """Where a shard's finished records are kept until it is committed."""
    name = f"{shard.path.replace('/', '--')}.jsonl"
    if files.is_local:
        return files.local(f"{FOLDER}/{name}")
    return _scratch(files) / name


def set_aside_all(files: Files) -> None:
    """Move every sidecar of a run aside: their shards are not to be made of them."""
    if files.is_local:
        if files.exists(FOLDER):
            files.move_aside(FOLDER)
        return
    folder = _scratch(files)
    for path in folder.glob("*.jsonl") if folder.is_dir() else ():
        path.replace(path.with_suffix(".discarded"))


def _scratch(files: Files) -> Path:
    return SCRATCH.expanduser() / hashlib.sha256(files.uri.encode()).hexdigest()[:16]


class Sidecar:
    """The finished records of one shard in flight, by their ``id``."""

    def __init__(self, files: Files, shard: Shard[Any]) -> None:
        self.path = sidecar_path(files, shard)
        self._head = {"format": _FORMAT, "shard": shard.name, "fingerprint": shard.fingerprint}
        self._files = files

    def load(self) -> dict[str, dict[str, Any]]:
        """The records so far, by id. A torn end is cut off; a sidecar of another fingerprint, or
        one that cannot be read, is moved aside. Raises StoreUnavailable."""
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise self._unavailable(error) from error
        end = data.rfind(b"\n") + 1
        lines = data[:end].split(b"\n")
        if _unpack(lines[0]) != self._head:
            self._move_aside()
            return {}
        if end < len(data):
            self._cut(end)
        found = {}
        for line in lines[1:]:
            record = _unpack(line)
            if record is not None and isinstance(record.get("id"), str):
                found[record["id"]] = record
        return found

    def append(self, records: Sequence[Mapping[str, Any]]) -> None:
        """Add finished records; they are on the disk when this returns. Raises StoreUnavailable
        and LeaseLost, and then none of them is kept."""
        if not records:
            return
        name = str(self.path)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            reach("append.begin", name)
            self._append(b"".join(_pack(record) for record in records))
        except LeaseLost:
            raise
        except OSError as error:
            raise self._unavailable(error) from error
        reach("append.fsync", name)

    def remove(self) -> None:
        """Forget the records: the shard is committed."""
        if not self.path.exists():
            return
        reach("remove.begin", str(self.path))
        with contextlib.suppress(OSError):
            self.path.unlink()
            self.path.parent.rmdir()  # only where it was the last
        reach("remove.end", str(self.path))

    def _append(self, data: bytes) -> None:
        """Add lines and flush them; only the writing is guarded, so that no other writer waits for
        this one's disk."""
        with contextlib.ExitStack() as stack:
            start = -1
            try:
                with self._files.guard():
                    file = stack.enter_context(open(self.path, "ab"))
                    start = file.tell()
                    self._add(file.fileno(), data if start else _pack(self._head) + data)
                os.fsync(file.fileno())
            except OSError:
                if start >= 0:
                    with contextlib.suppress(OSError):
                        os.ftruncate(file.fileno(), start)
                raise

    def _add(self, handle: int, data: bytes) -> None:
        half = len(data) // 2
        for part, point in ((data[:half], "append.half"), (data[half:], "append.written")):
            view = memoryview(part)
            while view:
                view = view[os.write(handle, view) :]
            reach(point, str(self.path))  # type: ignore[arg-type]

    def _cut(self, end: int) -> None:
        try:
            os.truncate(self.path, end)
        except OSError as error:
            raise self._unavailable(error) from error

    def _move_aside(self) -> None:
        if self._files.is_local:
            self._files.move_aside(f"{FOLDER}/{self.path.name}")
        else:
            self.path.replace(self.path.with_suffix(".foreign"))

    def _unavailable(self, error: OSError) -> StoreUnavailable:
        reason = str(error.strerror or error)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            reason = "disk full; free space, run again"
        elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            reason = "no permission to write here; choose another --store"
        return StoreUnavailable(error.errno or errno.EIO, f"{self.path}: {reason}")


def _pack(record: Mapping[str, Any]) -> bytes:
    text = json.dumps(record, separators=(",", ":")).encode("ascii")
    return f"{zlib.crc32(text):08x} ".encode() + text + b"\n"


def _unpack(line: bytes) -> dict[str, Any] | None:
    """The record of a line, or None where the line is not as it was written."""
    mark, _, text = line.partition(b" ")
    try:
        if int(mark, 16) != zlib.crc32(text):
            return None
        record = json.loads(text)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None
