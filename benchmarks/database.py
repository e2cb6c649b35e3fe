"""How large Prefect's database gets, for each run, on Postgres; and that old runs are forgotten.

``python -m benchmarks.database`` starts a Postgres of its own (``apt-get install postgresql``) and
a Prefect server on it, and lets a flow without work make what a run of 300 shards makes: a task run
for each shard through the run's own task with Prefect's log lines and one of ours, a progress
artifact and 20 tables of 8 engines. After five runs the first four are dated back by 40 days, and
the server is started with the settings of ``lbt up --keep-days 30``: exactly these four have to go,
with their task runs, logs and artifacts. The last line is JSON; exit status 1 where anything else
is left or gone.
"""

import argparse
import asyncio
import contextlib
import json
import os
import pwd
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flows.outages import answers
from flows.retention import retention
from flows.server_process import QUIET, free_port, server_command

PATIENCE_S = 180.0
KEEP_DAYS, AGE_DAYS = 30, 40
TABLES = ("flow_run", "task_run", "task_run_state", "log", "artifact", "events", "event_resources")
NEWEST = "(select id from flow_run order by end_time desc limit 1)"
FLOW = """
import sys
from prefect import flow, get_run_logger
from prefect.artifacts import create_progress_artifact, create_table_artifact
from prefect.artifacts import update_progress_artifact
from tasks.publishing import engine_rows
from tasks.shard_runs import ShardSummary
from tasks.submission import Job, run_jobs
from lbt_core.generation import EngineStats

@flow(name="lbt", flow_run_name="measured")
def measured(shards):
    logger, now = get_run_logger(), EngineStats(9**6, 9**6, 999, 64, 9, 0.5, 0.5, 99.0, 0.9, 70.0)
    engines = {f"engine-{i}": now for i in range(8)}
    progress = create_progress_artifact(progress=0.0, key="lbt-progress", description="shards done")
    def job(i):
        name = f"sample-{i:04d}"
        def work():
            logger.info("sample %d/%d, 1,234 tokens/s, 12 min left (10 to 14)", i, shards)
            return ShardSummary(name, 512, 65536, 1.0, False, "engine-0")
        return Job(name, f"{name} · 512 rationales", work)
    for start in range(0, shards, max(1, shards // 20)):
        some = range(start, min(shards, start + max(1, shards // 20)))
        run_jobs([job(i) for i in some], 8)
        update_progress_artifact(artifact_id=progress, progress=100 * start / shards)
        table = engine_rows(engines, {}, 30.0, {})
        create_table_artifact(key="lbt-engines", table=table, description="engines")

measured(int(sys.argv[1]))
"""


def postgres_programs() -> Path:
    """The folder of initdb and postgres. Exits with what to install where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if not found:
        sys.exit("Postgres is not here: apt-get install postgresql, or give --database")
    return found[-1].parent


@contextlib.contextmanager
def postgres(folder: Path) -> Iterator[str]:
    """A Postgres on loopback; yields the URL of its database."""
    programs, port = postgres_programs(), free_port()
    # it refuses to run as root
    user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
    if os.geteuid() == 0:
        os.chown(folder, pwd.getpwnam(user).pw_uid, -1)
    data = folder / "data"
    start: dict[str, Any] = {"cwd": folder, "user": user if os.geteuid() == 0 else None}
    make = [programs / "initdb", "-D", data, "-U", "prefect", "--auth=trust", "-E", "UTF8"]
    subprocess.run(make, check=True, stdout=subprocess.DEVNULL, **start)
    options = ["-c", "listen_addresses=127.0.0.1", "-k", str(folder), "-p", str(port)]
    with open(folder / "postgres.log", "wb") as log:
        server = subprocess.Popen(
            [programs / "postgres", "-D", data, *options], stdout=log, stderr=log, **start
        )
    try:
        yield f"postgresql+asyncpg://prefect@127.0.0.1:{port}/postgres"
    finally:
        server.terminate()
        server.wait()


@contextlib.contextmanager
def prefect(folder: Path, database: str, extra: dict[str, str]) -> Iterator[str]:
    """A Prefect server on the database; yields its API's address."""
    port = free_port()
    api = f"http://127.0.0.1:{port}/api"
    settings = {"PREFECT_SERVER_DATABASE_CONNECTION_URL": database, "PREFECT_HOME": str(folder)}
    with open(folder / "server.log", "ab") as log:
        server = subprocess.Popen(
            [*server_command("127.0.0.1", str(port)), "--no-ui"],
            env=os.environ | QUIET | settings | extra,
            stdout=log,
            stderr=log,
        )
    try:
        deadline = time.monotonic() + PATIENCE_S
        while not answers(api):
            if server.poll() is not None or time.monotonic() > deadline:
                sys.exit(f"no server: {(folder / 'server.log').read_text()[-2000:]}")
            time.sleep(0.3)
        yield api
    finally:
        server.terminate()
        server.wait()


def ask(database: str, *statements: str) -> list[Any]:
    """The first value of each statement."""
    import asyncpg  # noqa: PLC0415 - only here

    async def run() -> list[Any]:
        connection = await asyncpg.connect(database.replace("+asyncpg", ""))
        try:
            return [await connection.fetchval(statement) for statement in statements]
        finally:
            await connection.close()

    return asyncio.run(run())


def size(database: str) -> int:
    """Bytes of the whole database, indexes among them."""
    found: int = ask(database, "select pg_database_size(current_database())")[0]
    return found


def counts(database: str) -> dict[str, int]:
    """Rows of the tables that grow."""
    asked = [f"select count(*) from {table}" for table in TABLES]  # our names  # nosec B608
    return dict(zip(TABLES, ask(database, *asked), strict=True))


def of_newest(database: str) -> dict[str, int]:
    """Rows of the newest run: task runs, log lines, artifacts."""
    mine = f"where flow_run_id = {NEWEST}"
    tables = ("task_run", "log", "artifact")
    asked = [f"select count(*) from {table} {mine}" for table in tables]  # nosec B608
    return dict(zip(tables, ask(database, *asked), strict=True))


def settled(database: str, wanted: dict[str, int], patience: float = PATIENCE_S) -> dict[str, int]:
    """The counts once they are as wanted, or when time is up: the server writes in its own time."""
    deadline = time.monotonic() + patience
    while True:
        found = counts(database)
        same = all(found[table] == wanted[table] for table in wanted)
        if same or time.monotonic() > deadline:
            return found
        time.sleep(1.0)


def grow(folder: Path, database: str, runs: int, shards: int) -> list[int]:
    """The database's size before the first run and after each."""
    with prefect(folder, database, {}) as api:
        sizes = [size(database)]
        for number in range(1, runs + 1):
            began = time.monotonic()
            environment = os.environ | {
                "PREFECT_API_URL": api,
            }
            subprocess.run(
                [sys.executable, "-c", FLOW, str(shards)],
                env=environment,
                stderr=subprocess.DEVNULL,
                check=True,
            )
            settled(database, {"task_run": number * shards}, 60.0)
            time.sleep(5.0)  # events are written in batches, every few seconds
            sizes.append(size(database))
            grown = (sizes[-1] - sizes[-2]) / 1e6
            print(f"run {number}: {grown:.1f} MB more, {time.monotonic() - began:.0f} s")
    return sizes


def forget(folder: Path, database: str) -> tuple[dict[str, int], bool, int]:
    """The counts once old runs had to go, whether just the newest run is whole, and the size with
    the free space given back."""
    back = f"end_time = end_time - interval '{AGE_DAYS} days'"
    ask(database, f"update flow_run set {back} where id <> {NEWEST}")  # nosec B608
    kept = {"flow_run": 1, **of_newest(database)}
    often = {"PREFECT_SERVER_SERVICES_DB_VACUUM_LOOP_SECONDS": "5"}
    with prefect(folder, database, retention(KEEP_DAYS) | often):
        left = settled(database, kept)
    ask(database, "vacuum full")
    same = {table: left[table] for table in kept} == kept
    return left, same and of_newest(database).items() <= kept.items(), size(database)


def main() -> int:
    """Measure; prints one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--shards", type=int, default=300)
    parser.add_argument("--database", help="an empty one: postgresql+asyncpg://…")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lbt-pg-", ignore_cleanup_errors=True) as path:
        folder, home = Path(path, "postgres"), Path(path, "prefect")
        os.chmod(path, 0o755)  # its user has to pass  # nosec B103
        folder.mkdir()
        home.mkdir()
        own = contextlib.nullcontext(asked.database) if asked.database else postgres(folder)
        with own as database:
            sizes = grow(home, database, asked.runs, asked.shards)
            full = counts(database)
            left, good, after = forget(home, database)
    each = (sizes[-1] - sizes[0]) / asked.runs
    figures = {
        "runs": asked.runs,
        "shards": asked.shards,
        "mb_empty": round(sizes[0] / 1e6, 1),
        "mb_per_run": round(each / 1e6, 2),
        "rows": full,
        "rows_after_retention": left,
        "mb_after_retention": round(after / 1e6, 1),
        "only_old_runs_forgotten": good,
    }
    print(json.dumps(figures))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
