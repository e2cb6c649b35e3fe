"""How many workers grade, and that the answers of one shard are on all of them at once."""

import threading

import pytest

from lbt_core.run.config import GradingConfig
from tasks.graders import BATCH, GradingPool


@pytest.mark.parametrize(("cpus", "workers"), [(1, 1), (2, 1), (4, 1), (16, 4), (512, 32)])
def test_workers_follow_the_cpus(cpus: int, workers: int) -> None:
    assert GradingConfig().workers_on(cpus) == workers
    assert GradingConfig(workers=3).workers_on(cpus) == 3


def test_one_shards_answers_are_graded_by_several_workers_at_once_and_keep_their_order(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    together = threading.Barrier(3, timeout=20)

    class Dispatcher:
        def __init__(self, actors: list[object], slots: int, **_: object) -> None:
            assert len(actors) == 3

        def call(self, _method: str, texts: list[str]) -> tuple[str, list[str]]:
            together.wait()  # one batch after the other would wait here for ever
            return "grader", [text.upper() for text in texts]

        def close(self) -> None:
            pass

    class Actor:
        def options(self, **_: object) -> "Actor":
            return self

        def remote(self, *_: object) -> object:
            return object()

    monkeypatch.setattr("tasks.graders.Dispatcher", Dispatcher)
    monkeypatch.setattr("tasks.graders.ray.remote", lambda _: Actor())
    monkeypatch.setattr("tasks.graders.ray.cluster_resources", lambda: {"CPU": 2.0})
    texts = [f"t{i}" for i in range(3 * BATCH)]
    with GradingPool(GradingConfig(workers=3), "math") as pool:
        assert pool.extract_many(texts) == [text.upper() for text in texts]
