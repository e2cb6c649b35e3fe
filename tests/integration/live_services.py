"""``lbt up`` in a folder of its own, for tests that need real services; and what to do to them."""

import contextlib
import hashlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from flows.supervision import Services, read_state

ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def lbt(*arguments: str, cwd: Path, timeout: float = 240) -> "subprocess.CompletedProcess[str]":
    """Run the command line; its environment names no server and no cluster."""
    named = ("PREFECT_", "RAY_ADDRESS", "LBT_")
    env = {k: v for k, v in os.environ.items() if not k.startswith(named)}
    return subprocess.run(
        [sys.executable, "-c", "from flows.cli import main; main()", *arguments],
        cwd=cwd,
        env=env,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


@dataclass
class Live:
    """Running services: their folder, their home and what ``lbt up --json`` said."""

    folder: Path
    home: Path
    said: Mapping[str, Any]

    @property
    def ui(self) -> str:
        return str(self.said["ui"])

    @property
    def state(self) -> Services:
        services = read_state(self.home)
        assert services is not None
        return services

    def up(self) -> "subprocess.CompletedProcess[str]":
        """Start again what has died."""
        return lbt("up", "--home", str(self.home), "--json", cwd=self.folder)

    def get(self, path: str) -> Any:
        return httpx.get(f"{self.said['api']}{path}", timeout=30).raise_for_status().json()

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        answer = httpx.post(f"{self.said['api']}{path}", json=body, timeout=30)
        answer.raise_for_status()
        return answer.json() if answer.content else None

    def deployment(self, name: str) -> Any:
        return self.get(f"/deployments/name/{name}")

    def start_run(self, deployment: str, parameters: Mapping[str, Any]) -> str:
        """Start a deployment's run; returns the flow run's id."""
        found = self.deployment(deployment)
        body = {"parameters": parameters}
        return str(self.post(f"/deployments/{found['id']}/create_flow_run", body)["id"])

    def flow_run(self, run_id: str) -> Any:
        return self.get(f"/flow_runs/{run_id}")

    def wait_state(self, run_id: str, kinds: tuple[str, ...], seconds: float) -> Any:
        """The flow run once it is in one of these states."""
        return wait_for(
            lambda: run if (run := self.flow_run(run_id))["state_type"] in kinds else None,
            seconds,
            f"flow run {run_id} to be {' or '.join(kinds)}",
        )

    def environment(self) -> dict[str, str]:
        """What a client of these services needs in its environment."""
        return self.state.environment


@contextlib.contextmanager
def live(folder: Path) -> Iterator[Live]:
    """Services in a new folder, ended with everything that belongs to them."""
    folder.mkdir(parents=True, exist_ok=True)
    home = folder / "home"
    ports = ["--port", str(free_port()), "--dashboard-port", str(free_port())]
    started = lbt("up", "--home", str(home), "--json", *ports, cwd=folder)
    try:
        assert started.returncode == 0, started.stderr
        yield Live(folder, home, json.loads(started.stdout.splitlines()[-1]))
    finally:
        stopped = lbt("down", "--home", str(home), cwd=folder)
    assert stopped.returncode == 0, stopped.stderr


def wait_for(ready: Callable[[], Any], seconds: float, what: str) -> Any:
    """The first true result of ``ready``; fails naming what was waited for."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        found = ready()
        if found:
            return found
        time.sleep(0.1)
    raise AssertionError(f"waited {seconds:.0f} s for {what}")


def digests(run: Path) -> dict[str, str]:
    """Every committed shard of a run with the digest of its bytes."""
    files = sorted(run.rglob("*.parquet"))
    kept = [f for f in files if not {"superseded", "training"} & set(f.relative_to(run).parts)]
    return {
        str(f.relative_to(run)): hashlib.sha256(f.read_bytes()).hexdigest()
        for f in kept
        if not f.name.startswith(".")
    }


KILL_ENGINES = """
import ray
ray.init(address={address!r}, logging_level="ERROR", log_to_driver=False)
for actor in ray.util.list_named_actors(all_namespaces=True):
    if actor["namespace"] == "lbt":
        ray.kill(ray.get_actor(actor["name"], namespace="lbt"), no_restart=True)
        print(actor["name"])
"""


def prepare_to_kill_engines(services: Live) -> "subprocess.Popen[str]":
    """A process that is connected to Ray and ends every engine for good on a line of input."""
    code = KILL_ENGINES.format(address=services.said["ray"])
    connect, kill = code.split("for actor", 1)
    code = f"{connect}print('ready', flush=True)\ninput()\nfor actor{kill}"
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env=os.environ | services.environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline().strip() == "ready"
    return process


def kill_engines(prepared: "subprocess.Popen[str]") -> list[str]:
    """End the engines; returns their names."""
    killed, _ = prepared.communicate("\n", timeout=60)
    return killed.split()
