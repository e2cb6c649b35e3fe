"""Signs of life of a process that works for long without a word: a training, a merge. One that is
stopped (SIGSTOP), or whose machine hangs, ends nothing by itself; here it is noticed and named."""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from tasks.beside import beside

BEAT_S = 2.0
SILENT_S = 120.0
PREFIX = ".alive-"


@contextlib.contextmanager
def beating(folder: Path, name: str) -> Iterator[None]:
    """While the block runs, a file in ``folder`` changes every BEAT_S seconds: it says under which
    name, in which process and on which host."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{PREFIX}{name.replace(' ', '-')}"
    who = f"{name} (process {os.getpid()} on {socket.gethostname()})"

    def beat(over: threading.Event) -> None:
        count = 0
        while True:
            with contextlib.suppress(OSError):  # a full disk is the work's to report
                path.write_text(f"{count}\n{who}\n{os.getpid()}", "utf-8")
            if over.wait(BEAT_S):
                return
            count += 1

    try:
        with beside(beat):
            yield
    finally:
        path.unlink(missing_ok=True)


class Listener:
    """What is heard of the processes that beat in a folder, by this process's own clock: clocks of
    other machines may differ."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._heard: dict[str, tuple[str, float]] = {}
        self._named: set[str] = set()

    def listen(self, say: Callable[[str], None]) -> None:
        """Say who has been silent for too long, once, and who is heard again."""
        now = time.monotonic()
        beats = {path.name: _read(path) for path in self._folder.glob(f"{PREFIX}*")}
        for name in self._heard.keys() - beats.keys():  # it has ended
            del self._heard[name]
            self._named.discard(name)
        for name, beat in beats.items():
            known, since = self._heard.get(name, ("", now))
            if beat != known:
                self._heard[name] = beat, now
                if name in self._named and _pid(beat) == _pid(known):
                    say(f"{_who(beat)} is heard again")
                self._named.discard(name)
            elif now - since > SILENT_S and name not in self._named:
                self._named.add(name)
                say(_warning(beat, now - since))


@contextlib.contextmanager
def listening(folder: Path, say: Callable[[str], None]) -> Iterator[None]:
    """While the block runs, ``say`` hears, from another thread, of processes that beat in
    ``folder`` and fall silent. What killed ones left there is removed first."""
    for left in folder.glob(f"{PREFIX}*"):
        left.unlink(missing_ok=True)
    listener = Listener(folder)

    def listen(over: threading.Event) -> None:
        while not over.wait(BEAT_S / 2):
            listener.listen(say)

    with beside(listen):
        yield


def _warning(beat: str, silent: float) -> str:
    pid = _pid(beat)
    return (
        f"WARNING: {_who(beat)} has not been heard of for {silent:.0f} s: it is stopped, or its "
        f"machine hangs. `kill -CONT {pid}` there lets it go on; `kill -9 {pid}` ends it, and it "
        "is begun again from its last checkpoint"
    )


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except OSError:
        return ""


def _who(beat: str) -> str:
    return [*beat.split("\n"), "", ""][1] or "a worker"


def _pid(beat: str) -> str:
    return [*beat.split("\n"), "", ""][2]
