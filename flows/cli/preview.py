"""``lbt run --preview N``: a few problems through every stage, shown, before the long run."""

import tempfile
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from lbt_core.method.exams import shown_example
from lbt_core.method.prompts import Renderer
from lbt_core.reporting.plain import visible
from lbt_core.run.config import RunConfig
from lbt_core.run.health import Tally, describe, warnings
from lbt_core.run.plan import Plan, model_path
from lbt_core.run.record import RunStore
from lbt_core.run.rendering import build_renderer
from lbt_core.store.rows import ExamAnswer, Problem, Rationale
from lbt_core.subjects import GradePool

RATIONALES = 8
EXAM_PROBLEMS = 3
MAX_SHOWN = 3000


def preview_overrides(config: RunConfig, problems: int) -> tuple[str, ...]:
    """Settings that make a run small and leave its prompts, models and grading as they are."""
    exam = config.exam
    asked = min(exam.problems, EXAM_PROBLEMS)
    if exam.bank == "train":
        asked = min(asked, max(1, problems - 1))
    return (
        f"corpus.train_limit={problems}",
        f"corpus.test_limit={problems}",
        f"sampling.num_rationales={min(config.sampling.num_rationales, RATIONALES)}",
        f"exam.problems={asked}",
        "exam.repetitions=1",
        "exam.adaptive=false",
        "exam.scorer=sampled",
        "preferences.pairs=null",
        "controls=[]",
        "rounds=1",
        "training.max_steps=1",
        f"training.per_device_batch_size={min(config.training.per_device_batch_size, 4)}",
        "training.gradient_accumulation=1",
        "training.select=last",
        "training.guards.prompts=0",
        f"shards.problems={problems}",
        f"shards.evaluation_problems={problems}",
        "engines.count=1",
        "tracking.kind=none",
    )


def preview(
    profile: str, overrides: Sequence[str], config: RunConfig, problems: int, store: str
) -> None:
    """Run in a temporary store and print every stage's prompts and texts. Exits with 1 where the
    small run did not get to its end; what it made is printed all the same. ``store`` is the long
    run's: a server that is started for the preview keeps its database there."""
    from flows.cli.run import preflight  # noqa: PLC0415 - it imports this module
    from lbt_core.run.config import load_config  # noqa: PLC0415 - beside its use

    given = (*overrides, *preview_overrides(config, problems))
    console = Console(stderr=True)
    with tempfile.TemporaryDirectory(prefix="lbt-preview-") as folder:
        uri = f"{folder}/preview"
        small = load_config(profile, given)
        preflight(uri, small)
        finished = _make(uri, profile, given, small, console, store)
        if (Path(uri) / "problems").exists():
            show(RunStore.open(uri), Console(soft_wrap=True))
        if not finished:
            raise typer.Exit(1)


def _make(
    uri: str,
    profile: str,
    given: Sequence[str],
    config: RunConfig,
    console: Console,
    store: str,
) -> bool:
    """Make the small run; whether it got to its end."""
    from flows.cli.run import execute, prefect_home  # noqa: PLC0415 - it imports this module
    from flows.cli.small_run import small_run, suits  # noqa: PLC0415 - heavy

    if suits(config):
        say = partial(console.print, highlight=False, markup=False, soft_wrap=True)
        return small_run(uri, profile, given, say)
    folder, name = uri.rsplit("/", 1)
    try:
        execute(uri, profile, folder, name, tuple(given), None, console, False, prefect_home(store))
    except typer.Exit:
        return False
    return True


def show(store: RunStore, out: Console) -> None:
    """What a small run made, stage by stage; texts with invisible characters written out."""
    from lbt_core.reporting.viewing.index import RunIndex  # noqa: PLC0415 - heavy

    config = store.config
    plan = Plan(store.files, config, store.identities)
    index = RunIndex(store.files.uri)
    renderer = build_renderer(config.prompt, model_path(config.teacher), config.teacher.revision)
    rationales = _rows(plan, index.contents().rationales, Rationale)
    scores = {(r["problem_id"], r["sample"]): r for r in _plain(index.contents().rationales)}
    answers = _rows(plan, index.contents().answers, ExamAnswer)
    taught = plan.problems["train"]
    _title(out, "sample: the teacher's prompt for the first problem")
    _text(out, renderer.question(taught[0].question))
    for problem in taught:
        mine = [r for r in rationales if r.problem_id == problem.id]
        _problem(out, problem, mine, scores)
    _exam(out, plan, renderer, rationales, answers)
    _pairs(out, _plain(index.contents().pairs), config)
    _tests(out, _plain(index.contents().tests))
    for name, stage, rows in (
        ("rationales", "sample", rationales),
        ("exam answers", "examine", answers),
    ):
        tally = tally_of(rows)
        shares = describe(tally)
        out.print(f"{name}: {len(rows)}{', ' + shares if shares else ''}", highlight=False)
        for _, sentence in warnings(stage, tally, config):
            out.print(f"Warning: {sentence}", highlight=False, markup=False)


def tally_of(rows: Sequence[Rationale] | Sequence[ExamAnswer]) -> Tally:
    """Verdicts and endings of rows."""
    tally = Tally()
    for row in rows:
        ending = row.finish_reason.split(":")[0]
        tally = tally.added({"verdicts": {row.verdict: 1}, "finish_reasons": {ending: 1}})
    return tally


def _problem(
    out: Console, problem: Problem, rows: Sequence[Rationale], scores: dict[tuple[str, int], Any]
) -> None:
    _title(out, f"problem {problem.id}")
    _text(out, problem.question)
    out.print(f"reference: {visible(problem.answer)}", highlight=False, markup=False)
    for row in rows:
        lbt = scores[row.problem_id, row.sample]["lbt"]
        taught = "–" if lbt is None else f"{lbt:.2f}"
        answer = "no answer" if row.answer is None else visible(row.answer)[:100]
        line = f"  {row.sample}: {row.verdict} ({row.method}), LbT {taught}, {row.tokens} tokens"
        out.print(f"{line}, {row.finish_reason}: {answer}", highlight=False, markup=False)
    if rows:
        out.print("its first rationale:", highlight=False)
        _text(out, rows[0].text)


def _exam(
    out: Console,
    plan: Plan,
    renderer: Renderer,
    rationales: Sequence[Rationale],
    answers: Sequence[ExamAnswer],
) -> None:
    if not answers:
        return
    first = answers[0]
    shown = next(r for r in rationales if first.rationale_key.startswith(r.text_key))
    with GradePool(1, subject=plan.config.subject) as pool:
        (found,) = pool.extract_many([shown.text])
    asked = plan.problem_by_id[first.exam_problem_id]
    example = shown_example(plan.problem_by_id[first.problem_id], found)
    _title(out, f"examine: the prompt of {first.student} for {asked.id}")
    _text(out, renderer.one_shot(example, asked.question))
    out.print(f"answer: {first.verdict} ({first.method})", highlight=False, markup=False)
    _text(out, first.text)


def _pairs(out: Console, pairs: Sequence[dict[str, Any]], config: RunConfig) -> None:
    _title(out, f"prefer: {len(pairs)} pairs")
    for pair in pairs[:5]:
        sides = [f"{pair[f'{s}_sample']} ({pair[f'{s}_verdict']})" for s in ("chosen", "rejected")]
        line = f"  {pair['problem_id']}: {' over '.join(sides)}, gap {pair['gap']:.2f}"
        out.print(line, highlight=False, markup=False)
    if not pairs:
        gap = f"preferences.min_gap={config.preferences.min_gap:g}"
        out.print(f"No two rationales differ by more than {gap}.", highlight=False)


def _tests(out: Console, tests: Sequence[dict[str, Any]]) -> None:
    arms = list(dict.fromkeys(str(t["arm"]) for t in tests))
    if arms:
        _title(out, "evaluate (so few problems say nothing of Pass@1)")
    for arm in arms:
        mine = [t for t in tests if t["arm"] == arm]
        right = sum(bool(t["correct"]) for t in mine)
        out.print(f"  {arm}: {right} of {len(mine)} right", highlight=False, markup=False)


def _plain(table: Any) -> list[dict[str, Any]]:
    return [] if table is None else table.to_pylist()


def _rows(plan: Plan, table: Any, kind: type[Any]) -> list[Any]:
    """The stored rows with their texts: a preview is small."""
    import pyarrow.compute as pc  # noqa: PLC0415 - heavy

    from lbt_core.store.rows import from_table  # noqa: PLC0415 - heavy
    from lbt_core.store.shards import read_table  # noqa: PLC0415 - heavy

    if table is None:
        return []
    paths = pc.unique(table["path"]).to_pylist()
    return [row for path in paths for row in from_table(read_table(plan.files, path), kind)]


def _title(out: Console, text: str) -> None:
    out.print()
    out.rule(visible(text), align="left")


def _text(out: Console, text: str) -> None:
    cut = len(text) - MAX_SHOWN
    more = f"\n… {cut:,} more characters" if cut > 0 else ""
    out.print(visible(text[:MAX_SHOWN]) + more, style="dim", highlight=False, markup=False)
