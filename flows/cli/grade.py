"""``lbt grade``: verdicts for a file of answers, and how they compare with its labels."""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

import typer
from rich.console import Console
from rich.table import Table

from flows.cli.hostile import shown
from flows.cli.options import DEFAULT, SubjectOption
from lbt_core import UserError
from lbt_core.method.subject import Grade
from lbt_core.subjects import GradePool, load_subject
from lbt_core.subjects.labelled import Pair, read_pairs, summarise


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("grade")(grade_command)


def grade_command(
    file: Path = typer.Argument(
        ...,
        help="JSON lines: id, question, reference, candidate; maybe label, the subject's fields.",
    ),
    out: Path | None = typer.Option(
        None, "--out", help="Write the verdicts there instead of to stdout."
    ),
    workers: int = typer.Option(
        0, "--workers", min=0, help="Worker processes; 0 takes one for each CPU."
    ),
    time_limit: float = typer.Option(
        2.0, "--time-limit", min=0.05, help="Seconds for one answer; longer is undecided."
    ),
    memory_mb: int = typer.Option(1024, "--memory-mb", min=64, help="Memory of a worker."),
    cache: bool = typer.Option(
        True, "--cache/--no-cache", help="Grade equal answers to a problem once."
    ),
    subject: SubjectOption = DEFAULT,
    as_json: bool = typer.Option(
        False,
        "--json",
        help="Print one JSON object and nothing else: the summary, with the verdicts in it "
        "unless --out takes them.",
    ),
) -> None:
    """Grade answers: one verdict a line, and confusion counts by category if labelled."""
    pairs = read_pairs(file, load_subject(subject))
    if not pairs:
        raise UserError(f"{file} holds no answers.")
    with GradePool(
        workers or None,
        time_limit,
        memory_mb,
        cache_size=20_000 if cache else 0,
        subject=subject,
    ) as pool:
        pool.warm_up()
        start = time.perf_counter()
        grades = pool.grade_many([(p.problem, p.candidate) for p in pairs])
        summary = summarise(pairs, grades, time.perf_counter() - start, pool.size)
    if as_json and out is None:
        summary["grades"] = _records(pairs, grades)
    elif out is None:
        _write(pairs, grades, sys.stdout)
    else:
        try:
            with out.open("w", encoding="utf-8") as stream:
                _write(pairs, grades, stream)
        except OSError as error:
            raise UserError(f"Cannot write {out}: {error.strerror}.") from None
    if as_json:
        print(json.dumps(summary))
    else:
        _show(summary, Console(stderr=out is None))


def _write(pairs: Sequence[Pair], grades: Sequence[Grade], stream: TextIO) -> None:
    for record in _records(pairs, grades):
        stream.write(json.dumps(record) + "\n")


def _records(pairs: Sequence[Pair], grades: Sequence[Grade]) -> list[dict[str, Any]]:
    records = []
    for pair, grade in zip(pairs, grades, strict=True):
        record: dict[str, Any] = {
            "id": pair.id,
            "verdict": grade.verdict,
            "method": grade.method,
            "answer": grade.answer,
            "detail": grade.detail,
            "seconds": round(grade.seconds, 5),
        }
        if pair.label is not None:
            record["label"] = pair.label
        records.append(record)
    return records


def _show(summary: dict[str, Any], console: Console) -> None:
    """The counts as a table for people."""
    if summary["labelled"]:
        table = Table("category", "right", "false accepts", "false rejects")
        for name, row in summary["categories"].items():
            table.add_row(
                shown(name),
                *(
                    str(row[k]) if row[k] else "-"
                    for k in ("right", "false_accepts", "false_rejects")
                ),
            )
        console.print(table)
        console.print(
            f"{summary['labelled']} labelled answers: accuracy {summary['accuracy']:.4f}, "
            f"{summary['false_accepts']} false accepts, "
            f"{summary['false_rejects']} false rejects"
        )
    verdicts = ", ".join(f"{count} {name}" for name, count in summary["verdicts"].items())
    console.print(
        f"{summary['answers']} answers: {verdicts}; "
        f"{summary['checks_per_s_core']} a second and core, 99 % within {summary['p99_s']} s"
    )
