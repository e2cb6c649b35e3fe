"""A shard on the cluster: one Prefect task run that ends with one committed file.

Already whole? Then nothing is done. Otherwise its rows are made and committed; a torn, corrupt
or foreign file in its place is moved aside first. Infrastructure errors are tried again, with
back-off; a data error fails at once and names its row.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from prefect import Task, task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.states import Completed
from ray.exceptions import RayError

from lbt_core import UserError
from lbt_core.store import Files, LeaseLost, Shard, StoreUnavailable
from lbt_core.store.commit import commit_shard
from tasks import draining
from tasks.dispatch import ActorLost, NoActorLeft
from tasks.progress import Progress

Row = TypeVar("Row")
RETRIES = 4
BACK_OFF_S = (2.0, 10.0, 30.0, 60.0)
ALREADY_STORED = "already stored"


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
    """``commit_shard``, counted in the progress: the summary's ``tokens``, ``prompt_tokens``,
    ``engine`` and ``verdicts`` are understood. Raises what it raises, and Drained.
    """
    done = commit_shard(files, shard, make_rows, draining.check)
    tokens, engine = int(done.summary.get("tokens", 0)), str(done.summary.get("engine", ""))
    if progress is not None and done.stored:
        progress.finish(shard.stage, rows=done.rows, stored=True, summary=done.summary)
    elif progress is not None:
        progress.finish(
            shard.stage,
            rows=done.rows,
            prompt_tokens=int(done.summary.get("prompt_tokens", 0)),
            tokens=tokens,
            seconds=done.seconds,
            engine=engine,
            verdicts=done.summary.get("verdicts"),
            summary=done.summary,
        )
    engine = "" if done.stored else engine
    return ShardSummary(shard.name, done.rows, tokens, done.seconds, done.stored, engine)


def is_infrastructure(error: BaseException) -> bool:
    """Whether trying again may help: a lost actor, Ray, or the store; not a wrong row, and not
    where every actor is gone for good, the run's lock is lost or an endpoint refuses: that takes a
    new attempt."""
    if isinstance(error, NoActorLeft | LeaseLost | UserError) or draining.requested():
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
