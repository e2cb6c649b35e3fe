"""``lbt plan``: what a run will cost, before anything starts."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from flows.cli.run import Overrides, Profile
from lbt_core.generation.models import commit_of, model_folder
from lbt_core.run.config import RunConfig, load_config
from lbt_core.run.endpoints import roles
from lbt_core.run.forecast import (
    ANSWER_SHARE,
    BANDWIDTH_SHARE,
    CHARACTERS_PER_TOKEN,
    COMPUTE_SHARE,
    StageEstimate,
    estimate,
    gpu_named,
    parameters_of,
    rough_count,
)
from lbt_core.run.memory import GIB, Fit, engine_fit, scaled, shape_of, training_fit
from lbt_core.run.plan import model_path

# parts of a fit that are no bytes to be added up
NOT_ADDED = ("kv_cache_per_token", "contexts_in_kv_cache")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("plan")(plan)


def plan(
    profile: Profile = "llama3-8b",
    overrides: Overrides = None,
    gpu: Annotated[str, typer.Option(help="GPU to estimate for.")] = "H100",
    gpus: Annotated[int, typer.Option(min=1, help="How many of them.")] = 1,
    answer_tokens: Annotated[
        int | None,
        typer.Option(min=1, help="Assumed mean answer length; default 0.4 of the longest."),
    ] = None,
    parameters: Annotated[
        float | None, typer.Option(help="Parameters of the teacher, where its name does not tell.")
    ] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
) -> None:
    """Tokens, shards, bytes and GPU hours of a run. Nothing is started; a tokenizer is loaded."""
    config = load_config(profile, overrides or ())
    device = gpu_named(gpu)
    length = answer_tokens or round(ANSWER_SHARE * config.sampling.max_new_tokens)
    from lbt_core.run.preparation import prepare  # noqa: PLC0415 - heavy
    from lbt_core.run.rendering import build_renderer  # noqa: PLC0415 - heavy

    count, tokenizer, folder = _tokenizer(config)
    size = parameters or parameters_of(config, _parameters(folder) if folder else None)
    shape = shape_of(folder) if folder else scaled(size)
    fits = [step(config, shape, device.name, device.memory) for step in (engine_fit, training_fit)]
    teacher = model_path(config.teacher)
    stages = estimate(
        config,
        prepare(config),
        build_renderer(config.prompt, teacher, config.teacher.revision),
        count,
        answer_tokens=length,
        parameters=size,
        gpu=device,
        gpus=gpus,
    )
    total = sum(s.hours for s in stages)
    if json_:
        record: dict[str, Any] = {"profile": profile, "gpu": gpu, "gpus": gpus, "hours": total}
        record |= {"answer_tokens": length, "tokenizer": tokenizer}
        record |= {"endpoints": [r for r, m in roles(config).items() if config.endpoint_of(m)]}
        record |= {"shape": asdict(shape), "fits": [f.as_json() for f in fits]}
        print(json.dumps(record | {"stages": [asdict(s) for s in stages]}))
        return
    console = Console(soft_wrap=True, highlight=False)
    console.print(_table(profile, stages, f"{gpus} x {device.name}"))
    console.print(f"About {total:.1f} hours in all. Assumed: answers of {length} tokens on average")
    console.print(
        f"(--answer-tokens), prompts counted with the tokenizer of {tokenizer}, "
        f"{COMPUTE_SHARE:.0%} of peak arithmetic, {BANDWIDTH_SHARE:.0%} of peak bandwidth."
    )
    for fit in fits:
        console.print(_fit_line(fit, config.engines.tensor_parallel))
    asked = [role for role, model in roles(config).items() if config.endpoint_of(model)]
    if asked:
        console.print(
            f"Asked at endpoints, whose time is not known here: {', '.join(asked)}. Tokens are as "
            "above; hours are what they would take here, where tuned models are loaded in any case."
        )
    console.print("Identical rationales share their exams, so `examine` is an upper bound.")
    if config.exam.adaptive:
        console.print("Exams are adaptive: the bound is that of exams asked in full.")


def _table(profile: str, stages: list[StageEstimate], device: str) -> Table:
    table = Table("stage", title=f"{profile} on {device}", title_justify="left")
    for name in ("shards", "rows", "tokens in", "tokens out", "MiB stored", "hours"):
        table.add_column(name, justify="right")
    for s in stages:
        table.add_row(
            s.stage,
            f"{s.shards:,}",
            f"{s.rows:,}",
            f"{s.prompt_tokens:,}",
            f"{s.tokens:,}",
            f"{s.bytes / 2**20:,.0f}",
            f"{s.hours:.2f}",
        )
    return table


def _fit_line(fit: Fit, ranks: int) -> str:
    """Whether a step fits, what takes most, and what to change."""
    parts = {k: v for k, v in fit.parts.items() if k not in NOT_ADDED}
    shown = ", ".join(
        f"{name.replace('_', ' ')} {size / GIB:.1f}"
        for name, size in sorted(parts.items(), key=lambda part: -part[1])
        if size >= 0.05 * GIB
    )
    cards = f"{ranks} x {fit.card}" if fit.step == "engine" and ranks > 1 else fit.card
    verdict = "fits" if fit.fits else "DOES NOT FIT"
    line = f"Memory, {fit.step}: {verdict} on {cards}: {fit.needed / GIB:.1f} of "
    line += f"{fit.available / GIB:.1f} GiB ({shown})."
    if fit.step == "engine" and fit.fits:
        contexts = fit.parts["contexts_in_kv_cache"]
        line += f" The KV cache holds {contexts} answers of the longest context at once."
    return f"{line} To make it fit, {fit.change}." if fit.change else line


def _tokenizer(config: RunConfig) -> tuple[Callable[[str], int], str, Path | None]:
    """A token counter, whose it is, and the model's folder where it is at hand.

    Where the teacher's tokenizer is not (a hub model without network), characters are divided by
    CHARACTERS_PER_TOKEN, a rule of thumb, and the output says so.
    """
    from tokenizers import Tokenizer  # noqa: PLC0415 - heavy

    path = model_path(config.teacher)
    try:
        revision = config.teacher.revision
        if not Path(path).is_dir():  # where the hub cannot be reached, say so without its retries
            revision = commit_of(path, revision) or _unknown(path)
        folder = model_folder(path, revision, weights=False)
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    except Exception:  # the library raises a bare Exception for every failure
        rule = f"nobody: a rule of thumb, {CHARACTERS_PER_TOKEN} characters each"
        return rough_count, rule, None
    return lambda text: len(tokenizer.encode(text).ids), config.teacher.path, folder


def _unknown(path: str) -> str:
    raise OSError(f"{path} is neither in the local hub cache nor on a hub in reach")


def _parameters(path: Path) -> int | None:
    """Read off the size of the weights, of two bytes each; None where they are not at hand."""
    files = list(path.glob("*.safetensors"))
    return sum(f.stat().st_size for f in files) // 2 or None
