"""Report inputs of a run, gathered from its store."""

import os
import platform
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import psutil

from lbt_core.generation.gpus import gpu_names
from lbt_core.reporting.findings import savings_words, stored_diagnostics
from lbt_core.reporting.inputs import ExamSummary, ReportInputs, StageTiming
from lbt_core.run.config import differences, load_config, profile_names
from lbt_core.run.exam_savings import savings
from lbt_core.run.headline import arm_marks, evaluation_rows
from lbt_core.run.plan import Plan, arm_folder
from lbt_core.run.record import RunStore
from lbt_core.run.results import compute_scores, stored_rationales, training_record
from lbt_core.store import Shard, inspect_shard
from lbt_core.store.rows import Preference
from lbt_core.store.shards import read_table


def gather(
    store: RunStore,
    plan: Plan,
    pairs: Mapping[str, Sequence[Preference]],
    engines: Sequence[Mapping[str, Any]] = (),
    warnings: Sequence[str] = (),
) -> ReportInputs:
    """Everything that the report and the model cards are written from.

    Raises OSError where a stage is not stored.
    """
    rationales = stored_rationales(plan)
    marks = arm_marks(plan, pairs)
    evaluations = {"base": evaluation_rows(plan, None)}
    evaluations |= {arm_name(arm): evaluation_rows(plan, arm, m) for arm, m in marks.items()}
    trainings = {arm: training_record(plan, arm) for arm in marks}
    scores = compute_scores(plan, rationales)
    adaptive = plan.config.exam.adaptive
    if adaptive:  # scores of the others are those of the answers that their pairs took
        scores = [score for score in scores if score.problem_id in plan.in_full]
    examined = [r for r in rationales if r.problem_id in plan.in_full] if adaptive else rationales
    saved = savings_words(savings(plan, rationales)) if adaptive else []
    return ReportInputs(
        run=store.name,
        base_model=plan.config.teacher.path,
        config=plan.config.model_dump(mode="json"),
        problems=[p for rows in plan.problems.values() for p in rows],
        rationales=rationales,
        scores=scores,
        diagnostics=[*saved, *stored_diagnostics(plan, examined, scores)],
        preferences=[pair for rows in pairs.values() for pair in rows],
        evaluations=evaluations,
        exams=exam_summary(plan),
        training_history={arm_name(a): t.get("history", []) for a, t in trainings.items()},
        timings=timings(plan, marks, trainings),
        versions={"lbt": store.record["version"], "python": store.record["python"]}
        | store.record["packages"],
        hardware=hardware(),
        engines=list(engines),
        warnings=[*warnings, *training_warnings(trainings)],
        command=reproducing_command(store),
        created=store.record["created"],
    )


def reproducing_command(store: RunStore) -> str:
    """The command line that makes a run of this configuration."""
    folder, _, name = store.files.uri.rpartition("/")
    config = store.config
    words = ["lbt", "run", "--profile", config.profile, "--store", folder or ".", "--run", name]
    if config.profile not in profile_names():
        return f"{shlex.join(words)} (profile {config.profile}: as recorded in run.json)"
    for override in differences(load_config(config.profile), config):
        words += ["--set", override]
    return shlex.join(words)


def arm_name(arm: str) -> str:
    """An arm's name in reports: "tuned" for the real one, "control:…" for a control."""
    return "tuned" if arm == "combined" else f"control:{arm}"


def training_warnings(trainings: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """What a reader must know of each training: stopped early, pairs left out, merge differing."""
    found = []
    for arm, record in trainings.items():
        if record.get("stopped"):
            found.append(f"training of arm {arm} stopped early: {record['stopped']}")
        if record.get("left_out"):
            found.append(f"arm {arm}: {len(record['left_out'])} pairs were too long and left out")
        differences = record.get("merge_check", {}).get("differences")
        if differences:
            found.append(
                f"arm {arm}: {len(differences)} of {record['merge_check']['prompts']} greedy "
                "answers differ between the adapter and the merged model"
            )
    return found


def exam_summary(plan: Plan) -> ExamSummary:
    """Exam answers counted, one file at a time; their texts are not read."""
    tokens, verdicts, reasons = 0, dict[str, int](), dict[str, int]()
    by_problem: dict[str, tuple[int, int]] = {}
    total = 0
    for index in range(len(plan.sample_shards)):
        for path in plan.exam_paths(index):
            table = read_table(plan.files, path)
            total += table.num_rows
            if plan.config.exam.scorer == "likelihood":
                continue  # no answer was written, and none graded
            tokens += sum(table["tokens"].to_pylist())
            _count(verdicts, table["verdict"].to_pylist())
            _count(reasons, [r.split(":", 1)[0] for r in table["finish_reason"].to_pylist()])
            asked = zip(
                table["exam_problem_id"].to_pylist(), table["correct"].to_pylist(), strict=True
            )
            for problem, correct in asked:
                right, answers = by_problem.get(problem, (0, 0))
                by_problem[problem] = (right + correct, answers + 1)
    return ExamSummary(total, tokens, verdicts, reasons, by_problem)


def _count(into: dict[str, int], values: Sequence[str]) -> None:
    for value in values:
        into[value] = into.get(value, 0) + 1


def timings(
    plan: Plan, marks: Mapping[str, str], trainings: Mapping[str, Mapping[str, Any]]
) -> dict[str, StageTiming]:
    """Wall-clock time, rows and tokens of each stage, from the shards' footers.

    A stage's time runs from the start of its first shard to the end of its last, so stages that
    overlap share time, and a run that was interrupted counts the pause.
    """
    exam_shards = [s for i in range(len(plan.sample_shards)) for s in plan.exam_shards(i)]
    stages: dict[str, Sequence[Shard[Any]]] = {
        "sample": plan.sample_shards,
        "examine": exam_shards,
        "evaluate/base": plan.evaluation_shards(None),
    }
    for arm, mark in marks.items():
        stages[f"evaluate/{arm_folder(arm)}"] = plan.evaluation_shards(arm, mark)
    found = {name: _timing(plan, shards) for name, shards in stages.items()}
    for arm, record in trainings.items():
        if record:
            found[f"train/{arm_folder(arm)}"] = StageTiming(
                record["seconds"], record["pairs"], record["tokens"], 1
            )
    return found


def _timing(plan: Plan, shards: Sequence[Shard[Any]]) -> StageTiming:
    summaries = [inspect_shard(plan.files, shard).summary or {} for shard in shards]
    ended = [s["finished"] for s in summaries if "finished" in s]
    began = [s["finished"] - s["seconds"] for s in summaries if "finished" in s]
    return StageTiming(
        seconds=max(ended, default=0.0) - min(began, default=0.0),
        rows=sum(s.get("rows", 0) for s in summaries),
        tokens=sum(s.get("tokens", 0) for s in summaries),
        shards=len(shards),
    )


def hardware() -> str:
    """This machine in a line: processor kind, cores, memory, and its GPUs."""
    memory = psutil.virtual_memory().total / 2**30
    line = f"{platform.machine()}, {os.cpu_count()} cores, {memory:.0f} GiB memory"
    return f"{line}, {', '.join(gpu_names()) or 'no GPU'}"
