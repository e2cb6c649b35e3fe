"""Runs that hold a work pool's slot without a process: handed out by a worker that then died.

A worker marks a run Pending and starts its process. Where it dies in between, the run stays
Pending for ever, and with a pool of one slot nothing runs any more.
"""

from datetime import UTC, datetime, timedelta

GRACE = timedelta(seconds=60)
MESSAGE = "Its worker ended before it had started it. Retry starts it again."


def free_slots(pool: str, grace: timedelta = GRACE) -> list[str]:
    """Crash every run of the pool that has been Pending for longer than ``grace``, so that its slot
    is free and Retry can be pressed; returns their names. Call it where no worker of the pool
    runs. Prefect reads its settings when it is imported: set the environment before."""
    from prefect.client.orchestration import get_client  # noqa: PLC0415 - reads settings
    from prefect.client.schemas.filters import (  # noqa: PLC0415 - reads settings
        FlowRunFilter,
        FlowRunFilterState,
        FlowRunFilterStateType,
        WorkPoolFilter,
        WorkPoolFilterName,
    )
    from prefect.client.schemas.objects import StateType  # noqa: PLC0415 - reads settings
    from prefect.states import Crashed  # noqa: PLC0415 - reads settings

    pending = FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.PENDING]))
    freed = []
    with get_client(sync_client=True) as client:
        for run in client.read_flow_runs(
            flow_run_filter=FlowRunFilter(state=pending),
            work_pool_filter=WorkPoolFilter(name=WorkPoolFilterName(any_=[pool])),
        ):
            since = run.state.timestamp if run.state else None
            if since is None or datetime.now(UTC) - since < grace:
                continue
            client.set_flow_run_state(run.id, Crashed(message=MESSAGE), force=True)
            freed.append(run.name)
    return freed
