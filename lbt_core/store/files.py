"""Where a run's bytes live: a folder or a URI, with writes that are whole or absent.

On a file system a write goes to a temporary name, is flushed to disk, renamed, and the folder is
flushed; on an object store one PUT is atomic already, and a committed file is one that was not
there before (``If-None-Match``). Nothing is ever deleted: what is damaged or out of date is moved
aside.
"""

import contextlib
import errno
import fcntl
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.local import LocalFileSystem

from lbt_core import UserError
from lbt_core.store.faultpoints import reach


class StoreUnavailable(OSError):
    """The store cannot be written or read now (disk full, permission, network)."""


class WriteConflict(Exception):
    """A conditional write was refused: the file is not as it was when it was read."""


class LeaseLost(OSError):
    """This process no longer holds the run's lock; nothing may be written."""


Version = str | None
"""Of a file in an object store (its ETag); None where there is no file, or no version is kept."""

Guard = Callable[[], contextlib.AbstractContextManager[None]]

MUTEX = ".lock-mutex"
EXTRAS = {"s3": "s3", "s3a": "s3", "gs": "gcs", "gcs": "gcs"}
"""The extra of this package that brings a protocol's file system."""


class Files:
    """Files under one root, named by relative POSIX paths."""

    def __init__(self, uri: str) -> None:
        """Open a path or a URI (``file``, ``s3``, ``gs``, ``memory``); nothing is created yet.

        Raises UserError for an unknown protocol, and for one whose library is not installed.
        """
        protocol = str(uri).partition("://")[0] if "://" in str(uri) else "file"
        # another process writes beside this one: a remembered listing would be out of date
        options = {} if protocol in ("file", "local") else {"use_listings_cache": False}
        try:
            fs, root = fsspec.core.url_to_fs(str(uri), **options)
        except ImportError as error:
            extra = EXTRAS.get(protocol)
            remedy = f"install it with pip install 'lbt[{extra}]'" if extra else str(error)
            raise UserError(
                f"store {uri}: the library for {protocol}:// is missing; {remedy}"
            ) from None
        except ValueError as error:
            raise UserError(f"store {uri}: {error}") from None
        self.uri = str(uri)
        self.fs: Any = fs
        self.root: str = str(root).rstrip("/")
        self.is_local = isinstance(fs, LocalFileSystem)
        self.guard: Guard = contextlib.nullcontext
        """Entered around every write; ``run_lock`` puts its own here."""

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
        """The bytes of one file. Raises FileNotFoundError, StoreUnavailable."""
        try:
            with self._reaching(path):
                data: bytes = self.fs.cat_file(self.full(path))
        except NotADirectoryError as error:
            raise FileNotFoundError(error.errno, "below a file", self.full(path)) from error
        return data

    @contextlib.contextmanager
    def opened(self, path: str) -> Iterator[Any]:
        """One file to read from. Raises FileNotFoundError, and StoreUnavailable where an object
        store does not answer: that says nothing about the file."""
        with self._reaching(path), self.fs.open(self.full(path), "rb") as file:
            yield file

    @contextlib.contextmanager
    def _reaching(self, path: str) -> Iterator[None]:
        """An object store's own errors, and its libraries', as StoreUnavailable."""
        try:
            yield
        except FileNotFoundError:
            raise
        except OSError as error:
            # without a number it is no answer of the store: a checksum in the file does not match
            if self.is_local or error.errno is None:
                raise
            raise StoreUnavailable(error.errno, _hint(error, self.full(path), 0)) from error
        except _transport_errors(self.is_local) as error:
            raise _unreachable(self.full(path), error) from error

    def write(self, path: str, data: bytes) -> None:
        """Write one file, whole or not at all. Raises StoreUnavailable naming it, and LeaseLost."""
        if self.is_local:
            self._put_local(path, data, self.guard)
            return
        with self.guard():
            self._put(path, data)

    def put(self, local: Path, path: str) -> None:
        """Copy a local file into the store. Raises StoreUnavailable, LeaseLost."""
        full = self.full(path)
        with self.guard():
            try:
                if self.is_local:
                    Path(full).parent.mkdir(parents=True, exist_ok=True)
                self.fs.put_file(str(local), full)
            except _transport_errors(self.is_local) as error:
                raise _unreachable(full, error) from error
            except OSError as error:
                hint = _hint(error, full, local.stat().st_size)
                raise StoreUnavailable(error.errno or errno.EIO, hint) from error

    def get(self, path: str, local: Path) -> None:
        """Copy a file of the store to this machine. Raises FileNotFoundError, StoreUnavailable."""
        local.parent.mkdir(parents=True, exist_ok=True)
        with self._reaching(path):
            self.fs.get_file(self.full(path), str(local))

    def commit(self, path: str, data: bytes) -> None:
        """Write a file that is not there yet, whole or not at all. On an object store one that
        somebody else has committed meanwhile is left as it is. Raises StoreUnavailable, LeaseLost.
        """
        if self.is_local:
            self._put_local(path, data, self.guard)
            return
        with self.guard():
            try:
                self._put(path, data, mode="create")
            except WriteConflict:
                # the same bytes: it was our own PUT, and its reply was lost
                if self.read(path) != data:
                    raise LeaseLost(
                        errno.EEXIST, f"{self.full(path)}: committed by another run meanwhile"
                    ) from None

    def replace(self, path: str, data: bytes, version: Version) -> Version:
        """Write a file if it still has this version (None: if it is not there); its new version.

        On a file system, and on an object store without conditional writes, the caller's
        ``exclusively`` has to do. Raises WriteConflict, StoreUnavailable.
        """
        if not self._has_versions:
            self._put(path, data)
            return None
        if version is None:
            answer = self._put(path, data, mode="create")
        else:
            answer = self._put(path, data, IfMatch=version)
        return str(answer["ETag"]) if answer else None

    def read_version(self, path: str) -> tuple[bytes, Version]:
        """The bytes of one file and their version. Raises FileNotFoundError."""
        if not self._has_versions:
            return self.read(path), None
        bucket, key, _ = self.fs.split_path(self.full(path))
        with self._reaching(path):
            answer = self.fs.call_s3("get_object", Bucket=bucket, Key=key)
            body = fsspec.asyn.sync(self.fs.loop, answer["Body"].read)
        return bytes(body), str(answer["ETag"])

    @contextlib.contextmanager
    def exclusively(self) -> Iterator[None]:
        """Serialise writers that share a file system; an object store has conditional writes."""
        if not self.is_local:
            yield
            return
        path = self.local(MUTEX)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(path, os.O_RDWR | os.O_CREAT)
        except OSError as error:
            raise StoreUnavailable(error.errno or 0, f"{path.parent}: {error.strerror}") from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    @property
    def _has_versions(self) -> bool:
        return "s3" in str(self.fs.protocol)

    def _put(self, path: str, data: bytes, **condition: str) -> Any:
        """One atomic write. Raises WriteConflict where its condition does not hold."""
        full = self.full(path)
        if self.is_local:
            self._put_local(path, data, contextlib.nullcontext)
            return None
        try:
            reach("put.begin", path)
            answer = self.fs.pipe_file(full, data, **condition)
            reach("put.end", path)
            return answer
        except _transport_errors(self.is_local) as error:
            raise _unreachable(full, error) from error
        except OSError as error:
            if condition and _is_conflict(error):
                raise WriteConflict(full) from error
            hint = _hint(error, full, len(data))
            raise StoreUnavailable(error.errno or errno.EIO, hint) from error

    def _put_local(self, path: str, data: bytes, guard: Guard) -> None:
        full = Path(self.full(path))
        try:
            _write_local(full, data, guard)
        except LeaseLost:
            raise
        except OSError as error:
            hint = _hint(error, str(full), len(data))
            raise StoreUnavailable(error.errno or errno.EIO, hint) from error

    def names(self, folder: str) -> list[str]:
        """Names of the entries directly in a folder, sorted; none where there is no such folder."""
        full = self.full(folder)
        if not self.fs.isdir(full):
            return []
        entries = self.fs.ls(full, detail=False)
        return sorted(str(entry).rstrip("/").rsplit("/", 1)[-1] for entry in entries)

    def move_aside(self, path: str) -> str:
        """Move a file or folder into ``superseded/`` and return where it went. Raises LeaseLost."""
        target = f"superseded/{path.replace('/', '--')}.{uuid.uuid4().hex[:8]}"
        with self.guard():
            reach("aside.begin", path)
            if self.is_local:
                Path(self.full("superseded")).mkdir(parents=True, exist_ok=True)
                os.rename(self.full(path), self.full(target))
            else:
                self._move_objects(path, target)
            reach("aside.end", path)
        return target

    def _move_objects(self, path: str, target: str) -> None:
        """Copy every object at or below a path, then remove it: object stores cannot rename."""
        for full in self.fs.find(self.full(path)):
            name = str(full).removeprefix(self.full(path))
            self.fs.cp_file(str(full), f"{self.full(target)}{name}")
            self.fs.rm_file(str(full))

    def tree(self, folder: str) -> list[str]:
        """Paths of all files below a folder, sorted."""
        found = (
            str(full).removeprefix(f"{self.root}/") for full in self.fs.find(self.full(folder))
        )
        return sorted(found)


def _write_local(path: Path, data: bytes, guard: Guard) -> None:
    """Only the renaming is guarded: others that write wait for no disk but their own."""
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
        with guard():
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


def _transport_errors(local: bool) -> tuple[type[Exception], ...]:
    """What an object store's libraries raise where it cannot be reached or refuses who asks."""
    if local:
        return ()
    found: list[type[Exception]] = [ConnectionError, TimeoutError]
    with contextlib.suppress(ImportError):
        from botocore.exceptions import (  # type: ignore  # noqa: PLC0415 - only with s3fs
            BotoCoreError,
        )

        found.append(BotoCoreError)
    with contextlib.suppress(ImportError):
        from aiohttp import ClientError  # noqa: PLC0415 - only with an object store

        found.append(ClientError)
    return tuple(found)


def _unreachable(path: str, error: Exception) -> StoreUnavailable:
    words = " ".join(str(error).split()) or type(error).__name__
    return StoreUnavailable(errno.EIO, f"{path}: {words}")


def _is_conflict(error: OSError) -> bool:
    """Whether a store refused a conditional write: 412, or 409 where two came at once."""
    if isinstance(error, FileExistsError):
        return True
    words = f"{error} {error.__cause__}"
    return any(w in words for w in ("PreconditionFailed", "ConditionalRequestConflict", "412"))


def _hint(error: OSError, path: str, size: int) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return (
            f"{path}: disk full, {size / 2**20:.1f} MiB could not be written; free space, run again"
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return f"{path}: no permission to write here; choose another --store"
    return f"{path}: could not be written ({error.strerror or error})"
