"""A Ray cluster of several nodes on this machine, for the faults that take a node away: a head
without CPUs, which the command joins, and nodes of one CPU that come and go."""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

from flows.server_process import free_port

START_S = 90.0
ROOT = Path(__file__).parents[1]
# by default each node would count a third of the machine's memory as its own
ONE_MACHINE = ("--node-ip-address", "127.0.0.1", "--object-store-memory", "200000000")


class Nodes:
    """The head and its nodes. Each is a process group of its own."""

    def __init__(self) -> None:
        # a short path: Unix sockets allow 107 characters
        self._folder = tempfile.TemporaryDirectory(
            prefix="lbt-", dir="/tmp", ignore_cleanup_errors=True
        )
        self.address = f"127.0.0.1:{free_port()}"
        self._started: list[subprocess.Popen[bytes]] = []
        port = self.address.split(":")[1]
        temp = str(Path(self._folder.name) / "r")
        dashboard = ("--include-dashboard", "false")
        self._start("--head", "--port", port, "--num-cpus", "0", "--temp-dir", temp, *dashboard)
        self.nodes: list[subprocess.Popen[bytes]] = []

    def add(self) -> None:
        """Another node of one CPU."""
        self.nodes.append(self._start("--address", self.address, "--num-cpus", "1"))

    def remove(self, holding: str) -> bool:
        """SIGKILL of a whole node, one that has a process of such a title; whether there was."""
        for node in self.nodes:
            family = [psutil.Process(node.pid), *psutil.Process(node.pid).children(recursive=True)]
            if any(holding in _title(process) for process in family):
                for process in family:
                    with contextlib.suppress(psutil.Error):
                        process.kill()
                node.wait()
                self.nodes.remove(node)
                return True
        return False

    def close(self) -> None:
        """End all of it."""
        for process in self._started:
            with contextlib.suppress(psutil.Error):
                for child in psutil.Process(process.pid).children(recursive=True):
                    with contextlib.suppress(psutil.Error):
                        child.kill()
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        self._folder.cleanup()

    def _start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        log = Path(self._folder.name) / f"node-{len(self._started)}.log"
        plain = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
        own = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_AUTH_MODE": "disabled", "PYTHONPATH": str(ROOT)}
        command = [str(Path(sys.executable).with_name("ray")), "start", "--block", *arguments]
        with open(log, "wb") as output:
            process = subprocess.Popen(
                [*command, *ONE_MACHINE],
                env=plain | own,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self._started.append(process)
        deadline = time.monotonic() + START_S
        while "Ray runtime started" not in log.read_text("utf-8", "replace"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"no Ray node: {log.read_text('utf-8', 'replace')[-800:]}")
            time.sleep(0.2)
        return process


def _title(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""
