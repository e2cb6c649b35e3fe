"""The end of a run whose lock another host has taken over: at once, and on record."""

import logging
import os
import sys
import threading
from collections.abc import Callable
from typing import Any

# The server may be what stood still; the successor is at work already and must not be written over
LAST_WORDS_S = 5.0
EXIT_STATUS = 1
_log = logging.getLogger(__name__)


def end_run(flow_run_id: Any) -> Callable[[str], None]:
    """What a lock calls when it is lost: the flow run is marked Failed with the reason, and this
    process ends. Nothing is drained: its rows belong to the successor now, and its engines, graders
    and training end with it."""

    def end(reason: str) -> None:
        message = f"{reason}. The other run does what is owed."
        print(message, file=sys.stderr, flush=True)
        words = threading.Thread(target=_tell, args=(flow_run_id, message), daemon=True)
        words.start()
        words.join(LAST_WORDS_S)
        os._exit(EXIT_STATUS)

    return end


def _tell(flow_run_id: Any, message: str) -> None:
    from prefect.client.orchestration import get_client  # noqa: PLC0415 - reads settings
    from prefect.states import Failed  # noqa: PLC0415 - reads settings

    if flow_run_id is None:
        return
    try:
        with get_client(sync_client=True) as client:
            client.set_flow_run_state(flow_run_id, Failed(message=message), force=True)
    except Exception as error:  # the process ends whether the server hears of it or not
        _log.warning("the Prefect server did not hear of the lost lock: %s", error)
