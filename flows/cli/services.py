"""``lbt up`` and ``lbt down``: the Prefect server, Ray and a worker on this machine."""

import json
import os
import secrets
import shutil
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from flows.cli.options import require_extra
from flows.retention import retention
from flows.server_process import QUIET, free_port, server_command
from flows.supervision import (
    STATE,
    Services,
    is_running,
    new_token,
    read_state,
    require_free,
    start,
    stop_all,
    stop_one,
    wait_until,
    write_state,
)
from lbt_core import UserError

DEFAULT_HOME = Path("~/.lbt")
HEARTBEAT_S = 30
READY_S = 90.0
LOOPBACK = ("127.0.0.1", "localhost", "::1")
# Where the test for the heartbeat's window and the documentation find the same figure
WORKER_ENVIRONMENT = {"PREFECT_FLOWS_HEARTBEAT_FREQUENCY": str(HEARTBEAT_S)}

Home = Annotated[Path, typer.Option(help="Folder for databases, logs and the list of processes.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("up")(up)
    app.command("down")(down)


def up(
    auth: Annotated[
        str | None, typer.Option(help="user:password that the Prefect UI and API ask for.")
    ] = None,
    database: Annotated[
        str | None, typer.Option(help="postgresql+asyncpg://… instead of SQLite.")
    ] = None,
    ray_address: Annotated[
        str | None, typer.Option(help="Join this Ray cluster instead of starting one.")
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; beyond loopback needs --auth.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port of the Prefect UI.")] = 4200,
    dashboard_port: Annotated[
        int, typer.Option(min=1, max=65535, help="Port of the Ray dashboard.")
    ] = 8265,
    keep_days: Annotated[
        int | None,
        typer.Option(min=1, help="Prefect forgets runs that ended so long ago; the store stays."),
    ] = None,
    home: Home = DEFAULT_HOME,
    json_: Annotated[bool, typer.Option("--json", help="Print the addresses as JSON.")] = False,
) -> None:
    """Bring up the Prefect server, Ray and a worker, with every deployment, and say what to open.

    Again it only starts what has died since. `lbt down` stops it all.
    """
    started = time.monotonic()
    require_extra("prefect", "ray")  # both are started as commands: no import would tell
    home = home.expanduser().resolve()
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    _refuse(auth, database, host)
    services = read_state(home)
    if services is None:
        require_free(host, port, "--port")
        if ray_address is None:
            require_free(host, dashboard_port, "--dashboard-port")
        services = _new_services(home, host, port, auth, database, ray_address, dashboard_port)
        services.environment |= retention(keep_days)
    fresh = not any(is_running(s) for s in services.processes.values())
    missing = [n for n in _wanted(services) if not _lives(services, n)]
    if missing:
        try:
            _start(services, home, missing, console)
        except BaseException:
            if fresh:
                _stop(home, services)
            raise
    seconds = time.monotonic() - started
    _say(services, home, console, missing, seconds)
    if json_:
        addresses = {"ui": services.ui, "api": services.api, "ray": services.ray_address}
        print(
            json.dumps(
                addresses
                | {"dashboard": services.ray_dashboard, "home": str(home), "started": missing}
                | {"seconds": round(seconds, 1)}
            )
        )


def down(home: Home = DEFAULT_HOME) -> None:
    """Stop exactly what `lbt up` started: no process and no port is left. Stored runs stay."""
    home = home.expanduser().resolve()
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    services = read_state(home)
    if services is None:
        console.print(f"Nothing to stop: no services are on record in {home}.")
        return
    count = _stop(home, services)
    console.print(f"Stopped {count} processes. Runs and the server's database are kept.")


def _stop(home: Path, services: Services) -> int:
    count = stop_all(services)
    if services.ray_temp:
        shutil.rmtree(services.ray_temp, ignore_errors=True)
    (home / STATE).unlink(missing_ok=True)
    return count


def _refuse(auth: str | None, database: str | None, host: str) -> None:
    """Options that cannot work or are not safe."""
    if auth is not None and ":" not in auth.strip(":"):
        raise UserError("--auth: expected user:password")
    if host not in LOOPBACK and auth is None:
        raise UserError(
            f"--host {host} lets other machines start runs here: add --auth user:password"
        )
    if database is not None and not database.startswith("postgresql+asyncpg://"):
        raise UserError("--database: expected postgresql+asyncpg://user:password@host:port/name")


def _new_services(
    home: Path,
    host: str,
    port: int,
    auth: str | None,
    database: str | None,
    ray_address: str | None,
    dashboard_port: int,
) -> Services:
    """What is to run, with the environment that all of it shares."""
    environment = QUIET | WORKER_ENVIRONMENT | {"PREFECT_HOME": str(home / "prefect")}
    if auth:
        environment |= {"PREFECT_SERVER_API_AUTH_STRING": auth, "PREFECT_API_AUTH_STRING": auth}
    if database:
        environment["PREFECT_SERVER_DATABASE_CONNECTION_URL"] = database
    services = Services(
        token=new_token(),
        host=host,
        port=port,
        workdir=os.getcwd(),
        environment=environment,
        ray_address=ray_address or f"127.0.0.1:{free_port()}",
    )
    if ray_address is None:
        node = "127.0.0.1" if host in LOOPBACK else host
        services.ray_dashboard = f"http://{node}:{dashboard_port}"
        # its own folder: another `ray.init()` on this machine must not join this cluster unasked,
        # and a short path: Unix sockets allow 107 characters
        services.ray_temp = tempfile.mkdtemp(prefix="lbt-ray-", dir="/tmp")  # nosec B108
        # Ray's own ports are open on every interface, whatever address its node has
        token = home / "ray-token"
        home.mkdir(parents=True, exist_ok=True)
        token.touch(mode=0o600)
        token.write_text(secrets.token_hex(32))
        environment |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN_PATH": str(token)}
    environment |= {"PREFECT_API_URL": services.api, "RAY_ADDRESS": services.ray_address}
    environment |= {
        "LBT_RAY_DASHBOARD": services.ray_dashboard,
        "LBT_REPORTS_URL": f"http://127.0.0.1:{free_port()}",
        "LBT_REPORTS_FOLDER": services.workdir,
        # a run starts soon after it was asked for
        "PREFECT_WORKER_QUERY_SECONDS": "3",
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    }
    return services


def _wanted(services: Services) -> list[str]:
    return ["server", *(["ray"] if services.ray_temp else []), "reports", "worker"]


def _lives(services: Services, name: str) -> bool:
    return name in services.processes and is_running(services.processes[name])


def _start(services: Services, home: Path, missing: list[str], console: Console) -> None:
    """Start what is missing, and wait until it answers."""
    os.environ |= services.environment
    for name in missing:
        stop_one(services, name)  # what its death left behind
    if "server" in missing:
        start("server", server_command(services.host, str(services.port)), services, home, {})
    if "reports" in missing:
        address = services.environment["LBT_REPORTS_URL"]
        command = [sys.executable, "-m", "flows.report_server", address.rsplit(":", 1)[1]]
        start("reports", [*command, services.workdir], services, home, {})
    with console.status("Starting the Prefect server and Ray …"):
        if "ray" in missing:
            _start_ray(services, home)
        wait_until(_answers(f"{services.api}/health"), services, "server", READY_S)
    if "server" in missing:
        with console.status("Registering the deployments …"):
            from flows.provision import provision  # noqa: PLC0415 - reads settings

            provision(services.workdir, services.environment)
    if "worker" in missing:
        _free_slots(console)
        start("worker", _worker_command(), services, home, {})
        with console.status("Starting the worker …"):
            wait_until(_says(services, "worker", "started!"), services, "worker", READY_S)
    write_state(home, services)


def _free_slots(console: Console) -> None:
    """A run that the dead worker had handed out and not started would hold the pool's only slot."""
    from flows.provision import PROCESS_POOL  # noqa: PLC0415 - only to start the worker
    from flows.stranded import free_slots  # noqa: PLC0415 - reads settings

    for name in free_slots(PROCESS_POOL):
        console.print(f"  Run {name} was handed out and never started: now Crashed, press Retry.")


def _start_ray(services: Services, home: Path) -> None:
    """Start Ray's head; twice, because on a busy machine its own time limit of 30 s may pass."""
    for last in (False, True):
        _require_ray_gone(services)
        start("ray", _ray_command(services), services, home, {"RAY_ADDRESS": ""})
        try:
            wait_until(_says(services, "ray", "Ray runtime started"), services, "ray", READY_S)
            dashboard = _answers(f"{services.ray_dashboard}/api/version")
            wait_until(dashboard, services, "ray", READY_S)
            return
        except UserError:
            if last:
                raise
            stop_one(services, "ray")


def _require_ray_gone(services: Services) -> None:
    """A Ray that lost its head process leaves others behind, which hold its ports."""
    from flows.supervision import belonging, end  # noqa: PLC0415 - only after a crash

    keep = {s.pid for s in services.processes.values()}
    names = ("raylet", "gcs_server", "ray::", "dashboard", "runtime_env", "log_monitor")
    left = []
    for process in belonging(services.token):
        if process.pid not in keep:
            line = " ".join(process.cmdline())
            if any(name in line for name in names):
                left.append(process)
    end(left, 5.0)


def _ray_command(services: Services) -> list[str]:
    host, port = services.ray_address.rsplit(":", 1)
    ray = Path(sys.executable).with_name("ray")
    dashboard_host, dashboard_port = services.ray_dashboard.removeprefix("http://").split(":")
    return [
        *(str(ray), "start", "--head", "--block", "--disable-usage-stats"),
        *("--node-ip-address", host, "--port", port, "--temp-dir", services.ray_temp),
        *("--include-dashboard", "true", "--dashboard-host", dashboard_host),
        *("--dashboard-port", dashboard_port, "--metrics-export-port", str(free_port())),
        *(
            "--num-cpus",
            str(len(os.sched_getaffinity(0))),
            "--ray-client-server-port",
            str(free_port()),
        ),
    ]


def _worker_command() -> list[str]:
    from flows.provision import PROCESS_POOL  # noqa: PLC0415 - only to start the worker

    command = [sys.executable, "-m", "flows.prefect_worker", "worker", "start", "--type", "process"]
    return [*command, "--pool", PROCESS_POOL, "--name", "lbt"]


def _answers(url: str) -> Callable[[], bool]:
    def ask() -> bool:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return True
        except urllib.error.HTTPError as error:
            return error.code in (401, 403)  # it asks for its token: it is up
        except (urllib.error.URLError, OSError):
            return False

    return ask


def _says(services: Services, name: str, words: str) -> Callable[[], bool]:
    """Whether a service's log holds these words."""
    log = Path(services.processes[name].log)
    return lambda: words in log.read_text("utf-8", errors="replace")


def _say(
    services: Services, home: Path, console: Console, missing: list[str], seconds: float
) -> None:
    """The address, and what to click."""
    what = f"started {', '.join(missing)} in {seconds:.0f} s" if missing else "already running"
    console.print(f"[bold]{services.ui}[/bold]  ({what})")
    if "PREFECT_SERVER_API_AUTH_STRING" not in services.environment:
        console.print(
            "  No password: whoever has an account on this machine can open it and start runs; "
            "lbt down, then lbt up --auth user:password, asks for one."
        )
    console.print("  Deployments → lbt / demo → Run: fill the form, then watch the flow run.")
    console.print("  A red run: open it and press Retry; only the owed shards are done.")
    if services.ray_dashboard:
        token = services.environment["RAY_AUTH_TOKEN_PATH"]
        console.print(f"  Ray dashboard: {services.ray_dashboard} (asks for the token in {token})")
        targets = f"{services.ray_temp}/prom_metrics_service_discovery.json"
        console.print(f"  Prometheus: file_sd_configs with {targets}")
    console.print(f"  Runs are stored relative to {services.workdir}; logs: {home / 'logs'}")
    console.print(f"  Stop everything with: lbt down{_home_option(home)}")


def _home_option(home: Path) -> str:
    return "" if home == DEFAULT_HOME.expanduser().resolve() else f" --home {home}"
