"""Where a run lives and what of it is done: Parquet shards, a lock, the configuration on record."""

from lbt_core.store.files import Files, LeaseLost, StoreUnavailable
from lbt_core.store.lock import RunLocked, run_lock
from lbt_core.store.shards import (
    Inspection,
    Shard,
    inspect_shard,
    read_shard,
    verify_shard,
    write_shard,
)

__all__ = [
    "Files",
    "Inspection",
    "LeaseLost",
    "RunLocked",
    "Shard",
    "StoreUnavailable",
    "inspect_shard",
    "read_shard",
    "run_lock",
    "verify_shard",
    "write_shard",
]
