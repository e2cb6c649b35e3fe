"""An engine or a grader that is stopped (SIGSTOP) ends no call by itself: that is noticed, named,
and what it was asked is asked elsewhere. An engine is used again once it goes on, a grader is made
anew."""

import contextlib
import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
import ray

from lbt_core.run.config import GradingConfig
from lbt_core.store.rows import Problem
from tasks import dispatch
from tasks.dispatch import ActorLost, Dispatcher
from tasks.graders import GradingPool

pytestmark = pytest.mark.slow


def actors(count: int) -> list[tuple[str, Any]]:
    """Actors of a class that Ray's workers need not import."""

    class Counter:
        """An actor that counts, slowly, as engines answer."""

        def ready(self) -> int:
            return os.getpid()

        def stream(self, count: int, ticket: str) -> Iterator[int]:
            for number in range(count):
                time.sleep(0.1)
                yield number

        def drop(self, ticket: str) -> None:
            pass

    made = ray.remote(Counter).options(num_cpus=0, max_concurrency=4)
    return [(f"engine-{i}", made.remote()) for i in range(count)]


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


def counted(group: Dispatcher, count: int) -> tuple[str, list[int]]:
    found = list(group.stream("stream", "drop", count))
    return found[0][0], [number for _, number in found]


def test_a_stopped_engine_is_named_and_its_work_done_by_another(
    cluster: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(dispatch, "QUIET_S", 1.0)
    monkeypatch.setattr(dispatch, "SILENT_S", 2.0)
    group = Dispatcher(actors(2), slots=1)
    group.wait_ready()
    stream = group.stream("stream", "drop", 1000)
    name, _ = next(stream)
    pid = ray.get(group.handles()[name].ready.remote())
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(ActorLost, match=f"{name} has not answered for . s: it is stopped"):
            for _ in stream:
                continue
        assert f"{name} has not answered" in caplog.text
        other, numbers = counted(group, 5)
        assert (other != name, numbers) == (True, [0, 1, 2, 3, 4])
        os.kill(pid, signal.SIGCONT)
        held = group.stream("stream", "drop", 1000)
        assert next(held)[0] == other  # the one that never stopped is taken
        assert counted(group, 3) == (name, [0, 1, 2])
        held.close()
    finally:
        os.kill(pid, signal.SIGCONT)
        group.close()


def test_an_engine_that_works_without_a_word_is_left_alone(
    cluster: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "QUIET_S", 0.02)
    monkeypatch.setattr(dispatch, "SILENT_S", 5.0)
    group = Dispatcher(actors(1), slots=1)
    group.wait_ready()
    assert counted(group, 20) == ("engine-0", list(range(20)))
    group.close()


def test_a_stopped_grader_is_named_ended_and_made_anew(
    cluster: None, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(dispatch, "QUIET_S", 1.0)
    monkeypatch.setattr(dispatch, "SILENT_S", 2.0)
    problem = Problem("p", "What is 1 + 1?", "2")
    with GradingPool(GradingConfig(workers=1), "math") as pool:
        asked = [(problem, r"So \boxed{2}")]
        assert [g.verdict for g in pool.grade_many(asked)] == ["correct"]
        (grader,) = titled("ray::GradingActor")
        grader.suspend()
        with pytest.raises(ActorLost, match=r"grader-0 has not answered for . s: it is stopped"):
            pool.grade_many(asked)
        assert "it is ended and made anew" in caplog.text
        assert [g.verdict for g in pool.grade_many(asked)] == ["correct"]
        assert [p.pid for p in titled("ray::GradingActor")] != [grader.pid]


def titled(title: str) -> list[psutil.Process]:
    """This process's descendants of such a title."""
    found = []
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if title in " ".join(process.cmdline()):
                found.append(process)
    return found
