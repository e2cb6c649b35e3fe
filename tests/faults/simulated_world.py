"""The simulated world of one seed: processes and their threads, time, and what goes wrong when.

A thread is a greenlet: one runs at a time, and hands over at the store's calls and where it waits.
"""

import errno
import json
import random
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from greenlet import getcurrent, greenlet

LOCK = "/store/run/lock.json"
ENDLESS = 1_000_000  # turns; a history has a few hundred


class Killed(BaseException):
    """The simulated process is dead: nothing that it still does has an effect."""


@dataclass
class Process:
    """A simulated process on a simulated host."""

    pid: int
    host: str
    offset: float = 0.0
    dead: bool = False
    token: str = ""


@dataclass(eq=False)
class Task:
    """A thread of a simulated process."""

    process: Process
    work: Callable[[], None]
    wake: float = 0.0
    done: bool = False
    thread: greenlet = field(default_factory=greenlet)


@dataclass
class Odds:
    """How often a call of the store goes wrong, and how."""

    kill: float = 0.006
    refused: float = 0.01
    reply_lost: float = 0.01
    full: float = 0.004
    slow: float = 0.02
    jump: float = 0.01
    stale: float = 0.1
    switch: float = 0.25


class World:
    """Everything that one seed decides."""

    def __init__(self, seed: int, scratch: Path) -> None:
        self.random = random.Random(seed)
        self.clock = 1.7e9
        self.odds = Odds()
        self.objects: dict[str, bytes] = {}
        self.before: dict[str, bytes] = {}
        self.whole: dict[str, bytes] = {}
        self.history: list[str] = []
        self.broken: list[str] = []
        self.scratch = scratch
        self.processes: list[Process] = []
        self._tasks: list[Task] = []
        self._scheduler = getcurrent()
        self._running: Task | None = None
        self.made = self.late = 0

    # --- threads and time ---

    @property
    def task(self) -> Task:
        assert self._running is not None
        return self._running

    def process(self, host: str) -> Process:
        found = Process(1000 + len(self.processes), host)
        self.processes.append(found)
        return found

    def start(self, process: Process, work: Callable[[], None]) -> Task:
        task = Task(process, work, self.clock)
        task.thread = greenlet(lambda: self._work(task), parent=self._scheduler)
        self._tasks.append(task)
        return task

    def _work(self, task: Task) -> None:
        try:
            task.work()
        except Killed:
            pass
        except Exception as error:
            self.broken.append(f"{type(error).__name__}: {error}")
        finally:
            task.done = True

    def run(self) -> None:
        """Let the tasks run, each until it waits, until all have ended."""
        for _ in range(ENDLESS):
            self._tasks = waiting = [t for t in self._tasks if not t.done]
            if not waiting:
                return
            for task in waiting:
                if task.process.dead:
                    task.wake = self.clock
            self.clock = max(self.clock, min(t.wake for t in waiting))
            self._running = self.random.choice([t for t in waiting if t.wake <= self.clock])
            self._running.thread.switch()
        raise AssertionError("the simulation has no end")

    def wait(self, seconds: float = 0.0) -> None:
        """Let others go on; back when so much time has passed."""
        task = self.task
        if task.process.dead:
            raise Killed
        task.wake = self.clock + seconds
        self._scheduler.switch()
        if task.process.dead:
            raise Killed

    # --- what goes wrong ---

    def say(self, text: str) -> None:
        text = re.sub(r"\b[0-9a-f]{8}\b", "*", text)  # names that differ from run to run
        self.history.append(f"{self.clock - 1.7e9:9.1f} {self.task.process.pid} {text}")

    def happens(self, odds: float) -> bool:
        return self.random.random() < odds

    def call(self, what: str) -> None:
        """Before each call of the store: the process may be dead, killed, slowed or refused."""
        process = self.task.process
        if process.dead:
            raise Killed
        if self.happens(self.odds.jump):
            process.offset += self.random.uniform(-400, 400)
            self.say(f"clock jumps, is {process.offset:+.0f} s off")
        if self.happens(self.odds.slow):
            self.wait(self.random.uniform(1, 200))
        elif self.happens(self.odds.switch):
            self.wait(self.random.uniform(0, 1))
        self.say(what)
        if self.happens(self.odds.kill):
            self.kill(what)
        if self.happens(self.odds.refused):
            self.say("503")
            raise OSError(errno.EIO, "503 Slow Down")

    def kill(self, where: str) -> None:
        self.say(f"KILLED at {where}")
        self.task.process.dead = True
        raise Killed

    def put(self, path: str, data: bytes, condition: str | None) -> None:
        self.call(f"put {path}")
        if self.happens(self.odds.full):
            self.say("full")
            raise OSError(errno.ENOSPC, "full")
        if condition == "create" and path in self.objects:
            raise FileExistsError(errno.EEXIST, "PreconditionFailed 412", path)
        if self.happens(self.odds.kill):
            # a shard torn by what copied it there: the store's own writes are whole or absent
            if path.endswith(".parquet") and self.happens(0.5):
                self.objects[path] = data[: len(data) // 2]
            self.kill("half of a put")
        self._stored(path, data)
        if self.happens(self.odds.kill):
            self.kill("the end of a put")
        if self.happens(self.odds.reply_lost):
            self.say("reply lost")
            raise OSError(errno.ETIMEDOUT, "timed out")

    def _stored(self, path: str, data: bytes) -> None:
        """Note what the invariants are about."""
        self.before = dict(self.objects)
        self.objects[path] = data
        process = self.task.process
        if path.endswith("lock.json"):
            process.token = json.loads(data)["token"]
        if not path.endswith(".parquet") or "superseded" in path:
            return
        if path in self.whole:
            again = "as they were" if self.whole[path] == data else "and changed"
            self.broken.append(f"{path}: committed again, {again}")
        self.whole[path] = data
        held = json.loads(self.objects.get(LOCK, b"{}")).get("token")
        # a PUT under way when the lock is lost may still make a file, never replace one
        self.late += held != process.token


_WORLDS: list[World] = []


def begin(world: World) -> World:
    """Make this the world that the simulated store, hosts and clocks belong to."""
    _WORLDS[:] = [world]
    return world


def here() -> World:
    """The world that is being played."""
    return _WORLDS[0]
