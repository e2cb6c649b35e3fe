"""Shards: one Parquet file each, done if and only if it is there, whole, and of the right
fingerprint.

The footer is written last, so a torn file has none; its key-value metadata carries the stage, the
shard, the fingerprint, the row count, a digest of the row keys, and a small JSON summary.
"""

import hashlib
import io
import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Generic, Literal, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from lbt_core import __version__
from lbt_core.store.files import Files, StoreUnavailable
from lbt_core.store.fingerprint import keys_digest
from lbt_core.store.read_errors import opened
from lbt_core.store.rows import from_table, schema_of, to_table

Row = TypeVar("Row")
Key = tuple[Any, ...]
State = Literal["whole", "missing", "damaged", "foreign"]


@dataclass(frozen=True, slots=True)
class GridKeys(Collection[Key]):
    """The keys (name, number) for every name and every number below ``count``, in that order: a
    plan of millions of rows holds no tuple for each."""

    names: tuple[str, ...]
    count: int

    def __iter__(self) -> Iterator[Key]:
        return ((name, number) for name in self.names for number in range(self.count))

    def __len__(self) -> int:
        return len(self.names) * self.count

    def __contains__(self, key: object) -> bool:
        return key in set(self)


@dataclass(frozen=True, slots=True)
class Shard(Generic[Row]):
    """One file that should be there: where, of which rows, with which keys and fingerprint.

    ``key_fields`` name the columns that identify a row; ``keys`` is the exact set that the file
    holds, or None where the rows are known only after computing them (scores, preferences).
    """

    stage: str
    index: int
    path: str
    row_type: type[Row]
    key_fields: tuple[str, ...]
    fingerprint: str
    keys: Collection[Key] | None = None

    @property
    def name(self) -> str:
        """How people read it: ``sample-0042``."""
        return f"{self.stage.replace('/', '-')}-{self.index:04d}"


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found where a shard should be."""

    state: State
    reason: str = ""
    rows: int = 0
    summary: dict[str, Any] | None = None


DIGEST = "lbt.sha256"
"""In a shard's footer: SHA-256 of the file's bytes, with zeros in this value's own place."""
_NO_DIGEST = "0" * 64


class WrongRows(ValueError):
    """A stage produced other rows than the shard promises."""


def row_key(row: Any, fields: Sequence[str]) -> Key:
    """The identity of a row."""
    return tuple(getattr(row, f) for f in fields)


def write_shard(
    files: Files,
    shard: Shard[Row],
    rows: Sequence[Row],
    summary: dict[str, Any] | None = None,
    *,
    replace: bool = False,
) -> None:
    """Commit a shard atomically; ``replace`` one that is there on purpose.

    Raises WrongRows before anything is written where the keys of the rows are not exactly the
    shard's, StoreUnavailable where the store refuses, and LeaseLost where this process does not
    hold the run any more."""
    keys = [row_key(row, shard.key_fields) for row in rows]
    if len(set(keys)) != len(keys):
        raise WrongRows(f"{shard.name}: two rows with the same key")
    if shard.keys is not None and set(keys) != set(shard.keys):
        missing, extra = set(shard.keys) - set(keys), set(keys) - set(shard.keys)
        raise WrongRows(
            f"{shard.name}: {len(missing)} rows missing, {len(extra)} unexpected, "
            f"for instance {sorted(missing or extra)[0]}"
        )
    metadata = {
        "lbt.stage": shard.stage,
        "lbt.shard": str(shard.index),
        "lbt.fingerprint": shard.fingerprint,
        "lbt.rows": str(len(rows)),
        "lbt.keys": keys_digest(keys),
        "lbt.version": __version__,
        "lbt.summary": json.dumps(summary or {}),
        DIGEST: _NO_DIGEST,
    }
    table = to_table(rows, shard.row_type).replace_schema_metadata(metadata)
    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd", write_page_checksum=True)
    write = files.write if replace else files.commit
    write(shard.path, _sealed(buffer.getvalue()))


def inspect_shard(files: Files, shard: Shard[Any]) -> Inspection:
    """Look at a shard's footer only: is it there, whole, and what was planned?

    Raises StoreUnavailable where the store, and not the file, is what fails.
    """
    try:
        with opened(files, shard.path) as file:
            parquet = pq.ParquetFile(file)
            metadata = _metadata(parquet.schema_arrow)
            rows, promised = parquet.metadata.num_rows, int(metadata.get("lbt.rows", "-1"))
            summary = json.loads(metadata.get("lbt.summary", "{}"))
    except FileNotFoundError:
        return Inspection("missing")
    except StoreUnavailable:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        return Inspection("damaged", f"not a whole Parquet file ({error})")
    found = metadata.get("lbt.fingerprint", "")
    if found != shard.fingerprint or metadata.get("lbt.stage") != shard.stage:
        return Inspection("foreign", f"fingerprint {found or 'none'}, planned {shard.fingerprint}")
    if rows != promised:
        return Inspection("damaged", f"{rows} rows, its footer promises {promised}")
    return Inspection("whole", rows=rows, summary=summary)


def read_shard(files: Files, shard: Shard[Row]) -> list[Row]:
    """All rows of a committed shard, page checksums verified. Raises OSError where damaged."""
    return from_table(read_table(files, shard.path), shard.row_type)


def read_table(files: Files, path: str) -> pa.Table:
    """A stored table, page checksums verified. Raises OSError where damaged, StoreUnavailable."""
    with opened(files, path) as file:
        return pq.ParquetFile(file, page_checksum_verification=True).read()


def verify_shard(files: Files, shard: Shard[Any]) -> str | None:
    """Re-read a whole file and say what is wrong with it, or None. Raises StoreUnavailable."""
    seen = inspect_shard(files, shard)
    if seen.state != "whole":
        return f"{shard.path}: {seen.state}{f', {seen.reason}' if seen.reason else ''}"
    with opened(files, shard.path) as file:
        data = file.read()
    fault = _damage(data)
    if fault is not None:
        return f"{shard.path}: damaged, {fault}"
    parquet = pq.ParquetFile(io.BytesIO(data))
    promised = _metadata(parquet.schema_arrow).get("lbt.keys")
    if parquet.schema_arrow.remove_metadata() != schema_of(shard.row_type):
        return f"{shard.path}: columns differ from the schema of {shard.row_type.__name__}"
    table = parquet.read(columns=list(shard.key_fields))  # the digest has vouched for the others
    columns = [table[f].to_pylist() for f in shard.key_fields]
    keys = list(zip(*columns, strict=True))
    if len(set(keys)) != len(keys):
        return f"{shard.path}: a key stands twice"
    if shard.keys is not None and set(keys) != set(shard.keys):
        return f"{shard.path}: its keys are not the planned ones"
    if keys_digest(keys) != promised:
        return f"{shard.path}: its keys are not those it was committed with"
    return None


def _sealed(data: bytes) -> bytes:
    """The bytes of a new file with their digest in its place in the footer."""
    place = data.rfind(_NO_DIGEST.encode())
    digest = hashlib.sha256(data).hexdigest().encode()
    return data[:place] + digest + data[place + len(digest) :]


def _damage(data: bytes) -> str | None:
    """What is wrong with a shard's bytes, naming the row group where it is in one; or None."""
    try:
        parquet = pq.ParquetFile(io.BytesIO(data), page_checksum_verification=True)
        stored = (parquet.metadata.metadata or {}).get(DIGEST.encode())
        noted = DIGEST.encode() in (parquet.schema_arrow.metadata or {})  # the footer's other copy
        groups = parquet.metadata.num_row_groups
    except (pa.ArrowException, OSError, ValueError) as error:
        return f"in its footer: {' '.join(str(error).split())}"
    if stored is not None and _digest(data, stored) == stored:
        return None
    for group in range(groups):
        try:
            parquet.read_row_group(group)
        except (pa.ArrowException, OSError, ValueError) as error:
            return f"in row group {group} of {groups}: {' '.join(str(error).split())}"
    if stored is None and _NO_DIGEST[:8].encode() not in data[-4096:]:
        return None  # committed before shards had a digest
    if stored is None and not noted:
        return None  # committed before shards had a digest
    return (
        f"in a page's header of its {groups} row groups or in its footer: "
        "its bytes are not those it was committed with"
    )


def _digest(data: bytes, stored: bytes) -> bytes:
    """SHA-256 of a file's bytes, in hex, with zeros in the place of the digest that it holds."""
    place, view = data.rfind(stored), memoryview(data)
    found = hashlib.sha256(view[:place] if place >= 0 else view)
    if place >= 0:
        found.update(_NO_DIGEST.encode())
        found.update(view[place + len(_NO_DIGEST) :])
    return found.hexdigest().encode()


def _metadata(schema: pa.Schema) -> dict[str, str]:
    return {k.decode(): v.decode() for k, v in (schema.metadata or {}).items()}
