"""One shard made sure of: found whole, or made and committed."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from lbt_core.store.files import Files
from lbt_core.store.shards import Shard, inspect_shard, verify_shard, write_shard
from lbt_core.store.sidecar import Sidecar

Row = TypeVar("Row")

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Committed:
    """A shard that is stored: its rows, the summary in its footer, whether it was found there, and
    the seconds that making its rows took."""

    rows: int
    summary: dict[str, Any]
    stored: bool
    seconds: float


def commit_shard(
    files: Files,
    shard: Shard[Row],
    make_rows: Callable[[], tuple[Sequence[Row], dict[str, Any]]],
    go_on: Callable[[], object] = lambda: None,
) -> Committed:
    """Make sure that a shard is stored; one that is there is read whole, page checksums and all,
    before it counts, and one that is torn, damaged or foreign is moved aside.

    ``make_rows`` returns its rows and a summary of the work, which the file's footer keeps.
    ``go_on`` is called before there is work to do, and may raise. Raises what they raise,
    WrongRows, StoreUnavailable.
    """
    seen = inspect_shard(files, shard)
    fault = verify_shard(files, shard) if seen.state == "whole" else f"{seen.state}, {seen.reason}"
    sidecar = Sidecar(files, shard)
    if fault is None:
        sidecar.remove()  # a kill came between the commit and this
        return Committed(seen.rows, seen.summary or {}, True, 0.0)
    go_on()
    if seen.state != "missing":
        where = files.move_aside(shard.path)
        _log.warning("%s: %s; moved to %s", shard.path, fault, where)
    started = time.monotonic()
    rows, summary = make_rows()
    seconds = time.monotonic() - started
    summary = summary | {"seconds": round(seconds, 3), "rows": len(rows)}
    write_shard(files, shard, rows, summary)
    sidecar.remove()
    return Committed(len(rows), summary, False, seconds)
