"""Task runs of a killed attempt are over once its retry has begun: a real server, a real kill."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from flows.local import prefect_server
from flows.retention import retention
from flows.stale_tasks import end_stale_task_runs

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

ATTEMPT = """
import sys, time
from prefect import flow
from prefect.client.orchestration import get_client
from prefect.flow_engine import run_flow
from prefect.runtime import flow_run
from flows.stale_tasks import end_stale_task_runs
from tasks.shard_runs import ShardSummary, shard_task

def work():
    if {hangs}:
        time.sleep(600)
    return ShardSummary("part-0", 1, 0, 0.0, False)

@flow(name="retried")
def retried():
    print("ended", end_stale_task_runs(flow_run.get_id(), flow_run.get_run_count()), flush=True)
    jobs = [shard_task.submit(f"part-{{i}}", work) for i in range(3)]
    return [job.result().rows for job in jobs]

with get_client(sync_client=True) as client:
    run = client.read_flow_run(sys.argv[1]) if sys.argv[1:] else client.create_flow_run(retried)
print("run", run.id, flush=True)
print("rows", run_flow(retried, flow_run=run), flush=True)
"""


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with prefect_server(tmp_path_factory.mktemp("prefect")) as url:
        yield url


def attempt(api: str, hangs: bool, *run: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", ATTEMPT.format(hangs=hangs), *run],
        env=os.environ | {"PREFECT_API_URL": api, "PREFECT_LOGGING_LEVEL": "ERROR"},
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        text=True,
    )


def task_states(api: str, run: str) -> list[str]:
    asked = {"flow_runs": {"id": {"any_": [run]}}}
    found = httpx.post(f"{api}/task_runs/filter", json=asked, timeout=30).raise_for_status().json()
    return sorted(task["state_type"] for task in found)


def wait_for(states: list[str], api: str, run: str) -> list[str]:
    deadline = time.monotonic() + 60
    while (found := task_states(api, run)) != states and time.monotonic() < deadline:
        time.sleep(0.3)
    return found


def word_after(process: "subprocess.Popen[str]", word: str) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith(f"{word} "):
            return line.removeprefix(f"{word} ").strip()
    raise AssertionError(f"the attempt ended without saying {word}")


def test_task_runs_of_a_killed_attempt_end_with_its_retry(api: str):
    first = attempt(api, True)
    run = word_after(first, "run")
    assert word_after(first, "ended") == "0"
    assert wait_for(["RUNNING"] * 3, api, run) == ["RUNNING"] * 3
    first.kill()
    first.wait()
    for state in ("CRASHED", "SCHEDULED"):  # what the worker says, then what Retry does
        body: dict[str, Any] = {"state": {"type": state}, "force": True}
        httpx.post(f"{api}/flow_runs/{run}/set_state", json=body, timeout=30).raise_for_status()

    second = attempt(api, False, run)
    assert word_after(second, "ended") == "3"
    assert word_after(second, "rows") == "[1, 1, 1]"
    assert second.wait() == 0
    whole = ["COMPLETED"] * 3 + ["CRASHED"] * 3
    assert wait_for(whole, api, run) == whole


def test_server_that_is_away_ends_nothing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:9/api")
    assert end_stale_task_runs("00000000-0000-0000-0000-000000000000", 2) == 0


def test_retention_is_what_prefect_understands(monkeypatch: pytest.MonkeyPatch):
    from prefect.settings.models.server.services import (  # noqa: PLC0415 - reads settings
        ServerServicesDBVacuumSettings,
    )

    assert ServerServicesDBVacuumSettings().enabled_vacuum_types == {"events"}
    for name, value in retention(30).items():
        monkeypatch.setenv(name, value)
    found = ServerServicesDBVacuumSettings()
    assert found.enabled_vacuum_types == {"events", "flow_runs"}
    assert found.retention_period.days == 30
    assert retention(None) == {}
