"""One run at a time on a store path: a lock with an owner, a heartbeat, and takeover from the dead.

The lock is ``lock.json`` in the run's folder. An owner on this machine is alive while its process
lives (identified by pid and start time); one on another machine while its heartbeat is fresh.
"""

import contextlib
import fcntl
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import asdict, dataclass

import psutil

from lbt_core import UserError
from lbt_core.store.files import Files, StoreUnavailable

LOCK = "lock.json"
HEARTBEAT_S = 10.0
STALE_S = 120.0


@dataclass(frozen=True, slots=True)
class Owner:
    """Who holds a run: machine, process, its name for itself, the last sign of life (Unix s)."""

    token: str
    host: str
    pid: int
    process_started: float
    label: str
    since: float
    heartbeat: float

    def describe(self) -> str:
        """For people: which process on which machine since when."""
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.since))
        return f"{self.label} (process {self.pid} on {self.host}, since {since})"


class RunLocked(UserError):
    """Another living run holds this store path."""


def read_owner(files: Files) -> Owner | None:
    """The owner on record, dead or alive."""
    try:
        return Owner(**json.loads(files.read(LOCK)))
    except FileNotFoundError:
        return None
    except (ValueError, TypeError):
        return None  # torn by a crash of an older writer: nobody holds it


def is_alive(owner: Owner) -> bool:
    """Whether the owner still runs."""
    if owner.host == socket.gethostname():
        try:
            process = psutil.Process(owner.pid)
            same = abs(process.create_time() - owner.process_started) < 2.0
            # a killed process stays a zombie until its parent waits for it
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False
    return time.time() - owner.heartbeat < STALE_S


@contextlib.contextmanager
def run_lock(files: Files, label: str) -> Iterator[Owner]:
    """Hold a run's lock, with a heartbeat, for the length of the block.

    Raises RunLocked naming the living owner.
    """
    now = time.time()
    process = psutil.Process()
    me = Owner(
        token=uuid.uuid4().hex,
        host=socket.gethostname(),
        pid=process.pid,
        process_started=process.create_time(),
        label=label,
        since=now,
        heartbeat=now,
    )
    with _exclusively(files):
        other = read_owner(files)
        if other is not None and is_alive(other):
            raise RunLocked(
                f"{files.uri} is in use by {other.describe()}; wait for it, stop it, "
                "or give this run another name with --run"
            )
        _write(files, me)
    stop = threading.Event()
    beat = threading.Thread(target=_beat, args=(files, me, stop), daemon=True, name="store-lock")
    beat.start()
    try:
        yield me
    finally:
        stop.set()
        beat.join(timeout=HEARTBEAT_S)
        with contextlib.suppress(OSError), _exclusively(files):
            current = read_owner(files)
            if current is not None and current.token == me.token:
                files.fs.rm_file(files.full(LOCK))


def _beat(files: Files, me: Owner, stop: threading.Event) -> None:
    while not stop.wait(HEARTBEAT_S):
        with contextlib.suppress(OSError), _exclusively(files):
            current = read_owner(files)
            if current is None or current.token == me.token:
                _write(files, me)


def _write(files: Files, owner: Owner) -> None:
    record = asdict(owner) | {"heartbeat": time.time()}
    files.write(LOCK, json.dumps(record, indent=1).encode())


@contextlib.contextmanager
def _exclusively(files: Files) -> Iterator[None]:
    """Serialise reading and writing the lock among processes that share a file system; an object
    store has no such thing, there the window between reading and writing stays open."""
    if not files.is_local:
        yield
        return
    path = files.local(".lock-mutex")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT)
    except OSError as error:
        raise StoreUnavailable(error.errno or 0, f"{path.parent}: {error.strerror}") from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
