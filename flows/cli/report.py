"""``lbt report``: the report of a run, written again from its store."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from lbt_core import UserError

DEFAULT = "report/index.html"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("report")(report)


def report(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Path of the run: <store>/<run>.")],
    out: Annotated[
        Path | None, typer.Option(help=f"File to write; RUN/{DEFAULT} where none is given.")
    ] = None,
    json_: Annotated[
        bool, typer.Option("--json", help="One JSON object as the last line of stdout.")
    ] = False,
) -> None:
    """Write the report of a finished run: one HTML file that needs nothing else."""
    from lbt_core.reporting.gather import gather  # noqa: PLC0415 - heavy
    from lbt_core.reporting.report import write_report  # noqa: PLC0415 - heavy
    from lbt_core.reporting.wording import headline  # noqa: PLC0415 - heavy
    from lbt_core.run.plan import Plan  # noqa: PLC0415 - heavy
    from lbt_core.run.record import RunStore  # noqa: PLC0415 - heavy
    from lbt_core.run.results import (  # noqa: PLC0415 - heavy
        compute_scores,
        pairs_by_arm,
        scores_digest,
        stored_rationales,
    )
    from lbt_core.store import read_shard  # noqa: PLC0415 - heavy

    store = RunStore.open(run)
    if out is None and not store.files.is_local:
        raise UserError(f"{run} is not on this machine: name a file with --out")
    target = out or store.files.local(DEFAULT)
    if not store.identities:
        raise UserError(f"{run} has not begun; `lbt run` does it")
    plan = Plan(store.files, store.config, store.identities)
    try:
        scores = compute_scores(plan, stored_rationales(plan))
        pairs = pairs_by_arm(read_shard(store.files, plan.preference_shard(scores_digest(scores))))
        inputs = gather(store, plan, pairs)
    except OSError as error:
        raise UserError(
            f"{run} is not finished, so there is no report yet ({error}); `lbt status {run}` shows "
            "what is owed, `lbt run` does it"
        ) from None
    try:
        write_report(inputs, target)
    except OSError as error:
        raise UserError(f"{target}: cannot be written ({error.strerror or error})") from None
    console = Console(stderr=True)
    for sentence in headline(inputs):
        console.print(sentence, highlight=False, markup=False, soft_wrap=True)
    result = {"run": store.name, "report": str(target), "bytes": target.stat().st_size}
    print(json.dumps(result) if json_ else target)
