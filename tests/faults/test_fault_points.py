"""The process killed at every boundary of every write, one after the other, and the run gone on
with: the rows are those of an undisturbed run, and what was committed is as it was."""

import mmap
import os
import signal
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest
import small_run
from small_run import SmallRun, problems, small_config, stored_rows

from lbt_core.run import record
from lbt_core.run.record import RunStore
from lbt_core.run.status import open_plan, verify_run
from lbt_core.store import Files, faultpoints, run_lock
from lbt_core.store.faultpoints import POINTS, kind_of

LOCAL = [p for p in POINTS if not p.startswith(("put", "aside"))]
EVERY_WRITE = [p for p in POINTS if p.startswith("write")]
# every boundary that a run comes to without a fault before
EXPECTED = {(p, k) for p in EVERY_WRITE for k in ("lock", "record", "shard", "result", "marker")}
EXPECTED |= {(p, k) for p in EVERY_WRITE for k in ("checkpoint", "report")}
EXPECTED |= {(p, "sidecar") for p in LOCAL if p.startswith(("append", "remove"))}
# and with a torn shard in its way
ASIDE = {("aside.begin", "shard"), ("aside.end", "shard")}


class Board:
    """Numbers that a child leaves to its parent, killed or not."""

    def __init__(self) -> None:
        self._memory = mmap.mmap(-1, 16)

    def write(self, made: int, reached: int) -> None:
        self._memory[:16] = struct.pack("qq", made, reached)

    def read(self) -> tuple[int, int]:
        made, reached = struct.unpack("qq", self._memory[:16])
        return made, reached


def attempt(folder: Path, board: Board, kill_at: int | None) -> int:
    """Work on the run in a child process, killed when it comes to that boundary; its status."""
    pid = os.fork()
    if pid:
        return os.waitpid(pid, 0)[1]
    try:
        reached = 0
        run = SmallRun(Files(str(folder)))

        def handler(point: str, path: str) -> None:
            nonlocal reached
            board.write(run.made, reached)
            if reached == kill_at:
                os.kill(os.getpid(), signal.SIGKILL)
            reached += 1

        faultpoints.on_reach(handler)
        with run_lock(run.files, "test"):
            run.work()
        board.write(run.made, reached)
        os._exit(0)
    finally:
        os._exit(1)


def boundaries(folder: Path) -> list[tuple[str, str]]:
    """What an attempt in this process comes to, in order."""
    seen: list[tuple[str, str]] = []
    faultpoints.on_reach(lambda point, path: seen.append((point, kind_of(path))))
    try:
        run = SmallRun(Files(str(folder)))
        with run_lock(run.files, "test"):
            run.work()
    finally:
        faultpoints.on_reach(None)
    return seen


def committed(folder: Path) -> dict[str, bytes]:
    files = (p for p in folder.rglob("*.parquet") if "superseded" not in p.parts)
    return {str(p.relative_to(folder)): p.read_bytes() for p in files if p.name[0] != "."}


@pytest.fixture(scope="module", autouse=True)
def light() -> Iterator[None]:
    """What costs more than the run itself is done once."""
    versions = record.package_versions()
    small_config(), problems()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(record, "package_versions", lambda: versions)
        yield


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tuple[str, str]]]:
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    return folder, boundaries(folder)


def tear(folder: Path) -> None:
    """A shard torn by something else than this program."""
    path = folder / "rationales/part-00000.parquet"
    path.write_bytes(path.read_bytes()[:100])


def test_every_boundary_is_come_to(
    undisturbed: tuple[Path, list[tuple[str, str]]], tmp_path: Path
) -> None:
    assert set(undisturbed[1]) == EXPECTED
    boundaries(tmp_path / "run")
    tear(tmp_path / "run")
    assert set(boundaries(tmp_path / "run")) >= ASIDE


@pytest.mark.slow
@pytest.mark.parametrize(
    "every", [False, pytest.param(True, marks=pytest.mark.exhaustive)], ids=["once", "always"]
)
def test_killed_at_each_it_ends_as_if_undisturbed(
    undisturbed: tuple[Path, list[tuple[str, str]]], tmp_path: Path, every: bool
) -> None:
    folder, seen = undisturbed
    wanted, board = stored_rows(Files(str(folder))), Board()
    for place, boundary in enumerate(seen):
        if not every and boundary in seen[:place]:
            continue
        run = tmp_path / f"at-{place}"
        status = attempt(run, board, kill_at=place)
        assert os.WIFSIGNALED(status), (place, boundary, status)
        made, before = board.read()[0], committed(run)
        assert os.WEXITSTATUS(attempt(run, board, kill_at=None)) == 0, (place, boundary)
        check(run, wanted, before, made + board.read()[0], (place, boundary))


@pytest.mark.slow
def test_killed_while_a_torn_shard_is_moved_aside(
    undisturbed: tuple[Path, list[tuple[str, str]]], tmp_path: Path
) -> None:
    wanted, board = stored_rows(Files(str(undisturbed[0]))), Board()
    boundaries(tmp_path / "try")
    tear(tmp_path / "try")
    seen = boundaries(tmp_path / "try")
    for place in [i for i, boundary in enumerate(seen) if boundary in ASIDE]:
        run = tmp_path / f"at-{place}"
        boundaries(run)
        before = committed(run)
        tear(run)
        assert os.WIFSIGNALED(attempt(run, board, kill_at=place))
        assert os.WEXITSTATUS(attempt(run, board, kill_at=None)) == 0
        del before["rationales/part-00000.parquet"]
        check(run, wanted, before, None, (place, seen[place]))


def check(
    run: Path,
    wanted: dict[str, list[object]],
    before: dict[str, bytes],
    made: int | None,
    where: object,
) -> None:
    files = Files(str(run))
    assert stored_rows(files) == wanted, where
    after = committed(run)
    assert {path: after.get(path) for path in before} == before, where
    faults = [fault for _, fault in verify_run(open_plan(RunStore.open(str(run)))) if fault]
    assert faults == [], where
    assert not (run / "lock.json").exists(), where
    assert not list(run.glob("unfinished/*")), where
    if made is not None:  # one call is in flight at a time: at most what was not yet in the sidecar
        planned = sum(len(rows) for path, rows in wanted.items() if "part-" in path)
        assert planned <= made <= planned + small_run.PART, where
