"""The loop's jobs as Prefect task runs of the current flow."""

from collections.abc import Iterable
from typing import Any

from prefect.futures import PrefectFuture

from lbt_core.run import loop
from lbt_core.run.loop import Ended, Failure
from tasks import draining
from tasks.shard_runs import ShardSummary, shard_task

Job = loop.Job[ShardSummary]


def run_jobs(jobs: Iterable[Job], in_flight: int) -> tuple[list[ShardSummary], list[Failure]]:
    """Run jobs as Prefect tasks, at most ``in_flight`` at once (``lbt_core.run.loop``)."""
    return loop.run_jobs(jobs, in_flight, _submit, draining.requested)


def _submit(job: Job, ended: Ended[ShardSummary]) -> None:
    def tell(future: PrefectFuture[Any]) -> None:
        outcome = future.result(raise_on_failure=False)
        known = isinstance(outcome, ShardSummary | BaseException)
        ended(outcome if known else RuntimeError(f"no result: {outcome}"))

    future: PrefectFuture[Any] = shard_task.submit(job.label, job.work)
    future.add_done_callback(tell)
