"""Another host takes a run over while the first still works: the first ends and writes nothing."""

import json
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest
from lbt_process import Lbt, digests, settings

from lbt_core.store import Files
from lbt_core.store.lock import HEARTBEAT_S, LOCK, read_owner

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Lbt]:
    command = Lbt.start(
        tmp_path / "log", "run", "--store", str(tmp_path / "runs"), "--run", "lost", *settings()
    )
    yield command
    command.clean_up()


def test_run_whose_lock_is_taken_over_ends_within_its_heartbeat(running: Lbt, tmp_path: Path):
    run = tmp_path / "runs" / "lost"
    running.wait_for(lambda: bool(list(run.glob("rationales/part-*"))), "the first shard")
    files = Files(str(run))
    owner = read_owner(files)
    assert owner is not None
    heir = replace(owner, token="s" * 32, host="elsewhere", label="flow run of an heir")
    with files.exclusively():
        files.write(LOCK, json.dumps(asdict(heir)).encode())
        stored = digests(run)
    began = time.monotonic()
    assert running.process.wait(timeout=120) == 1
    # its last words may take a while; what counts is that nothing was written meanwhile
    assert time.monotonic() - began < HEARTBEAT_S + 60
    assert digests(run) == stored
    assert read_owner(files) == heir
    assert "flow run of an heir" in running.said()
    assert running.left_after(60) == []
