"""``lbt status`` and ``lbt verify``: what a run has, from its store alone."""

import json
from dataclasses import asdict
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from flows.cli.hostile import shown
from lbt_core import UserError
from lbt_core.reporting.plain import visible
from lbt_core.run.record import RunStore
from lbt_core.run.status import (
    StageStatus,
    describe_cost,
    open_plan,
    run_status,
    verify_run,
    with_forecast,
)
from lbt_core.store.lock import is_alive, read_owner
from tasks.progress import format_seconds

Run = Annotated[str, typer.Argument(help="Path of the run: <store>/<run>.")]
Json = Annotated[bool, typer.Option("--json", help="Print one line of JSON.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("status")(status)
    app.command("verify")(verify)


def read_status(uri: str) -> tuple[str, list[StageStatus]]:
    """Who works on the run ("" for nobody), and its stages. Raises UserError."""
    store = RunStore.open(uri)
    owner = read_owner(store.files)
    working = owner.describe() if owner is not None and is_alive(owner) else ""
    if not store.identities:
        return working, []
    return working, with_forecast(run_status(open_plan(store)), store.record.get("forecast", {}))


def status(
    run: Run,
    json_: Json = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Show it again every few seconds until it is complete.")
    ] = False,
) -> None:
    """Planned, done and owed shards and rows of every stage."""
    if watch:
        from flows.cli.watch import watch as follow  # noqa: PLC0415 - it imports this module

        follow(run, lambda: read_status(run), Console())
        return
    working, stages = read_status(run)
    owed = sum(s.owed for s in stages)
    if json_:
        record: dict[str, Any] = {"run": run, "working": working or None, "owed": owed}
        print(json.dumps(record | {"stages": [asdict(s) | {"owed": s.owed} for s in stages]}))
        return
    console = Console()
    console.print(status_table(run, stages), soft_wrap=True)
    for stage in stages:
        if stage.note:
            console.print(f"{stage.stage}: {stage.note}", highlight=False)
        for bad in stage.bad:
            console.print(f"[red]{shown(bad)}[/red]; it will be moved aside and done again")
    if cost := describe_cost(stages):
        console.print(f"{cost[0].upper()}{cost[1:]}.", highlight=False)
    if working:
        console.print(f"In work: {working}.", highlight=False)
    elif not stages:
        console.print("Started, nothing stored yet; run it again to go on.")
    elif owed:
        console.print(f"{owed} owed: run it again to do just these.", highlight=False)
    else:
        console.print("Complete.")


def status_table(run: str, stages: list[StageStatus]) -> Table:
    """The stages as a table."""
    table = Table(title=run, title_justify="left")
    table.add_column("stage", no_wrap=True)  # which is otherwise cut first
    for name in ("shards", "owed", "rows", "rows/s", "left"):
        table.add_column(name, justify="right")
    for s in stages:
        whole = s.planned_rows in (None, s.rows)
        rows = f"{s.rows:,}" if whole else f"{s.rows:,} of {s.planned_rows:,}"
        owed = f"[yellow]{s.owed}[/yellow]" if s.owed else "0"
        rate = "" if s.pace.rows_per_second is None else f"{s.pace.rows_per_second:,.1f}"
        shards = f"{s.done:,} of {s.planned:,}"
        table.add_row(s.stage, shards, owed, rows, rate, describe_time(s))
    return table


def describe_time(stage: StageStatus) -> str:
    """A stage's time left, two standard deviations around; "" where it is not known."""
    pace = stage.pace
    if pace.left_s is None or pace.spread_s is None:
        return ""
    low, high = max(0.0, pace.left_s - 2 * pace.spread_s), pace.left_s + 2 * pace.spread_s
    return f"{format_seconds(pace.left_s)} ({format_seconds(low)} to {format_seconds(high)})"


def verify(run: Run, json_: Json = False) -> None:
    """Re-read every committed file: page checksums, fingerprints, exact keys. Exit 1 on a fault."""
    store = RunStore.open(run)
    if not store.identities:
        raise UserError(f"{run}: nothing is stored yet")
    checked = 0
    faults: list[str] = []
    steps = verify_run(open_plan(store))
    for _, fault in track(steps, "Verifying", console=Console(stderr=True), transient=True):
        checked += 1
        if fault is not None:
            faults.append(fault)
    if json_:
        print(json.dumps({"run": run, "files": checked, "faults": faults}))
    else:
        for fault in faults:
            print(visible(fault))
        found = f"{len(faults)} faults" if faults else "all whole"
        print(f"{checked} files checked, {found}.")
        if faults:
            print("Run it again to move the faulty files aside and make them anew.")
    if faults:
        raise typer.Exit(1)
