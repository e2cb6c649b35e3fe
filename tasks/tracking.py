"""What a run tells an experiment tracker, and that a tracker that is down costs a line, not a run.

Everything goes through one thread and a bounded queue: what the tracker does not take in time is
dropped.
"""

import contextlib
import queue
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from lbt_core.generation import EngineStats
from lbt_core.run.config import TrackingConfig, flat_settings
from lbt_core.run.record import RECORD, RunStore
from lbt_core.store import Files
from lbt_core.training.history import read_history
from tasks.progress import Progress
from tasks.trackers import Identity, Tracker, build_tracker

WAITING = 1000
END_S = 30.0
FAILURES = 3
ROUND = "-round-"

Begin = Callable[[], Tracker]


class Tracking:
    """A tracker behind a thread. Every call returns at once and never raises."""

    def __init__(self, begin: Begin, warn: Callable[[str], None]) -> None:
        self._begin, self._warn = begin, warn
        self._queue: queue.Queue[Callable[[Tracker], None] | None] = queue.Queue(WAITING)
        self._done = False
        self._thread = threading.Thread(target=self._work, daemon=True, name="tracking")
        self._thread.start()

    def log(self, figures: Mapping[str, float], step: int) -> None:
        """Figures by name at a step."""
        self._put(lambda tracker: tracker.log(figures, step))

    def file(self, path: Path, name: str) -> None:
        """A file to keep."""
        self._put(lambda tracker: tracker.file(path, name))

    def complete(self) -> None:
        """The run has got to its end."""
        self._done = True

    def close(self, seconds: float = END_S) -> None:
        """Wait so long for what is still to be sent."""
        self._put(None)
        self._thread.join(timeout=seconds)
        if self._thread.is_alive():
            self._warn(f"the tracker did not take everything within {seconds:.0f} s")

    def _put(self, item: Callable[[Tracker], None] | None) -> None:
        with contextlib.suppress(queue.Full):
            self._queue.put_nowait(item)

    def _work(self) -> None:
        failures = 0
        try:
            tracker = self._begin()
        except BaseException as error:  # a library may even call sys.exit
            return self._warn(f"the tracker cannot be used ({_said(error)}); the run goes on")
        while (item := self._queue.get()) is not None:
            try:
                item(tracker)
                failures = 0
            except BaseException as error:
                failures += 1
                if failures == 1:
                    self._warn(f"the tracker did not take a figure ({_said(error)})")
                if failures == FAILURES:
                    return self._warn("the tracker is left alone from here on; the run goes on")
        try:
            tracker.finish(self._done)
        except BaseException as error:
            self._warn(f"the tracker could not be ended ({_said(error)})")


class Curves:
    """A progress listener: stages as they go, and every arm's training curve, to a tracker."""

    def __init__(
        self, tracking: Tracking, store: RunStore, folders: Mapping[str, Callable[[], Path]]
    ) -> None:
        self._tracking, self._folders = tracking, folders
        self._prefix = _round_of(store.name)
        self._trained = {arm: _last_step(folder()) for arm, folder in folders.items()}
        self._shards = -1

    def __call__(self, progress: Progress, engines: Mapping[str, EngineStats], rate: float) -> None:
        """What is new since the last call."""
        for arm, folder in self._folders.items():
            for row in read_history(folder()):
                if row["step"] > self._trained[arm] and "loss" in row:
                    self._trained[arm] = row["step"]
                    self._log(f"train/{arm}", row, row["step"])
        shards = sum(stage.done for stage in progress.stages())
        if shards == self._shards:
            return
        self._shards = shards
        figures: dict[str, Any] = {}
        for stage in progress.stages():
            figures[f"{stage.stage}/shards_done"] = stage.done
            figures[f"{stage.stage}/shards_planned"] = stage.planned
            figures[f"{stage.stage}/rows"] = stage.rows
        for name, tally in progress.tallies().items():
            if tally.rows:
                figures[f"{name}/correct"] = tally.share("correct")
                figures[f"{name}/undecided"] = tally.share("undecided")
                figures[f"{name}/cut_off"] = tally.ended("length")
        if engines:
            figures["tokens_per_second"] = rate
        self._log("progress", figures, shards)

    def result(self, figures: Mapping[str, Any], page: Path | None) -> None:
        """The run's figures and its report."""
        flat = dict(figures) | {f"{k}_pass1": v for k, v in figures.get("controls", {}).items()}
        self._log("result", flat, 0)
        if page is not None and page.is_file():
            self._tracking.file(page, f"{self._prefix.replace('/', '-')}report")
        self._tracking.complete()

    def _log(self, group: str, values: Mapping[str, Any], step: int) -> None:
        numbers = {
            f"{self._prefix}{group}/{name}": float(value)
            for name, value in values.items()
            if isinstance(value, int | float) and not isinstance(value, bool)
        }
        self._tracking.log(numbers, step)


@contextlib.contextmanager
def tracking(
    store: RunStore, folder_of: Callable[[str], Path], warn: Callable[[str], None]
) -> Iterator[Curves | None]:
    """The run's tracker while the block runs; None where none is configured."""
    config: TrackingConfig = store.config.tracking
    if config.kind == "none":
        yield None
        return
    identity = settle_identity(store)
    settings = flat_settings(store.config)
    sent = Tracking(lambda: build_tracker(config, identity, settings), warn)
    folders = {arm: _folder(folder_of, arm) for arm in store.config.arms}
    try:
        yield Curves(sent, store, folders)
    finally:
        sent.close()


def settle_identity(store: RunStore) -> Identity:
    """The run's id at its tracker, kept in its record; a further round has its first round's."""
    first = store.name.partition(ROUND)[0]
    known = store.record.get("tracking_id")
    if known is None and first != store.name:
        home = Files(f"{store.files.uri.rpartition('/')[0]}/{first}")
        if home.exists(RECORD):
            known = RunStore.open(home.uri).record.get("tracking_id")
    if known is None:
        known = uuid.uuid4().hex[:16]
    if store.record.get("tracking_id") != known:
        store.record["tracking_id"] = known
        store.save()
    return Identity(known, first)


def _folder(folder_of: Callable[[str], Path], arm: str) -> Callable[[], Path]:
    return lambda: folder_of(arm)


def _round_of(name: str) -> str:
    """ "round-2/" for a further round's run, "" for the first."""
    _, mark, number = name.partition(ROUND)
    return f"round-{number}/" if mark else ""


def _last_step(folder: Path) -> int:
    return max((row["step"] for row in read_history(folder)), default=-1)


def _said(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
