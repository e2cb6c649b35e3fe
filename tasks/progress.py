"""What a run has done so far: one object, read by the log, the artifacts and the terminal."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from lbt_core.generation import EngineStats

LOG_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class StageProgress:
    """One stage's shards (planned, done, and of those found stored), rows, tokens and seconds.

    ``seconds`` sums the wall time of the shards that were worked on.
    """

    stage: str
    planned: int = 0
    done: int = 0
    stored: int = 0
    rows: int = 0
    prompt_tokens: int = 0
    tokens: int = 0
    seconds: float = 0.0

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
        self.note = ""

    def plan(self, stage: str, shards: int) -> None:
        """A stage's number of shards."""
        with self._lock:
            old = self._stages.get(stage, StageProgress(stage))
            self._stages[stage] = replace(old, planned=shards)

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
    ) -> None:
        """One shard is whole: worked on (by an engine, with verdicts on its rows), or found
        stored."""
        with self._lock:
            if engine:
                self._by_engine[engine] += 1
            for verdict, count in (verdicts or {}).items():
                self._verdicts[stage, verdict] += count
            old = self._stages.get(stage, StageProgress(stage))
            self._stages[stage] = replace(
                old,
                planned=max(old.planned, old.done + 1),
                done=old.done + 1,
                stored=old.stored + stored,
                rows=old.rows + rows,
                prompt_tokens=old.prompt_tokens + prompt_tokens,
                tokens=old.tokens + tokens,
                seconds=old.seconds + seconds,
            )

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

    def seconds_left(self) -> float | None:
        """Time left of the planned shards, from the mean time of those done; None before any.

        Only stages that generate count: the others take no time to speak of, or are trainings.
        """
        stages = [
            s for s in self.stages() if not s.stage.startswith(("prepare", "prefer", "train"))
        ]
        worked = [s for s in stages if s.done > s.stored]
        if not worked:
            return None
        overall = sum(s.seconds for s in worked) / sum(s.done - s.stored for s in worked)
        left = 0.0
        for stage in stages:
            fresh = stage.done - stage.stored
            left += stage.owed * (stage.seconds / fresh if fresh else overall)
        return left / self._parallel


def describe_progress(progress: Progress, engines: Mapping[str, EngineStats], rate: float) -> str:
    """One log line: shards by stage, tokens per second, time left."""
    parts = [f"{s.stage} {s.done}/{s.planned}" for s in progress.stages() if s.planned]
    running = sum(e.running for e in engines.values())
    if engines:
        parts.append(f"{rate:,.0f} tokens/s, {running} requests running")
    left = progress.seconds_left()
    if left is not None and left > 0:
        parts.append(f"about {format_seconds(left)} left")
    if progress.note:
        parts.append(progress.note)
    return " · ".join(parts)


def format_seconds(seconds: float) -> str:
    """A duration for people: 45 s, 3 min 20 s, 2 h 05 min."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


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
        self._thread = threading.Thread(target=self._run, daemon=True, name="progress")
        self._tokens, self._at = 0, time.monotonic()
        self.cpu_seconds = 0.0

    def __enter__(self) -> "Reporter":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(timeout=10)

    def _run(self) -> None:
        while not self._stop.wait(LOG_SECONDS):
            self._report()
        self._report()

    def _report(self) -> None:
        engines = self._engine_stats()
        tokens, now = sum(e.tokens for e in engines.values()), time.monotonic()
        rate = max(0, tokens - self._tokens) / max(1e-6, now - self._at)
        self._tokens, self._at = tokens, now
        for listener in self._listeners:
            listener(self._progress, engines, rate)
        self.cpu_seconds = time.thread_time()
