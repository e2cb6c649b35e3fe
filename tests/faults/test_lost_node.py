"""A node of the cluster that is lost takes its engines along: that is named, what they were asked
is asked of the others, and another node that joins gets them back."""

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import ray
from ray.cluster_utils import Cluster

from tasks.dispatch import Dispatcher

pytestmark = pytest.mark.slow


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A head without CPUs, and two nodes of one each."""
    quiet = {"include_dashboard": False}
    found = Cluster(initialize_head=True, head_node_args={"num_cpus": 0, **quiet})
    found.add_node(num_cpus=1)
    ray.init(address=found.address, log_to_driver=False)
    yield found
    ray.shutdown()
    found.shutdown()


def engines() -> list[tuple[str, Any]]:
    """Two, which take a CPU each."""

    class Engine:
        """Says where it is, at once or after a while."""

        def ready(self) -> bool:
            return True

        def where(self, after: float = 0.0) -> str:
            time.sleep(after)
            return str(ray.get_runtime_context().get_node_id())

    made = ray.remote(Engine).options(num_cpus=1, max_restarts=20, max_concurrency=4)
    return [(f"engine-{i}", made.remote()) for i in range(2)]


def until_dead(node: str) -> None:
    """Wait until the cluster has given a node up: only then are its actors made anew elsewhere."""
    deadline = time.monotonic() + 60
    while any(n["Alive"] for n in ray.nodes() if n["NodeID"] == node):
        assert time.monotonic() < deadline
        time.sleep(0.2)


def test_engines_of_a_lost_node_are_named_and_come_back_on_another(cluster: Cluster) -> None:
    second = cluster.add_node(num_cpus=1)
    group = Dispatcher(engines(), slots=1)
    group.wait_ready()
    places = {name: ray.get(handle.where.remote()) for name, handle in group.handles().items()}
    (lost,) = (name for name, place in places.items() if place == second.node_id)
    with ThreadPoolExecutor(2) as calls:
        asked = [calls.submit(group.call, "where", 6.0) for _ in range(2)]
        time.sleep(1.0)
        cluster.remove_node(second, allow_graceful=False)
        errors = [call.exception() for call in asked]
    assert sorted(type(e).__name__ for e in errors) == ["ActorLost", "NoneType"]
    assert f"{lost} died" in str(next(e for e in errors if e is not None))
    assert {group.call("where")[0] for _ in range(3)} == places.keys() - {lost}
    third = cluster.add_node(num_cpus=1)
    until_dead(second.node_id)
    group.wait_ready()
    assert ray.get(group.handles()[lost].where.remote()) == third.node_id
    group.close()
