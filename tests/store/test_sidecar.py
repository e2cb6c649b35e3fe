"""A sidecar keeps what was finished: torn ends, flipped bits, foreign and full disks cost no more
than what they hit."""

import errno
import os

import pytest

from lbt_core.store import Files, Shard, StoreUnavailable, sidecar
from lbt_core.store.rows import Rationale
from lbt_core.store.sidecar import Sidecar, set_aside_all, sidecar_path

RECORDS = [{"id": f"p/{i}", "text": f"answer\n{i} é \ud800", "tokens": i} for i in range(5)]


def shard(fingerprint: str = "f1") -> Shard:
    keys = ("problem_id", "sample")
    return Shard("sample", 3, "rationales/part-00003.parquet", Rationale, keys, fingerprint)


@pytest.fixture
def files(tmp_path):
    return Files(str(tmp_path / "run"))


def test_what_was_appended_is_loaded_by_another_process_later(files):
    Sidecar(files, shard()).append(RECORDS[:2])
    Sidecar(files, shard()).append(RECORDS[2:])
    assert list(Sidecar(files, shard()).load().values()) == RECORDS


def test_nothing_is_there_before_and_after(files):
    kept = Sidecar(files, shard())
    assert kept.load() == {}
    kept.append([])
    assert not kept.path.exists()
    kept.append(RECORDS)
    kept.remove()
    kept.remove()
    assert kept.load() == {}
    assert not kept.path.parent.exists()


def test_torn_at_every_byte_the_whole_lines_are_kept_and_appending_goes_on(files):
    kept = Sidecar(files, shard())
    kept.append(RECORDS)
    data = kept.path.read_bytes()
    first = data.index(b"\n") + 1
    for cut in range(first, len(data)):
        kept.path.write_bytes(data[:cut])
        whole = data[:cut].count(b"\n") - 1
        assert list(kept.load()) == [r["id"] for r in RECORDS[:whole]]
        kept.append(RECORDS[whole:])
        assert list(kept.load().values()) == RECORDS


def test_torn_within_its_first_line_all_of_it_is_owed(files):
    kept = Sidecar(files, shard())
    kept.append(RECORDS)
    kept.path.write_bytes(kept.path.read_bytes()[:20])
    assert kept.load() == {}
    kept.append(RECORDS)
    assert list(kept.load().values()) == RECORDS


def test_a_flipped_bit_costs_its_line_only(files):
    kept = Sidecar(files, shard())
    kept.append(RECORDS)
    data = kept.path.read_bytes()
    first = data.index(b"\n") + 1
    for place in range(first, len(data)):
        flipped = bytearray(data)
        flipped[place] ^= 1
        kept.path.write_bytes(flipped)
        found = kept.load()
        assert all(record in RECORDS for record in found.values()), place
        assert len(found) >= len(RECORDS) - 2, place  # a flipped end of line joins two


def test_a_sidecar_of_another_fingerprint_is_moved_aside(files):
    Sidecar(files, shard("f1")).append(RECORDS)
    assert Sidecar(files, shard("f2")).load() == {}
    assert Sidecar(files, shard("f1")).load() == {}
    assert any("rationales--part-00003" in name for name in files.names("superseded"))


def test_a_full_disk_keeps_what_was_there_and_names_the_file(files, monkeypatch):
    kept = Sidecar(files, shard())
    kept.append(RECORDS[:2])
    write = os.write

    def fails_half_way(handle, data):
        write(handle, bytes(data)[: len(data) // 2])
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(sidecar.os, "write", fails_half_way)
    with pytest.raises(StoreUnavailable, match=r"part-00003.*disk full; free space"):
        kept.append(RECORDS[2:])
    monkeypatch.undo()
    assert list(kept.load().values()) == RECORDS[:2]


def test_lost_leave_to_write_is_named_and_keeps_what_was_there(files, monkeypatch):
    kept = Sidecar(files, shard())
    kept.append(RECORDS[:1])

    def refused(*_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(sidecar.os, "write", refused)
    with pytest.raises(StoreUnavailable, match=r"part-00003.*no permission to write here; choose"):
        kept.append(RECORDS[1:])
    monkeypatch.undo()
    assert list(Sidecar(files, shard()).load().values()) == RECORDS[:1]


def test_on_an_object_store_it_lies_on_this_machines_disk(tmp_path, monkeypatch):
    monkeypatch.setattr(sidecar, "SCRATCH", tmp_path / "scratch")
    remote = Files("memory://bucket/run")
    Sidecar(remote, shard()).append(RECORDS)
    assert sidecar_path(remote, shard()).is_relative_to(tmp_path)
    assert not remote.exists("unfinished")
    assert list(Sidecar(Files("memory://bucket/run"), shard()).load().values()) == RECORDS
    assert Sidecar(Files("memory://bucket/other"), shard()).load() == {}
    set_aside_all(remote)
    assert Sidecar(remote, shard()).load() == {}


def test_discarding_moves_all_of_them_aside(files):
    Sidecar(files, shard()).append(RECORDS)
    set_aside_all(files)
    assert Sidecar(files, shard()).load() == {}
    assert not files.exists("unfinished")
