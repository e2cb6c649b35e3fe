"""``lbt corpus build`` and ``lbt corpus families``: the built-in corpus and the families that it is
made of."""

import json
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from lbt_core import UserError
from lbt_core.corpora import load_corpus
from lbt_core.subjects.ode.problem import OdeProblem

console = Console(stderr=True)


def register(corpus_app: typer.Typer) -> None:
    """Add the commands to ``lbt corpus``."""
    corpus_app.command("build")(build_command)
    corpus_app.command("families")(families_command)


def build_command(
    to: Annotated[Path, typer.Option("--to", help="Folder to write; it must not exist yet.")],
    seed: Annotated[int, typer.Option(help="Seed of the problems and of their split.")] = 0,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object as the last line.")
    ] = False,
) -> None:
    """Build the university corpus: raw.json as a textbook has it, and what importing it gives."""
    from lbt_core.subjects.ode.university import build  # noqa: PLC0415 - heavy import (sympy)

    if to.exists():
        raise UserError(f"{to} exists: give --to a folder that is not there yet")
    with console.status("generating, proving and importing the problems (about a minute)"):
        summary = build.build(to, seed)
    rows = load_corpus(to, OdeProblem)
    splits = Counter(row.split for row in rows)
    line = {
        "problems": len(rows),
        "train": splits["train"],
        "test": splits["test"],
        "topics": len({row.topic for row in rows}),
        "families": len({row.family for row in rows}),
    }
    console.print(
        f"{to}: {line['problems']} of {summary['items']} problems imported, {splits['train']} to"
        f" train, {splits['test']} to test, {line['families']} families over {line['topics']}"
        " topics"
    )
    if as_json:
        typer.echo(json.dumps(line))


def families_command(
    markdown: Annotated[
        bool, typer.Option("--markdown", help="As the page docs/families.md.")
    ] = False,
) -> None:
    """List the families of the built-in corpus: topic, family, kind, example."""
    from lbt_core.subjects.ode.university import catalogue  # noqa: PLC0415 - heavy import (sympy)

    if markdown:
        typer.echo(catalogue.as_markdown(), nl=False)
        return
    for row in catalogue.rows():
        typer.echo(f"{row.topic:45} {row.family:28} {row.kind:10} {row.example}")
