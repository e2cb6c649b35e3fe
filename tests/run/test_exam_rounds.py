"""Adaptive exams of a stored run: rounds are planned from rows, and from nothing else."""

from collections import Counter
from dataclasses import replace

import pytest
from made_run import config_of, make_run

from lbt_core import UserError
from lbt_core.run.config import load_config, profile_names
from lbt_core.run.exam_rounds import absorb, round_of
from lbt_core.run.exam_savings import savings
from lbt_core.run.plan import Plan, owed
from lbt_core.run.record import RunStore
from lbt_core.run.results import exam_results, stored_rationales
from lbt_core.run.stages import STAGES, stage_values
from lbt_core.run.status import run_status, verify_run
from lbt_core.store import read_shard, write_shard
from lbt_core.store.fingerprint import fingerprint

ADAPTIVE = ("exam.adaptive=true", "exam.first_round=2", "exam.in_full=0.2")

# of the profiles of lbt 0.2.0, before exams could be adaptive or weighed
MARKS = {
    "demo": "c54c8407df661fa8a1585ac8fc42c58b",
    "llama3-8b": "f9c0e81f1ae2b48e94c8d926a7033d78",
    "rehearsal": "6ecf01fd0ee28f1145856911a080e214",
    "smollm2": "f68b359903eb912d13eaa83895e9b1fa",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """An adaptive run of 12 problems, exams of 6 answers, in three shards."""
    config = config_of("demo", *ADAPTIVE)
    return make_run(str(tmp_path_factory.mktemp("adaptive") / "run"), config)


def fresh(plan: Plan) -> Plan:
    return Plan(plan.files, plan.config, plan.identities)


@pytest.mark.parametrize("profile", sorted(MARKS))
def test_fingerprints_of_a_default_configuration_are_what_they_were(profile):
    assert profile in profile_names()
    config = load_config(profile)
    assert fingerprint([stage_values(config, stage) for stage in STAGES]) == MARKS[profile]


def test_rounds_cut_an_exam_into_parts_that_make_it_whole():
    exam = load_config("demo", ["exam.adaptive=true", "exam.later_rounds=2"]).exam
    parts = [round_of(number, exam) for number in range(5)]
    assert parts == [(0, 3), (3, 5), (5, 7), (7, 9), (9, 9)]


def test_a_finished_run_is_whole_and_verified(made):
    status = {s.stage: s for s in run_status(made.plan)}
    assert status["examine"].owed == 0
    assert status["examine"].planned_rows == status["examine"].rows > 0
    assert {path: fault for path, fault in verify_run(made.plan) if fault} == {}


def test_some_answers_are_never_asked_and_none_is_asked_twice(made):
    keys = [k for i in range(3) for s in made.plan.exam_shards(i) for k in s.keys or ()]
    assert len(set(keys)) == len(keys)
    found = savings(made.plan, stored_rationales(made.plan))
    assert found.asked == len(keys) == len(list(exam_results(made.plan))) < found.full
    assert found.problems == 3
    assert found.sample_asked < found.sample_full
    assert 0 < found.sample_kept <= found.sample_pairs


def test_the_sample_is_asked_in_full_in_the_first_round(made):
    for index in range(3):
        first, *later = made.plan.exam_shards(index)
        asked = Counter((k[0], k[1]) for k in first.keys or ())
        assert all(n == (6 if p in made.plan.in_full else 2) for (p, _), n in asked.items())
        assert not {k[0] for s in later for k in s.keys or ()} & made.plan.in_full


def test_planning_again_gives_the_same_rounds(made):
    again = fresh(made.plan)
    for index in range(3):
        before = [(s.path, s.fingerprint, s.keys) for s in made.plan.exam_shards(index)]
        assert [(s.path, s.fingerprint, s.keys) for s in again.exam_shards(index)] == before
        assert len({path for path, _, _ in before}) == len(before) > 1


def test_a_round_waits_for_the_one_before_and_for_nothing_else(tmp_path):
    plan = make_run(str(tmp_path / "run"), config_of("demo", *ADAPTIVE)).plan
    whole = plan.exam_shards(0)
    last = whole[-1]
    rows = read_shard(plan.files, last)
    plan.files.move_aside(last.path)
    assert [s.path for s in owed(plan.files, fresh(plan).exam_shards(0))] == [last.path]
    status = {s.stage: s for s in run_status(fresh(plan))}
    assert (status["examine"].owed, status["examine"].planned_rows) == (1, None)
    assert status["prefer"].planned_rows is None
    write_shard(plan.files, last, rows, {})
    assert [s.fingerprint for s in fresh(plan).exam_shards(0)] == [s.fingerprint for s in whole]


def test_other_grades_ask_for_other_rounds_which_are_owed(tmp_path):
    plan = make_run(str(tmp_path / "run"), config_of("demo", *ADAPTIVE)).plan
    first, second, *_ = plan.exam_shards(0)
    rows = [replace(r, correct=True, verdict="correct") for r in read_shard(plan.files, first)]
    write_shard(plan.files, first, rows, {}, replace=True)
    changed = fresh(plan).exam_shards(0)
    assert changed[0].fingerprint == first.fingerprint  # what it asks hangs on no answer
    assert changed[1:2] != [second]
    foreign = dict(verify_run(fresh(plan)))
    assert len(changed) == 1 or "foreign" in (foreign[second.path] or "")


def test_answers_that_could_not_be_run_are_neither_right_nor_wrong(tmp_path):
    plan = make_run(str(tmp_path / "run"), config_of("demo", *ADAPTIVE)).plan
    first = plan.exam_shards(0)[0]
    rows = read_shard(plan.files, first)
    rows[0] = replace(rows[0], finish_reason="error:too long", correct=False)
    write_shard(plan.files, first, rows, {}, replace=True)
    answers: dict = {}
    absorb(answers, plan.files, first.path)
    row = rows[0]
    told = answers[row.problem_id, row.rationale_key]
    assert told[row.exam_problem_id, row.repetition] is None


@pytest.mark.parametrize(
    ("overrides", "said"),
    [
        (["exam.scorer=likelihood"], "set exam.scorer=sampled"),
        (["exam.deduplicate=false"], "exam.deduplicate=true"),
        (["controls=[lbt]"], "take lbt out of controls"),
        (["preferences.lbt_weight=0"], "lbt_weight above 0"),
        (["exam.first_round=9"], "below the 9 answers"),
        (["students=[{path: a}, {path: b}]"], "one student"),
    ],
)
def test_settings_that_make_no_sense_together_are_refused(overrides, said):
    with pytest.raises(UserError, match=said) as caught:
        load_config("demo", ["exam.adaptive=true", *overrides])
    assert "exam.adaptive" in str(caught.value)


def test_other_pairs_under_adaptive_exams_are_refused(made):
    changed = config_of("demo", *ADAPTIVE, "preferences.min_gap=0.1")
    with pytest.raises(UserError, match=r"preferences\.min_gap.*examine"):
        RunStore.start(made.store.files.uri, changed)
    more = config_of("demo", *ADAPTIVE, "preferences.pairs=9")  # no round hangs on it
    RunStore.start(made.store.files.uri, more)


def test_the_same_change_under_full_exams_is_not(tmp_path):
    made = make_run(str(tmp_path / "run"), config_of("demo"))
    RunStore.start(made.store.files.uri, config_of("demo", "preferences.min_gap=0.1"))
