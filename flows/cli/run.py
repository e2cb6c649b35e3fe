"""``lbt run``: the whole pipeline, needing nothing running."""

import contextlib
import json
from pathlib import Path
from typing import Annotated, Any, get_args

import typer
from rich.console import Console

from flows.cli.finished import finished_figures
from flows.cli.options import require_extra
from lbt_core import UserError
from lbt_core.generation.gpus import gpu_names, missing_build_tools
from lbt_core.run.config import RunConfig, load_config, read_environment
from lbt_core.run.endpoints import look_at, roles
from lbt_core.run.plan import model_path
from lbt_core.run.preparation import check_corpus
from lbt_core.run.record import RunStore, require_writable, run_uri
from lbt_core.run.stages import Stage
from lbt_core.store import Files
from lbt_core.store.lock import Owner, RunLocked, is_alive, read_owner
from tasks.trackers import check_tracking

Store = Annotated[str, typer.Option(help="Folder or URI that holds the runs.")]
Profile = Annotated[str, typer.Option(help="Profile (see `lbt profiles`) or a YAML file.")]
RunName = Annotated[
    str | None, typer.Option(help="Name of the run in the store.", show_default="the profile's")
]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", help="Override a setting: section.field=value. May be repeated."),
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("run")(run)


def run(
    profile: Profile = "demo",
    store: Store = "runs",
    run: RunName = None,
    overrides: Overrides = None,
    discard_from: Annotated[
        str | None, typer.Option(help="Move outputs of this stage and later ones aside first.")
    ] = None,
    verbose: Annotated[bool, typer.Option(help="Log lines instead of progress bars.")] = False,
    preview: Annotated[
        int | None,
        typer.Option(min=2, max=100, help="Only take so many problems through every stage."),
    ] = None,
) -> None:
    """Run the pipeline, or what is owed of it. The last line of stdout is the result as JSON.

    Starts a local Prefect server and Ray and stops them after; joins those that PREFECT_API_URL
    and RAY_ADDRESS name. --preview shows prompts and texts of a few problems and keeps nothing.
    """
    run = Path(profile).stem if run is None else run
    uri = run_uri(store, run)
    config = load_config(profile, overrides or ())
    require_extra("ray", "prefect")
    if preview is not None:
        from flows.cli.preview import preview as show_preview  # noqa: PLC0415 - only where used

        show_preview(profile, tuple(overrides or ()), config, preview, store)
        return
    stage = _stage(discard_from)
    preflight(uri, config, stage)
    console = Console(stderr=True)
    figures = None if stage else finished_figures(uri, config)
    if figures is None:
        figures = execute(uri, profile, store, run, tuple(overrides or ()), stage, console, verbose)
    if not figures["worked_shards"]:
        console.print(f"Run {run} was complete already: nothing was done.", highlight=False)
    print(json.dumps(figures))


def preflight(uri: str, config: RunConfig, discard_from: Stage | None = None) -> None:
    """Refuse what can be known to be wrong before anything starts. Raises UserError."""
    check_corpus(config)
    for role, model in roles(config).items():
        if role != "teacher" and config.endpoint_of(model) is not None:
            continue  # nothing of it is loaded here; the teacher's weights are, to be trained
        path = model_path(model)
        folder = Path(path).expanduser()
        first = Path(path.partition("/")[0]).expanduser()
        is_hub_id = path.count("/") == 1 and path[0] not in "./~" and not first.is_dir()
        if not is_hub_id and not (folder / "config.json").is_file():
            raise UserError(
                f"teacher.path or students: {path} is no model folder (it has no config.json); "
                "give a folder, a hub id such as meta-llama/Meta-Llama-3-8B-Instruct, or embedded"
            )
    environment = read_environment()
    on_gpus = config.engines.device != "cpu" and config.engines.kind != "transformers"
    if on_gpus and environment.ray_address is None and gpu_names():
        missing = missing_build_tools(environment.compiler)
        if missing:
            raise UserError(missing)
    check_tracking(config.tracking)
    files = Files(uri)
    if config.rounds > 1 and not files.is_local:
        raise UserError(
            f"rounds: {uri} is an object store, and the next round's teacher has to be a folder; "
            "run one round, or give --store a folder"
        )
    owner = _owner(files)
    if owner is not None and is_alive(owner):
        raise RunLocked(
            f"{uri} is in use by {owner.describe()}; wait for it, stop it, or give this run "
            "another name with --run"
        )
    RunStore.check(uri, config, discard_from)
    require_writable(uri)
    look_at(config)


def _owner(files: Files) -> Owner | None:
    """Who works on the run now. Raises UserError where the store does not answer."""
    try:
        return read_owner(files)
    except OSError as error:
        raise UserError(f"store {files.uri} cannot be read: {error.args[-1]}") from None


def prefect_home(store: str) -> Path:
    """Where the Prefect server of runs in a store keeps its database, for the next one to find."""
    return Path(store) / ".prefect" if Files(store).is_local else Path.home() / ".lbt"


def execute(
    uri: str,
    profile: str,
    store: str,
    run: str,
    overrides: tuple[str, ...],
    discard_from: Stage | None,
    console: Console,
    verbose: bool,
    home: Path | None = None,
) -> dict[str, Any]:
    """Run the flow with its services and a terminal display. ``home`` is where a server that is
    started for it keeps its database, by default the store's. Exits with 1 where it failed."""
    from flows.local import services  # noqa: PLC0415 - heavy
    from flows.signals import Terminated, terminated_raises  # noqa: PLC0415 - heavy

    bars = console.is_terminal and not verbose
    home = home or prefect_home(store)
    with contextlib.ExitStack() as stack:
        with console.status("Starting Prefect and Ray …") if bars else _announce(console):
            stack.enter_context(terminated_raises())
            stack.enter_context(services(home.resolve(), "WARNING" if bars else "INFO"))
        stack.enter_context(terminated_raises())  # again: Ray takes the signal as it connects
        # only now: Prefect reads its settings when it is imported
        from prefect.exceptions import TerminationSignal  # noqa: PLC0415

        from flows.cli.display import display  # noqa: PLC0415
        from flows.pipeline import pipeline  # noqa: PLC0415

        try:
            with display(console, bars):
                state = pipeline(
                    run=run,
                    store=store,
                    profile=profile,
                    overrides=overrides,
                    discard_from=discard_from or "nothing",
                    return_state=True,
                )
        except TerminationSignal:
            raise Terminated from None
    if not state.is_completed():
        console.print(
            f"[red]Run {run} is not finished.[/red] {state.message}",
            highlight=False,
            soft_wrap=True,
        )
        console.print(
            "The same command goes on where this one ended.", highlight=False, soft_wrap=True
        )
        raise typer.Exit(1)
    figures: dict[str, Any] = state.result()
    return figures


class _announce:
    """One line instead of a spinner where stderr is no terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def __enter__(self) -> None:
        self._console.print("Starting Prefect and Ray …", highlight=False, soft_wrap=True)

    def __exit__(self, *_: object) -> None:
        return None


def _stage(name: str | None) -> Stage | None:
    if name is None:
        return None
    stages = get_args(Stage)
    if name not in stages:
        raise UserError(f"--discard-from {name}: no such stage; stages: {', '.join(stages)}")
    stage: Stage = name  # type: ignore[assignment]
    return stage
