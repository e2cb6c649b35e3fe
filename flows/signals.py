"""SIGTERM, Ctrl-C and Cancel end a run in order: no new requests, finished rows kept, the lock
released, and a message that says how to go on. A second Ctrl-C ends at once.
"""

import contextlib
import os
import signal
import sys
import threading
import types
from collections.abc import Iterator

from tasks import draining

# Docker, systemd and Kubernetes kill 10 to 90 s after they have asked, Kubernetes after 30: an end
# of our own, with its message, comes before that one.
LIMIT_S = 28.0
GO_ON = "the same command, or Retry, goes on from here"
SIGNALS = (signal.SIGTERM, signal.SIGINT)


class Terminated(BaseException):
    """SIGTERM outside the stretch that ends in order."""


class Drain:
    """The handlers of one run's signals, and which signal came first."""

    def __init__(self) -> None:
        self.signal: signal.Signals | None = None
        self._before: dict[signal.Signals, object] = {}

    def arm(self) -> None:
        """Take the signals; again after a library has taken them. Only the main thread can."""
        if threading.current_thread() is not threading.main_thread():
            return
        for number in SIGNALS:
            found = signal.signal(number, self._ask)
            self._before.setdefault(number, found)

    def disarm(self) -> None:
        """Give the signals back to whom they were taken from."""
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]
        self._before.clear()

    def _ask(self, number: int, _: types.FrameType | None) -> None:
        again, asked = self.signal is not None, signal.Signals(number)
        if again and asked is signal.SIGINT:
            say("ended at once; what is stored stays, the same command goes on")
            os._exit(128 + asked)
        if again:
            return
        self.signal = asked
        say(
            f"{asked.name}: ending in order, finished rows are kept"
            + (" (Ctrl-C again ends at once)" if asked is signal.SIGINT else "")
        )
        draining.request()
        limit = threading.Timer(LIMIT_S, _give_up, (asked,))
        limit.daemon = True
        limit.start()
        if draining.may_interrupt():
            raise draining.Drained("ended on request")


@contextlib.contextmanager
def drain() -> Iterator[Drain]:
    """Signals end the block in order. What was asked is in the drain's ``signal`` afterwards."""
    found = Drain()
    draining.reset()
    found.arm()
    try:
        yield found
    finally:
        found.disarm()


def pass_on(asked: signal.Signals) -> None:
    """Raise what Prefect makes a crash or a cancellation of, once all is in order."""
    if asked is signal.SIGINT:
        raise KeyboardInterrupt
    from prefect.exceptions import TerminationSignal  # noqa: PLC0415 - not part of its public names

    raise TerminationSignal(signal=asked)


@contextlib.contextmanager
def terminated_raises() -> Iterator[None]:
    """SIGTERM raises Terminated in the block, so that what it started is ended by its exits."""

    def end(number: int, _: types.FrameType | None) -> None:
        if draining.requested():
            return  # it ends already, and Prefect hands on the signal that did it
        signal.signal(number, signal.SIG_IGN)  # its exits are under way
        raise Terminated

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def say(text: str) -> None:
    """A line on stderr, from a signal handler or beside a dying process."""
    with contextlib.suppress(OSError):
        os.write(sys.__stderr__.fileno() if sys.__stderr__ else 2, f"lbt: {text}\n".encode())


def _give_up(asked: signal.Signals) -> None:
    """The end of patience: stored rows are safe whatever hangs, and a dead owner holds no lock."""
    say(f"not in order within {LIMIT_S:.0f} s, ended at once; the same command goes on")
    os._exit(128 + asked)
