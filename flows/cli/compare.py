"""``lbt compare``: runs side by side."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from flows.cli.hostile import shown
from lbt_core import UserError

if TYPE_CHECKING:
    from lbt_core.reporting.compare_runs import Comparison


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("compare")(compare)


def compare(
    runs: Annotated[list[str], typer.Argument(metavar="RUN RUN …", help="Paths of the runs.")],
    html: Annotated[Path | None, typer.Option(help="Write the comparison as a page, too.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="One JSON object instead.")] = False,
) -> None:
    """Compare runs with the first: other settings, Pass@1 on common problems, common pairs."""
    from lbt_core.reporting.compare_runs import (  # noqa: PLC0415 - heavy
        compare_runs,
        render_comparison,
    )
    from lbt_core.reporting.report import write_text  # noqa: PLC0415 - heavy

    found = compare_runs(runs)
    if html is not None:
        try:
            write_text(render_comparison(found), html)
        except OSError as error:
            raise UserError(f"{html}: cannot be written ({error.strerror or error})") from None
    if json_:
        print(json.dumps(found.plain()))
    else:
        show(found, Console())
        if html is not None:
            print(html)


def show(found: "Comparison", console: Console) -> None:
    """The tables for people."""
    from lbt_core.reporting import wording  # noqa: PLC0415 - heavy

    table = Table(
        "model", *map(shown, found.runs), title="Pass@1, all test problems", title_justify="left"
    )
    for arm, row in found.pass1.items():
        table.add_row(arm, *(wording.with_interval(one) for one in row))
    console.print(table)
    table = Table(title="Pass@1 on the test problems that both have", title_justify="left")
    table.add_column("model", no_wrap=True)
    for name in ("run", "against", "problems", "difference", "p"):
        table.add_column(name)
    for d in found.paired:
        interval = f"[{100 * d.low:+.1f}, {100 * d.high:+.1f}]"
        change = f"{wording.points(d.difference)} {interval}"
        cells = (d.arm, d.second, d.first, d.problems, change, wording.p_value(d.p))
        table.add_row(*map(_text, cells))
    console.print(table)
    table = Table(title="Preference pairs in common", title_justify="left")
    for name in ("run", "pairs", "against", "its pairs", "in both", "the other way round"):
        table.add_column(name)
    for s in found.pairs:
        cells = (s.second, s.second_pairs, s.first, s.first_pairs, s.common, s.exchanged)
        table.add_row(*map(_text, cells))
    console.print(table)
    table = Table(title="Settings that differ", title_justify="left")
    for name in ("setting", *map(shown, found.runs)):
        table.add_column(name, overflow="fold")
    for name, values in found.settings.items():
        table.add_row(shown(name), *map(_text, values))
    console.print(table if found.settings else "The settings are the same.")


def _text(value: Any) -> str:
    return "–" if value is None else shown(value)
