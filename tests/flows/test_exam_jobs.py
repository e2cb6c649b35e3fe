"""Adaptive exams as jobs: each round makes the next possible, and a resumed run goes on with it."""

from types import SimpleNamespace
from typing import Any

from made_run import config_of, make_run

from lbt_core.run.plan import Plan
from lbt_core.store import read_shard, write_shard
from tasks.progress import Progress
from tasks.steps import _exam_jobs, _small_rounds

ADAPTIVE = ("exam.adaptive=true", "exam.first_round=2", "exam.in_full=0.2")


def context_of(plan: Plan) -> Any:
    progress = Progress()
    progress.plan("examine", len(plan.sample_shards))
    return SimpleNamespace(plan=plan, config=plan.config, files=plan.files, progress=progress)


def test_rounds_follow_each_other_and_are_counted(tmp_path):
    plan = make_run(str(tmp_path / "run"), config_of("demo", *ADAPTIVE)).plan
    rounds = plan.exam_shards(0)
    rows = {shard.path: read_shard(plan.files, shard) for shard in rounds}
    for shard in rounds:
        plan.files.move_aside(shard.path)
    context = context_of(plan)
    jobs = _exam_jobs(context, 0)
    for number, shard in enumerate(rounds):
        assert [job.name for job in jobs] == [shard.name]
        assert context.progress.stages()[0].planned == len(plan.sample_shards) + number
        write_shard(plan.files, shard, rows[shard.path], {})
        jobs = jobs[0].then()
    assert jobs == []


def test_a_resumed_run_finds_stored_rounds_and_goes_on_with_the_next(tmp_path):
    plan = make_run(str(tmp_path / "run"), config_of("demo", *ADAPTIVE)).plan
    rounds = plan.exam_shards(0)
    plan.files.move_aside(rounds[-1].path)
    context = context_of(plan)
    jobs = _exam_jobs(context, 0)
    assert [job.name for job in jobs] == [shard.name for shard in rounds]
    assert all(job.then() == [] for job in jobs[:-1])
    assert context.progress.stages()[0].planned == len(plan.sample_shards) + len(rounds) - 1


def test_exams_in_full_are_one_job_a_student(tmp_path):
    plan = make_run(str(tmp_path / "run"), config_of("demo")).plan
    context = context_of(plan)
    (job,) = _exam_jobs(context, 1)
    assert job.then() == []
    assert context.progress.stages()[0].planned == len(plan.sample_shards)
    assert _exam_jobs(context, 1, 0)[0].name == job.name


def test_small_rounds_are_made_up_for_by_their_number():
    assert _small_rounds(config_of("demo")) == 1
    assert _small_rounds(config_of("demo", *ADAPTIVE)) == 6
    assert _small_rounds(config_of("demo", *ADAPTIVE, "exam.later_rounds=3")) == 2
