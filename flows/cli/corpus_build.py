"""``lbt corpus build`` and ``lbt corpus families``: the built-in corpus and the families that it is made of."""

import json
import tempfile
from collections import Counter
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from lbt_core.errors import UserError
from lbt_core.problems.importing.options import ImportOptions
from lbt_core.problems.importing.pipeline import import_corpus

console = Console(stderr=True)


def register(corpus_app: typer.Typer) -> None:
    """Add the commands to ``lbt corpus``."""
    corpus_app.command("build")(build_command)
    corpus_app.command("families")(families_command)


def build_command(
    to: Annotated[Path, typer.Option("--to", help="Folder to write; it must not exist yet.")],
    seed: Annotated[int, typer.Option(help="Seed of the problems and of their split.")] = 0,
    prove: Annotated[
        bool,
        typer.Option(
            help="Let the importer prove the reference answers once more, from their text."
        ),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="One JSON object as the last line.")
    ] = False,
) -> None:
    """Build the university corpus: raw.json as a textbook has it, and what importing it gives."""
    from lbt_core.problems.university import corpus  # noqa: PLC0415 - heavy import (sympy), only where used

    if to.exists():
        raise UserError(f"{to} exists: give --to a folder that is not there yet")
    with console.status("generating and proving the problems"):
        placed = corpus.exercises(seed)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "raw.json"
        source.write_text(
            json.dumps(corpus.raw(placed), ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
        )
        with console.status("importing them"):
            summary = import_corpus(source, to, ImportOptions(prove=prove))
        (to / "raw.json").write_bytes(source.read_bytes())
    splits = Counter(item.split for item in placed for _ in item.exercise.questions)
    line = {
        "problems": summary["imported"],
        "train": splits["train"],
        "test": splits["test"],
        "topics": len({item.family.topic for item in placed}),
        "families": len({item.family.name for item in placed}),
    }
    lost = summary["items"] - summary["imported"]
    console.print(
        f"{to}: {line['problems']} problems in {len(placed)} exercises"
        + (f", {lost} not imported" if lost else "")
    )
    if as_json:
        typer.echo(json.dumps(line))


def families_command(
    markdown: Annotated[
        bool, typer.Option("--markdown", help="As the page docs/families.md.")
    ] = False,
) -> None:
    """List the families of the built-in corpus: topic, family, kind, example."""
    from lbt_core.problems.university.catalogue import as_markdown, rows  # noqa: PLC0415 - heavy import (sympy)

    if markdown:
        typer.echo(as_markdown(), nl=False)
        return
    for row in rows():
        typer.echo(f"{row.topic:45} {row.family:28} {row.kind:10} {row.example}")
