"""The ``lbt`` command line."""

import sys
from importlib import import_module

import typer

from flows.cli.corpus import corpus_app
from flows.signals import Terminated
from lbt_core import UserError
from lbt_core.reporting.plain import visible
from lbt_core.subjects.registry import BUILT_IN, load_subject

COMMANDS = (
    "run",
    "services",
    "inspect",
    "plan",
    "tune",
    "report",
    "view",
    "publish",
    "compare",
    "solve",
    "grade",
    "regrade",
    "submit",
    "evaluate",
    "corpus",
    "profiles",
)

EXTRAS = {
    **dict.fromkeys(("torch", "transformers", "tokenizers", "safetensors", "vllm"), "engines"),
    **dict.fromkeys(("trl", "peft", "bitsandbytes", "accelerate", "datasets"), "training"),
    **dict.fromkeys(("ray", "prefect"), "cluster"),
    "sentence_transformers": "similarity",
    "openai": "endpoints",
}
"""Which extra of the package a missing module comes with."""

# typer brings a click of its own and exports only some of its exceptions
ClickException: type[Exception] = next(
    kind for kind in typer.BadParameter.__mro__ if kind.__name__ == "ClickException"
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
for _name in BUILT_IN:
    load_subject(_name).add_commands(app, corpus_app)


def main() -> None:
    """Run a command; a user's mistake is one line on stderr and exit status 2."""
    try:
        # without its standalone mode click returns the status of typer.Exit instead of exiting
        code = app(standalone_mode=False) or 0
        if code == 130:  # click has caught the interrupt
            raise KeyboardInterrupt
        sys.exit(code)
    except UserError as error:
        print(f"lbt: {visible(str(error))}", file=sys.stderr)
        sys.exit(2)
    except ModuleNotFoundError as error:
        extra = EXTRAS.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        print(
            f"lbt: {error.name} is not installed; this command needs it: "
            f"pip install 'lbt[{extra}]', in a checkout pip install '.[{extra}]'",
            file=sys.stderr,
        )
        sys.exit(2)
    except typer.Exit as stop:
        sys.exit(stop.exit_code)
    except Terminated:
        print("lbt: terminated; what is stored stays, the same command goes on", file=sys.stderr)
        sys.exit(143)
    except (typer.Abort, KeyboardInterrupt):
        print("lbt: interrupted; what is stored stays, the same command goes on", file=sys.stderr)
        sys.exit(130)
    except ClickException as error:
        error.show()  # type: ignore[attr-defined]
        sys.exit(error.exit_code)  # type: ignore[attr-defined]
