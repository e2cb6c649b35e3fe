"""A process that is stopped (SIGSTOP) is named, with what to do, and so is its going on."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tasks import heartbeat
from tasks.heartbeat import PREFIX, beating, listening

WORK = """
import sys, time
from pathlib import Path
from tasks import heartbeat
heartbeat.BEAT_S = 0.05
with heartbeat.beating(Path(sys.argv[1]), "training worker 0"):
    print("at work", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def worker(tmp_path: Path) -> Iterator["subprocess.Popen[str]"]:
    command = [sys.executable, "-c", WORK, str(tmp_path)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "at work\n"
        yield process
        process.kill()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heartbeat, "BEAT_S", 0.05)
    monkeypatch.setattr(heartbeat, "SILENT_S", 0.5)


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.02)


def test_a_stopped_worker_is_named_once_and_so_is_its_going_on(
    worker: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    said: list[str] = []
    with listening(tmp_path, said.append):
        wait_for(lambda: list(tmp_path.glob(f"{PREFIX}*")))
        os.kill(worker.pid, signal.SIGSTOP)
        wait_for(lambda: said)
        time.sleep(0.3)
        assert len(said) == 1
        assert said[0].startswith(f"WARNING: training worker 0 (process {worker.pid} on ")
        assert "it is stopped, or its machine hangs" in said[0]
        assert f"`kill -CONT {worker.pid}` there lets it go on" in said[0]
        os.kill(worker.pid, signal.SIGCONT)
        wait_for(lambda: said[1:])
    assert said[1].endswith("is heard again")


def test_work_that_goes_on_or_has_ended_is_not_named(tmp_path: Path) -> None:
    said: list[str] = []
    with listening(tmp_path, said.append):
        with beating(tmp_path, "the merge"):
            time.sleep(1.0)
        assert list(tmp_path.glob(f"{PREFIX}*")) == []
        time.sleep(0.8)
    assert said == []


def test_what_a_killed_worker_left_is_not_taken_for_one_that_is_silent(
    worker: "subprocess.Popen[str]", tmp_path: Path
) -> None:
    worker.kill()
    worker.wait()
    assert list(tmp_path.glob(f"{PREFIX}*"))
    said: list[str] = []
    with listening(tmp_path, said.append):
        time.sleep(0.8)
    assert said == []
