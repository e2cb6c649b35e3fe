"""A run by two owners on a simulated object store under one seed: what fails, when the clocks jump,
who is killed and who goes on next all come from it, so that a seed gives the same history again.

Real are the store, the lock, the planner and the loop (``small_run``); simulated are the object
store's calls, time, host names, process ids and the scheduling of threads. One thread runs at a
time, and hands over at the store's calls and where it waits.

``python tests/faults/simulation.py SEED`` prints a history.
"""

import errno
import functools
import json
import random
import re
import sys
import threading
import time as real_time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import fsspec
import psutil as real_psutil
import pyarrow as pa
import small_run
from fsspec.implementations.memory import MemoryFileSystem
from small_run import SmallRun, stored_rows

from lbt_core.run import record
from lbt_core.run.plan import Plan
from lbt_core.store import Files, RunLocked, StoreUnavailable, faultpoints, lock, run_lock, sidecar
from lbt_core.store.shards import WrongRows

URI = "sim://store/run"
PATIENCE = 12  # attempts of one owner


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
    baton: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(0))


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
        self._ended = threading.Event()
        self._local = threading.local()
        self.made = self.late = 0

    # --- threads and time ---

    @property
    def task(self) -> Task:
        found: Task = self._local.task
        return found

    def process(self, host: str) -> Process:
        found = Process(1000 + len(self.processes), host)
        self.processes.append(found)
        return found

    def start(self, process: Process, work: Callable[[], None]) -> Task:
        task = Task(process, work, self.clock)
        self._tasks.append(task)
        threading.Thread(target=self._run, args=(task,), daemon=True).start()
        return task

    def _run(self, task: Task) -> None:
        task.baton.acquire()
        self._local.task = task
        try:
            task.work()
        except Killed:
            pass
        except BaseException as error:
            self.broken.append(f"{type(error).__name__}: {error}")
            raise
        finally:
            task.done = True
            self._hand_over()

    def run(self) -> None:
        """Let the tasks run until all have ended."""
        self._ended.clear()
        self._hand_over()
        if not self._ended.wait(timeout=60):
            raise AssertionError("the simulation stands still")

    def _hand_over(self) -> None:
        waiting = [t for t in self._tasks if not t.done]
        if not waiting:
            self._ended.set()
            return
        for task in waiting:
            if task.process.dead:
                task.wake = self.clock
        self.clock = max(self.clock, min(t.wake for t in waiting))
        self.random.choice([t for t in waiting if t.wake <= self.clock]).baton.release()

    def wait(self, seconds: float = 0.0) -> None:
        """Let others go on; back when so much time has passed."""
        task = self.task
        if task.process.dead:
            raise Killed
        task.wake = self.clock + seconds
        self._hand_over()
        task.baton.acquire()
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
        held = json.loads(self.objects.get("/store/run/lock.json", b"{}")).get("token")
        # a PUT under way when the lock is lost may still make a file, never replace one
        self.late += held != process.token


WORLD: World


class SimulatedStore(MemoryFileSystem):
    """An object store in memory that does what the world's seed says."""

    protocol = "sim"
    root_marker = "/"

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return "/" + str(path).removeprefix("sim://").strip("/")

    def cat_file(self, path: str, start: Any = None, end: Any = None, **_: Any) -> bytes:
        path = self._strip_protocol(path)
        WORLD.call(f"get {path}")
        if path not in WORLD.objects:
            raise FileNotFoundError(path)
        return WORLD.objects[path][start:end]

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **_: Any) -> None:
        WORLD.put(self._strip_protocol(path), value, mode)

    def exists(self, path: str, **_: Any) -> bool:
        path = self._strip_protocol(path)
        WORLD.call(f"head {path}")
        return path in WORLD.objects or self._is_folder(path, WORLD.objects)

    def isdir(self, path: str) -> bool:
        path = self._strip_protocol(path)
        return self._is_folder(path, WORLD.objects)

    def ls(self, path: str, detail: bool = True, **_: Any) -> Any:
        path = self._strip_protocol(path)
        WORLD.call(f"list {path}")
        stale = WORLD.happens(WORLD.odds.stale)
        objects = WORLD.before if stale else WORLD.objects
        names = {"/".join(o.split("/")[: path.count("/") + 2]) for o in objects}
        return sorted(n for n in names if n.startswith(path + "/"))

    def open(self, path: str, mode: str = "rb", **_: Any) -> Any:
        import io  # noqa: PLC0415

        assert mode == "rb"
        return io.BytesIO(self.cat_file(path))

    def mv(self, path1: str, path2: str, **_: Any) -> None:
        one, two = self._strip_protocol(path1), self._strip_protocol(path2)
        WORLD.call(f"move {one} to {two}")
        if self.whole_bytes(one):
            WORLD.broken.append(f"{one}: a committed file was moved aside")
        WORLD.objects[two] = WORLD.objects.pop(one)

    @staticmethod
    def whole_bytes(path: str) -> bool:
        return path in WORLD.whole and WORLD.objects.get(path) == WORLD.whole[path]

    def find(self, path: str, **_: Any) -> list[str]:
        path = self._strip_protocol(path)
        WORLD.call(f"list {path}")
        return sorted(o for o in WORLD.objects if o == path or o.startswith(path + "/"))

    def cp_file(self, path1: str, path2: str, **_: Any) -> None:
        one, two = self._strip_protocol(path1), self._strip_protocol(path2)
        WORLD.call(f"copy {one} to {two}")
        if self.whole_bytes(one):
            WORLD.broken.append(f"{one}: a committed file was moved aside")
        WORLD.objects[two] = WORLD.objects[one]

    def rm_file(self, path: str) -> None:
        path = self._strip_protocol(path)
        WORLD.call(f"remove {path}")
        if WORLD.objects.pop(path, None) is None:
            raise FileNotFoundError(path)

    def makedirs(self, path: str, exist_ok: bool = False) -> None:
        pass

    @staticmethod
    def _is_folder(path: str, objects: dict[str, bytes]) -> bool:
        return any(o.startswith(path + "/") for o in objects)


# --- simulated time, hosts and processes, for the lock ---


class _Thread:
    """A thread of the simulated process that starts it."""

    def __init__(self, target: Any, args: Any = (), **_: Any) -> None:
        self._work, self._task = lambda: target(*args), None

    def start(self) -> None:
        self._task = WORLD.start(WORLD.task.process, self._work)  # type: ignore[assignment]

    def join(self, timeout: float = 1e9) -> None:
        end = WORLD.clock + timeout
        while self._task is not None and not self._task.done and WORLD.clock < end:
            WORLD.wait(0.1)


class _Event:
    def __init__(self) -> None:
        self._set = False
        self._waits: list[Task] = []

    def set(self) -> None:
        self._set = True
        for task in self._waits:
            task.wake = WORLD.clock

    def is_set(self) -> bool:
        return self._set

    def wait(self, timeout: float = 1e9) -> bool:
        if not self._set:
            self._waits.append(WORLD.task)
            WORLD.wait(timeout)
            self._waits.remove(WORLD.task)
        return self._set


class _Process:
    def __init__(self, pid: int | None = None) -> None:
        here = WORLD.task.process
        self.pid = here.pid if pid is None else pid
        found = [p for p in WORLD.processes if p.pid == self.pid and p.host == here.host]
        if not found or found[0].dead:
            raise real_psutil.NoSuchProcess(self.pid)

    def create_time(self) -> float:
        return float(self.pid)

    def status(self) -> str:
        return "running"


class _Scratch:
    def expanduser(self) -> Path:
        return WORLD.scratch / WORLD.task.process.host


def _at_append(point: str, path: str) -> None:
    """The sidecar's boundaries, where the process may be killed too."""
    if not point.startswith(("append", "remove")):
        return
    if WORLD.task.process.dead:
        raise Killed
    if WORLD.happens(WORLD.odds.kill):
        WORLD.kill(point)


@contextmanager
def simulated() -> Iterator[None]:
    """Have the lock, the record and the sidecars live in the simulated world."""
    pa.set_cpu_count(1)  # tables of a few rows: threads cost more than they do
    fsspec.register_implementation("sim", SimulatedStore, clobber=True)
    versions = record.package_versions()
    time = SimpleNamespace(
        time=lambda: WORLD.clock + WORLD.task.process.offset,
        monotonic=lambda: WORLD.clock,
        sleep=lambda seconds: WORLD.wait(seconds),
        strftime=real_time.strftime,
        localtime=real_time.localtime,
    )
    patches: list[tuple[Any, str, Any]] = [
        (lock, "time", time),
        (lock, "socket", SimpleNamespace(gethostname=lambda: WORLD.task.process.host)),
        (lock, "threading", SimpleNamespace(Thread=_Thread, Event=_Event)),
        (
            lock,
            "psutil",
            SimpleNamespace(Process=_Process, Error=real_psutil.Error, STATUS_ZOMBIE="zombie"),
        ),
        (record, "json", SimpleNamespace(dumps=lambda o, **_: json.dumps(o), loads=json.loads)),
        (record, "package_versions", lambda: versions),
        (sidecar, "SCRATCH", _Scratch()),
    ]
    # Python 3.11 has one lock for a cached property of all instances: processes do not share it
    cached = [p for p in vars(Plan).values() if isinstance(p, functools.cached_property)]
    patches += [(p, "lock", nullcontext()) for p in cached if hasattr(p, "lock")]
    kept = [(module, name, getattr(module, name)) for module, name, _ in patches]
    for module, name, value in patches:
        setattr(module, name, value)
    faultpoints.on_reach(_at_append)
    try:
        yield
    finally:
        faultpoints.on_reach(None)
        for module, name, value in kept:
            setattr(module, name, value)


# --- one history ---


def _attempt(last: bool) -> bool:
    """One attempt in the task's process; whether the run is complete."""
    try:
        files = Files(URI)
        with run_lock(files, "simulated"):
            run = SmallRun(files)
            try:
                run.work()
            finally:
                WORLD.made += run.made
        return True
    except RunLocked:
        WORLD.say("refused, it is in use")
    except (OSError, RuntimeError) as error:
        if last:
            raise
        WORLD.say(f"fails: {type(error).__name__}")
    except WrongRows:
        raise
    return False


def _owner(host: str) -> None:
    """A host that starts the run again whenever it fails, until it is complete."""
    done = [False]

    def attempt() -> None:
        done[0] = _attempt(last=False)

    for _ in range(PATIENCE):
        process = WORLD.process(host)
        task = WORLD.start(process, attempt)
        while not task.done:
            WORLD.wait(30.0)
        if done[0]:
            return
        WORLD.wait(WORLD.random.uniform(1, 90))


def play(seed: int, scratch: Path) -> World:
    """The history of one seed, ended by an attempt that nothing disturbs."""
    global WORLD
    WORLD = world = World(seed, scratch / str(seed))
    for host in ("a", "b"):
        world.start(world.process(host), lambda host=host: _owner(host))  # type: ignore[misc]
    world.run()
    world.odds = Odds(0, 0, 0, 0, 0, 0, 0, 0)
    world.clock += 1e5  # a dead owner's clock may have been far ahead of this one
    world.start(world.process("c"), lambda: world.broken.extend(_ending()))
    world.run()
    return world


def _ending() -> list[str]:
    """What is wrong with the run once it has been gone on with, undisturbed."""
    if not _attempt(last=True):
        return ["an undisturbed attempt did not complete the run"]
    # the attempt has read every shard whole, and planned each from the rows before it
    if stored_rows(Files(URI)) != wanted_rows():
        return ["other rows than an undisturbed run's"]
    return []


_WANTED: dict[str, Any] = {}


def wanted_rows() -> dict[str, Any]:
    """The rows of an undisturbed run."""
    if not _WANTED:
        files = Files("memory://simulation/wanted")
        faultpoints.on_reach(None)
        SmallRun(files).work()
        faultpoints.on_reach(_at_append)
        _WANTED.update(stored_rows(files))
    return _WANTED


def play_all(seeds: range, scratch: Path) -> dict[str, Any]:
    """Histories of many seeds: how many, what was broken by seed, kills, rows made and planned."""
    broken: dict[int, list[str]] = {}
    kills = made = planned = late = 0
    with simulated():
        for seed in seeds:
            world = play(seed, scratch)
            kills += sum("KILLED" in line for line in world.history)
            made += world.made
            late += world.late
            planned += sum(len(rows) for path, rows in wanted_rows().items() if "part-" in path)
            if world.broken:
                broken[seed] = world.broken
    return {
        "seeds": len(seeds),
        "kills": kills,
        "made": made,
        "planned": planned,
        "late": late,
        "broken": broken,
    }


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory(dir="/dev/shm") as place, simulated():
        told = play(int(sys.argv[1]), Path(place))
        print("\n".join(told.history))
        print("broken:", told.broken or "nothing")
        assert small_run and StoreUnavailable
