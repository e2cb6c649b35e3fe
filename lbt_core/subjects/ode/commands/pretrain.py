"""``lbt pretrain``: the embedded model from scratch."""

import json
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from lbt_core import UserError
from lbt_core.subjects.ode.pretraining import optimisation as training
from lbt_core.subjects.ode.pretraining import recipe as recipes


def register(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("pretrain")(pretrain)


def pretrain(
    out: Annotated[Path, typer.Option(help="Folder for the model; created if need be.")],
    seed: Annotated[int, typer.Option(help="Seed of weights, text and order.")] = 0,
    tokens: Annotated[
        int, typer.Option(min=1, help="Token budget; the shipped model took the default.")
    ] = recipes.Recipe().tokens,
    threads: Annotated[
        int, typer.Option(min=1, help="CPU threads; the figures depend on it in the last digits.")
    ] = 3,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON line last.")] = False,
) -> None:
    """Train the embedded tiny model and its tokenizer from scratch on the CPU.

    Stopped and started again with the same options it goes on from its last checkpoint.
    """
    if out.exists() and not out.is_dir():
        raise UserError(f"--out {out} is a file; name a folder.")
    recipe = recipes.Recipe(seed=seed, tokens=tokens)
    console = Console(stderr=as_json)
    columns = (
        TextColumn("pretrain"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f} %  loss {task.fields[loss]:.3f}"),
        TextColumn("{task.fields[speed]:,.0f} tokens/s"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("pretrain", total=recipe.steps, loss=float("nan"), speed=0.0)

        def report(progress: training.Progress) -> None:
            bar.update(
                task,
                completed=progress.step,
                loss=progress.loss,
                speed=progress.tokens_per_second,
            )
            if progress.probe:
                bar.console.print(f"{progress.tokens / 1e6:.1f} M tokens: {progress.probe}")

        finished = training.pretrain(recipe, out, threads=threads, report=report)
    summary = {"model": str(out), "seed": seed, **asdict(finished)}
    if as_json:
        sys.stdout.write(json.dumps(summary) + "\n")
    else:
        console.print(f"Saved {out}: {finished.tokens:,} tokens in {finished.seconds:,.0f} s.")
