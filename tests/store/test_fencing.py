"""A lock that is lost ends its owner, whose late writes are refused: on a folder and on S3."""

import json
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

from s3_server import s3_bucket

from lbt_core.store import Files, LeaseLost, RunLocked, StoreUnavailable, run_lock
from lbt_core.store import lock as lock_module
from lbt_core.store.lock import LOCK, STALE_S, Owner, read_owner


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    with s3_bucket() as (uri, _):
        yield uri


@pytest.fixture(params=["folder", "s3"])
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "folder":
        return str(tmp_path / "run")
    return f"{request.getfixturevalue('bucket')}/{tmp_path.name}/run"


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lock_module, "HEARTBEAT_S", 0.1)


def elsewhere(**changes: object) -> Owner:
    now = time.time()
    owner = Owner("e" * 32, "elsewhere", 1, now, "flow run of another host", now, now)
    return replace(owner, **changes)  # type: ignore[arg-type]


def take_over(uri: str) -> Owner:
    """What another host does that takes the first one for dead."""
    heir = elsewhere(token="s" * 32)
    Files(uri).write(LOCK, json.dumps(asdict(heir)).encode())
    return heir


def test_lost_lease_is_told_within_a_heartbeat_and_names_the_successor(uri: str, quick: None):
    told = threading.Event()
    reasons: list[str] = []

    def on_lost(reason: str) -> None:
        reasons.append(reason)
        told.set()

    with run_lock(Files(uri), "first", on_lost):
        heir = take_over(uri)
        assert told.wait(20)
    assert "flow run of another host" in reasons[0]
    assert "elsewhere" in reasons[0]
    assert read_owner(Files(uri)) == heir  # neither renewed nor released by the loser


@pytest.mark.parametrize("how", ["write", "commit", "move_aside"])
def test_late_writes_of_a_lost_lease_are_refused(uri: str, how: str):
    files = Files(uri)
    with run_lock(files, "first"):
        files.commit("part-1", b"of the first")
        take_over(uri)
        Files(uri).write("part-2", b"of the successor")
        with pytest.raises(LeaseLost, match="elsewhere"):
            if how == "move_aside":
                files.move_aside("part-2")
            else:
                getattr(files, how)("part-2", b"late")
    assert Files(uri).read("part-2") == b"of the successor"
    assert Files(uri).read("part-1") == b"of the first"


def test_writes_after_the_block_are_refused(uri: str):
    files = Files(uri)
    with run_lock(files, "first"):
        files.write("a", b"1")
    with pytest.raises(LeaseLost, match="late write"):
        files.write("a", b"2")
    assert Files(uri).read("a") == b"1"


def test_lost_lease_is_no_reason_to_try_again():
    from tasks.shard_runs import is_infrastructure  # noqa: PLC0415 - imports Ray

    assert not is_infrastructure(LeaseLost(0, "lost"))
    assert is_infrastructure(StoreUnavailable(5, "away"))


def test_owner_whose_clock_is_off_is_respected_while_its_heartbeat_moves(uri: str, quick: None):
    slow_clock = time.time() - 2 * STALE_S
    stop = threading.Event()

    def beat() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            owner = elsewhere(heartbeat=slow_clock + number)
            Files(uri).write(LOCK, json.dumps(asdict(owner)).encode())
            time.sleep(0.05)

    thread = threading.Thread(target=beat)
    thread.start()
    try:
        while read_owner(Files(uri)) is None:
            time.sleep(0.01)
        with pytest.raises(RunLocked, match="another host"), run_lock(Files(uri), "mine"):
            pass
    finally:
        stop.set()
        thread.join()


def test_dead_owner_on_another_machine_is_taken_over(uri: str, quick: None):
    stale = elsewhere(heartbeat=time.time() - 2 * STALE_S)
    Files(uri).write(LOCK, json.dumps(asdict(stale)).encode())
    files = Files(uri)
    with run_lock(files, "heir") as lease:
        files.write("a", b"1")
        assert read_owner(Files(uri)).token == lease.token  # type: ignore[union-attr]


def test_of_many_that_take_a_lock_at_once_one_wins(uri: str):
    held, refused = [], []
    start, done = threading.Barrier(4), threading.Event()

    def rival() -> None:
        files = Files(uri)
        start.wait()
        try:
            with run_lock(files, "rival") as lease:
                held.append(lease.token)
                done.wait(30)
        except RunLocked:
            refused.append(1)
        if len(refused) == 3:
            done.set()

    rivals = [threading.Thread(target=rival) for _ in range(4)]
    for thread in rivals:
        thread.start()
    for thread in rivals:
        thread.join(60)
    assert (len(held), len(refused)) == (1, 3)
    assert read_owner(Files(uri)) is None


def test_heartbeats_keep_the_lock(uri: str, quick: None):
    files = Files(uri)
    with run_lock(files, "first") as lease:
        deadline = time.monotonic() + 20
        while read_owner(Files(uri)).heartbeat <= lease.heartbeat + 0.3:  # type: ignore[union-attr]
            assert time.monotonic() < deadline
            time.sleep(0.02)
        files.write("a", b"1")
    assert read_owner(Files(uri)) is None


def test_committed_object_is_never_replaced_by_another_run(bucket: str, tmp_path: Path):
    uri = f"{bucket}/{tmp_path.name}/run"
    Files(uri).commit("part-1", b"first")
    Files(uri).commit("part-1", b"first")  # a PUT whose reply was lost, sent again
    with pytest.raises(LeaseLost, match="committed by another run"):
        Files(uri).commit("part-1", b"second")
    assert Files(uri).read("part-1") == b"first"


def test_another_process_sees_what_was_written(bucket: str, tmp_path: Path):
    uri = f"{bucket}/{tmp_path.name}/run"
    reader, writer = Files(uri), Files(uri)
    assert reader.names("rationales") == []
    writer.write("rationales/part-00000.parquet", b"x")
    assert reader.names("rationales") == ["part-00000.parquet"]
    assert reader.exists("rationales/part-00000.parquet")
    where = writer.move_aside("rationales")
    assert reader.names("rationales") == []
    assert reader.names(where) == ["part-00000.parquet"]
