"""``lbt evaluate``: Pass@1, pass@k and maj@k of any model on any problems."""

import json
import os
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from flows.cli.hostile import shown
from flows.cli.options import DEFAULT, SubjectOption
from flows.cli.solve import resolve_model
from lbt_core import UserError
from lbt_core.run.config import ModelConfig, PromptConfig
from lbt_core.run.engine_config import EngineConfig
from lbt_core.subjects import load_subject

if TYPE_CHECKING:
    from lbt_core.generation import Engine, Settings
    from lbt_core.measurement.assessment import Assessment
    from lbt_core.method.prompts import Renderer
    from lbt_core.method.sampling import GradeMany
    from lbt_core.store.rows import Problem, Rationale

CHUNK = 1024


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("evaluate")(evaluate)


def evaluate(
    problems: Annotated[
        str,
        typer.Option(
            help="A .parquet or .jsonl file of problems, the folder of an imported corpus, or "
            "a built-in corpus such as tiny or arithmetic (of these two the test problems)."
        ),
    ],
    model: Annotated[
        str,
        typer.Option(
            help="embedded, a folder, a hub id, or a run, <store>/<run>, for its tuned model."
        ),
    ] = "embedded",
    revision: Annotated[
        str | None, typer.Option(help="Commit, tag or branch of a hub id; default: main.")
    ] = None,
    split: Annotated[str | None, typer.Option(help="Only problems of this split.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many problems.")] = None,
    samples: Annotated[
        int, typer.Option(min=0, max=1024, help="Sampled answers per problem; 0: greedy only.")
    ] = 0,
    k: Annotated[
        str, typer.Option(help="k of pass@k and maj@k, such as 1,4,16; by default up to --samples.")
    ] = "",
    temperature: Annotated[float, typer.Option(min=0.01, help="Of the sampled answers.")] = 0.7,
    top_k: Annotated[int, typer.Option(min=0, help="Of the sampled answers; 0 keeps all.")] = 20,
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Longest answer, tokens.")] = 1024,
    engine: Annotated[str, typer.Option(help="vllm, or transformers (slow).")] = "vllm",
    chat: Annotated[str, typer.Option(help="Chat format: card or template.")] = "card",
    seed: Annotated[int, typer.Option(min=0, help="Seed of the sampled answers.")] = 0,
    out: Annotated[
        Path | None, typer.Option(help="Write the answers there, a Parquet file.")
    ] = None,
    subject: SubjectOption = DEFAULT,
    json_: Annotated[bool, typer.Option("--json", help="Print one line of JSON last.")] = False,
) -> None:
    """Measure a model: greedy Pass@1 in all and by topic, and pass@k and maj@k from samples."""
    if engine not in ("vllm", "transformers"):
        raise UserError(f"--engine {engine}: choose vllm or transformers")
    if chat not in ("card", "template"):
        raise UserError(f"--chat {chat}: choose card or template")
    ks = _ks(k, samples)
    field = load_subject(subject)
    from lbt_core.generation.vllm_engine import spawn_children  # noqa: PLC0415 - only where used

    spawn_children()  # before anything asks torch for a GPU, which vLLM's core could then not use
    path = resolve_model(model)
    from lbt_core.corpora.sources import read_problems  # noqa: PLC0415 - heavy
    from lbt_core.generation import Settings  # noqa: PLC0415 - heavy
    from lbt_core.measurement.assessment import assess  # noqa: PLC0415 - heavy
    from lbt_core.run.rendering import build_renderer  # noqa: PLC0415 - heavy
    from lbt_core.subjects import GradePool  # noqa: PLC0415 - heavy

    rows = read_problems(problems, field, split)[:limit]
    console = Console(stderr=True)
    prompt = PromptConfig.model_validate({"chat": chat})
    with console.status(f"Loading {path} …"):
        renderer = build_renderer(prompt, path, revision)
        loaded = _load(path, revision, engine, seed)
    with GradePool(subject=subject) as pool, Progress(console=console) as bar:
        greedy = Settings(0.0, 0, 1.0, max_new_tokens)
        drawn = Settings(temperature, top_k, 1.0, max_new_tokens)
        ask = _Asking(loaded, renderer, pool.grade_many, seed, bar)
        answers = ask.all(rows, 1, greedy, "greedy")
        sampled = ask.all(rows, samples, drawn, f"{samples} samples each") if samples else []
        found = assess(rows, answers, sampled, ks, field, pool.grade_many)
    loaded.close()
    if out is not None:
        _write(out, answers, sampled)
    _show(found, Console(stderr=json_))
    if json_:
        record = {"model": model, "path": path, "revision": revision}
        record |= {"problems_from": problems, **asdict(found)}
        print(json.dumps(record))


class _Asking:
    """A loaded model with what asking it needs; it shows how far it is."""

    def __init__(
        self, engine: "Engine", renderer: "Renderer", grade: "GradeMany", seed: int, bar: Progress
    ) -> None:
        self._engine, self._renderer, self._grade = engine, renderer, grade
        self._seed, self._bar = seed, bar

    def all(
        self, problems: "Sequence[Problem]", samples: int, settings: "Settings", what: str
    ) -> "list[Rationale]":
        """Graded answers to every problem, some problems at a time."""
        from lbt_core.method.sampling import sample  # noqa: PLC0415 - heavy

        task = self._bar.add_task(what, total=len(problems))
        rows: list[Rationale] = []
        size = max(1, CHUNK // samples)
        for start in range(0, len(problems), size):
            part = problems[start : start + size]
            rows += sample(
                part,
                samples=samples,
                settings=settings,
                renderer=self._renderer,
                seed=self._seed,
                generate=self._engine.generate,
                grade=self._grade,
            )
            self._bar.advance(task, len(part))
        return rows


def _ks(text: str, samples: int) -> list[int]:
    from lbt_core.measurement.assessment import default_ks  # noqa: PLC0415 - heavy

    if not text:
        return default_ks(samples)
    try:
        ks = sorted({int(part) for part in text.split(",")})
    except ValueError:
        raise UserError(f"--k {text}: expected numbers such as 1,4,16") from None
    if not samples:
        raise UserError(f"--k {text} needs --samples (at least {ks[-1]})")
    beyond = [k for k in ks if not 1 <= k <= samples]
    if beyond:
        raise UserError(f"--k {beyond[0]}: choose from 1 to --samples, {samples}")
    return ks


def _load(path: str, revision: str | None, kind: str, seed: int) -> "Engine":
    """The model in an engine of this process."""
    from lbt_core.generation import build_engine  # noqa: PLC0415 - heavy
    from lbt_core.run.engine_spec import engine_spec  # noqa: PLC0415 - heavy
    from lbt_core.training.loading import gpu_available  # noqa: PLC0415 - heavy

    model = ModelConfig(path=path, revision=revision)
    device = "gpu" if gpu_available() else "cpu"
    spec = engine_spec(model, EngineConfig.model_validate({"kind": kind}), device, seed)
    try:
        if kind == "vllm":
            from lbt_core.generation.vllm_engine import prepare_environment  # noqa: PLC0415 - heavy

            prepare_environment(spec, None)
            os.environ["OMP_NUM_THREADS"] = str(len(os.sched_getaffinity(0)))
        return build_engine(spec)
    except ModuleNotFoundError as error:
        raise UserError(f"--engine {kind}: {error.name} is not installed") from None


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def _write(out: Path, *tables: "Sequence[Rationale]") -> None:
    """Greedy answers (sample 0) and drawn ones (from sample 1 on) as one table."""
    from dataclasses import replace  # noqa: PLC0415 - only where used

    import pyarrow.parquet as pq  # noqa: PLC0415 - heavy

    from lbt_core.store.rows import Rationale, to_table  # noqa: PLC0415 - heavy

    greedy, sampled = tables
    rows = [*greedy, *(replace(row, sample=row.sample + 1) for row in sampled)]
    try:
        pq.write_table(to_table(rows, Rationale), out, compression="zstd")
    except OSError as error:
        raise UserError(f"--out {out}: cannot be written ({_line(error)})") from None


def _show(found: "Assessment", console: Console) -> None:
    table = Table("figure", "value", "95 % interval", f"of {found.problems} problems")
    one = found.pass_1
    interval = f"{one.low:.1%} to {one.high:.1%}"
    table.add_row("Pass@1, greedy", f"{one.rate:.1%}", interval, f"{one.successes} right")
    for name, values in (("pass", found.pass_at), ("maj", found.maj_at)):
        for k, d in values.items():
            note = f"{found.samples} samples each"
            table.add_row(f"{name}@{k}", f"{d.value:.1%}", f"{d.low:.1%} to {d.high:.1%}", note)
    console.print(table)
    topics = Table("topic", "right", "problems", "Pass@1", "95 % interval")
    for topic, p in found.topics.items():
        counts = (str(p.successes), str(p.total))
        topics.add_row(shown(topic), *counts, f"{p.rate:.1%}", f"{p.low:.1%} to {p.high:.1%}")
    console.print(topics)
    verdicts = ", ".join(f"{count} {name}" for name, count in sorted(found.verdicts.items()))
    console.print(f"Greedy answers: {verdicts}; {found.unfinished} did not end by themselves.")
