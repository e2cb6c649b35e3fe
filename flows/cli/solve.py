"""``lbt solve``: ask a model one question."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from flows.cli.options import DEFAULT, SubjectOption
from lbt_core import UserError
from lbt_core.method.subject import Subject
from lbt_core.reporting.plain import visible
from lbt_core.run.config import ModelConfig, PromptConfig
from lbt_core.run.engine_config import EngineConfig
from lbt_core.run.plan import model_path
from lbt_core.subjects import load_subject

if TYPE_CHECKING:
    from lbt_core.method.solving import Solution


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("solve")(solve)


def solve(
    question: Annotated[str, typer.Argument(help="The question, as a person would write it.")],
    model: Annotated[
        str,
        typer.Option(
            help="embedded, a folder, a hub id, or a run, <store>/<run>, for its tuned model."
        ),
    ] = "embedded",
    revision: Annotated[
        str | None, typer.Option(help="Commit, tag or branch of a hub id; default: main.")
    ] = None,
    chat: Annotated[str, typer.Option(help="Chat format: card or template.")] = "card",
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Longest answer, tokens.")] = 400,
    subject: SubjectOption = DEFAULT,
    json_: Annotated[bool, typer.Option("--json", help="Print one line of JSON.")] = False,
) -> None:
    """Print a model's reasoning and final answer, and check the answer where the subject can."""
    field = load_subject(subject)
    if not question.strip():
        raise UserError('the question is empty; try "Solve y\' + 2y = 0, y(0) = 3."')
    if chat not in ("card", "template"):
        raise UserError(f"--chat {chat}: choose card or template")
    path = resolve_model(model)
    from lbt_core.generation import build_engine  # noqa: PLC0415 - heavy
    from lbt_core.method.solving import solve as solve_one  # noqa: PLC0415 - heavy
    from lbt_core.run.engine_spec import engine_spec  # noqa: PLC0415 - heavy
    from lbt_core.run.rendering import build_renderer  # noqa: PLC0415 - heavy
    from lbt_core.subjects import GradePool  # noqa: PLC0415 - heavy

    console = Console(stderr=True)
    with console.status(f"Loading {path} …"), GradePool(workers=1, subject=subject) as pool:
        one = EngineConfig(kind="transformers", max_num_seqs=1, window=1)
        spec = engine_spec(ModelConfig(path=path, revision=revision), one, _device(), seed=0)
        engine = build_engine(spec)
        prompt = PromptConfig.model_validate({"chat": chat})
        renderer = build_renderer(prompt, path, revision)
        found = solve_one(
            question, engine, renderer, max_new_tokens, field, pool.grade_many, pool.extract_many
        )
    if json_:
        print(json.dumps(asdict(found)))
        return
    show(found, field, Console(highlight=False, soft_wrap=True))


def show(found: "Solution", field: Subject, out: Console) -> None:
    """Reasoning, answer and verdict for people."""
    out.print(visible(found.reasoning or "(no reasoning)"), markup=False)
    out.print()
    out.print(f"Final answer: {visible(found.answer or '(none found)')}", markup=False)
    out.print(_check_words(found.check, field))


def _check_words(check: str, subject: Subject) -> str:
    if check == "verified":
        return f"[green]{subject.claim}[/green]"
    if check == "refuted":
        return f"[red]wrong: {subject.refutation}[/red]"
    return "[yellow]not verified: nothing in the question could be checked or decided[/yellow]"


def resolve_model(model: str) -> str:
    """A model argument as a folder or hub id; a run stands for its tuned model.

    Raises UserError where a folder is neither a model nor a run with a tuned one.
    """
    folder = Path(model).expanduser()
    if model == "embedded" or not folder.exists():
        path = model_path(ModelConfig(path=model))
        if model != "embedded" and path.count("/") != 1:
            raise UserError(f"--model {model}: no such folder")
        return path
    tuned = folder / "model" / "tuned" / "merged"
    if (folder / "run.json").is_file():
        if not (tuned / "config.json").is_file():
            raise UserError(
                f"--model {model}: this run has no tuned model yet; `lbt status {model}`"
            )
        return str(tuned)
    if not (folder / "config.json").is_file():
        raise UserError(f"--model {model}: no model folder (it has no config.json) and no run")
    return str(folder)


def _device() -> str:
    import torch  # noqa: PLC0415 - heavy

    return "gpu" if torch.cuda.is_available() else "cpu"
