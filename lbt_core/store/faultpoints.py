"""Every boundary of every write, by name, so that a test can stop the process exactly there.

``reach`` does nothing unless a handler is set. A boundary is a point of a kind of file: the shard's
temporary file is written, the lock is renamed into place, the sidecar's line is on the disk.
"""

from collections.abc import Callable
from typing import Literal, TypeAlias, get_args

Point: TypeAlias = Literal[
    "write.begin",  # before anything of a file exists
    "write.temporary",  # the temporary file holds the bytes, in memory
    "write.fsync",  # its bytes are on the disk
    "write.rename",  # it has its name
    "write.folder",  # the name is on the disk
    "put.begin",  # before an object store gets the bytes
    "put.end",  # it has them
    "aside.begin",  # before a file is moved to superseded/
    "aside.end",  # it is there
    "append.begin",  # before lines are added to a sidecar
    "append.half",  # half of them is written, without an end of line
    "append.written",  # they are written, not on the disk
    "append.fsync",  # they are on the disk
    "remove.begin",  # before a sidecar whose rows are committed goes
    "remove.end",  # it is gone
]
POINTS: tuple[Point, ...] = get_args(Point)

KINDS = (
    ("lock", "lock.json"),
    ("record", "run.json"),
    ("sidecar", "unfinished/"),
    ("result", "/result.json"),
    ("marker", "/fingerprint"),
    ("checkpoint", "training/"),
    ("report", "report/"),
    ("shard", ".parquet"),
)
Handler: TypeAlias = Callable[[Point, str], None]
_handler: Handler | None = None


def reach(point: Point, path: str) -> None:
    """Say that a write of this file has come to this point."""
    if _handler is not None:
        _handler(point, path)


def on_reach(handler: Handler | None) -> None:
    """Have every boundary reported to ``handler``; None ends that. For tests."""
    global _handler
    _handler = handler


def kind_of(path: str) -> str:
    """What kind of file a path of a run's folder is."""
    for kind, mark in KINDS:
        if mark in path:
            return kind
    return "other"
