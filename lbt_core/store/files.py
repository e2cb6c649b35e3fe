"""Where a run's bytes live: a folder or a URI, with writes that are whole or absent.

On a file system a write goes to a temporary name, is flushed to disk, renamed, and the folder is
flushed; on an object store one PUT is atomic already. Nothing is ever deleted: what is damaged or
out of date is moved aside.
"""

import errno
import os
import uuid
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from lbt_core import UserError
from lbt_core.store.faultpoints import reach


class StoreUnavailable(OSError):
    """The store cannot be written or read now (disk full, permission, network)."""


class Files:
    """Files under one root, named by relative POSIX paths."""

    def __init__(self, uri: str) -> None:
        """Open a path or a URI (``file``, ``s3``, ``gs``, ``memory``); nothing is created yet.

        Raises UserError for an unknown protocol.
        """
        try:
            fs, root = fsspec.core.url_to_fs(str(uri))
        except (ValueError, ImportError) as error:
            raise UserError(f"store {uri}: {error}") from None
        self.uri = str(uri)
        self.fs: Any = fs
        self.root: str = str(root).rstrip("/")
        self.is_local = isinstance(fs, LocalFileSystem)

    def full(self, path: str) -> str:
        """The path as the file system knows it."""
        return f"{self.root}/{path}" if path else self.root

    def local(self, path: str = "") -> Path:
        """The path as a local file. Raises UserError where the store is not on this machine."""
        if not self.is_local:
            raise UserError(f"store {self.uri}: this step needs a store on a file system")
        return Path(self.full(path))

    def exists(self, path: str) -> bool:
        """Whether something is stored under this path."""
        return bool(self.fs.exists(self.full(path)))

    def read(self, path: str) -> bytes:
        """The bytes of one file. Raises FileNotFoundError."""
        try:
            data: bytes = self.fs.cat_file(self.full(path))
        except NotADirectoryError as error:
            raise FileNotFoundError(error.errno, "below a file", self.full(path)) from error
        return data

    def write(self, path: str, data: bytes) -> None:
        """Write one file, whole or not at all. Raises StoreUnavailable naming the path."""
        try:
            if self.is_local:
                _write_local(Path(self.full(path)), data)
            else:
                reach("put.begin", path)
                self.fs.pipe_file(self.full(path), data)
                reach("put.end", path)
        except OSError as error:
            hint = _hint(error, self.full(path), len(data))
            raise StoreUnavailable(error.errno or errno.EIO, hint) from error

    def names(self, folder: str) -> list[str]:
        """Names of the entries directly in a folder, sorted; none where there is no such folder."""
        full = self.full(folder)
        if not self.fs.isdir(full):
            return []
        entries = self.fs.ls(full, detail=False)
        return sorted(str(entry).rstrip("/").rsplit("/", 1)[-1] for entry in entries)

    def move_aside(self, path: str) -> str:
        """Move a file or folder into ``superseded/`` and return where it went."""
        target = f"superseded/{path.replace('/', '--')}.{uuid.uuid4().hex[:8]}"
        self.fs.makedirs(self.full("superseded"), exist_ok=True)
        reach("aside.begin", path)
        self.fs.mv(self.full(path), self.full(target), recursive=self.fs.isdir(self.full(path)))
        reach("aside.end", path)
        return target


def _write_local(path: Path, data: bytes) -> None:
    reach("write.begin", str(path))
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            reach("write.temporary", str(path))
            os.fsync(file.fileno())
        reach("write.fsync", str(path))
        os.replace(temporary, path)
        reach("write.rename", str(path))
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
    reach("write.folder", str(path))


def _hint(error: OSError, path: str, size: int) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            f"{path}: disk full, {size / 2**20:.1f} MiB could not be written; free space, run again"
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{path}: no permission to write here; choose another --store"
    return f"{path}: could not be written ({error.strerror or error})"
