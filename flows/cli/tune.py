"""``lbt tune``: engine settings for this machine and a profile's own prompts."""

import time
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from flows.cli.options import require_extra
from lbt_core.run.tune import Measured, Measuring, axes, best_of, starting_point, sweep, tunable


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("tune")(tune)


def tune(
    profile: Annotated[
        str, typer.Option(help="Profile (see `lbt profiles`) or a YAML file.")
    ] = "demo",
    minutes: Annotated[
        float, typer.Option(min=0.5, max=120, help="No measurement is begun that would end later.")
    ] = 5.0,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", help="Override a setting: section.field=value. May be repeated."),
    ] = None,
) -> None:
    """Measure running requests, tokens per step and cache blocks with the profile's own prompts.

    stdout has the lines for a profile, in YAML. They are for the fast mode: reproducible rows would
    change with them.
    """
    require_extra("vllm")
    config, device = tunable(profile, overrides or ())
    ends = time.monotonic() + 60 * minutes
    start = starting_point(config, device)
    console = Console(stderr=True)
    measured: list[Measured] = []
    steps = sweep(
        start,
        axes(start, device),
        Measuring(profile, overrides or ()),
        lambda: ends - time.monotonic(),
    )
    with console.status("Measuring the settings as they are …") as status:
        for one in steps:
            measured.append(one)
            status.update(f"{len(measured)} measured, best {best_of(measured).tokens_per_s:,.0f}/s")
    console.print(_table(measured))
    print(profile_lines(measured, profile))


def _table(measured: list[Measured]) -> Table:
    table = Table("running requests", "tokens per step", "block", "output tokens/s")
    best = best_of(measured)
    for one in measured:
        values = (
            str(one.settings.get(name, "vLLM's choice"))
            for name in ("max_num_seqs", "max_num_batched_tokens", "block_size")
        )
        speed = f"{one.tokens_per_s:,.0f}" if one.tokens_per_s else one.reason
        table.add_row(*values, speed + (" (best)" if one is best else ""))
    return table


def profile_lines(measured: list[Measured], profile: str) -> str:
    """The best settings as lines of a profile, and what they were measured to give."""
    first, best = measured[0], best_of(measured)
    lines = [
        f"# lbt tune --profile {profile}: {first.tokens_per_s:,.0f} -> {best.tokens_per_s:,.0f} "
        f"output tokens/s, best of {len(measured)}",
        "engines:",
        *(f"  {name}: {value}" for name, value in best.settings.items()),
    ]
    return "\n".join(lines)
