"""``lbt profiles``: the built-in configurations."""

import json
from typing import Annotated

import typer
import yaml
from rich.console import Console
from rich.table import Table

from lbt_core.run.config import load_config, profile_names


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("profiles")(profiles)


def profiles(
    name: Annotated[str | None, typer.Argument(help="Print this profile, resolved.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the profiles, or print one with every setting resolved."""
    if name is not None:
        values = load_config(name).model_dump(mode="json")
        print(json.dumps(values) if json_ else yaml.safe_dump(values, sort_keys=False).rstrip())
        return
    configs = {n: load_config(n) for n in profile_names()}
    if json_:
        print(json.dumps({n: c.description for n, c in configs.items()}))
        return
    table = Table("profile", "what it is for", "teacher", "rationales per problem")
    for n, config in configs.items():
        table.add_row(
            n, config.description, config.teacher.path, str(config.sampling.num_rationales)
        )
    Console().print(table)
