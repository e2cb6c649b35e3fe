"""A Prefect server and a Ray cluster for one command, where none is given; ended with it."""

import contextlib
import importlib
import logging
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import ray

from flows.ray_death import ends_with_cluster, ends_with_ray
from flows.ray_join import join_ray
from flows.server_process import QUIET, free_port
from lbt_core import UserError
from lbt_core.run.config import read_environment

# a machine that other work keeps busy took more than 90 s; a server that ends is noticed at once
START_TIMEOUT_S = 240.0
DRAIN_TIMEOUT_S = 15.0


@contextlib.contextmanager
def services(home: Path, log_level: str) -> Iterator[None]:
    """Prefect and Ray for the length of the block: joined where their addresses are set in the
    environment, else started here and stopped after. ``home`` keeps the server's database and log.
    Enter it before anything imports Prefect.

    Raises UserError where a server or cluster cannot be reached or started.
    """
    environment = read_environment()
    with contextlib.ExitStack() as stack:
        url, wait = environment.prefect_api_url, _nothing
        if url is None:
            url, wait = stack.enter_context(starting_server(home))
        # Prefect reads these when it is imported, and all of its threads go by them
        os.environ |= QUIET | {"PREFECT_API_URL": url, "PREFECT_LOGGING_LEVEL": log_level}
        stack.callback(_drain_prefect)
        # the server, Ray and the imports take seconds each, mostly of waiting: side by side
        imports = threading.Thread(target=_import_flows, daemon=True)
        imports.start()
        stack.enter_context(ray_cluster(environment.ray_address, environment.cpus))
        wait()
        imports.join()
        yield


def _nothing() -> None:
    """Waits for a server that is somebody else's: not at all."""


def _import_flows() -> None:
    """What the command imports next; what it raises is raised there again."""
    with contextlib.suppress(Exception):
        importlib.import_module("flows.pipeline")


def _drain_prefect() -> None:
    """Send what Prefect still has to send while its server is there: at exit it would wait for
    minutes for one that is not."""
    if "prefect.events.worker" not in sys.modules:
        return
    from prefect.events.worker import EventsWorker  # noqa: PLC0415 - only if it was imported
    from prefect.logging.handlers import APILogWorker  # noqa: PLC0415 - the same

    for service in (APILogWorker, EventsWorker):
        service.drain_all(timeout=DRAIN_TIMEOUT_S)


@contextlib.contextmanager
def ray_cluster(address: str | None, cpus: int) -> Iterator[None]:
    """A connected Ray: the running cluster at ``address``, or a local one with ``cpus`` CPUs."""
    if ray.is_initialized():
        yield
        return
    if address:
        join_ray(address)
        watched = ends_with_cluster(address)
    else:
        _start_ray(cpus)
        watched = ends_with_ray()
    try:
        with watched:
            yield
    finally:
        ray.shutdown()


def _start_ray(cpus: int) -> None:
    try:
        ray.init(
            address="local",  # never somebody else's cluster on this machine
            num_cpus=cpus,
            include_dashboard=False,
            log_to_driver=False,
            logging_level=logging.ERROR,
            # Ray's default of 15 would let every other process on the machine slow an engine down
            _system_config={"worker_niceness": 0},
        )
    except Exception as error:  # a node that is slow to start is a bare Exception
        reason = " ".join(str(error).split())
        raise UserError(f"Ray at this machine is not ready: {reason}") from None


@contextlib.contextmanager
def prefect_server(home: Path) -> Iterator[str]:
    """A Prefect server on a free loopback port; yields its API's URL once it answers."""
    with starting_server(home) as (url, wait):
        wait()
        yield url


@contextlib.contextmanager
def starting_server(home: Path) -> Iterator[tuple[str, Callable[[], None]]]:
    """A Prefect server that is being started: its API's URL, and what waits until it answers."""
    home.mkdir(parents=True, exist_ok=True)
    port = free_port()
    url = f"http://127.0.0.1:{port}/api"
    log = home / "server.log"
    with open(log, "ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "flows.server_process", str(port)],
            env=os.environ | QUIET | {"PREFECT_HOME": str(home)},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield url, lambda: _wait_healthy(f"{url}/health", process, log)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _wait_healthy(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise UserError(f"the Prefect server ended with status {process.returncode}; see {log}")
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise UserError(f"the Prefect server was not ready in {START_TIMEOUT_S:.0f} s; see {log}")
