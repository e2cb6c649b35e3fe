"""Engines' cores are left to them alone while they are there."""

import os
import subprocess
import sys

import pytest

from tasks.placement import Placement

CORES = os.sched_getaffinity(0)


@pytest.fixture
def sleeper():
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    yield process.pid
    process.communicate(b"\n", timeout=10)


@pytest.mark.skipif(len(CORES) < 2, reason="needs two cores")
def test_others_leave_an_engines_core_and_get_it_back(sleeper):
    engine = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    core = min(CORES)
    os.sched_setaffinity(engine.pid, {core})
    placement = Placement()
    try:
        assert placement.apply({engine.pid}, {core})
        assert os.sched_getaffinity(engine.pid) == {core}
        assert os.sched_getaffinity(sleeper) == CORES - {core}
        assert os.sched_getaffinity(0) == CORES - {core}
    finally:
        placement.undo()
        engine.communicate(b"\n", timeout=10)
    assert os.sched_getaffinity(sleeper) == os.sched_getaffinity(0) == CORES


def test_nothing_is_done_where_too_little_would_be_left(sleeper):
    assert not Placement().apply({sleeper}, CORES)
    assert os.sched_getaffinity(sleeper) == CORES
