"""Simulated hosts: the threads, time, process ids and scratch folders that the lock, the record and
the sidecars see, in place of this machine's."""

import json
import time as real_time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import fsspec
import psutil as real_psutil
import pyarrow as pa
from simulated_store import OncePerContent, SimulatedStore
from simulated_world import Killed, Task, here

from lbt_core.run import record, results
from lbt_core.store import faultpoints, lock, shards, sidecar


class _Thread:
    """A thread of the simulated process that starts it."""

    def __init__(self, target: Any, args: Any = (), **_: Any) -> None:
        self._work, self._task = lambda: target(*args), None

    def start(self) -> None:
        self._task = here().start(here().task.process, self._work)  # type: ignore[assignment]

    def join(self, timeout: float = 1e9) -> None:
        end = here().clock + timeout
        while self._task is not None and not self._task.done and here().clock < end:
            here().wait(0.1)


class _Event:
    def __init__(self) -> None:
        self._set = False
        self._waits: list[Task] = []

    def set(self) -> None:
        self._set = True
        for task in self._waits:
            task.wake = here().clock

    def is_set(self) -> bool:
        return self._set

    def wait(self, timeout: float = 1e9) -> bool:
        if not self._set:
            self._waits.append(here().task)
            here().wait(timeout)
            self._waits.remove(here().task)
        return self._set


class _Process:
    def __init__(self, pid: int | None = None) -> None:
        me = here().task.process
        self.pid = me.pid if pid is None else pid
        found = [p for p in here().processes if p.pid == self.pid and p.host == me.host]
        if not found or found[0].dead:
            raise real_psutil.NoSuchProcess(self.pid)

    def create_time(self) -> float:
        return float(self.pid)

    def status(self) -> str:
        return "running"


class _Scratch:
    def expanduser(self) -> Path:
        return here().scratch / here().task.process.host


def at_append(point: str, path: str) -> None:
    """The sidecar's boundaries, where the process may be killed too."""
    if not point.startswith(("append", "remove")):
        return
    if here().task.process.dead:
        raise Killed
    if here().happens(here().odds.kill):
        here().kill(point)


@contextmanager
def simulated() -> Iterator[None]:
    """Have the lock, the record and the sidecars live in the simulated world."""
    pa.set_cpu_count(1)  # tables of a few rows: threads cost more than they do
    fsspec.register_implementation("sim", SimulatedStore, clobber=True)
    versions = record.package_versions()
    time = SimpleNamespace(
        time=lambda: here().clock + here().task.process.offset,
        monotonic=lambda: here().clock,
        sleep=lambda seconds: here().wait(seconds),
        strftime=real_time.strftime,
        localtime=real_time.localtime,
    )
    patches: list[tuple[Any, str, Any]] = [
        (lock, "time", time),
        (lock, "socket", SimpleNamespace(gethostname=lambda: here().task.process.host)),
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
    patches += [(module, "pq", OncePerContent) for module in (shards, results)]
    kept = [(module, name, getattr(module, name)) for module, name, _ in patches]
    for module, name, value in patches:
        setattr(module, name, value)
    faultpoints.on_reach(at_append)
    try:
        yield
    finally:
        faultpoints.on_reach(None)
        for module, name, value in kept:
            setattr(module, name, value)
