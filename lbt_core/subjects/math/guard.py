"""While a library reads text from a model it may not touch disk, network or other processes.

math-verify builds its expressions from a grammar (docs/subjects.md says what was looked at), so
nothing should ever try. This makes it so: within ``no_effects`` Python's audit events for writing
files, opening sockets and starting processes raise, whoever causes them. It stands beside the
worker's limits and is no sandbox: a subject's own code is its user's.
"""

import contextlib
import os
import sys
from collections.abc import Iterator
from typing import Any

_WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_REFUSED = (
    *("socket.", "subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn"),
    *("os.startfile", "os.remove", "os.rename", "os.rmdir", "os.link", "os.symlink", "os.truncate"),
    *("os.chmod", "os.chown", "os.utime", "os.putenv", "os.kill", "os.killpg", "os.mkdir"),
    *("shutil.", "tempfile.", "ctypes.dlopen", "urllib.", "pty.", "webbrowser.", "ftplib."),
)


class EffectRefused(PermissionError):
    """Grading an answer tried to reach beyond its process."""


class _State:
    active = False
    installed = False


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if not _State.active:
        return
    if event == "open":
        flags = arguments[2] if len(arguments) > 2 else 0
        if not (isinstance(flags, int) and flags & _WRITING):
            return
    elif not event.startswith(_REFUSED):
        return
    raise EffectRefused(f"{event} while an answer is graded")


@contextlib.contextmanager
def no_effects() -> Iterator[None]:
    """Within the block, writing, connecting and starting processes raise EffectRefused.

    It holds for the whole process and does not nest; grading workers have one thread.
    """
    if not _State.installed:
        sys.addaudithook(_watch)  # cannot be taken away again; outside the block it does nothing
        _State.installed = True
    _State.active = True
    try:
        yield
    finally:
        _State.active = False
