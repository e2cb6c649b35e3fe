"""The services that ``lbt up`` starts: what runs, how it is found again, how it is ended.

Every process started here carries a token in its environment, which its own children inherit: what
carries the token of a home belongs to it, even where its parent was killed. Nothing else is ever
ended.
"""

import contextlib
import json
import os
import secrets
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from lbt_core import UserError

TOKEN = "LBT_SERVICES"  # a variable's name  # nosec B105
STATE = "services.json"
EVERYWHERE = ("0.0.0.0", "::")  # compared with  # nosec B104
GRACE_S = 10.0


@dataclass(frozen=True, slots=True)
class Started:
    """A process: its id and start time (which together are never used twice), and its log."""

    pid: int
    started: float
    log: str


@dataclass(slots=True)
class Services:
    """What one home runs, kept in its state file (readable by its owner alone)."""

    token: str
    host: str
    port: int
    workdir: str
    environment: dict[str, str]
    ray_address: str
    ray_dashboard: str = ""
    ray_temp: str = ""
    processes: dict[str, Started] = field(default_factory=dict)

    @property
    def ui(self) -> str:
        """The address to open."""
        host = "127.0.0.1" if self.host in EVERYWHERE else self.host
        return f"http://{host}:{self.port}"

    @property
    def api(self) -> str:
        """The Prefect API."""
        return f"{self.ui}/api"


def new_token() -> str:
    """A token that no other process carries."""
    return secrets.token_hex(8)


def read_state(home: Path) -> Services | None:
    """What a home runs, or None. Raises UserError where its state file cannot be understood."""
    path = home / STATE
    try:
        raw = json.loads(path.read_text("utf-8"))
        raw["processes"] = {k: Started(**v) for k, v in raw["processes"].items()}
        return Services(**raw)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError) as error:
        raise UserError(f"{path}: cannot be understood ({error}); move it away") from None


def write_state(home: Path, services: Services) -> None:
    """Put what runs on record."""
    home.mkdir(parents=True, exist_ok=True)
    temporary = home / f".{STATE}.tmp"
    handle = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(handle, "w", encoding="utf-8") as file:
        json.dump(asdict(services), file, indent=1)
    temporary.replace(home / STATE)


def start(
    name: str, command: Sequence[str], services: Services, home: Path, env: Mapping[str, str]
) -> None:
    """Start a service in the background and put it on record."""
    logs = home / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    log = logs / f"{name}.log"
    if log.exists():
        log.replace(logs / f"{name}.log.1")
    with open(log, "wb") as output:
        process = subprocess.Popen(
            command,
            cwd=services.workdir,
            env=os.environ | services.environment | env | {TOKEN: services.token},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    created = psutil.Process(process.pid).create_time()
    services.processes[name] = Started(process.pid, created, str(log))
    write_state(home, services)


def is_running(started: Started) -> bool:
    """Whether this very process lives."""
    try:
        process = psutil.Process(started.pid)
        same = abs(process.create_time() - started.started) < 1.0
        return same and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def belonging(token: str) -> list[psutil.Process]:
    """Every process that carries the token, but this one."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and process.environ().get(TOKEN) == token:
                found.append(process)
    return found


def stop_one(services: Services, name: str) -> None:
    """End one service with its descendants; it is off the record when this returns."""
    started = services.processes.pop(name, None)
    if started is None or not is_running(started):
        return
    process = psutil.Process(started.pid)
    tree = [process]
    with contextlib.suppress(psutil.Error):
        tree += process.children(recursive=True)
    end([process], GRACE_S)
    end(tree, GRACE_S / 2)


def stop_all(services: Services) -> int:
    """End everything that belongs to these services; returns how many processes that were.

    The worker goes first, so that the runs' states still reach the server; then Ray, the server,
    and whatever outlived its parent. Raises UserError where a process cannot be ended.
    """
    count = len(belonging(services.token))
    stop_one(services, "worker")
    for name in list(services.processes):
        stop_one(services, name)
    end(belonging(services.token), GRACE_S / 2)
    left = belonging(services.token)
    if left:
        names = ", ".join(f"{p.pid}" for p in left)
        raise UserError(f"processes {names} could not be ended; end them by hand")
    return count


def end(processes: Sequence[psutil.Process], grace: float) -> None:
    """SIGTERM, then SIGKILL for what still lives after ``grace`` seconds."""
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.send_signal(signal.SIGTERM)
    _, alive = psutil.wait_procs(list(processes), timeout=grace)
    for process in alive:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(alive, timeout=grace)


def require_free(host: str, port: int, option: str) -> None:
    """Raise UserError naming the remedy where a port is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            return
        except OSError as error:
            reason = error.strerror
    raise UserError(
        f"port {port} on {host}: {reason}{_holder(port)}; stop that, or choose another "
        f"port with {option}"
    )


def _holder(port: int) -> str:
    """Who listens on a port, where that may be known."""
    with contextlib.suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            listens = connection.status == psutil.CONN_LISTEN
            if listens and connection.laddr.port == port and connection.pid:
                return f" by process {connection.pid} ({psutil.Process(connection.pid).name()})"
    return ""


def tail(log: str, lines: int = 5) -> str:
    """The end of a log, for an error message."""
    with contextlib.suppress(OSError):
        text = Path(log).read_text("utf-8", errors="replace").strip().splitlines()
        return " | ".join(line.strip() for line in text[-lines:] if line.strip())
    return ""


def wait_until(ready: Callable[[], bool], services: Services, name: str, timeout: float) -> None:
    """Wait for a service; UserError with the end of its log where it ends or takes too long."""
    deadline = time.monotonic() + timeout
    started = services.processes[name]
    while not ready():
        if not is_running(started):
            raise UserError(f"{name} ended at once: {tail(started.log)} (all of it: {started.log})")
        if time.monotonic() > deadline:
            raise UserError(f"{name} was not ready in {timeout:.0f} s; see {started.log}")
        time.sleep(0.2)
