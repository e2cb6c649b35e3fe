"""How many cores a training worker asks for on a cluster."""

import pytest

from tasks.training import cores_per_worker


@pytest.mark.parametrize(
    ("cores", "workers", "nodes", "each"),
    [
        (4, 1, [4], 4),
        (4, 2, [4], 2),
        (2, 1, [1, 1], 1),  # two nodes of one core: two cores on one node would never come
        (2, 2, [1, 1], 1),
        (8, 1, [0, 3, 5], 5),
        (8, 4, [3, 5], 1),
        (8, 2, [3, 5], 3),
        (16, 4, [8, 8], 4),
        (1, 1, [4], 1),  # what the caller allows
        (1, 3, [1], 1),
    ],
)
def test_share_fits_on_the_nodes(cores: int, workers: int, nodes: list[int], each: int):
    assert cores_per_worker(cores, workers, nodes) == each
