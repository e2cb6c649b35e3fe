"""The end of a run whose Ray cluster has lost its head or this machine's node manager: in a line.

Ray itself waits a minute for a killed GCS, or shows the node manager's log, and then ends the
process without a word about the run. A cluster of the run's own is ended at once; the head of one
that was joined may come back (GCS fault tolerance), so it has time until shortly before Ray's end.
"""

import contextlib
import os
import socket
import threading
import time
from collections.abc import Iterator
from functools import partial

import psutil

from flows.signals import say
from tasks.beside import beside

POLL_S = 0.5
# Ray's processes give up a head after 60 s (RAY_gcs_rpc_server_reconnect_timeout_s)
HEAD_PATIENCE_S = 45.0
# A head that restarts closes its port for a moment: not worth a word
SAY_AFTER_S = 5.0
CONNECT_S = 5.0
EXIT_STATUS = 1
SERVICES = {"raylet": "node manager (raylet)", "gcs_server": "head (GCS)"}


@contextlib.contextmanager
def ends_with_ray() -> Iterator[None]:
    """While the block runs, this process ends if the Ray that it has started dies: its completions
    are in shards and sidecars, a dead owner holds no lock. Ray's other processes are ended with it.
    """
    services = [p for p in psutil.Process().children() if _name(p) in SERVICES]
    with beside(partial(_watch, services), "ray-death"):
        yield


@contextlib.contextmanager
def ends_with_cluster(address: str, patience: float = HEAD_PATIENCE_S) -> Iterator[None]:
    """While the block runs, this process ends if the cluster's head at ``address`` (``host:port``;
    anything else is not watched) does not answer for ``patience`` seconds, or if the node manager
    that this process has joined dies."""
    with beside(partial(_watch_head, address, _joined_raylet(), patience), "ray-head"):
        yield


def _watch_head(
    address: str, raylet: psutil.Process | None, patience: float, stop: threading.Event
) -> None:
    host, _, port = address.rpartition(":")
    answered, asked, said = time.monotonic(), 0.0, False
    while not stop.wait(POLL_S):
        if raylet is not None and not _lives(raylet):
            name = SERVICES["raylet"]
            return _leave(f"Ray's {name} on this machine died (killed, or its head is gone)")
        if not port.isdigit() or time.monotonic() - asked < 4 * POLL_S:
            continue
        asked = time.monotonic()
        if _listens(host, int(port)):
            answered, said = time.monotonic(), False
            continue
        away = time.monotonic() - answered
        if away > patience:
            return _leave(f"Ray's head at {address} has not answered for {away:.0f} s")
        if away > SAY_AFTER_S and not said:
            said = True
            say(f"Ray's head at {address} does not answer; waiting {patience:.0f} s for it")


def _leave(what: str) -> None:
    say(f"{what}; what is stored stays, the same command goes on once the cluster is there again")
    os._exit(EXIT_STATUS)


def _listens(host: str, port: int) -> bool:
    try:
        with contextlib.closing(socket.create_connection((host, port), timeout=CONNECT_S)):
            return True
    except OSError:
        return False


def _joined_raylet() -> psutil.Process | None:
    """The node manager that this process is attached to; None where it cannot be seen (another
    user's, another process namespace)."""
    import ray  # noqa: PLC0415 - slow import, there already where a cluster was joined

    worker = ray._private.worker.global_worker
    socket_name = worker.node.raylet_socket_name if worker.node is not None else ""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            line = process.cmdline() if process.name() == "raylet" else []
            if socket_name and any(socket_name in word for word in line):
                return process
    return None


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
