"""``lbt submit slurm``: a run as one batch job over several nodes."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import jinja2
import typer

from flows.cli.run import Overrides, Profile, RunName, Store
from lbt_core import UserError
from lbt_core.run.config import load_config
from lbt_core.run.record import run_uri

TEMPLATE = Path(__file__).parents[2] / "deployments" / "slurm" / "run.sbatch.j2"
submit_app = typer.Typer(help="Hand a run to a batch system.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the command group."""
    submit_app.command("slurm")(slurm)
    app.add_typer(submit_app, name="submit")


@submit_app.callback()
def _group() -> None:
    """Hand a run to a batch system."""


def slurm(
    nodes: Annotated[int, typer.Option(min=1, help="Nodes; Ray runs over all of them.")] = 1,
    gpus: Annotated[int, typer.Option(min=0, help="GPUs of each node.")] = 0,
    cpus: Annotated[int, typer.Option(min=0, help="CPUs of each node; 0: the site's default.")] = 0,
    time: Annotated[str, typer.Option(help="Time limit of one turn, as sbatch takes it.")] = "",
    partition: Annotated[str, typer.Option(help="Partition.")] = "",
    account: Annotated[str, typer.Option(help="Account.")] = "",
    profile: Profile = "demo",
    store: Store = "runs",
    run: RunName = None,
    overrides: Overrides = None,
    out: Annotated[Path | None, typer.Option(help="Keep the batch file here.")] = None,
    dry_run: Annotated[bool, typer.Option(help="Print the batch file, submit nothing.")] = False,
) -> None:
    """Submit a run to Slurm: it starts Ray on the nodes, runs, goes on when it is requeued, and
    leaves nothing behind. Prints the job's number. Store and code must be where all nodes see them.
    """
    run = Path(profile).stem if run is None else run
    run_uri(store, run)
    load_config(profile, overrides or ())
    words = {"--time": time, "--partition": partition, "--account": account}
    for option, value in words.items():
        if not re.fullmatch(r"[\w.,:+-]*", value):
            raise UserError(f"{option} {value!r}: letters, digits and . , : + - _ only")
    arguments = ["--profile", profile, "--store", store, "--run", run, "--verbose"]
    for override in overrides or ():
        arguments += ["--set", override]
    script = render(
        name=f"lbt-{run}",
        nodes=nodes,
        gpus=gpus,
        cpus=cpus,
        time=time,
        partition=partition,
        account=account,
        output=f"lbt-{run}-%j.log",
        bin=shlex.quote(str(Path(sys.executable).parent)),
        workdir=shlex.quote(os.getcwd()),
        command=shlex.join(["lbt", "run", *arguments]),
    )
    if out is not None:
        out.write_text(script, "utf-8")
    print(script if dry_run else _submit(script))


def render(**values: object) -> str:
    """The batch file."""
    environment = jinja2.Environment(  # a shell script  # nosec B701
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        comment_start_string="{//",  # bash writes ${#array}
        comment_end_string="//}",
    )
    return environment.from_string(TEMPLATE.read_text("utf-8")).render(**values) + "\n"


def _submit(script: str) -> str:
    try:
        done = subprocess.run(
            ["sbatch", "--parsable"], input=script, capture_output=True, text=True, check=False
        )
    except FileNotFoundError:
        raise UserError(
            "sbatch is not on this machine: run this where jobs are submitted, or print the "
            "file with --dry-run"
        ) from None
    if done.returncode:
        raise UserError(f"sbatch refused the job: {' '.join(done.stderr.split())}")
    return done.stdout.strip()
