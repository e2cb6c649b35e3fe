"""``lbt regrade``: grade stored answers again."""

import json
from collections import Counter
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track

from lbt_core import UserError
from lbt_core.run.record import RunStore
from lbt_core.run.regrading import regrade as regrade_run
from lbt_core.run.status import open_plan
from lbt_core.store import run_lock


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("regrade")(regrade)


def regrade(
    run: Annotated[str, typer.Argument(help="Path of the run: <store>/<run>.")],
    everything: Annotated[
        bool, typer.Option("--all", help="Every answer, not only the undecided ones.")
    ] = False,
    time_limit: Annotated[float, typer.Option(min=0.1, help="Seconds per answer.")] = 30.0,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Worker processes; default one per core.")
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
) -> None:
    """Grade a run's undecided answers again, with more time; nothing is sampled again."""
    from lbt_core.subjects import GradePool  # noqa: PLC0415 - heavy

    store = RunStore.open(run)
    if not store.identities:
        raise UserError(f"{run}: nothing is stored yet")
    graded = 0
    changes: Counter[tuple[str, str]] = Counter()
    subject = store.config.subject
    with (
        run_lock(store.files, "lbt regrade"),
        GradePool(workers, time_limit, subject=subject) as pool,
    ):
        steps = regrade_run(open_plan(store), pool.grade_many, everything=everything)
        for step in track(steps, "Grading", console=Console(stderr=True), transient=True):
            graded += step.graded
            changes.update(step.changes)
    if json_:
        changed = [{"from": old, "to": new, "count": n} for (old, new), n in changes.items()]
        print(json.dumps({"run": run, "graded": graded, "changed": changed}))
        return
    print(f"{graded:,} answers graded again, {changes.total():,} verdicts changed.")
    for (old, new), count in changes.most_common():
        print(f"  {old} -> {new}: {count:,}")
    if changes:
        print("Scores may have changed: run it again to bring pairs and models up to date.")
