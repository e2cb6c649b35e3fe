"""A run whose own Ray cluster dies ends at once, with a line that says how to go on."""

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
import time
from flows.local import ray_cluster
with ray_cluster(None, 1):
    print("ready", flush=True)
    time.sleep(120)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("service", "named"), [("raylet", "node manager (raylet)"), ("gcs_server", "head (GCS)")]
)
def test_a_dead_ray_is_said_in_one_line(service: str, named: str) -> None:
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
        assert process.stdout.readline() == "ready\n"
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
@pytest.mark.parametrize(
    ("service", "named"),
    [("gcs_server", "Ray's head at {address} has not answered"), ("raylet", "(raylet) on this")],
)
def test_a_joined_cluster_that_dies_is_said_in_one_line(service: str, named: str) -> None:
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
    assert named.format(address=head.address) in lines[-1]
    assert lines[-1].endswith("goes on once the cluster is there again")
    assert len(lines) <= 2, "at most that it is waited for, and the end"
