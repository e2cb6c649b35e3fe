"""One run at a time on a store path: a lock with an owner, a heartbeat, and takeover from the dead.

The lock is ``lock.json`` in the run's folder. An owner on this machine is alive while its process
lives (identified by pid and start time); one on another machine while its heartbeat moves. Its
clock is not trusted: a lock that looks stale is watched before it is taken over.

A lease can be lost all the same (a machine that stood still for minutes). Then its owner learns of
it at its next heartbeat, and its late writes are refused: each one is made with the lock's own
token checked, under the file system's lock; on an object store, the lock is kept with conditional
PUTs and no committed file is ever replaced (``lbt_core/store/files.py``).
"""

import contextlib
import json
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass

import psutil

from lbt_core import UserError
from lbt_core.store.files import Files, LeaseLost, Version, WriteConflict

LOCK = "lock.json"
HEARTBEAT_S = 10.0
# Twelve beats: a paused machine or a slow share misses some; and an owner that is gone should not
# keep others away for longer than it takes to start a run.
STALE_S = 120.0
# Two machines' clocks may differ by more than STALE_S: the lock itself must stand still, for two
# whole beats whenever the watching begins.
WATCH_BEATS = 2.5


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
    return _parse(_read(files)[0])


def _read(files: Files) -> tuple[bytes | None, Version]:
    try:
        return files.read_version(LOCK)
    except FileNotFoundError:
        return None, None


def _parse(content: bytes | None) -> Owner | None:
    if content is None:
        return None
    try:
        return Owner(**json.loads(content))
    except (ValueError, TypeError):
        return None  # torn by a crash of an older writer: nobody holds it


def is_alive(owner: Owner) -> bool:
    """Whether the owner still runs, as far as can be told at once."""
    if owner.host == socket.gethostname():
        try:
            process = psutil.Process(owner.pid)
            same = abs(process.create_time() - owner.process_started) < 2.0
            # a killed process stays a zombie until its parent waits for it
            return same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.Error:
            return False
    return time.time() - owner.heartbeat < STALE_S


def _moves(files: Files, owner: Owner) -> bool:
    """Whether the heartbeat of an owner on another machine moves, by whichever clock it is."""
    if owner.host == socket.gethostname():
        return False
    deadline = time.monotonic() + WATCH_BEATS * HEARTBEAT_S
    while time.monotonic() < deadline:
        time.sleep(HEARTBEAT_S / 10)
        if read_owner(files) != owner:
            return True
    return False


class Lease:
    """The lock while it is held: says whether it still is, and refuses writes once it is not."""

    def __init__(self, files: Files, owner: Owner, version: Version) -> None:
        self.owner = owner
        self.version = version
        self._files = files
        self._lost = ""
        self._released = False

    @property
    def token(self) -> str:
        """What tells this lease from every other one."""
        return self.owner.token

    @property
    def heartbeat(self) -> float:
        """When the lock was taken, in Unix seconds."""
        return self.owner.heartbeat

    @property
    def lost(self) -> str:
        """Why the lease is lost; "" while it is held."""
        return self._lost

    def lose(self, successor: Owner | None) -> str:
        """Note that the lease is lost, and to whom."""
        who = successor.describe() if successor else "nobody; its lock is gone"
        self._lost = (
            f"{self._files.uri}: this run's lock was lost, it is now held by {who}; nothing more "
            "is written here"
        )
        return self._lost

    def release(self) -> None:
        """No write is let through any more."""
        self._released = True

    def check(self) -> None:
        """Raise LeaseLost unless this lease is the one on record now."""
        if self._released:
            raise LeaseLost(0, f"{self._files.uri}: this run has ended, a late write is refused")
        if not self._lost:
            current = read_owner(self._files)
            if current is not None and current.token == self.token:
                return
            self.lose(current)
        raise LeaseLost(0, self._lost)

    @contextlib.contextmanager
    def guard(self) -> Iterator[None]:
        """Around one write: nobody takes the lock over between the check and the write where the
        store is a file system. Raises LeaseLost."""
        with self._files.exclusively():
            self.check()
            yield


@contextlib.contextmanager
def run_lock(
    files: Files, label: str, on_lost: Callable[[str], None] | None = None
) -> Iterator[Lease]:
    """Hold a run's lock, with a heartbeat, for the length of the block; writes through ``files``
    are refused with LeaseLost once it is lost, and after the block.

    ``on_lost`` is called from a thread, with the reason, within a heartbeat of losing it. Raises
    RunLocked naming the living owner.
    """
    lease = _take(files, label)
    files.guard = lease.guard
    stop = threading.Event()
    arguments = (files, lease, stop, on_lost)
    beat = threading.Thread(target=_beat, args=arguments, daemon=True, name="store-lock")
    beat.start()
    try:
        yield lease
    finally:
        stop.set()
        beat.join(timeout=HEARTBEAT_S)
        lease.release()
        with contextlib.suppress(OSError), files.exclusively():
            current = read_owner(files)
            if current is not None and current.token == lease.token:
                files.fs.rm_file(files.full(LOCK))


def _take(files: Files, label: str) -> Lease:
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
    other = read_owner(files)
    if other is not None and (is_alive(other) or _moves(files, other)):
        raise _locked(files, other)
    with files.exclusively():
        content, version = _read(files)
        found = _parse(content)
        if found is not None and found != other:
            raise _locked(files, found)  # somebody was faster
        try:
            return Lease(files, me, files.replace(LOCK, _encode(me), version))
        except WriteConflict:
            winner = read_owner(files)
            if winner is not None and winner.token == me.token:  # the reply was lost, not the PUT
                return Lease(files, me, _read(files)[1])
            raise _locked(files, winner) from None


def _locked(files: Files, owner: Owner | None) -> RunLocked:
    who = owner.describe() if owner else "a run that has just started"
    return RunLocked(
        f"{files.uri} is in use by {who}; wait for it, stop it, "
        "or give this run another name with --run"
    )


def _encode(owner: Owner) -> bytes:
    return json.dumps(asdict(owner) | {"heartbeat": time.time()}, indent=1).encode()


def _beat(
    files: Files, lease: Lease, stop: threading.Event, on_lost: Callable[[str], None] | None
) -> None:
    while not stop.wait(HEARTBEAT_S):
        try:
            held = _renew(files, lease)
        except OSError:
            continue  # the store is away: it may be back at the next beat
        if not held:
            if on_lost is not None and not stop.is_set():
                on_lost(lease.lost)
            return


def _renew(files: Files, lease: Lease) -> bool:
    """Write one heartbeat; False where the lease is lost. Raises OSError."""
    with files.exclusively():
        content, version = _read(files)
        current = _parse(content)
        if current is not None and current.token != lease.token:
            lease.lose(current)
            return False
        try:
            # a lock that was removed or torn is written anew: nobody else holds it
            lease.version = files.replace(LOCK, _encode(lease.owner), version)
        except WriteConflict:
            current = read_owner(files)
            if current is None or current.token != lease.token:
                lease.lose(current)
                return False
        return not lease.lost
