"""The steps of a run on a cluster: which shards each one works on, and what it commits.

A step raises ``Owed`` where shards are left to do, naming how many and why; what is stored stays.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from lbt_core import DataError
from lbt_core.generation import Completion, Request
from lbt_core.generation.engine import ERROR
from lbt_core.method.exams import Place, answer, exam_places, score, set_exams
from lbt_core.method.likelihood import weigh
from lbt_core.method.sampling import sample
from lbt_core.run.config import ModelConfig, RunConfig
from lbt_core.run.keeping import Usage, generate_keeping
from lbt_core.run.loop import Failure, describe_failures
from lbt_core.run.plan import arm_folder, student_labels
from lbt_core.run.preparation import design_exams, prepare
from lbt_core.run.stages import Stage
from lbt_core.store import Shard, inspect_shard, read_shard
from lbt_core.store.rows import ExamAnswer, Problem, Rationale
from lbt_core.store.sidecar import Sidecar
from tasks import draining
from tasks.context import RunContext, exam_settings, greedy, sampling_settings
from tasks.shard_runs import ShardSummary, commit
from tasks.submission import Job, run_jobs


class Owed(RuntimeError):
    """Shards are left to do; running again does just those."""

    def __init__(self, failures: list[Failure]) -> None:
        super().__init__(describe_failures(failures))
        self.failures = failures


def _generator(
    context: RunContext, model: ModelConfig, usage: Usage, shard: Shard[Any]
) -> Callable[[Sequence[Request]], list[Completion]]:
    """Generation on the model's engines; what is finished of the shard survives the attempt."""

    def generate(requests: Sequence[Request]) -> list[Completion]:
        engines = context.engines(model)
        in_blocks = engines.spec.answers_blocks
        sidecar = Sidecar(context.files, shard)
        return generate_keeping(requests, sidecar, engines.stream, in_blocks, usage)

    return generate


def prepare_step(context: RunContext) -> list[ShardSummary]:
    """Store the problems and the design of the exams."""
    made: dict[str, list[Problem]] = {}

    def rows_of(split: str) -> tuple[list[Problem], dict[str, Any]]:
        if not made:
            made.update(prepare(context.config))
        return made[split], {}

    done = [
        commit(context.files, shard, partial(rows_of, split), context.progress)
        for split, shard in context.plan.problem_shards().items()
    ]
    context.reload_plan()
    context.settle_forecast()
    taught = context.plan.problems["train"]
    bank = context.plan.problems[context.config.exam.bank]
    design = context.plan.design_shard()
    done.append(
        commit(context.files, design, lambda: (design_exams(taught, bank, context.config), {}))
    )
    return done


def generate_step(context: RunContext, stages: Sequence[Stage]) -> list[ShardSummary]:
    """Rationales, their exams, and the base model's evaluation: whichever of ``sample``,
    ``examine`` and ``evaluate`` is asked for, on the same engines where they are the same model.

    Raises Owed.
    """
    plan, progress = context.plan, context.progress
    students = context.config.student_models()
    shared = context.side_by_side
    exam_jobs = (lambda i: _exam_jobs(context, i)) if "examine" in stages else (lambda _: [])
    jobs: list[Job] = []
    if "sample" in stages:
        progress.plan("sample", len(plan.sample_shards))
        then = exam_jobs if shared else (lambda _: [])
        jobs += [_sample_job(context, i, then) for i in range(len(plan.sample_shards))]
    if "examine" in stages:
        progress.plan("examine", len(plan.sample_shards) * len(students))
    if "evaluate" in stages:
        jobs += _evaluation_jobs(context, None, context.config.teacher, "")
    in_flight = context.engines(context.config.teacher).capacity
    if shared:
        others = {s for s in students if s != context.config.teacher}
        in_flight += sum(context.engines(student).capacity for student in others)
    in_flight *= _small_rounds(context.config)
    progress.parallel(in_flight)
    summaries, failures = run_jobs(jobs, in_flight)
    if "examine" in stages and not ("sample" in stages and shared):
        for student, model in enumerate(students):  # one model's engines after the other's
            later = [job for i in _sampled(context) for job in _exam_jobs(context, i, student)]
            # the engines change hands here, in one thread, and not in the jobs' many
            capacity = context.engines(model).capacity * _small_rounds(context.config)
            more, failed = run_jobs(later, capacity)
            summaries, failures = summaries + more, failures + failed
        failures += _unsampled(context)
    draining.check()
    if failures:
        raise Owed(failures)
    return summaries


def _small_rounds(config: RunConfig) -> int:
    """How many rounds of adaptive exams ask about as much as exams in full; 1 for the latter."""
    exam = config.exam
    return max(1, exam.problems * exam.repetitions // exam.later_rounds) if exam.adaptive else 1


def _sampled(context: RunContext) -> list[int]:
    shards = enumerate(context.plan.sample_shards)
    return [i for i, s in shards if inspect_shard(context.files, s).state == "whole"]


def _unsampled(context: RunContext) -> list[Failure]:
    missing = [
        s for s in context.plan.sample_shards if inspect_shard(context.files, s).state != "whole"
    ]
    return [Failure(s.name, "its rationales are not stored") for s in missing]


def _sample_job(context: RunContext, index: int, then: Callable[[int], list[Job]]) -> Job:
    shard = context.plan.sample_shards[index]

    def rows() -> tuple[list[Rationale], dict[str, Any]]:
        usage = Usage()
        made = sample(
            context.plan.taught(index),
            samples=context.config.sampling.num_rationales,
            settings=sampling_settings(context.config),
            renderer=context.renderer_of(context.config.teacher),
            seed=context.config.seed,
            generate=_generator(context, context.config.teacher, usage, shard),
            grade=context.grade,
        )
        return made, usage.summary() | _checked(context, shard, made)

    return Job(
        shard.name,
        f"{shard.name} · {len(shard.keys or ())} rationales",
        lambda: commit(context.files, shard, rows, context.progress),
        lambda: then(index),
    )


def _exam_jobs(context: RunContext, index: int, of: int | None = None, since: int = 0) -> list[Job]:
    """The exams on one stored rationale shard, a job per student, or of one student; of adaptive
    exams, which have one student, a job per round from ``since`` on that can be planned, the last
    of which makes the next possible."""
    shards = context.plan.exam_shards(index)
    if not context.config.exam.adaptive:
        chosen = enumerate(shards)
        return [_exam_job(context, index, s, shard) for s, shard in chosen if of in (None, s)]
    new = shards[since:]
    context.progress.more("examine", len(new) - (since == 0))

    def then() -> list[Job]:
        return _exam_jobs(context, index, since=len(shards))

    last = len(new) - 1
    return [
        _exam_job(context, index, 0, shard, then if i == last else list)
        for i, shard in enumerate(new)
    ]


def _weighed(
    context: RunContext, model: ModelConfig, label: str, shard: Shard[Any], places: list[Place]
) -> tuple[list[Any], dict[str, Any]]:
    """Likelihoods instead of answers: all of it is read, nothing written."""
    usage = Usage()
    made = weigh(
        places,
        student=label,
        reference=context.config.exam.reference,
        renderer=context.renderer_of(model),
        generate=_generator(context, model, usage, shard),
        extract=context.extract,
    )
    used = replace(usage, prompt_tokens=usage.prompt_tokens + usage.tokens, tokens=0)
    found = {"finish_reasons": _endings(made), "finished": time.time()}
    _allowed(context, shard, made)
    return made, replace(used, mean_logprob=None).summary() | found


def _exam_job(
    context: RunContext,
    index: int,
    student: int,
    shard: Shard[Any],
    then: Callable[[], list[Job]] = list,
) -> Job:
    config, plan = context.config, context.plan
    model = config.student_models()[student]
    label = student_labels(config)[student]

    def rows() -> tuple[list[Any], dict[str, Any]]:
        usage = Usage()
        rationales = read_shard(context.files, plan.sample_shards[index])
        exams = set_exams(rationales, plan.problem_by_id, plan.design, config.exam.deduplicate)
        by_key = {p.key(label): p for p in exam_places(exams, config.exam.answers_each)}
        places = [by_key[key] for key in shard.keys or ()]
        if config.exam.scorer == "likelihood":
            return _weighed(context, model, label, shard, places)
        made = answer(
            places,
            student=label,
            settings=exam_settings(config),
            renderer=context.renderer_of(model),
            seed=config.seed,
            generate=_generator(context, model, usage, shard),
            grade=context.grade,
            extract=context.extract,
        )
        spread = {} if shard.path != first else _pairable(rationales, made, label, config)
        return made, usage.summary() | _checked(context, shard, made) | spread

    first = plan.exam_shard_path(index, student)  # later rounds would count its problems again
    return Job(
        shard.name,
        f"{shard.name} · {len(shard.keys or ())} exam answers",
        lambda: commit(context.files, shard, rows, context.progress),
        then,
    )


def evaluate_step(
    context: RunContext, arm: str | None, model: ModelConfig, model_mark: str
) -> list[ShardSummary]:
    """Greedy answers of a model to the test problems. Raises Owed."""
    jobs = _evaluation_jobs(context, arm, model, model_mark)
    summaries, failures = run_jobs(jobs, context.engines(model).capacity)
    draining.check()
    if failures:
        raise Owed(failures)
    return summaries


def _evaluation_jobs(
    context: RunContext, arm: str | None, model: ModelConfig, model_mark: str
) -> list[Job]:
    shards = context.plan.evaluation_shards(arm, model_mark)
    context.progress.plan(f"evaluate/{arm_folder(arm) if arm else 'base'}", len(shards))
    return [_evaluation_job(context, i, shard, model) for i, shard in enumerate(shards)]


def _evaluation_job(
    context: RunContext, index: int, shard: Shard[Rationale], model: ModelConfig
) -> Job:
    def rows() -> tuple[list[Rationale], dict[str, Any]]:
        usage = Usage()
        made = sample(
            context.plan.tested(index),
            samples=1,
            settings=greedy(context.config.evaluation.max_new_tokens),
            renderer=context.renderer_of(model),
            seed=context.config.seed,
            generate=_generator(context, model, usage, shard),
            grade=context.grade,
        )
        return made, usage.summary() | _checked(context, shard, made)

    return Job(
        shard.name,
        f"{shard.name} · {len(shard.keys or ())} problems",
        lambda: commit(context.files, shard, rows, context.progress),
    )


def _checked(context: RunContext, shard: Shard[Any], rows: Sequence[Any]) -> dict[str, Any]:
    """The rows' counts. Raises DataError where too many of the shard's prompts could not be run."""
    _allowed(context, shard, rows)
    return _counts(rows)


def _allowed(context: RunContext, shard: Shard[Any], rows: Sequence[Any]) -> None:
    """Raises DataError where too many of a shard's prompts could not be run."""
    errors = [row.finish_reason for row in rows if row.finish_reason.startswith(ERROR)]
    allowed = context.config.shards.max_error_share
    if len(errors) > allowed * len(rows):
        ((reason, times),) = Counter(errors).most_common(1)
        raise DataError(
            f"{len(errors)} of {len(rows)} prompts of {shard.name} could not be run (most often, "
            f"{times} times: {reason.removeprefix(ERROR)}); above shards.max_error_share "
            f"{allowed:g}: raise max_model_len, shorten what is asked or shown, or allow more"
        )


def _pairable(
    rationales: Sequence[Rationale], answers: Sequence[ExamAnswer], student: str, config: RunConfig
) -> dict[str, int]:
    """Of how many problems this student's exams make a pair possible, kept in the shard's footer:
    a run in which there is none is known to be wasted long before its pairs are made."""
    scores = score(
        rationales,
        ((a.problem_id, a.rationale_key, a.student, a.correct) for a in answers),
        students=[student],
        deduplicate=config.exam.deduplicate,
        spec=config.preferences,
    )
    by_problem: dict[str, list[float]] = {}
    for one in scores:
        by_problem.setdefault(one.problem_id, []).append(one.score)
    gaps = [max(found) - min(found) for found in by_problem.values()]
    wide = sum(gap > config.preferences.min_gap for gap in gaps)
    return {"problems": len(gaps), "pairable": wide}


def _endings(rows: Sequence[Any]) -> dict[str, int]:
    return dict(Counter(row.finish_reason.split(":")[0] for row in rows))


def _counts(rows: Sequence[Any]) -> dict[str, Any]:
    """Verdicts and finish reasons of graded rows, kept in the shard's footer."""
    return {
        "verdicts": dict(Counter(row.verdict for row in rows)),
        "finish_reasons": _endings(rows),
        "finished": time.time(),
    }
