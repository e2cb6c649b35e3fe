"""Keys of a plan that are not written out."""

from lbt_core.store.shards import GridKeys


def test_a_grid_is_its_keys_in_order():
    keys = GridKeys(("a", "b"), 3)
    assert list(keys) == [("a", 0), ("a", 1), ("a", 2), ("b", 0), ("b", 1), ("b", 2)]
    assert len(keys) == 6
    assert ("b", 2) in keys
    assert ("b", 3) not in keys
    assert keys == GridKeys(("a", "b"), 3)
    assert not GridKeys((), 3)
