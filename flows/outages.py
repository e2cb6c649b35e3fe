"""What a run does while its Prefect server is away: its work; only its last word waits.

The shards need no server: their task runs and log lines are sent on when it is back, or given up.
The flow's final state has to reach it, or the page would show a finished run as crashed.

``python -m flows.outages`` waits for the server that PREFECT_API_URL names.
"""

import logging
import sys
import time
import urllib.error
import urllib.request

from lbt_core.run.config import read_environment

# The work is stored: half an hour outlasts an upgrade of the server, and a machine that waits is
# paid for
PATIENCE_S = 1800.0
POLL_S = 2.0
SAY_EVERY_S = 60.0
_log = logging.getLogger(__name__)


def answers(api: str) -> bool:
    """Whether a Prefect API is there; one that asks for a password is."""
    try:
        with urllib.request.urlopen(f"{api.rstrip('/')}/health", timeout=5):
            return True
    except urllib.error.HTTPError as error:
        return error.code in (401, 403)
    except (urllib.error.URLError, OSError):
        return False


def wait_for_server(
    patience: float = PATIENCE_S, saying: str = "the work is done and stored"
) -> bool:
    """Wait until this process's Prefect server answers, ``patience`` seconds at most, and say now
    and then what for. Returns whether it does.

    The store is whole either way: a run whose last word is lost is marked Crashed later, and its
    Retry finds that nothing is owed.
    """
    api = read_environment().prefect_api_url
    if api is None:
        return True
    started = time.monotonic()
    said = started - SAY_EVERY_S
    while not answers(api):
        now = time.monotonic()
        if now - started > patience:
            _log.warning("the Prefect server has not come back; this run's state stays unsent")
            return False
        if now - said >= SAY_EVERY_S:
            said = now
            _log.warning("%s; waiting for the Prefect server", saying)
        time.sleep(POLL_S)
    return True


if __name__ == "__main__":
    sys.exit(0 if wait_for_server(600.0, "starting") else 1)
