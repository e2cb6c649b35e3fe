"""A run whose own Ray cluster dies ends at once, with a line that says how to go on."""

import os
import signal
import subprocess
import sys

import psutil
import pytest
from lbt_process import ROOT

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
