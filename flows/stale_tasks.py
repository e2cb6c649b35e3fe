"""Task runs that a killed attempt left Running: they are said to be over when the retry begins.

A task run's state is told by the process that works on it; one that was killed tells nothing more,
and the page of the completed run would show its shards as Running for ever.
"""

import logging
from typing import Any

import httpx
from prefect.exceptions import PrefectException

from flows.outages import answers
from lbt_core.run.config import read_environment

MESSAGE = "Its attempt was killed; what it owed is done by a later task run."
# What the server gives at once; each is taken out of the answer by its new state
PAGE = 200
_log = logging.getLogger(__name__)


def end_stale_task_runs(flow_run_id: Any, run_count: int) -> int:
    """Crash the flow run's task runs of earlier attempts that are not over; how many there were.

    Call it where the run's lock is held and before the first task of this attempt, ``run_count``
    (1 for the first, which has nothing to end). A server that is away or refuses is a warning.
    """
    api = read_environment().prefect_api_url
    if flow_run_id is None or run_count < 2 or api is None or not answers(api):
        return 0
    try:
        return _end(flow_run_id)
    except (httpx.HTTPError, PrefectException) as error:
        _log.warning("task runs of the killed attempt stay as they were: %s", error)
        return 0


def _end(flow_run_id: Any) -> int:
    from prefect.client.orchestration import get_client  # noqa: PLC0415 - reads settings
    from prefect.client.schemas.filters import (  # noqa: PLC0415 - reads settings
        FlowRunFilter,
        FlowRunFilterId,
        TaskRunFilter,
        TaskRunFilterState,
        TaskRunFilterStateType,
    )
    from prefect.client.schemas.objects import (  # noqa: PLC0415 - reads settings
        TERMINAL_STATES,
        StateType,
    )
    from prefect.states import Crashed  # noqa: PLC0415 - reads settings

    going = [kind for kind in StateType if kind not in TERMINAL_STATES]
    unfinished = TaskRunFilterState(name=None, type=TaskRunFilterStateType(any_=going))
    ended = set[Any]()
    with get_client(sync_client=True) as client:
        while True:
            page = client.read_task_runs(
                flow_run_filter=FlowRunFilter(id=FlowRunFilterId(any_=[flow_run_id])),
                task_run_filter=TaskRunFilter(state=unfinished),
                limit=PAGE,
            )
            fresh = [run.id for run in page if run.id not in ended]
            if not fresh:
                return len(ended)
            for task_run in fresh:
                client.set_task_run_state(task_run, Crashed(message=MESSAGE), force=True)
                ended.add(task_run)
