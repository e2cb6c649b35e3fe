"""Keeping engines full: shards are handed out as earlier ones end.

One that ends may make others possible: the exams on a rationale shard follow as soon as that shard
is stored, before the rationales of other problems: there is no barrier between the stages.
"""

import logging
import queue
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from prefect.futures import PrefectFuture

from tasks import draining
from tasks.shards import ShardSummary, shard_task

DRAIN_S = 12.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Job:
    """A shard to do: what it is called, its work, and the jobs that it makes possible."""

    name: str
    label: str
    work: Callable[[], ShardSummary]
    then: Callable[[], list["Job"]] = field(default=list)


@dataclass(frozen=True, slots=True)
class Failure:
    """A shard that is still owed, and why."""

    name: str
    reason: str


def run_jobs(jobs: Iterable[Job], in_flight: int) -> tuple[list[ShardSummary], list[Failure]]:
    """Run jobs as Prefect tasks of the current flow, at most ``in_flight`` at once.

    A failed job does not stop the others; what it would have made possible stays owed. Where the
    run is asked to end, no further job is begun.
    """
    waiting = deque(jobs)
    ended: queue.SimpleQueue[tuple[Job, PrefectFuture[Any]]] = queue.SimpleQueue()
    running = 0
    summaries: list[ShardSummary] = []
    failures: list[Failure] = []
    patience = DRAIN_S  # one that waits for its next attempt cannot be woken
    while running or (waiting and not draining.requested()):
        while waiting and not draining.requested() and running < in_flight:
            job = waiting.popleft()
            future: PrefectFuture[Any] = shard_task.submit(job.label, job.work)
            future.add_done_callback(partial(_announce, ended, job))
            running += 1
        try:
            job, future = ended.get(timeout=draining.POLL_S)
        except queue.Empty:
            patience -= draining.POLL_S if draining.requested() else 0.0
            if patience < 0:
                break
            continue
        running -= 1
        outcome = future.result(raise_on_failure=False)
        if isinstance(outcome, ShardSummary):
            summaries.append(outcome)
            try:
                waiting.extendleft(reversed(job.then()))
            except OSError as error:
                failures.append(Failure(job.name, str(error)))
        else:
            if isinstance(outcome, draining.Drained):
                continue
            reason = f"{type(outcome).__name__}: {outcome}"
            _log.error("%s failed: %s", job.name, reason)
            failures.append(Failure(job.name, reason))
    return summaries, failures


def _announce(
    ended: queue.SimpleQueue[tuple[Job, PrefectFuture[Any]]], job: Job, future: PrefectFuture[Any]
) -> None:
    ended.put((job, future))


def describe_failures(failures: list[Failure], shown: int = 3) -> str:
    """How many shards are owed and why, for a flow's final message."""
    first = "; ".join(f"{f.name} ({f.reason})" for f in failures[:shown])
    more = f"; and {len(failures) - shown} more" if len(failures) > shown else ""
    return f"{len(failures)} shard{'s' if len(failures) != 1 else ''} owed: {first}{more}"
