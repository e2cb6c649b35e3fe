"""What is made of runs whose exams were adaptive, or likelihoods: report, tables, view, regrade."""

import pytest
from made_run import config_of, make_run

from lbt_core.reporting.gather import gather
from lbt_core.reporting.publishing.tables import write_tables
from lbt_core.reporting.report import render_report
from lbt_core.reporting.viewing.index import RunIndex
from lbt_core.run.headline import run_summary
from lbt_core.run.regrading import regrade
from lbt_core.run.results import pairs_by_arm
from lbt_core.run.status import run_status, verify_run
from lbt_core.store.rows import Preference, from_table
from lbt_core.store.shards import read_table

WAYS = {
    "adaptive": ("exam.adaptive=true", "exam.first_round=2", "exam.in_full=0.2"),
    "likelihood": ("exam.scorer=likelihood", "exam.reference=answer"),
}


@pytest.fixture(scope="module", params=sorted(WAYS))
def made(request, tmp_path_factory):
    """The way, and a made run."""
    config = config_of("demo", *WAYS[request.param])
    return request.param, make_run(str(tmp_path_factory.mktemp("ways") / "run"), config)


def stored_pairs(plan) -> dict[str, list[Preference]]:
    return pairs_by_arm(from_table(read_table(plan.files, "preferences.parquet"), Preference))


def test_it_is_whole_and_verified(made):
    plan = made[1].plan
    owed = {s.stage for s in run_status(plan) if s.owed}
    assert {stage for stage in owed if not stage.startswith(("train", "report"))} == set()
    assert {path: fault for path, fault in verify_run(plan) if fault} == {}


def test_report_says_what_exams_were(made):
    way, run = made
    inputs = gather(run.store, run.plan, stored_pairs(run.plan))
    page = render_report(inputs)
    named = {d.name for d in inputs.diagnostics}
    assert ("Adaptive exams, pairs kept" in named) == (way == "adaptive")
    assert ("Adaptive exams, pairs kept" in page) == (way == "adaptive")
    assert ("Exam reliability" in named) == (way == "adaptive")
    if way == "adaptive":
        assert {s.problem_id for s in inputs.scores} == run.plan.in_full
    else:
        assert inputs.exams.answers > 0
        assert inputs.exams.verdicts == {}


def test_the_last_line_has_what_was_saved(made):
    way, run = made
    pairs = stored_pairs(run.plan)
    found = run_summary(run.plan, pairs, run="r", seconds=1.0, report="", resumed_shards=0)
    assert ("adaptive" in found) == (way == "adaptive")
    assert found["exam_answers"] > 0


def test_published_tables_hold_every_row(made, tmp_path):
    plan = made[1].plan
    tables = {t.config: t for t in write_tables(plan, tmp_path)}
    keys = [k for i in range(3) for s in plan.exam_shards(i) for k in s.keys or ()]
    assert tables["exams"].rows == len(keys)


def test_view_shows_what_there_is(made):
    way, run = made
    index = RunIndex(run.store.files.uri)
    contents = index.contents()
    assert contents.faults == {}
    (stage,) = [s for s in index.stages() if s.name == "examine"]
    assert stage.done == stage.planned >= 3
    assert (contents.answers is not None and contents.answers.num_rows > 0) == (way == "adaptive")


def test_regrading_takes_what_was_graded(made):
    way, run = made
    paths = {one.path for one in regrade(run.plan, lambda items: [], everything=False)}
    assert any(path.startswith("exams/") for path in paths) == (way == "adaptive")
