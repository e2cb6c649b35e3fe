"""Thousands of histories of a run on a store that fails on purpose, each from one seed."""

import contextlib
import logging
import multiprocessing
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import simulation

from lbt_core.store import Files, StoreUnavailable, shards

AT_ONCE = 2


def histories(seeds: range) -> dict[str, Any]:
    shm = Path("/dev/shm")
    logging.disable(logging.ERROR)
    try:
        with tempfile.TemporaryDirectory(dir=shm if shm.is_dir() else None) as scratch:
            return simulation.play_all(seeds, Path(scratch))
    finally:
        logging.disable(logging.NOTSET)


@pytest.mark.slow
@pytest.mark.parametrize("seeds", [2000, pytest.param(20_000, marks=pytest.mark.exhaustive)])
def test_no_seed_breaks_a_promise(seeds: int) -> None:
    parts = [range(i, seeds, AT_ONCE) for i in range(AT_ONCE)]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(AT_ONCE, mp_context=context) as pool:
        told = list(pool.map(histories, parts))
    broken = {seed: wrong for part in told for seed, wrong in part["broken"].items()}
    assert broken == {}, "python tests/faults/simulation.py SEED prints a history"
    kills, made, planned = (sum(p[k] for p in told) for k in ("kills", "made", "planned"))
    print(f"{seeds} seeds, {kills} kills, {made - planned} of {planned} rows made twice")
    assert kills > seeds  # more than one a history
    assert planned <= made < 1.2 * planned


def test_a_seed_gives_the_same_history_again(tmp_path: Path) -> None:
    with simulation.simulated():
        first, again, other = (
            simulation.play(seed, tmp_path / str(i)).history for i, seed in enumerate((7, 7, 8))
        )
    assert first == again
    assert first != other


@contextlib.contextmanager
def without(patch: pytest.MonkeyPatch, promise: str) -> Iterator[None]:
    """The store as it would be if one of its promises were not kept."""
    if promise == "fencing":
        patch.setattr(Files, "commit", lambda self, path, data: self._put(path, data))
        guard = property(lambda _: contextlib.nullcontext, lambda *_: None)
        patch.setattr(Files, "guard", guard, raising=False)
    elif promise == "a failing store is not a damaged file":
        inspect = shards.inspect_shard

        def hasty(files: Files, shard: Any) -> Any:
            try:
                return inspect(files, shard)
            except StoreUnavailable as error:
                return shards.Inspection("damaged", str(error))

        patch.setattr("lbt_core.store.commit.inspect_shard", hasty)
    elif promise == "every record is in the sidecar before it counts":
        patch.setattr("lbt_core.store.sidecar.Sidecar.load", lambda _: {})
    yield


@pytest.mark.slow
@pytest.mark.parametrize(
    ("promise", "found"),
    [
        ("fencing", "committed again"),
        ("a failing store is not a damaged file", "a committed file was moved aside"),
    ],
)
def test_it_finds_what_a_broken_promise_breaks(promise: str, found: str) -> None:
    with pytest.MonkeyPatch.context() as patch, without(patch, promise):
        told = histories(range(60))
    assert any(found in line for wrong in told["broken"].values() for line in wrong), told


@pytest.mark.slow
def test_without_the_sidecar_more_rows_are_made_twice() -> None:
    kept = histories(range(40))["made"]
    promise = "every record is in the sidecar before it counts"
    with pytest.MonkeyPatch.context() as patch, without(patch, promise):
        lost = histories(range(40))["made"]
    assert lost > kept
