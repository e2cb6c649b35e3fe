"""Reading a stored file so that a store that fails is told from a file that is damaged.

A Parquet reader raises the same OSError for a page whose checksum is wrong and for a request that
the store refused. The one file is moved aside and made again, the other is whole.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

from lbt_core.store.files import Files, StoreUnavailable


class _Reads:
    """A file whose own failures are StoreUnavailable."""

    def __init__(self, file: Any, path: str) -> None:
        self._file = file
        self._path = path

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def read(self, *size: int) -> bytes:
        with _failing(self._path):
            data: bytes = self._file.read(*size)
        return data


@contextlib.contextmanager
def opened(files: Files, path: str) -> Iterator[Any]:
    """One stored file, for reading. Raises FileNotFoundError, StoreUnavailable naming the path."""
    full = files.full(path)
    with contextlib.ExitStack() as stack:
        with _failing(full):
            file = stack.enter_context(files.opened(path))
        yield _Reads(file, full)


@contextlib.contextmanager
def _failing(path: str) -> Iterator[None]:
    try:
        yield
    except (FileNotFoundError, IsADirectoryError, StoreUnavailable):
        raise
    except NotADirectoryError as error:
        raise FileNotFoundError(error.errno, "below a file", path) from error
    except Exception as error:  # object stores' libraries raise more than OSError
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        number = getattr(error, "errno", None) or 5
        raise StoreUnavailable(
            number, f"{path}: could not be read ({reason}); run again"
        ) from error
