"""What a run has done so far: one object, read by the log, the artifacts and the terminal."""

import math
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from lbt_core.generation import EngineStats
from lbt_core.run.health import Tally, describe

LOG_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class StageProgress:
    """One stage's shards (planned, done, and of those found stored), rows, tokens and seconds.

    ``seconds`` sums the wall time of the shards that were worked on, ``squares`` its squares.
    """

    stage: str
    planned: int = 0
    done: int = 0
    stored: int = 0
    rows: int = 0
    prompt_tokens: int = 0
    tokens: int = 0
    seconds: float = 0.0
    squares: float = 0.0
    made: int = 0
    began: float = math.inf
    ended: float = -math.inf

    @property
    def rows_per_second(self) -> float:
        """Rows that were made (``made``, without those found stored) from the first shard's start
        to the last one's end."""
        span = self.ended - self.began
        return self.made / span if 0 < span < math.inf else 0.0

    @property
    def owed(self) -> int:
        """Shards still to do."""
        return self.planned - self.done


class Progress:
    """Counts of a run, safe to update and read from many threads."""

    def __init__(self) -> None:
        self.started = time.monotonic()
        self._stages: dict[str, StageProgress] = {}
        self._lock = threading.Lock()
        self._parallel = 1
        self._by_engine: Counter[str] = Counter()
        self._verdicts: Counter[tuple[str, str]] = Counter()
        self._tallies: dict[str, Tally] = {}
        self.warned: list[str] = []
        self.watchers: list[Callable[[], None]] = []
        """Called after every shard, in the thread that finished it."""
        self.note = ""
        self.forecast: Mapping[str, int] = {}
        """Tokens that `lbt plan` expects of each stage."""

    def plan(self, stage: str, shards: int) -> None:
        """A stage's number of shards."""
        with self._lock:
            old = self._stages.get(stage, StageProgress(stage))
            self._stages[stage] = replace(old, planned=shards)

    def more(self, stage: str, shards: int) -> None:
        """So many more shards of a stage, which could not be told before."""
        with self._lock:
            old = self._stages.get(stage, StageProgress(stage))
            self._stages[stage] = replace(old, planned=old.planned + shards)

    def parallel(self, shards: int) -> None:
        """How many shards are worked on at once, for the time left."""
        self._parallel = max(1, shards)

    def finish(
        self,
        stage: str,
        *,
        rows: int,
        prompt_tokens: int = 0,
        tokens: int = 0,
        seconds: float = 0.0,
        stored: bool = False,
        engine: str = "",
        verdicts: Mapping[str, int] | None = None,
        summary: Mapping[str, Any] | None = None,
    ) -> None:
        """One shard is whole: worked on (by an engine, with verdicts on its rows), or found
        stored. ``summary`` is what its footer says of its rows, for the tally."""
        with self._lock:
            self._tallies[stage] = self._tallies.get(stage, Tally()).added(summary or {})
            if engine:
                self._by_engine[engine] += 1
            for verdict, count in (verdicts or {}).items():
                self._verdicts[stage, verdict] += count
            old = self._stages.get(stage, StageProgress(stage))
            now = time.monotonic()
            if not stored:
                old = replace(
                    old,
                    made=old.made + rows,
                    began=min(old.began, now - seconds),
                    ended=now,
                )
            self._stages[stage] = replace(
                old,
                planned=max(old.planned, old.done + 1),
                done=old.done + 1,
                stored=old.stored + stored,
                rows=old.rows + rows,
                prompt_tokens=old.prompt_tokens + prompt_tokens,
                tokens=old.tokens + tokens,
                seconds=old.seconds + seconds,
                squares=old.squares + seconds * seconds,
            )
        for watcher in self.watchers:
            watcher()

    def stages(self) -> list[StageProgress]:
        """The stages so far, in the order in which they were planned."""
        with self._lock:
            return list(self._stages.values())

    def engine_shards(self) -> dict[str, int]:
        """Shards done in this run, by engine."""
        with self._lock:
            return dict(self._by_engine)

    def verdicts(self) -> dict[tuple[str, str], int]:
        """Rows graded in this run, by stage and verdict."""
        with self._lock:
            return dict(self._verdicts)

    def warn(self, sentence: str) -> None:
        """Something that whoever watches should know now; each is said once."""
        self.warned.append(sentence)

    def tallies(self) -> dict[str, Tally]:
        """Verdicts and endings of the rows so far by stage, those found stored among them."""
        with self._lock:
            return dict(self._tallies)

    def seconds_left(self) -> float | None:
        """Time left of the planned shards, from the mean time of those done; None before any.

        Only stages that generate count: the others take no time to speak of, or are trainings.
        """
        left = self.time_left()
        return left[0] if left else None

    def time_left(self) -> tuple[float, float] | None:
        """Seconds left and their standard deviation; None before any shard was worked on.

        A stage's shards are taken to be alike: their times' spread gives that of the sum of those
        owed and that of the mean they are reckoned with. A single shard done says nothing of it,
        and counts as spread by its own time.
        """
        stages = [
            s for s in self.stages() if not s.stage.startswith(("prepare", "prefer", "train"))
        ]
        worked = [s for s in stages if s.done > s.stored]
        if not worked:
            return None
        overall = sum(s.seconds for s in worked) / sum(s.done - s.stored for s in worked)
        left = variance = 0.0
        for stage in stages:
            fresh = stage.done - stage.stored
            mean = stage.seconds / fresh if fresh else overall
            spread = mean**2
            if fresh > 1:
                spread = max(0.0, stage.squares - fresh * mean**2) / (fresh - 1)
            left += stage.owed * mean
            variance += spread * (stage.owed + stage.owed**2 / max(1, fresh))
        return left / self._parallel, math.sqrt(variance) / self._parallel


def describe_progress(progress: Progress, engines: Mapping[str, EngineStats], rate: float) -> str:
    """One log line: shards by stage, tokens per second, time left."""
    parts = [f"{s.stage} {s.done}/{s.planned}{_rate(s)}" for s in progress.stages() if s.planned]
    running = sum(e.running for e in engines.values())
    if engines:
        parts.append(f"{rate:,.0f} tokens/s, {running} requests running")
    if told := describe_left(progress):
        parts.append(told)
    if cost := describe_spent(progress):
        parts.append(cost)
    for stage, tally in progress.tallies().items():
        if shares := describe(tally):
            parts.append(f"{stage}: {shares}")
    if progress.note:
        parts.append(progress.note)
    return " · ".join(parts)


def describe_spent(progress: Progress) -> str:
    """ "1,200 tokens of at most about 9,000 forecast", of what this attempt made and of what is
    owed; "" without a forecast."""
    stages = [s for s in progress.stages() if progress.forecast.get(s.stage) and s.planned]
    worked = sum(s.tokens + s.prompt_tokens for s in stages)
    forecast = sum(progress.forecast[s.stage] * (s.planned - s.stored) // s.planned for s in stages)
    said = f"{worked:,} tokens of at most about {forecast:,} forecast"
    return said if worked and forecast else ""


def describe_left(progress: Progress) -> str:
    """ "about 3 min 20 s left (2 min 50 s to 3 min 50 s)", two standard deviations around; "" where
    nothing is known or left."""
    left = progress.time_left()
    if left is None or left[0] <= 0:
        return ""
    low, high = max(0.0, left[0] - 2 * left[1]), left[0] + 2 * left[1]
    around = f"{format_seconds(low)} to {format_seconds(high)}"
    return f"about {format_seconds(left[0])} left ({around})"


def format_seconds(seconds: float) -> str:
    """A duration for people: 45 s, 3 min 20 s, 2 h 05 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def _rate(stage: StageProgress) -> str:
    """ " (3.1 rows/s)" of a stage in work; "" elsewhere."""
    if not stage.owed or not stage.seconds or stage.done == stage.stored:
        return ""
    return f" ({stage.rows_per_second:,.1f} rows/s)"


class Reporter:
    """A thread that reads the progress every few seconds while its block runs.

    ``listeners`` get (progress, engine stats by name, tokens per second since the last reading).
    ``cpu_seconds`` is what all of it cost: the thread's own CPU time.
    """

    def __init__(
        self,
        progress: Progress,
        engine_stats: Callable[[], Mapping[str, EngineStats]],
        listeners: list[Callable[[Progress, Mapping[str, EngineStats], float], None]],
    ) -> None:
        self._progress = progress
        self._engine_stats = engine_stats
        self._listeners = listeners
        self._stop = threading.Event()
        self._poked = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="progress")
        self._tokens, self._at = 0, time.monotonic()
        self.cpu_seconds = 0.0

    def __enter__(self) -> "Reporter":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._poked.set()
        self._thread.join(timeout=10)

    def poke(self) -> None:
        """Read now instead of in a few seconds: there is something to say."""
        self._poked.set()

    def _run(self) -> None:
        while True:
            self._poked.wait(LOG_SECONDS)
            self._poked.clear()
            ending = self._stop.is_set()  # before the reading, which is then the last word
            self._report()
            if ending:
                return

    def _report(self) -> None:
        engines = self._engine_stats()
        tokens, now = sum(e.tokens for e in engines.values()), time.monotonic()
        rate = max(0, tokens - self._tokens) / max(1e-6, now - self._at)
        self._tokens, self._at = tokens, now
        for listener in self._listeners:
            listener(self._progress, engines, rate)
        self.cpu_seconds = time.thread_time()
