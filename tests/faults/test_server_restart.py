"""A Prefect server restarted under a run, and runs that were handed out and never started."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "integration"))

from live_services import ENDED, Live, live, wait_for

from lbt_core.run.record import RunStore
from lbt_core.run.status import open_plan, run_status

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]
OVERRIDES = [
    *("controls=[]", "corpus.train_limit=12", "corpus.test_limit=8", "corpus.generated.exam=20"),
    *("sampling.num_rationales=8", "exam.problems=2", "shards.problems=2", "engines.count=1"),
    *("training.max_steps=2", "training.guards.prompts=0", "sampling.max_new_tokens=160"),
    *("exam.max_new_tokens=160", "evaluation.max_new_tokens=160", "preferences.min_gap=0"),
]


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("restart")) as running:
        yield running


def kill(services: Live, name: str) -> None:
    process = psutil.Process(services.state.processes[name].pid)
    process.kill()
    process.wait(timeout=30)


def parts(run: Path) -> int:
    return len(list(run.rglob("part-*.parquet")))


def states(services: Live, run_id: str) -> list[str]:
    found = services.get(f"/flow_run_states/?flow_run_id={run_id}")
    return [s["type"] for s in found]


def is_whole(run: Path) -> bool:
    return not [s for s in run_status(open_plan(RunStore.open(str(run)))) if s.owed]


def test_limits_of_an_earlier_version_are_lifted(services: Live):
    deployment = services.deployment("lbt/demo")
    assert deployment["global_concurrency_limit"] is None
    env = os.environ | services.environment()
    body = "{'concurrency_limit': 1}"
    code = (
        "import httpx, sys; from flows.provision import deploy\n"
        f"httpx.patch(sys.argv[1], json={body}).raise_for_status(); deploy({{}})"
    )
    address = f"{services.said['api']}/deployments/{deployment['id']}"
    subprocess.run([sys.executable, "-c", code, address], env=env, check=True)
    assert services.deployment("lbt/demo")["global_concurrency_limit"] is None


FREE = """
from datetime import timedelta
from flows.stranded import free_slots
print(free_slots("lbt", timedelta(seconds={grace})))
"""


def free_slots(services: Live, grace: float) -> str:
    done = subprocess.run(
        [sys.executable, "-c", FREE.format(grace=grace)],
        env=os.environ | services.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_run_that_never_started_frees_its_slot(services: Live):
    kill(services, "worker")
    run_id = services.start_run("lbt/demo", {"run": "stranded", "overrides": OVERRIDES})
    pending = {"state": {"type": "PENDING", "name": "Pending"}, "force": True}
    services.post(f"/flow_runs/{run_id}/set_state", pending)
    assert free_slots(services, 3600) == "[]"  # a worker may be about to start it
    assert free_slots(services, 0) != "[]"
    ended = services.flow_run(run_id)
    assert ended["state_type"] == "CRASHED"
    assert "Retry" in ended["state"]["message"]
    assert services.up().returncode == 0


def started(services: Live, name: str) -> tuple[str, Path]:
    run_id = services.start_run("lbt/demo", {"run": name, "overrides": OVERRIDES})
    run = services.folder / "runs" / name
    wait_for(lambda: parts(run), 300, "the first stored shard")
    return run_id, run


def ends_well(services: Live, run_id: str, run: Path) -> Any:
    ended = services.wait_state(run_id, ENDED, 400)
    assert ended["state_type"] == "COMPLETED", ended["state"]["message"]
    assert ended["run_count"] == 1
    assert is_whole(run)
    return ended


def test_run_works_on_while_its_server_is_restarted(services: Live):
    run_id, run = started(services, "restart")
    kill(services, "server")
    before = parts(run)
    wait_for(lambda: parts(run) > before + 1, 300, "shards without a server")
    assert services.up().returncode == 0
    ends_well(services, run_id, run)
    assert "CRASHED" not in states(services, run_id)


@pytest.mark.live
def test_run_outlives_an_outage_that_is_longer_than_itself(services: Live):
    run_id, run = started(services, "outage")
    flow = [p for p in psutil.process_iter() if "prefect.engine" in " ".join(cmdline(p))]
    kill(services, "server")
    began = time.monotonic()
    wait_for(lambda: (run / "report" / "index.html").exists(), 500, "the whole run, serverless")
    time.sleep(max(0.0, 420.0 - (time.monotonic() - began)))
    assert all(p.is_running() for p in flow)
    assert services.up().returncode == 0
    ended = services.wait_state(run_id, ("COMPLETED",), 300)
    assert ended["run_count"] == 1
    assert is_whole(run)


def cmdline(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []
