"""``lbt status --watch``: a run's progress in the terminal, from its store alone."""

import time
from collections import deque
from collections.abc import Callable, Sequence

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from lbt_core.reporting.plain import visible
from lbt_core.run.status import StageStatus, describe_cost
from tasks.progress import format_seconds

Reading = tuple[str, Sequence[StageStatus]]
"""Who works on the run ("" for nobody), and its stages."""

REFRESH_S = 2.0
SPEED_WINDOW_S = 60.0


class Speed:
    """Shards per second over the last minute, from totals read now and then."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def add(self, now: float, done: int) -> float | None:
        """Note a total at a time (s); the speed so far, or None while nothing has moved."""
        self._seen.append((now, done))
        while now - self._seen[0][0] > SPEED_WINDOW_S and len(self._seen) > 2:
            self._seen.popleft()
        then, before = self._seen[0]
        return (done - before) / (now - then) if now > then and done > before else None


def watch(
    run: str,
    read: Callable[[], Reading],
    console: Console,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Show a run's stages until it is complete, or interrupted; ``read`` says how it stands.

    Works for a run on another machine over a shared store.
    """
    speed = Speed()
    with Live(console=console, auto_refresh=False, transient=False) as view:
        while True:
            working, stages = read()
            rate = speed.add(clock(), sum(s.done for s in stages))
            view.update(picture(run, working, stages, rate), refresh=True)
            if stages and not working and not any(s.owed for s in stages):
                return
            sleep(REFRESH_S)


def picture(
    run: str, working: str, stages: Sequence[StageStatus], rate: float | None
) -> RenderableType:
    """One frame: a bar per stage, who works, how fast, how long it will take."""
    table = Table.grid(padding=(0, 2))
    for stage in stages:
        share = f"{stage.done}/{stage.planned}" if stage.planned else "not planned yet"
        rows = f"{stage.rows:,} rows" if stage.rows else ""
        bar = ProgressBar(total=max(1, stage.planned), completed=stage.done, width=30)
        rows_per_second = stage.pace.rows_per_second
        speed = f"{rows_per_second:,.1f} rows/s" if rows_per_second and stage.owed else ""
        table.add_row(stage.stage, bar, share, rows, speed, stage.note)
    owed = sum(s.owed for s in stages)
    words = [f"{owed} owed" if owed else "complete" if stages else "nothing stored yet"]
    if rate and owed:
        words.append(f"{60 * rate:,.1f} shards/min, about {format_seconds(owed / rate)} left")
    if cost := describe_cost(stages):
        words.append(cost)
    words.append(f"in work: {working}" if working else "nobody works on it")
    bad = [
        Text(f"{visible(b)}; it will be moved aside and done again", "red")
        for s in stages
        for b in s.bad
    ]
    return Group(Text(run, "bold"), table, *bad, Text(" · ".join(words)))
