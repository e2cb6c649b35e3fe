"""``lbt publish``: a finished run's data and models, for others to load."""

import json
import tempfile
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from lbt_core import UserError

HUB = "hub:"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("publish")(publish)


def publish(
    run: Annotated[str, typer.Argument(metavar="RUN", help="Path or URI of the run.")],
    to: Annotated[str, typer.Option(help="A new folder, or hub:ORG/NAME.")],
    private: Annotated[
        bool, typer.Option("--private/--public", help="Whether new repositories are private.")
    ] = True,
    corpus_licence: Annotated[
        str | None, typer.Option(help="Licence of the corpus, where it states none or another.")
    ] = None,
    base_licence: Annotated[
        str | None, typer.Option(help="Licence of base model and students, likewise.")
    ] = None,
    json_: Annotated[
        bool, typer.Option("--json", help="One JSON object as the last line of stdout.")
    ] = False,
) -> None:
    """Write data sets, adapter, merged model, report and cards, to a folder or to the hub.

    Refused by name where a licence forbids it or is not known. The folder is what the hub gets.
    """
    from lbt_core.reporting.publishing.folder import write_folder  # noqa: PLC0415 - heavy
    from lbt_core.reporting.publishing.hub import check_name, upload  # noqa: PLC0415 - heavy
    from lbt_core.reporting.publishing.licences import licences_of  # noqa: PLC0415 - heavy
    from lbt_core.run.record import RunStore  # noqa: PLC0415 - heavy

    store = RunStore.open(run)
    name = to.removeprefix(HUB) if to.startswith(HUB) else ""
    if to.startswith(HUB):
        check_name(name)
    elif "://" in to:
        raise UserError(f"--to {to}: a folder on this machine, or hub:ORG/NAME")
    licences = licences_of(store.config, corpus_licence, base_licence)
    console = Console(stderr=True)
    for one in licences:
        line = f"{one.of}: {one.name} ({one.source}). {one.condition}"
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    with tempfile.TemporaryDirectory() as temporary:
        target = Path(temporary) / "published" if name else Path(to)
        published = write_folder(store, target, licences, name)
        places = upload(published, name, private) if name else [str(target)]
    result = {
        "run": store.name,
        "to": places,
        "tables": {f"{t.config}/{t.split}": t.rows for t in published.tables},
        "models": published.models,
        "licences": {one.of: one.name for one in licences},
    }
    print(json.dumps(result) if json_ else "\n".join(places))
