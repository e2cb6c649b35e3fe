"""The ``lbt`` command line."""

import sys
from importlib import import_module

import click
import typer

from lbt_core.errors import UserError

COMMANDS = (
    "run",
    "services",
    "inspect",
    "plan",
    "report",
    "solve",
    "grade",
    "regrade",
    "evaluate",
    "corpus",
    "profiles",
    "pretrain",
)

app = typer.Typer(
    name="lbt",
    help="Learning by teaching: rationales scored by what a student learns from them, then DPO.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for _name in COMMANDS:
    import_module(f"flows.cli.{_name}").register(app)


def main() -> None:
    """Run a command; a user's mistake is one line on stderr and exit status 2."""
    try:
        # without its standalone mode click returns the status of typer.Exit instead of exiting
        sys.exit(app(standalone_mode=False) or 0)
    except UserError as error:
        print(f"lbt: {error}", file=sys.stderr)
        sys.exit(2)
    except click.exceptions.Exit as stop:
        sys.exit(stop.exit_code)
    except (click.exceptions.Abort, KeyboardInterrupt):
        print("lbt: interrupted; what is stored stays, the same command goes on", file=sys.stderr)
        sys.exit(130)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
