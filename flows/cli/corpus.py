"""``lbt corpus``: import a raw corpus, show an imported one."""

import json
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from flows.cli.hostile import shown
from flows.cli.options import DEFAULT, SubjectOption
from lbt_core import UserError
from lbt_core.corpora import load_corpus, load_summary
from lbt_core.corpora.importing.conversion import import_corpus
from lbt_core.corpora.importing.fields import parse_map
from lbt_core.corpora.importing.options import Counts, ImportOptions
from lbt_core.corpora.splits import SplitSpec, order_key
from lbt_core.method.subject import Subject
from lbt_core.reporting.plain import visible
from lbt_core.store.rows import Problem
from lbt_core.subjects import load_subject

corpus_app = typer.Typer(
    help="Corpora: build the built-in one, import your own, look at one.", no_args_is_help=True
)
console = Console(stderr=True)

JsonFlag = Annotated[bool, typer.Option("--json", help="One JSON object as the last line.")]


def register(app: typer.Typer) -> None:
    """Add ``lbt corpus`` with all of its commands."""
    app.add_typer(corpus_app, name="corpus")


@corpus_app.command("import")
def import_command(
    source: Annotated[
        Path, typer.Argument(help="A JSON, JSONL, CSV or Parquet file, or a folder of them.")
    ],
    to: Annotated[Path, typer.Option("--to", help="Folder to write; it must not exist yet.")],
    mapping: Annotated[
        list[str] | None,
        typer.Option(
            "--map", metavar="FIELD=PATH", help="Where a field is, e.g. question=body.text."
        ),
    ] = None,
    test: Annotated[float, typer.Option(help="Test problems: a share below 1, or a number.")] = 0.2,
    seed: Annotated[int, typer.Option(help="Seed of the split.")] = 0,
    encoding: Annotated[
        str | None, typer.Option(help="Encoding of a text file, e.g. cp1252.")
    ] = None,
    prove: Annotated[
        bool, typer.Option(help="Let the subject prove the reference answers where it can.")
    ] = True,
    workers: Annotated[
        int, typer.Option(help="Processes for proving; 0 is all cores, 1 is this process.")
    ] = 0,
    replace: Annotated[
        bool, typer.Option(help="Replace an imported corpus in that folder.")
    ] = False,
    subject: SubjectOption = DEFAULT,
    as_json: JsonFlag = False,
) -> None:
    """Flatten a raw corpus to self-contained questions; every item is imported, merged or set aside
    with a reason.
    """
    field = load_subject(subject)
    options = ImportOptions(
        fields=parse_map(mapping or []),
        split=SplitSpec(seed, test),
        encoding=encoding,
        prove=prove,
        workers=workers or os.cpu_count() or 1,
        replace=replace,
    )
    with Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        TimeElapsedColumn(),
        console=console,
        transient=True,
    ) as progress:
        task = progress.add_task(f"reading {source.name}")

        def report(counts: Counts) -> None:
            progress.update(
                task,
                description=f"{counts.items} items, {counts.set_aside} set aside, "
                f"{counts.duplicates} duplicates",
            )

        summary = import_corpus(source, to, options, field, report)
    _print_import(summary, to)
    if as_json:
        keys = ("items", "imported", "duplicates", "set_aside", "reasons")
        print(json.dumps({key: summary[key] for key in keys}))


def _print_import(summary: dict[str, Any], to: Path) -> None:
    for warning in summary["warnings"]:
        console.print(f"[yellow]warning:[/] {shown(warning)}", highlight=False)
    table = Table(
        "", "items", title=shown(f"{summary['source']['name']} → {to}"), title_justify="left"
    )
    table.add_row("items (questions after flattening)", str(summary["items"]))
    splits = ", ".join(f"{count} {name}" for name, count in summary["splits"].items())
    table.add_row(f"imported ({splits})", str(summary["imported"]), style="green")
    table.add_row("merged duplicates", str(summary["duplicates"]))
    table.add_row("set aside", str(summary["set_aside"]))
    for reason, count in summary["reasons"].items():
        table.add_row(shown(f"  {reason}"), str(count), style="dim")
    console.print(table)
    proven = summary["proof"].get("proven", 0)
    console.print(f"{proven} reference answers proven.", highlight=False)
    if summary["licence"]:
        console.print(
            f"Licence carried over: {shown('; '.join(summary['licence']))}", highlight=False
        )


@corpus_app.command("show")
def show_command(
    folder: Annotated[Path, typer.Argument(help="An imported corpus.")],
    samples: Annotated[int, typer.Option(help="Problems to show.", min=0)] = 3,
    seed: Annotated[int, typer.Option(help="Seed of the sample.")] = 0,
    subject: SubjectOption = DEFAULT,
    as_json: JsonFlag = False,
) -> None:
    """Topics, kinds, lengths and a sample of an imported corpus."""
    field = load_subject(subject)
    problems = load_corpus(folder, field.problem_type)
    if not problems:
        raise UserError(f"{folder} holds no problems: import a corpus into it")
    shown = sorted(problems, key=lambda p: order_key(seed, p.id))[:samples]
    facts = describe(problems, field)
    licence = load_summary(folder).get("licence", [])
    _print_facts(folder, facts, licence)
    for problem in shown:
        _print_problem(problem)
    if as_json:
        sample = [{"id": p.id, "question": p.question, "answer": p.answer} for p in shown]
        print(json.dumps({**facts, "licence": licence, "sample": sample}))


def describe(problems: Sequence[Problem], subject: Subject) -> dict[str, Any]:
    """Counts by split, topic, kind and family, how many have each of the subject's own facts, and
    the lengths in characters.
    """
    return {
        "problems": len(problems),
        "splits": dict(Counter(p.split for p in problems)),
        "topics": dict(Counter(p.topic for p in problems).most_common()),
        "kinds": dict(Counter(p.kind for p in problems).most_common()),
        "families": len({p.family for p in problems if p.family}),
        "facts": dict(Counter(label for p in problems for label in subject.facts(p))),
        "with_solution": sum(p.solution is not None for p in problems),
        "lengths": {
            "question": _lengths([len(p.question) for p in problems]),
            "answer": _lengths([len(p.answer) for p in problems]),
            "solution": _lengths([len(p.solution) for p in problems if p.solution]),
        },
    }


def _lengths(values: list[int]) -> dict[str, int] | None:
    if not values:
        return None
    ordered = sorted(values)
    last = len(ordered) - 1
    return {
        "min": ordered[0],
        "median": ordered[last // 2],
        "p95": ordered[round(0.95 * last)],
        "max": ordered[-1],
    }


def _print_facts(folder: Path, facts: dict[str, Any], licence: list[str]) -> None:
    splits = ", ".join(f"{count} {name}" for name, count in facts["splits"].items())
    console.print(
        f"[bold]{shown(folder)}[/]: {facts['problems']} problems ({splits}), "
        f"{len(facts['topics'])} topics, "
        f"{facts['families']} families"
        + "".join(f", {count} with {label}" for label, count in facts["facts"].items()),
        highlight=False,
    )
    if licence:
        console.print(f"Licence: {shown('; '.join(licence))}", highlight=False)
    for title in ("topics", "kinds"):
        table = Table(title, "problems")
        for name, count in facts[title].items():
            table.add_row(shown(name or "(none)"), str(count))
        console.print(table)
    table = Table("length in characters", "min", "median", "p95", "max")
    for name, lengths in facts["lengths"].items():
        if lengths:
            table.add_row(name, *(str(lengths[k]) for k in ("min", "median", "p95", "max")))
    console.print(table)


def _print_problem(problem: Problem) -> None:
    about = f"{problem.id} · {problem.topic} · {problem.kind} · {problem.split}"
    console.rule(shown(about), align="left")
    console.print(visible(problem.question), markup=False, highlight=False)
    console.print(f"\nAnswer: {visible(problem.answer)}", markup=False, highlight=False)
