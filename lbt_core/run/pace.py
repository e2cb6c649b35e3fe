"""How fast a stage goes, how long it will take and what it has cost, from its shards' footers."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Pace:
    """A stage's rows per second while it was worked on, seconds left with their standard deviation
    (None where nothing is known or owed), and tokens read and written."""

    rows_per_second: float | None = None
    left_s: float | None = None
    spread_s: float | None = None
    tokens: int = 0


def pace_of(summaries: Sequence[Mapping[str, Any]], owed: int) -> Pace:
    """The pace of a stage from its whole shards' summaries, ``owed`` shards being left.

    Shards are worked on side by side: the time each adds is the stage's span, from the first one's
    start to the last one's end, over their number. Pauses between attempts count in it. The spread
    is that of the shards' own times, as a share: of the sum of those owed, and of the mean that
    they are reckoned with; a single shard counts as spread by its own time.
    """
    tokens = sum(int(s.get("tokens", 0)) + int(s.get("prompt_tokens", 0)) for s in summaries)
    timed = [s for s in summaries if "finished" in s and s.get("seconds")]
    if not timed:
        return Pace(tokens=tokens)
    start = min(float(s["finished"]) - float(s["seconds"]) for s in timed)
    span = max(float(s["finished"]) for s in timed) - start
    if span <= 0:
        return Pace(tokens=tokens)
    rate = sum(int(s.get("rows", 0)) for s in timed) / span
    if not owed:
        return Pace(rate, tokens=tokens)
    seconds = [float(s["seconds"]) for s in timed]
    mean = sum(seconds) / len(seconds)
    share = 1.0
    if len(seconds) > 1:
        share = math.sqrt(sum((s - mean) ** 2 for s in seconds) / (len(seconds) - 1)) / mean
    left = owed * span / len(timed)
    return Pace(rate, left, left * share * math.sqrt(1 / owed + 1 / len(timed)), tokens)
