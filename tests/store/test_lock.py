import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import asdict, replace

import psutil
import pytest

from lbt_core.store import Files, RunLocked, run_lock
from lbt_core.store import lock as lock_module
from lbt_core.store.lock import LOCK, STALE_S, Owner, is_alive, read_owner

HOLDER = """
import sys
from lbt_core.store import Files, run_lock, RunLocked
try:
    with run_lock(Files(sys.argv[1]), "flow run of another process"):
        print("held", flush=True)
        sys.stdin.read()
except RunLocked:
    print("refused", flush=True)
"""


def start_holder(uri: str) -> subprocess.Popen:
    return subprocess.Popen(
        [sys.executable, "-c", HOLDER, uri],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


@pytest.fixture
def uri(tmp_path):
    return str(tmp_path / "run")


@pytest.fixture
def holder(uri):
    """Another living process that holds the run's lock."""
    process = start_holder(uri)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.communicate()


def owner(**changes) -> Owner:
    me = psutil.Process()
    now = time.time()
    return replace(
        Owner("t" * 32, socket.gethostname(), me.pid, me.create_time(), "flow run x", now, now),
        **changes,
    )


def test_second_process_is_refused_and_told_of_the_first(uri, holder):
    with pytest.raises(RunLocked) as caught, run_lock(Files(uri), "mine"):
        pass
    message = str(caught.value)
    assert uri in message
    assert f"process {holder.pid}" in message
    assert "flow run of another process" in message
    assert "\n" not in message


def test_same_process_cannot_hold_a_run_twice(uri):
    with (
        run_lock(Files(uri), "first"),
        pytest.raises(RunLocked, match="first"),
        run_lock(Files(uri), "second"),
    ):
        pass


def test_of_processes_that_compete_one_wins(uri):
    rivals = [start_holder(uri) for _ in range(4)]
    said = sorted(rival.stdout.readline().strip() for rival in rivals)
    for rival in rivals:
        rival.communicate()
    assert said == ["held", "refused", "refused", "refused"]


def test_lock_is_free_after_the_block(uri):
    with run_lock(Files(uri), "first"):
        assert read_owner(Files(uri)).label == "first"
    assert read_owner(Files(uri)) is None


def test_lock_is_free_after_an_error(uri):
    with pytest.raises(ZeroDivisionError), run_lock(Files(uri), "first"):
        raise ZeroDivisionError
    assert read_owner(Files(uri)) is None


def test_lock_of_a_killed_process_is_taken_over(uri, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with run_lock(Files(uri), "heir") as me:
        assert read_owner(Files(uri)).token == me.token


def test_killed_process_that_nobody_has_waited_for_holds_nothing(uri, holder):
    holder.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, holder.pid, os.WEXITED | os.WNOWAIT)  # dead, and left a zombie
    with run_lock(Files(uri), "heir") as me:
        assert read_owner(Files(uri)).token == me.token


def test_process_id_in_use_again_is_another_process(uri):
    assert is_alive(owner())
    assert not is_alive(owner(process_started=psutil.Process().create_time() - 3600))


@pytest.mark.parametrize(("age", "alive"), [(0.0, True), (STALE_S - 5, True), (STALE_S + 5, False)])
def test_owner_on_another_machine_lives_while_its_heartbeat_is_fresh(age, alive):
    assert is_alive(owner(host="elsewhere", heartbeat=time.time() - age)) is alive


def test_stale_owner_on_another_machine_is_taken_over(uri, monkeypatch):
    monkeypatch.setattr(lock_module, "HEARTBEAT_S", 0.02)
    files = Files(uri)
    stale = owner(host="elsewhere", heartbeat=time.time() - 2 * STALE_S)
    files.write(LOCK, json.dumps(asdict(stale)).encode())
    with run_lock(files, "heir") as me:
        assert read_owner(files).token == me.token


def test_fresh_owner_on_another_machine_is_respected(uri):
    files = Files(uri)
    files.write(LOCK, json.dumps(asdict(owner(host="elsewhere"))).encode())
    with pytest.raises(RunLocked, match="elsewhere"), run_lock(files, "mine"):
        pass


def test_leaving_does_not_release_the_lock_of_a_successor(uri):
    files = Files(uri)
    successor = owner(token="s" * 32)
    with run_lock(files, "first"):
        files.write(LOCK, json.dumps(asdict(successor)).encode())
    assert read_owner(files) == successor


def test_heartbeat_is_written_while_the_lock_is_held(uri, monkeypatch):
    monkeypatch.setattr(lock_module, "HEARTBEAT_S", 0.02)
    files = Files(uri)
    with run_lock(files, "first") as me:
        deadline = time.monotonic() + 10
        while read_owner(files).heartbeat == me.heartbeat and time.monotonic() < deadline:
            time.sleep(0.01)
        assert read_owner(files).heartbeat > me.heartbeat


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"{}", b"\xff"])
def test_torn_lock_holds_nobody_off(uri, content):
    files = Files(uri)
    files.write(LOCK, content)
    with run_lock(files, "mine") as me:
        assert read_owner(files).token == me.token


def test_lock_works_in_an_object_store(tmp_path):
    files = Files(f"memory://{tmp_path.name}/run")
    with (
        run_lock(files, "first"),
        pytest.raises(RunLocked, match="first"),
        run_lock(files, "second"),
    ):
        pass
    assert read_owner(files) is None
