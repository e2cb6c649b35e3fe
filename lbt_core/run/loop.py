"""Keeping engines full: shards are handed out as earlier ones end.

One that ends may make others possible: the exams on a rationale shard follow as soon as that shard
is stored, before the rationales of other problems: there is no barrier between the stages.
"""

import logging
import queue
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Generic, TypeAlias, TypeVar

from lbt_core import UserError

Done = TypeVar("Done")
POLL_S = 0.5
# Engines hand over what has finished within a second or two; the rest of the 28 s that a drain may
# take (flows/signals.py) is for a training's checkpoint, which comes after.
DRAIN_S = 12.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Job(Generic[Done]):
    """A shard to do: what it is called, its work, and the jobs that it makes possible."""

    name: str
    label: str
    work: Callable[[], Done]
    then: Callable[[], list["Job[Done]"]] = field(default=list)


@dataclass(frozen=True, slots=True)
class Failure:
    """A shard that is still owed, and why."""

    name: str
    reason: str


Ended: TypeAlias = Callable[[Done | BaseException], None]


def run_jobs(
    jobs: Iterable[Job[Done]],
    in_flight: int,
    submit: Callable[[Job[Done], Ended[Done]], None],
    asked_to_end: Callable[[], bool] = lambda: False,
) -> tuple[list[Done], list[Failure]]:
    """Run jobs, at most ``in_flight`` at once: what they returned, and the failures.

    ``submit`` starts a job's work and has its result or error handed to the given function, from
    any thread. A failed job does not stop the others; what it would have made possible stays owed.
    Once ``asked_to_end`` says so no job is begun, and those in flight are waited for ``DRAIN_S``
    seconds. Raises the UserError of a job, once the others in flight have ended: what a user must
    put right (a model that cannot load) fails them all.
    """
    waiting = deque(jobs)
    ended: queue.SimpleQueue[tuple[Job[Done], Done | BaseException]] = queue.SimpleQueue()
    running, patience = 0, DRAIN_S  # one that waits for its next attempt cannot be woken
    results: list[Done] = []
    failures: list[Failure] = []
    refused: UserError | None = None
    while running or (waiting and not asked_to_end()):
        while waiting and running < in_flight and not asked_to_end():
            job = waiting.popleft()
            submit(job, lambda outcome, job=job: ended.put((job, outcome)))  # type: ignore[misc]
            running += 1
        try:
            job, outcome = ended.get(timeout=POLL_S)
        except queue.Empty:
            patience -= POLL_S if asked_to_end() else 0.0
            if patience < 0:
                break
            continue
        running -= 1
        if isinstance(outcome, UserError) or refused is not None:
            refused = refused or (outcome if isinstance(outcome, UserError) else None)
            waiting.clear()
            continue
        if isinstance(outcome, BaseException):
            if not asked_to_end():
                _log.error("%s failed: %s", job.name, _reason(outcome))
            failures.append(Failure(job.name, _reason(outcome)))
            continue
        results.append(outcome)
        try:
            waiting.extendleft(reversed(job.then()))
        except OSError as error:
            failures.append(Failure(job.name, str(error)))
    if refused is not None:
        raise refused
    return results, failures


def _reason(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def describe_failures(failures: list[Failure], shown: int = 3) -> str:
    """How many shards are owed and why, for a flow's final message."""
    first = "; ".join(f"{f.name} ({f.reason})" for f in failures[:shown])
    more = f"; and {len(failures) - shown} more" if len(failures) > shown else ""
    return f"{len(failures)} shard{'s' if len(failures) != 1 else ''} owed: {first}{more}"
