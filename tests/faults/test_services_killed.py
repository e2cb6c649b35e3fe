"""Processes killed under a run of the Prefect UI: what the run becomes, and that Retry ends it."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "integration"))

from live_services import ENDED, Live, digests, live, wait_for

from flows.supervision import belonging
from lbt_core.run.record import RunStore
from lbt_core.run.status import open_plan, run_status, verify_run

pytestmark = [pytest.mark.slow, pytest.mark.live, pytest.mark.timeout(900)]
CRASHED_WITHIN_S = 120.0
OVERRIDES = [
    *("controls=[]", "corpus.train_limit=30", "corpus.test_limit=16", "corpus.generated.exam=20"),
    *("sampling.num_rationales=8", "exam.problems=2", "shards.problems=2", "engines.count=1"),
    *("training.max_steps=2", "training.guards.prompts=0"),
]


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("faults")) as running:
        yield running


def started(services: Live, name: str) -> tuple[str, Path]:
    """A run that has stored its first shard: the flow run's id and the run's folder."""
    run_id = services.start_run("lbt/demo", {"run": name, "overrides": OVERRIDES})
    run = services.folder / "runs" / name
    wait_for(lambda: list(run.glob("rationales/part-*.parquet")), 300, "the first stored shard")
    return run_id, run


def flow_processes(services: Live) -> list[psutil.Process]:
    found = []
    for process in belonging(services.state.token):
        if "prefect.engine" in " ".join(process.cmdline()):
            found.append(process)
    assert found
    return found


def kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        os.kill(process.pid, signal.SIGKILL)


def retry(services: Live, run_id: str) -> None:
    """``prefect flow-run retry``, which is what the UI's button does."""
    command = [sys.executable, "-m", "prefect", "flow-run", "retry", run_id]
    env = os.environ | services.environment()
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def ends_well(services: Live, run_id: str, run: Path, stored: dict[str, str]) -> Any:
    """The run is completed, holds exactly the planned keys, and no committed file changed."""
    ended = services.wait_state(run_id, ENDED, 300)
    assert ended["state_type"] == "COMPLETED", ended["state"]["message"]
    now = digests(run)
    assert {path: now.get(path) for path in stored} == stored
    plan = open_plan(RunStore.open(str(run)))
    assert [s for s in run_status(plan) if s.owed] == []
    assert [fault for _, fault in verify_run(plan) if fault] == []
    asked = {"flow_runs": {"id": {"any_": [run_id]}}, "limit": 200}
    states = {task["state_type"] for task in services.post("/task_runs/filter", asked)}
    assert states <= set(ENDED), "task runs of a killed attempt are over too"
    return ended


def test_flow_process_killed(services: Live):
    run_id, run = started(services, "flow-killed")
    kill(flow_processes(services))
    services.wait_state(run_id, ("CRASHED",), 30)
    stored = digests(run)
    retry(services, run_id)
    assert ends_well(services, run_id, run, stored)["run_count"] == 2


def test_retry_while_the_old_attempt_lives_does_not_double_run(services: Live):
    run_id, run = started(services, "double")
    other = services.start_run("lbt/demo", {"run": "double", "overrides": OVERRIDES})
    assert services.flow_run(other)["state_type"] in ("SCHEDULED", "PENDING")
    stored = digests(run)
    ends_well(services, run_id, run, stored)
    ended = services.wait_state(other, ENDED, 120)
    assert ended["state_type"] == "COMPLETED", ended["state"]["message"]
    assert digests(run) == digests(run) | stored


def test_engine_killed(services: Live):
    run_id, run = started(services, "engine-killed")
    engines = [
        p
        for p in belonging(services.state.token)
        if "EngineActor" in p.name() or "ray::EngineActor" in " ".join(p.cmdline())
    ]
    assert engines
    kill(engines)
    ends_well(services, run_id, run, digests(run))


def test_server_killed(services: Live):
    run_id, run = started(services, "server-killed")
    kill([psutil.Process(services.state.processes["server"].pid)])
    stored = digests(run)
    again = services.up()
    assert again.returncode == 0, again.stderr
    # the run may outlive the server's absence, or crash and be retried
    ended = services.wait_state(run_id, ENDED, 300)
    if ended["state_type"] != "COMPLETED":
        retry(services, run_id)
    ends_well(services, run_id, run, stored)


def test_worker_and_flow_killed_together(services: Live):
    run_id, run = started(services, "worker-killed")
    worker = psutil.Process(services.state.processes["worker"].pid)
    kill([worker, *flow_processes(services), *worker.children(recursive=True)])
    stored = digests(run)
    services.wait_state(run_id, ("CRASHED",), CRASHED_WITHIN_S)
    assert services.up().returncode == 0
    retry(services, run_id)
    ends_well(services, run_id, run, stored)
