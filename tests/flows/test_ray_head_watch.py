"""The watch over a joined cluster: what ends the run, and what does not. No Ray is needed."""

import socket
import subprocess
import threading
import time
from collections.abc import Iterator

import psutil
import pytest

from flows import ray_death

PATIENCE_S = 0.4


class Watched:
    """A head that listens, and the watch over it; what it would have ended the run with."""

    def __init__(self, raylet: psutil.Process | None = None) -> None:
        self.head = socket.create_server(("127.0.0.1", 0))
        self.port = self.head.getsockname()[1]
        self.stop = threading.Event()
        arguments = (f"127.0.0.1:{self.port}", raylet, PATIENCE_S, self.stop)
        self.thread = threading.Thread(target=ray_death._watch_head, args=arguments, daemon=True)
        self.thread.start()


@pytest.fixture
def left(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    said: list[str] = []
    monkeypatch.setattr(ray_death, "POLL_S", 0.02)
    monkeypatch.setattr(ray_death, "_leave", said.append)
    return said


@pytest.fixture
def sleeper() -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(["sleep", "60"])
    yield process
    process.kill()
    process.wait()


def wait(thread: threading.Thread) -> None:
    thread.join(timeout=20)
    assert not thread.is_alive()


def test_a_head_that_is_gone_ends_the_run(left: list[str]):
    watched = Watched()
    time.sleep(2 * PATIENCE_S)
    assert left == []
    watched.head.close()
    wait(watched.thread)
    assert left[0].startswith(f"Ray's head at 127.0.0.1:{watched.port} has not answered for")


def test_a_head_that_comes_back_ends_nothing(left: list[str]):
    watched = Watched()
    watched.head.close()
    time.sleep(PATIENCE_S / 4)
    again = socket.create_server(("127.0.0.1", watched.port))
    time.sleep(2 * PATIENCE_S)
    watched.stop.set()
    wait(watched.thread)
    again.close()
    assert left == []


def test_a_node_manager_that_dies_ends_the_run(left: list[str], sleeper: "subprocess.Popen[bytes]"):
    watched = Watched(psutil.Process(sleeper.pid))
    sleeper.kill()
    wait(watched.thread)
    watched.head.close()
    assert "node manager (raylet) on this machine died" in left[0]
