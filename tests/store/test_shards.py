import io
from dataclasses import replace

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lbt_core.store import Files, Shard, inspect_shard, read_shard, verify_shard, write_shard
from lbt_core.store.rows import Rationale, text_key
from lbt_core.store.shards import WrongRows

ROWS = 40


def rationale(index: int) -> Rationale:
    text = f"We solve it, step {index}. " * 20
    return Rationale(
        problem_id=f"p{index // 4}",
        sample=index % 4,
        text=text,
        text_key=text_key(text),
        finish_reason="stop",
        prompt_tokens=10,
        tokens=20,
        verdict="correct",
        method="numeric",
        answer="1",
        correct=True,
    )


KEYS = tuple((f"p{i // 4}", i % 4) for i in range(ROWS))
SHARD = Shard(
    stage="sample",
    index=3,
    path="rationales/part-00003.parquet",
    row_type=Rationale,
    key_fields=("problem_id", "sample"),
    fingerprint="f" * 32,
    keys=KEYS,
)


@pytest.fixture
def rows():
    return [rationale(i) for i in range(ROWS)]


@pytest.fixture(params=["file", "memory"])
def files(request, tmp_path):
    if request.param == "file":
        yield Files(str(tmp_path / "run"))
        return
    store = Files(f"memory://{tmp_path.name}/run")
    yield store
    if store.exists(""):
        store.fs.rm(store.root, recursive=True)


@pytest.fixture
def stored(tmp_path, rows):
    """A committed shard: its files."""
    files = Files(str(tmp_path / "run"))
    write_shard(files, SHARD, rows, {"tokens": 800})
    return files


def test_committed_shard_is_whole_and_gives_its_rows_back(files, rows):
    write_shard(files, SHARD, rows, {"tokens": 800})
    seen = inspect_shard(files, SHARD)
    assert (seen.state, seen.rows, seen.summary) == ("whole", ROWS, {"tokens": 800})
    assert read_shard(files, SHARD) == rows
    assert verify_shard(files, SHARD) is None


def test_shard_that_is_not_there_is_missing(files):
    assert inspect_shard(files, SHARD).state == "missing"


def test_empty_shard_is_whole(files):
    empty = replace(SHARD, keys=())
    write_shard(files, empty, [])
    assert inspect_shard(files, empty).state == "whole"
    assert read_shard(files, empty) == []
    assert verify_shard(files, empty) is None


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows[1:], "1 rows missing, 0 unexpected"),
        (lambda rows: [*rows, replace(rows[0], problem_id="p99")], "0 rows missing, 1 unexpected"),
        (lambda rows: [*rows, rows[0]], "two rows with the same key"),
    ],
)
def test_wrong_keys_are_refused_before_anything_is_written(files, rows, change, said):
    with pytest.raises(WrongRows, match=said):
        write_shard(files, SHARD, change(rows))
    assert not files.exists(SHARD.path)


@pytest.mark.parametrize(
    "planned", [replace(SHARD, fingerprint="e" * 32), replace(SHARD, stage="examine")]
)
def test_file_of_another_plan_is_foreign(stored, planned):
    assert inspect_shard(stored, planned).state == "foreign"
    assert "foreign" in verify_shard(stored, planned)


def test_parquet_file_of_someone_else_is_foreign(files, rows):
    buffer = io.BytesIO()
    pq.write_table(pq.read_table(_written(rows)), buffer)
    table = pq.read_table(io.BytesIO(buffer.getvalue())).replace_schema_metadata(None)
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    files.write(SHARD.path, buffer.getvalue())
    assert inspect_shard(files, SHARD).state == "foreign"


def _written(rows):
    memory = Files("memory://written/run")
    write_shard(memory, SHARD, rows)
    return io.BytesIO(memory.read(SHARD.path))


@pytest.mark.parametrize("kept", [0, 1, 4, 100, -1, -4, -8, -100])
def test_torn_file_is_recognised(stored, kept):
    stored.write(SHARD.path, stored.read(SHARD.path)[:kept])
    assert inspect_shard(stored, SHARD).state == "damaged"
    assert "damaged" in verify_shard(stored, SHARD)


def test_folder_in_a_files_place_is_damaged(tmp_path):
    files = Files(str(tmp_path))
    (tmp_path / SHARD.path).mkdir(parents=True)
    assert inspect_shard(files, SHARD).state == "damaged"


def test_keys_that_are_not_the_planned_ones_are_found_by_verify(stored):
    other = replace(SHARD, keys=KEYS[:-1])
    assert inspect_shard(stored, other).state == "whole"
    assert "keys" in verify_shard(stored, other)


def test_other_columns_are_found_by_verify(stored):
    table = pq.ParquetFile(io.BytesIO(stored.read(SHARD.path))).read()
    buffer = io.BytesIO()
    kept = {k: v for k, v in table.schema.metadata.items() if k != b"lbt.sha256"}
    pq.write_table(table.drop_columns(["answer"]).replace_schema_metadata(kept), buffer)
    stored.write(SHARD.path, buffer.getvalue())
    assert "columns" in verify_shard(stored, SHARD)


def footer_start(whole: bytes) -> int:
    return len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")


@pytest.mark.parametrize("part", ["pages", "footer"])
def test_no_flipped_bit_raises_or_changes_rows_unseen(rows, part):
    files = Files("memory://flipped/run")
    write_shard(files, SHARD, rows, {"tokens": 800}, replace=True)
    whole = files.read(SHARD.path)
    start, end = (0, footer_start(whole)) if part == "pages" else (footer_start(whole), len(whole))
    unseen = []
    for at in range(start, end, max(1, (end - start) // 250)):
        flipped = bytearray(whole)
        flipped[at] ^= 1 << (at % 8)
        files.write(SHARD.path, bytes(flipped))
        if verify_shard(files, SHARD) is None and read_shard(files, SHARD) != rows:
            unseen.append(at)
    assert unseen == []


HOSTILE = "\x00\ud800\udfff\u2028\ufeff\\'\"$<|é\U0001f600"
hostile = st.lists(st.sampled_from(HOSTILE) | st.characters(), max_size=8).map("".join)


@settings(max_examples=60, deadline=None)
@given(texts=st.lists(hostile, max_size=5))
def test_hostile_texts_are_stored_and_read_back(texts):
    """NUL and every valid character come back as they were. A lone surrogate, which is no text that
    UTF-8 can hold, comes back written out."""
    files = Files("memory://hostile/run")
    rows = [
        replace(rationale(0), problem_id=str(i), text=text, text_key=text_key(text), answer=text)
        for i, text in enumerate(texts)
    ]
    shard = replace(SHARD, keys=tuple((str(i), 0) for i in range(len(texts))))
    write_shard(files, shard, rows, replace=True)
    assert verify_shard(files, shard) is None
    written_out = [t.encode("utf-8", "backslashreplace").decode() for t in texts]
    assert [row.text for row in read_shard(files, shard)] == written_out
    assert [row.answer for row in read_shard(files, shard)] == written_out
    assert [row.text_key for row in read_shard(files, shard)] == [r.text_key for r in rows]


@settings(max_examples=50, deadline=None)
@given(value=st.floats(allow_nan=False))
def test_numbers_in_a_summary_are_read_back(value):
    files = Files("memory://summary/run")
    shard = replace(SHARD, keys=())
    write_shard(files, shard, [], {"seconds": value}, replace=True)
    assert inspect_shard(files, shard).summary == {"seconds": value}
