"""A shard on the cluster: one Prefect task run that ends with one committed file.

Already whole? Then nothing is done. Otherwise its rows are made and committed; a torn, corrupt
or foreign file in its place is moved aside first. Infrastructure errors are tried again, with
back-off; a data error fails at once and names its row.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.states import Completed
from ray.exceptions import RayError

from lbt_core.store import Files, Shard, StoreUnavailable, inspect_shard, verify_shard, write_shard
from tasks.dispatch import ActorLost, NoActorLeft
from tasks.progress import Progress

Row = TypeVar("Row")
RETRIES = 4
BACK_OFF_S = (2.0, 10.0, 30.0, 60.0)
ALREADY_STORED = "already stored"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ShardSummary:
    """What became of a shard: its rows and tokens, and whether it was found stored."""

    name: str
    rows: int
    tokens: int
    seconds: float
    stored: bool
    engine: str = ""


def commit(
    files: Files,
    shard: Shard[Row],
    make_rows: Callable[[], tuple[Sequence[Row], dict[str, Any]]],
    progress: Progress | None = None,
) -> ShardSummary:
    """Make sure that a shard is stored; one that is there is read whole, page checksums and all,
    before it counts. ``make_rows`` returns its rows and a summary of the work.

    The summary's ``tokens``, ``prompt_tokens`` and ``engine`` are understood; all of it is kept in
    the file's footer. Raises what ``make_rows`` raises, WrongRows, StoreUnavailable.
    """
    seen = inspect_shard(files, shard)
    fault = verify_shard(files, shard) if seen.state == "whole" else f"{seen.state}, {seen.reason}"
    if fault is None:
        if progress is not None:
            progress.finish(shard.stage, rows=seen.rows, stored=True, summary=seen.summary)
        tokens = int((seen.summary or {}).get("tokens", 0))
        return ShardSummary(shard.name, seen.rows, tokens, 0.0, True)
    if seen.state != "missing":
        where = files.move_aside(shard.path)
        _log.warning("%s: %s; moved to %s", shard.path, fault, where)
    started = time.monotonic()
    rows, summary = make_rows()
    seconds = time.monotonic() - started
    summary = summary | {"seconds": round(seconds, 3), "rows": len(rows)}
    write_shard(files, shard, rows, summary)
    tokens = int(summary.get("tokens", 0))
    if progress is not None:
        progress.finish(
            shard.stage,
            rows=len(rows),
            prompt_tokens=int(summary.get("prompt_tokens", 0)),
            tokens=tokens,
            seconds=seconds,
            engine=summary.get("engine", ""),
            verdicts=summary.get("verdicts"),
            summary=summary,
        )
    return ShardSummary(shard.name, len(rows), tokens, seconds, False, summary.get("engine", ""))


def is_infrastructure(error: BaseException) -> bool:
    """Whether trying again may help: a lost actor, Ray, or the store; not a wrong row, and not
    where every actor is gone for good: that takes a new attempt of the run."""
    if isinstance(error, NoActorLeft):
        return False
    return isinstance(error, ActorLost | StoreUnavailable | RayError | ConnectionError)


async def _retry(_task: Task[Any, Any], _run: TaskRun, state: State[Any]) -> bool:
    try:
        await state.aresult()
    except Exception as error:
        return is_infrastructure(error)
    return False


@task(
    name="shard",
    task_run_name="{label}",
    retries=RETRIES,
    retry_delay_seconds=list(BACK_OFF_S),
    retry_condition_fn=_retry,
    cache_policy=NO_CACHE,
    persist_result=False,
)
def shard_task(label: str, work: Callable[[], ShardSummary]) -> State[ShardSummary]:
    """Run one shard's work; the label is how the task run reads in the UI."""
    done = work()
    message = (
        f"{ALREADY_STORED}: {done.rows:,} rows"
        if done.stored
        else f"{done.rows:,} rows, {done.tokens:,} tokens in {done.seconds:.1f} s {done.engine}"
    )
    return Completed(message=message.strip(), data=done)
