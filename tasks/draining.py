"""Ending in order, on request: what every waiting place of a run asks now and then.

The request is the process's, as the signals that make it are. Work notices it within a second or
two: no new request is made, finished ones are kept, and ``Drained`` travels to the flow.
"""

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

POLL_S = 0.5
# Longer than a grading worker's time limit, after which each such thread notices at the latest
LEAVE_S = 12.0
T = TypeVar("T")
R = TypeVar("R")


class Drained(Exception):
    """The work was asked to end before it was done; trying again in this process is no use."""


_asked = threading.Event()
_interruptible = threading.local()


def request() -> None:
    """Ask everything to end."""
    _asked.set()


def reset() -> None:
    """Take the request back, before other work in the same process."""
    _asked.clear()


def requested() -> bool:
    """Whether the work was asked to end."""
    return _asked.is_set()


def check() -> None:
    """Raise Drained where the work was asked to end."""
    if _asked.is_set():
        raise Drained("ended on request")


@contextlib.contextmanager
def interruptible() -> Iterator[None]:
    """A stretch of this thread's work that asks nothing and leaves nothing half done where it is
    broken off: a signal raises Drained in the middle of it."""
    check()
    _interruptible.now = True
    try:
        yield
    finally:
        _interruptible.now = False
    check()


def may_interrupt() -> bool:
    """Whether this thread is in an interruptible stretch."""
    return bool(getattr(_interruptible, "now", False))


def abandonable_map(work: Callable[[T], R], items: Sequence[T], workers: int) -> list[R]:
    """``work`` on every item, so many at once, results in the items' order; the first error is
    raised once all have ended.

    A request to end raises Drained within ``POLL_S`` plus the time that ``work`` takes to notice,
    at most ``LEAVE_S``: then its thread is left behind, and ends with the process.
    """
    waiting, lock = deque(enumerate(items)), threading.Lock()
    results: dict[int, R] = {}
    errors: list[BaseException] = []

    def run() -> None:
        while not requested():
            with lock:
                if not waiting or errors:
                    return
                index, item = waiting.popleft()
            try:
                results[index] = work(item)
            except BaseException as error:  # it is raised where it is waited for
                errors.append(error)

    threads = [threading.Thread(target=run, daemon=True) for _ in range(workers)]
    for thread in threads:
        thread.start()
    left = LEAVE_S
    for thread in threads:
        while thread.is_alive() and left > 0:
            thread.join(timeout=POLL_S)
            left -= POLL_S if requested() else 0.0
    check()
    if errors:
        raise errors[0]
    return [results[index] for index in range(len(items))]
