"""What stands where a shard should be, or keeps it from being written: the message names the file,
nothing is deleted, and the same work afterwards ends with the shard."""

import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from lbt_core.store import Files, Shard, StoreUnavailable, read_shard, verify_shard, write_shard
from lbt_core.store.commit import commit_shard
from lbt_core.store.rows import Score
from lbt_core.store.shards import DIGEST
from lbt_core.store.sidecar import Sidecar

SHARD = Shard("prefer", 0, "scores.parquet", Score, ("problem_id", "sample"), "f")
ROWS = [Score(f"p{i}", 0, f"key{i}", "correct", True, 0.5, 0.5, 3, (0.5,)) for i in range(50)]


def made() -> tuple[list[Score], dict[str, Any]]:
    return ROWS, {}


def never() -> Any:
    raise AssertionError("a whole shard was made again")


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(str(tmp_path / "run"))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one MiB of our own."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a file system is not allowed here")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def spoil(path: Path, how: str, another: bytes) -> bytes:
    whole = path.read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 3] ^= 4
    spoilt = {
        "empty": b"",
        "torn": whole[: len(whole) // 2],
        "flipped bit": bytes(flipped),
        "another shard's": another,
        "no Parquet": b"PK\x03\x04 an archive",
    }[how]
    path.write_bytes(spoilt)
    return spoilt


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("empty", "damaged, not a whole Parquet file"),
        ("torn", "damaged, not a whole Parquet file"),
        ("flipped bit", "damaged"),
        ("another shard's", "foreign, fingerprint other, planned f"),
        ("no Parquet", "damaged, not a whole Parquet file"),
    ],
)
def test_it_is_named_moved_aside_and_made_again(
    files: Files, caplog: pytest.LogCaptureFixture, how: str, said: str
) -> None:
    other = replace(SHARD, path="other.parquet", fingerprint="other")
    write_shard(files, other, ROWS)
    write_shard(files, SHARD, ROWS)
    before = spoil(files.local(SHARD.path), how, files.read("other.parquet"))
    told = commit_shard(files, SHARD, made)
    assert not told.stored
    (line,) = caplog.messages
    assert line.startswith(f"scores.parquet: {said}")
    aside = line.partition("; moved to ")[2]
    assert files.read(aside) == before
    assert read_shard(files, SHARD) == ROWS
    assert commit_shard(files, SHARD, never).stored


def test_a_shard_of_before_shards_had_a_digest_is_whole(files: Files) -> None:
    write_shard(files, SHARD, ROWS)
    path = files.local(SHARD.path)
    table = pq.read_table(path)
    metadata = {k: v for k, v in table.schema.metadata.items() if k != DIGEST.encode()}
    pq.write_table(table.replace_schema_metadata(metadata), path, write_page_checksum=True)
    assert verify_shard(files, SHARD) is None
    assert commit_shard(files, SHARD, never).stored


def interrupted(files: Files) -> Any:
    """Rows whose making leaves a sidecar, as completions do."""

    def rows() -> tuple[list[Score], dict[str, Any]]:
        Sidecar(files, SHARD).append([{"id": "p/0", "text": "kept"}])
        return ROWS, {}

    return rows


def test_a_disk_that_is_full_within_a_commit_is_named_and_the_work_goes_on(disk: Path) -> None:
    files = Files(str(disk / "run"))
    files.write("begun", b"")

    def rows() -> tuple[list[Score], dict[str, Any]]:
        done = interrupted(files)()
        filler = disk / "filler"
        with pytest.raises(OSError), open(filler, "wb") as file:
            while True:
                file.write(b"x" * 4096)
                file.flush()
        return done

    with pytest.raises(StoreUnavailable, match=r"scores\.parquet: disk full, .* free space, run"):
        commit_shard(files, SHARD, rows)
    assert files.names("") == ["begun", "unfinished"]  # no half of a shard under any name
    (disk / "filler").unlink()
    assert Sidecar(files, SHARD).load() == {"p/0": {"id": "p/0", "text": "kept"}}
    assert not commit_shard(files, SHARD, made).stored
    assert read_shard(files, SHARD) == ROWS


def test_leave_to_write_that_is_lost_within_a_commit_is_named_and_the_work_goes_on(
    disk: Path,
) -> None:
    files = Files(str(disk / "run"))
    files.write("begun", b"")

    def rows() -> tuple[list[Score], dict[str, Any]]:
        done = interrupted(files)()
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        return done

    with pytest.raises(StoreUnavailable, match=r"scores\.parquet: no permission to write here"):
        commit_shard(files, SHARD, rows)
    subprocess.run(["mount", "-o", "remount,rw", str(disk)], check=True)
    assert Sidecar(files, SHARD).load() == {"p/0": {"id": "p/0", "text": "kept"}}
    assert not commit_shard(files, SHARD, made).stored
    assert read_shard(files, SHARD) == ROWS
