"""The end of a run whose own Ray cluster has lost its head or its node manager: at once, in a line.

Ray itself waits a minute for a killed GCS, or shows the node manager's log, and then ends the
process without a word about the run.
"""

import contextlib
import os
import threading
from collections.abc import Iterator

import psutil

from flows.signals import say

POLL_S = 0.5
EXIT_STATUS = 1
SERVICES = {"raylet": "node manager (raylet)", "gcs_server": "head (GCS)"}


@contextlib.contextmanager
def ends_with_ray() -> Iterator[None]:
    """While the block runs, this process ends if the Ray that it has started dies: its completions
    are in shards and sidecars, a dead owner holds no lock. Ray's other processes are ended with it.
    """
    stop = threading.Event()
    services = [p for p in psutil.Process().children() if _name(p) in SERVICES]
    watch = threading.Thread(target=_watch, args=(services, stop), daemon=True, name="ray-death")
    watch.start()
    try:
        yield
    finally:
        stop.set()
        watch.join()


def _watch(services: list[psutil.Process], stop: threading.Event) -> None:
    named = {process: SERVICES[_name(process)] for process in services}
    while not stop.wait(POLL_S):
        for process, name in named.items():
            if not _lives(process):
                say(
                    f"Ray's {name} on this machine died (killed, or out of memory); what is "
                    "stored stays, the same command goes on"
                )
                _end()
                os._exit(EXIT_STATUS)


def _end() -> None:
    """End Ray's processes: those of a node whose head has died would live on for a minute."""
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if "ray" in " ".join(process.cmdline()):
                process.kill()


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.Error:
        return False


def _name(process: psutil.Process) -> str:
    try:
        return str(process.name())
    except psutil.Error:
        return ""
