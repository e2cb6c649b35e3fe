"""The diagnostics of a stored run with two students, and what they say."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from lbt_core.generation import Completion, Request, Settings
from lbt_core.method.exams import examine, set_exams
from lbt_core.method.extraction import extract
from lbt_core.method.prompts import Renderer, final_answer_block
from lbt_core.method.sampling import Generate, sample
from lbt_core.reporting.findings import run_diagnostics, savings_words
from lbt_core.run.config import load_config
from lbt_core.run.exam_savings import Savings
from lbt_core.run.plan import SPLITS, Plan, student_labels
from lbt_core.run.preparation import design_exams
from lbt_core.run.record import RunStore
from lbt_core.run.results import compute_scores, stored_rationales
from lbt_core.store import write_shard
from lbt_core.subjects.ode.answers import Grade
from lbt_core.subjects.ode.problem import OdeProblem

RIGHT, WRONG = final_answer_block("right"), final_answer_block("wrong")
TAUGHT, ASKED = 4, 3
SETTINGS = Settings(0.0, 0, 1.0, 16)
OVERRIDES = (
    "sampling.num_rationales=3",
    f"exam.problems={ASKED}",
    "shards.problems=2",
    "students=[{path: attentive}, {path: asleep}]",
)


def problems() -> dict[str, list[OdeProblem]]:
    def some(split: str, count: int, lucky: bool) -> list[OdeProblem]:
        return [
            OdeProblem(
                f"{split}-{i}", f"Solve y' = {i + 2}*x in {split}.", "right", "", lucky=lucky
            )
            for i in range(count)
        ]

    return {"train": some("train", TAUGHT, True), "exam": some("exam", ASKED, False)} | {
        "validation": [],
        "test": some("test", 1, False),
    }


def grade_many(items: Sequence[tuple[OdeProblem, str]]) -> list[Grade]:
    """Right where the text ends in the problem's answer."""
    return [
        Grade(
            "correct" if text.endswith(final_answer_block(p.answer)) else "incorrect",
            "test",
            "right" if text.endswith(RIGHT) else "wrong",
            0.0,
        )
        for p, text in items
    ]


def saying(words: Sequence[str]) -> Generate:
    """Answers with these texts in turn."""

    def generate(requests: Sequence[Request]) -> list[Completion]:
        return [
            Completion(r.id, words[i % len(words)], "stop", 1, 1) for i, r in enumerate(requests)
        ]

    return generate


def echoing(requests: Sequence[Request]) -> list[Completion]:
    """Right where the prompt's example is."""
    return [
        Completion(r.id, RIGHT if "$right$" in r.prompt else WRONG, "stop", 1, 1) for r in requests
    ]


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    config = load_config("demo", OVERRIDES)
    store = RunStore.start(str(tmp_path / "run"), config)
    students = student_labels(config)
    names = ["subject", "corpus", "teacher", *(f"student {label}" for label in students)]
    store.settle_identities(dict.fromkeys(names, "x"))
    plan = Plan(store.files, config, store.identities)
    rows, renderer = problems(), Renderer()
    for split in SPLITS:
        write_shard(store.files, plan.problem_shards()[split], rows[split])
    places = design_exams(rows["train"], rows["exam"], config)
    write_shard(store.files, plan.design_shard(), places)
    # one right rationale a problem and two wrong ones
    teacher = saying([f"First. {RIGHT}", f"First. {WRONG}", f"Second. {WRONG}"])
    engines = {"attentive": echoing, "asleep": saying([RIGHT, WRONG])}
    for index, shard in enumerate(plan.sample_shards):
        written = sample(
            plan.taught(index),
            samples=config.sampling.num_rationales,
            settings=SETTINGS,
            renderer=renderer,
            seed=0,
            generate=teacher,
            grade=grade_many,
        )
        write_shard(store.files, shard, written)
        exams = set_exams(written, plan.problem_by_id, plan.design, config.exam.deduplicate)
        for student, exam_shard in zip(students, plan.exam_shards(index), strict=True):
            answers = examine(
                exams,
                student=student,
                repetitions=config.exam.repetitions,
                settings=SETTINGS,
                renderer=renderer,
                seed=0,
                generate=engines[student],
                grade=grade_many,
                extract=lambda texts: [extract(text) for text in texts],
            )
            write_shard(store.files, exam_shard, answers)
    return plan


@pytest.fixture
def found(plan: Plan) -> dict[str, str]:
    rationales = stored_rationales(plan)
    rows = run_diagnostics(plan, rationales, compute_scores(plan, rationales), grade_many)
    assert all(row.meaning for row in rows)
    return {row.name: row.value for row in rows}


def test_only_the_attentive_student_is_faithful(found: dict[str, str]) -> None:
    assert found["Student fidelity, attentive"].startswith("1.00")
    assert found["Student fidelity, asleep"].startswith("0.00")


def test_lucky_shares_are_those_of_the_exams(found: dict[str, str]) -> None:
    assert found["Lucky problems, taught / asked"] == "100% / 0%"


def test_choosing_by_lbt_beats_the_vote(found: dict[str, str]) -> None:
    # two wrong votes against one; the right rationale teaches the attentive student
    assert found["Answer by majority vote"].startswith("0.0%")
    assert found["Answer by LbT, MAX"].startswith("100.0%")


def test_students_are_compared(found: dict[str, str]) -> None:
    assert "kappa" in found["Agreement of asleep and attentive"]


def test_exams_have_a_diversity(found: dict[str, str]) -> None:
    assert 0 < float(found["Exam diversity"]) < 1


def test_savings_are_told_with_what_they_cost() -> None:
    asked, kept = savings_words(Savings(58, 90, 3, 20, 40, 16, 15))
    assert asked.value == "58 of 90 (64%)"
    assert "those of 3 problems in full" in asked.meaning
    assert "asked 50%" in asked.meaning
    assert kept.value == "15 of 16 (94%)"
    assert savings_words(Savings(9, 9, 1, 9, 9, 0, 0))[1].value == "undefined"
