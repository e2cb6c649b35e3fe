"""What the thread that feeds an engine is given, what it gives back, and where its time goes."""

import contextlib
import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lbt_core.generation.engine import EngineDied, Request

# Completions are handed on in batches of half a second: one by one, the flow's bookkeeping per call
# would take the core from the engine
PACE_S = 0.5


@dataclass(eq=False)
class Call:
    """One call of ``stream``: what has arrived of it, and whether anybody still waits for it.

    ``seed`` is what the engine's random state is set from before its first request, where a call
    has the engine for itself; None elsewhere.
    """

    seed: int | None = None
    dropped: bool = False
    arrived: queue.SimpleQueue["Answer | BaseException"] = field(default_factory=queue.SimpleQueue)

    def deliver(self, answer: "Answer") -> None:
        """Hand an answer over, from any thread."""
        self.arrived.put(answer)

    def fail(self, error: BaseException) -> None:
        """End the call with an error, from any thread."""
        self.arrived.put(error)

    def take(self, most: int) -> list["Answer"]:
        """What arrives within ``PACE_S``; ``most`` of it at once. Raises EngineDied."""
        found: list[Answer] = []
        end = time.monotonic() + PACE_S
        with contextlib.suppress(queue.Empty):
            while len(found) < most:
                item = self.arrived.get(timeout=max(0.0, end - time.monotonic()))
                if isinstance(item, BaseException):
                    raise EngineDied(str(item) or type(item).__name__)
                found.append(item)
        return found


@dataclass(frozen=True, slots=True)
class Queued:
    """A request with its prompt's tokens, or why it has none, and those of its continuation."""

    call: Call
    request: Request
    ids: list[int]
    unreadable: str = ""
    continuation: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Answer:
    """What the engine gave to a request. ``text`` is None where it is still to be made."""

    queued: Queued
    reason: str
    tokens: Sequence[int] = ()
    text: str | None = None
    logprob: float | None = None


class Clock:
    """Where a thread's time goes, in seconds; ``preempted`` is what the kernel says it waited for
    its core while it could have run, whatever it was doing then."""

    def __init__(self) -> None:
        self.stepping = self.feeding = self.idle = 0.0
        self._schedule: Path | None = None

    def start(self) -> None:
        """Called in the thread that is timed."""
        self._schedule = Path(f"/proc/self/task/{threading.get_native_id()}/schedstat")

    @property
    def preempted(self) -> float:
        """Seconds in the run queue; 0 where the kernel does not say."""
        if self._schedule is None:
            return 0.0
        try:
            return int(self._schedule.read_text().split()[1]) / 1e9
        except (OSError, ValueError, IndexError):
            return 0.0
