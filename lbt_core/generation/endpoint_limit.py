"""How many requests an address is given at once: more while that makes it faster, fewer where it
refuses, times out, or more at once made it no faster.

Growth is judged by throughput over as many answers as are allowed at once; a refusal halves the
limit (additive increase, multiplicative decrease; doubling before the first cut, as TCP's slow
start does). No clock: times are handed in, in seconds.
"""

from dataclasses import dataclass

FIRST = 8
FASTER = 1.03
SLOWER = 0.9
HOLD = 8
"""Rounds of answers that a limit found by going back is kept before more is tried again."""


@dataclass(slots=True)
class Limit:
    """The limit of one address, between 1 and ``most``."""

    most: int
    allowed: int = 0
    _before: int = 0
    _speed: float = 0.0
    _starting: bool = True
    _hold: int = 0
    _answers: int = 0
    _tokens: int = 0
    _since: float | None = None
    _cut_at: float = float("-inf")
    _full: bool = False

    def __post_init__(self) -> None:
        self.allowed = min(self.most, self.allowed or FIRST)

    def started(self, running: int) -> None:
        """A request was sent; ``running`` with it."""
        self._full = self._full or running >= self.allowed

    def refused(self, sent: float, now: float) -> None:
        """A request sent then was refused, or was not answered in time. Those sent before the last
        cut say nothing new."""
        if sent <= self._cut_at:
            return
        self.allowed = max(1, self.allowed // 2)
        self._cut_at, self._starting, self._hold = now, False, 1
        self._begin(now)
        self._speed, self._before = 0.0, self.allowed

    def answered(self, tokens: int, now: float) -> None:
        """An answer of so many tokens came."""
        if self._since is None:
            self._begin(now)
            return
        self._answers += 1
        self._tokens += max(1, tokens)
        if self._answers < self.allowed or now <= self._since:
            return
        speed, full = self._tokens / (now - self._since), self._full
        self._begin(now)
        if not full:  # nobody asked for more
            return
        if self._hold:
            self._hold -= 1
            self._speed = max(self._speed, speed)
        elif self.allowed > self._before > 0 and speed < self._speed * FASTER:
            slower = speed < self._speed * SLOWER or self._starting
            self.allowed = self._before if slower else self.allowed
            self._starting, self._hold = False, HOLD
        else:
            self._before, self._speed = self.allowed, speed
            more = self.allowed if self._starting else max(1, self.allowed // 8)
            self.allowed = min(self.most, self.allowed + more)

    def _begin(self, now: float) -> None:
        self._since, self._answers, self._tokens, self._full = now, 0, 0, False
