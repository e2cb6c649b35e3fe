"""A run whose teacher is behind ``vllm serve`` on loopback, killed and restarted meanwhile."""

import os
import signal
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from unittest.mock import ANY

import psutil
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from lbt_process import Lbt, settings

from flows.server_process import free_port
from lbt_core.embedded import embedded_model_path
from lbt_core.run.record import RunStore
from lbt_core.run.status import open_plan, run_status, verify_run

READY_S = 240.0


class Serve:
    """What ``vllm serve`` starts; the CPU build's own command looks for a package called vllm."""

    def __init__(self, port: int, log: Path) -> None:
        self.port, self.log = port, log
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "vllm.entrypoints.openai.api_server"]
        command += ["--model", str(embedded_model_path()), "--served-model-name", "tiny"]
        command += ["--host", "127.0.0.1", "--port", str(self.port), "--dtype", "bfloat16"]
        command += ["--enforce-eager", "--max-num-seqs", "32"]
        own = {"VLLM_CPU_KVCACHE_SPACE": "1", "VLLM_CPU_OMP_THREADS_BIND": "nobind"}
        own |= {"OMP_NUM_THREADS": "1", "VLLM_NO_USAGE_STATS": "1"}
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                command, stdout=output, stderr=subprocess.STDOUT, env=os.environ | own
            )

    def wait(self) -> None:
        deadline = time.monotonic() + READY_S
        while True:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/v1/models"):
                    return
            except OSError:
                assert self.process.poll() is None, self.log.read_text()[-3000:]
                assert time.monotonic() < deadline, self.log.read_text()[-3000:]
                time.sleep(0.5)

    def kill(self) -> None:
        for process in [*psutil.Process(self.process.pid).children(recursive=True), self.process]:
            process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.mark.slow
@pytest.mark.long
def test_an_endpoint_that_is_killed_and_restarted_loses_nothing(tmp_path: Path) -> None:
    """Rationales, exams, pairs and both evaluations are whole, every answer the server's; the
    tuned model is loaded here."""
    server = Serve(free_port(), tmp_path / "vllm.log")
    lbt = None
    try:
        server.wait()
        url = f"http://127.0.0.1:{server.port}/v1"
        asked = f"{{urls: [{url}], seed: false, logprobs: true}}"
        given = settings(
            reproducible="false", engines__kind="endpoint", engines__endpoint=asked, controls="[]"
        )
        command = ("run", "--store", str(tmp_path), "--run", "asked", *given)
        lbt = Lbt.start(tmp_path / "log", *command)
        part = tmp_path / "asked" / "rationales"
        lbt.wait_for(lambda: any(part.glob("part-*.parquet")), "the first shard")
        server.kill()
        server.start()
        figures = lbt.finish()
        assert figures["rationales"] == 96 and figures["pairs"] > 0
        store = RunStore.open(str(tmp_path / "asked"))
        plan = open_plan(store)
        assert not any(stage.owed for stage in run_status(plan))
        assert [fault for _, fault in verify_run(plan) if fault] == []
        served = store.record["endpoints"]["teacher"]
        assert served["api"] == "completions" and served["exact"] and served["extended"]
        # the same command again: what is served is looked at, nothing is done
        again = Lbt.start(tmp_path / "again.log", *command)
        try:
            assert again.finish() == figures | {
                "worked_shards": 0,
                "resumed_shards": ANY,
                "seconds": ANY,
            }
        finally:
            again.clean_up()
    finally:
        if lbt is not None:
            lbt.clean_up()
        server.kill()
