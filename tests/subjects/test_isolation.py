"""Whatever a subject's extract or grade does, an answer is undecided and the others are graded."""

import os
import signal

import pytest
from misbehaving import DEEDS

from lbt_core.store.rows import Problem
from lbt_core.subjects import GradePool
from lbt_core.subjects.pool import WorkerError

SUBJECT = "misbehaving:subject"
PROBLEM = Problem("p", "q", "a")
GIVEN_BY_EXTRACT = {"no text", "endless"}
HANGS = {"hang"}


@pytest.fixture(scope="module")
def pool():
    with GradePool(workers=1, time_limit=5.0, memory_mb=256, subject=SUBJECT) as pool:
        pool.warm_up()
        yield pool


def cases() -> list[str]:
    graded = [f"grade: {deed}" for deed in DEEDS]
    return graded + [f"extract: {deed}" for deed in DEEDS]


@pytest.mark.parametrize("text", cases())
def test_it_is_undecided_within_the_limit_and_the_others_are_graded(pool, text):
    limit = 0.5 if text.split(": ")[1] in HANGS else 20.0
    items = [(PROBLEM, "fine"), (PROBLEM, text), (PROBLEM, "as well")]
    before, bad, after = pool.grade_many(items, time_limit=limit)
    assert (before.verdict, after.verdict) == ("correct", "correct")
    assert (bad.verdict, bad.answer) == ("undecided", None)
    assert isinstance(bad.method, str)
    assert isinstance(bad.detail, str)


@pytest.mark.parametrize("deed", sorted(DEEDS))
def test_a_text_that_cannot_be_extracted_has_no_answer(pool, deed):
    limit = 0.5 if deed in HANGS else 20.0
    with_limit = GradePool(workers=1, time_limit=limit, memory_mb=256, subject=SUBJECT)
    with with_limit:
        with_limit.warm_up()
        bad, good = with_limit.extract_many([f"extract: {deed}", "fine"])
    assert (bad.answer, bad.reasoning) == (None, f"extract: {deed}")
    assert good.answer == "fine"


def test_a_subject_that_cannot_get_ready_says_why():
    with (
        GradePool(workers=2, subject="misbehaving:unready") as pool,
        pytest.raises(WorkerError, match="unready cannot grade: OSError: its table is missing"),
    ):
        pool.grade_many([(PROBLEM, "fine")])
    assert pool._workers == []


def test_a_worker_that_is_stopped_from_outside_costs_no_answer(caplog):
    with GradePool(workers=1, time_limit=0.5, memory_mb=256, subject=SUBJECT) as pool:
        pool.warm_up()
        stopped = pool._workers[0].process.pid
        os.kill(stopped, signal.SIGSTOP)
        grades = pool.grade_many([(PROBLEM, "fine"), (PROBLEM, "as well")], time_limit=0.5)
        assert [g.verdict for g in grades] == ["correct", "correct"]
        assert pool._workers[0].process.pid != stopped
    assert f"grading process {stopped} is stopped" in caplog.text
