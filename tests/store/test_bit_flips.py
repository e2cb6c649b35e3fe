"""Every flipped bit of a shard is found, wherever it is, and said where."""

import random

import pytest

from lbt_core.store import Files, Shard, inspect_shard, verify_shard, write_shard
from lbt_core.store.rows import Score

FLIPS = 1000


@pytest.fixture
def stored(tmp_path):
    files = Files(str(tmp_path / "run"))
    shard = Shard("prefer", 0, "scores.parquet", Score, ("problem_id", "sample"), "f")
    rows = [
        Score(f"p{i}", i % 7, f"key{i * 7919}", "correct", True, i / 300, i / 300, 9, (i / 300,))
        for i in range(300)
    ]
    write_shard(files, shard, rows, {"seconds": 1.5})
    return files, shard


def test_an_undamaged_shard_has_no_fault(stored):
    assert verify_shard(*stored) is None


def test_each_of_a_thousand_flips_is_found_and_the_file_named(stored):
    files, shard = stored
    path = files.local(shard.path)
    data, draw = path.read_bytes(), random.Random(0)
    in_groups = 0
    for _ in range(FLIPS):
        flipped, bit = bytearray(data), draw.randrange(8 * len(data))
        flipped[bit // 8] ^= 1 << bit % 8
        path.write_bytes(flipped)
        fault = verify_shard(files, shard)
        assert fault is not None, bit
        assert fault.startswith("scores.parquet: "), fault
        in_groups += "row group 0 of 1" in fault
    assert in_groups > FLIPS / 2
    path.write_bytes(data)
    assert verify_shard(files, shard) is None


@pytest.mark.parametrize("content", [b"", b"PAR1", b"not a table at all", b"PAR1" * 500])
def test_what_is_no_shard_is_damaged(stored, content):
    files, shard = stored
    files.local(shard.path).write_bytes(content)
    assert inspect_shard(files, shard).state == "damaged"
    assert "scores.parquet: damaged" in str(verify_shard(files, shard))
