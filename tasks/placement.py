"""Cores that engines have to themselves, where this process has started everything that runs
beside them: the kernel would otherwise wake the server, Ray and graders on an engine's core too.
"""

import contextlib
import os
from collections.abc import Collection, Iterator

import psutil

# What the others need at least, as a share of the cores: a grader for every four, and the services
REST_SHARE = 0.25


class Placement:
    """Keeps this process and its descendants off the engines' cores, until ``undo``."""

    def __init__(self) -> None:
        self._cores: set[int] = set()

    def apply(self, engines: Collection[int], cores: Collection[int]) -> bool:
        """Leave ``cores`` to the processes ``engines``, each of which has pinned its busy threads
        to one of them. Processes that start later inherit it. Does nothing, and says so, where the
        others would be left with too little."""
        before = os.sched_getaffinity(0)
        rest = before - set(cores)
        if not rest or len(rest) < REST_SHARE * len(before):
            return False
        self._cores = before
        for process in _family():
            for thread in _threads(process):
                with contextlib.suppress(OSError):  # it has ended, or is not ours to move
                    own = os.sched_getaffinity(thread)
                    if process not in engines or len(own) > 1:
                        os.sched_setaffinity(thread, rest)
        return True

    def undo(self) -> None:
        """Let everything run on every core again."""
        if not self._cores:
            return
        for process in _family():
            for thread in _threads(process):
                with contextlib.suppress(OSError):
                    os.sched_setaffinity(thread, self._cores)
        self._cores = set()


def _family() -> list[int]:
    """This process and its descendants."""
    me = psutil.Process()
    return [me.pid, *(child.pid for child in me.children(recursive=True))]


def _threads(process: int) -> Iterator[int]:
    with contextlib.suppress(OSError):
        yield from map(int, os.listdir(f"/proc/{process}/task"))
