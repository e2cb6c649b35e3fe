"""A run's own Ray cluster: it takes no work from strangers, and where it dies the run ends at once,
with a line that says how to go on."""

import os
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil
import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "integration"))

from lbt_process import ROOT
from ray_head import Head

RUN = """
import ray, time
from flows.local import ray_cluster
with ray_cluster(None, 1):
    print("ready", ray.get_runtime_context().gcs_address, flush=True)
    time.sleep(120)
"""
ASK = """
import sys
from flows.ray_join import join_ray
from lbt_core import UserError
try:
    join_ray(sys.argv[1])
except UserError as error:
    print("refused:", error)
else:
    print("joined")
"""


def stranger(address: str, home: Path) -> str:
    """What another user of the machine, or of its network, is told."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
    done = subprocess.run(
        [sys.executable, "-c", ASK, address],
        cwd=ROOT,
        env=environment | {"PYTHONPATH": str(ROOT), "HOME": str(home)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("service", "named"), [("raylet", "node manager (raylet)"), ("gcs_server", "head (GCS)")]
)
def test_a_dead_ray_is_said_in_one_line(service: str, named: str, tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "RAY_ADDRESS"}
    process = subprocess.Popen(
        [sys.executable, "-c", RUN],
        cwd=ROOT,
        env=environment | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        assert process.stdout is not None
        ready, address = process.stdout.readline().split()
        assert ready == "ready"
        if service == "raylet":
            assert "refused this process" in stranger(address, tmp_path)
        found = psutil.Process(process.pid).children(recursive=True)
        (victim,) = [p for p in found if p.name() == service]
        victim.kill()
        _, said = process.communicate(timeout=60)
        assert process.returncode == 1
        assert [line for line in said.splitlines() if line.startswith("lbt:")] == [
            f"lbt: Ray's {named} on this machine died (killed, or out of memory); what is stored "
            "stays, the same command goes on"
        ]
        left = psutil.wait_procs(found, timeout=60)[1]
        assert left == []
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


JOINED = """
import os, sys, time
import flows.local
from flows.ray_death import ends_with_cluster
flows.local.ends_with_cluster = lambda address: ends_with_cluster(address, 8.0)
with flows.local.ray_cluster(sys.argv[1], None):
    print("ready", flush=True)
    time.sleep(120)
"""


@pytest.mark.slow
@pytest.mark.timeout(240)
# On the head's own machine `ray start --block` ends the node manager with the head; one that is
# elsewhere and answers no more is tests/flows/test_ray_head_watch.py's
@pytest.mark.parametrize("service", ["gcs_server", "raylet"])
def test_a_joined_cluster_that_dies_is_said_in_one_line(service: str) -> None:
    plain = {k: v for k, v in os.environ.items() if not k.startswith("RAY_")}
    environment = plain | {"PYTHONPATH": str(ROOT), "RAY_USAGE_STATS_ENABLED": "0"}
    with tempfile.TemporaryDirectory(prefix="lbt-", dir="/tmp", ignore_cleanup_errors=True) as path:
        head = Head(Path(path), environment)
        joined = subprocess.Popen(
            [sys.executable, "-c", JOINED, head.address],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            assert joined.stdout is not None
            assert joined.stdout.readline() == "ready\n"
            found = psutil.Process(head.process.pid).children(recursive=True)
            (victim,) = [p for p in found if p.name() == service]
            victim.kill()
            _, said = joined.communicate(timeout=60)
        finally:
            joined.kill()
            head.stop()
    assert joined.returncode == 1
    lines = [line for line in said.splitlines() if line.startswith("lbt:")]
    assert "(raylet) on this machine died (killed, or its head is gone)" in lines[-1]
    assert lines[-1].endswith("goes on once the cluster is there again")
    assert len(lines) <= 2, "at most that it is waited for, and the end"
