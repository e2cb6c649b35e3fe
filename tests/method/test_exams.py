from dataclasses import replace
from uuid import uuid4

import pytest
from test_sampling import SETTINGS, Recorder, grade_by

from lbt_core import UserError
from lbt_core.method.exams import (
    Exam,
    exam_keys,
    examine,
    rationale_key,
    score,
    set_exams,
    shown_example,
)
from lbt_core.method.extraction import extract
from lbt_core.method.preferences import PreferenceSpec
from lbt_core.method.prompts import Example, Renderer
from lbt_core.run.config import load_config
from lbt_core.run.plan import Plan, resolve_identities
from lbt_core.run.preparation import design_exams, prepare
from lbt_core.store import Files, write_shard
from lbt_core.store.rows import ExamPlace, Problem, Rationale, text_key

PROBLEMS = {f"p{i}": Problem(f"p{i}", f"Solve y' = {i}.", f"y = {i}x + C") for i in range(4)}
DESIGN = {f"p{i}": [PROBLEMS[f"p{j}"] for j in range(4) if j != i][:2] for i in range(4)}
RIGHT = "So we integrate.\n'''\n[[Final Answer]]:\n$y = 1x + C$\n'''"


def rationale(problem_id, sample, text, finish_reason="stop", correct=True):
    return Rationale(
        problem_id=problem_id,
        sample=sample,
        text=text,
        text_key=text_key(text),
        finish_reason=finish_reason,
        prompt_tokens=1,
        tokens=1,
        verdict="correct" if correct else "incorrect",
        method="test",
        answer=None,
        correct=correct,
    )


class TestSetExams:
    SAME = (rationale("p0", 0, "one"), rationale("p0", 1, "one"), rationale("p0", 2, "two"))

    def test_same_text_of_a_problem_shares_an_exam(self):
        exams = set_exams(self.SAME, PROBLEMS, DESIGN, deduplicate=True)
        assert [e.rationale_key for e in exams] == [text_key("one"), text_key("two")]

    def test_every_rationale_takes_its_own_exam_where_that_is_asked_for(self):
        exams = set_exams(self.SAME, PROBLEMS, DESIGN, deduplicate=False)
        assert len({e.rationale_key for e in exams}) == 3

    def test_same_text_of_two_problems_takes_two_exams(self):
        rows = [rationale("p0", 0, "one"), rationale("p1", 0, "one")]
        exams = set_exams(rows, PROBLEMS, DESIGN, deduplicate=True)
        assert [e.problem.id for e in exams] == ["p0", "p1"]

    def test_exam_asks_the_designs_problems_in_its_order(self):
        exams = set_exams(self.SAME[:1], PROBLEMS, DESIGN, deduplicate=True)
        assert exams[0].questions == tuple(DESIGN["p0"])

    def test_prompt_that_could_not_be_run_takes_no_exam(self):
        rows = [rationale("p0", 0, "", "error:prompt of 9 tokens"), rationale("p0", 1, "one")]
        exams = set_exams(rows, PROBLEMS, DESIGN, deduplicate=True)
        assert [e.rationale_key for e in exams] == [text_key("one")]


def test_final_answer_block_of_a_rationale_is_shown_once():
    example = shown_example(PROBLEMS["p1"], extract(RIGHT))
    assert example == Example("Solve y' = 1.", "So we integrate.", "y = 1x + C")
    prompt = Renderer().one_shot(example, "Q")
    assert prompt.count("y = 1x + C") == 1
    assert prompt.count("[[Final Answer]]") == 2  # the instruction's and the example's


def test_rationale_without_an_answer_is_shown_without_the_block():
    example = shown_example(PROBLEMS["p1"], extract("We integrate\nand lose the thread"))
    prompt = Renderer().one_shot(example, "Q")
    assert "lose the thread" in prompt
    assert prompt.count("[[Final Answer]]") == 1  # the instruction's


def extract_all(texts):
    return [extract(text) for text in texts]


def exams_of(*texts):
    return [Exam(PROBLEMS["p0"], text_key(t), t, tuple(DESIGN["p0"])) for t in texts]


def answers(exams, generate, grade, repetitions=2):
    return examine(
        exams,
        student="s",
        repetitions=repetitions,
        settings=SETTINGS,
        renderer=Renderer(),
        seed=0,
        generate=generate,
        grade=grade,
        extract=extract_all,
    )


def test_rows_have_the_planned_keys_in_order():
    exams = exams_of("one", "two")
    rows = answers(exams, Recorder(), grade_by(lambda *_: True))
    found = [
        (r.problem_id, r.rationale_key, r.student, r.exam_problem_id, r.repetition) for r in rows
    ]
    assert found == exam_keys(exams, "s", 2)
    assert len(set(found)) == 8


def test_prompts_with_a_common_prefix_follow_each_other():
    """One rationale after the other, within it one question after the other: a prefix cache needs
    each rationale's text once."""
    generate = Recorder()
    answers(exams_of("one", "two"), generate, grade_by(lambda *_: True))
    prompts = [r.prompt for r in generate.requests]
    assert prompts == [
        Renderer().one_shot(
            Example(PROBLEMS["p0"].question, text, None), PROBLEMS[question].question
        )
        for text in ("one", "two")
        for question in ("p1", "p1", "p2", "p2")
    ]


def test_repetitions_have_seeds_of_their_own():
    generate = Recorder()
    answers(exams_of("one", "two"), generate, grade_by(lambda *_: True))
    assert len({r.seed for r in generate.requests}) == 8


def test_answers_are_graded_against_the_exam_problem():
    grade = grade_by(lambda problem, _: problem.id == "p2")
    rows = answers(exams_of("one"), Recorder(), grade, repetitions=1)
    assert [(r.exam_problem_id, r.correct) for r in rows] == [("p1", False), ("p2", True)]


class TestScore:
    SPEC = PreferenceSpec()

    def scores(self, rationales, results, students=("s",), deduplicate=True):
        return score(
            rationales, results, students=students, deduplicate=deduplicate, spec=self.SPEC
        )

    def results(self, text, student, *corrects):
        return [("p0", text_key(text), student, correct) for correct in corrects]

    def test_lbt_score_is_the_students_accuracy(self):
        results = self.results("one", "s", True, False, False, True)
        (found,) = self.scores([rationale("p0", 0, "one")], results)
        assert (found.lbt, found.exam_answers, found.lbt_by_student) == (0.5, 4, (0.5,))

    @pytest.mark.parametrize(("correct", "expected"), [(True, 0.75), (False, 0.25)])
    def test_score_is_half_verdict_half_lbt(self, correct, expected):
        results = self.results("one", "s", True, False)
        (found,) = self.scores([rationale("p0", 0, "one", correct=correct)], results)
        assert found.score == expected

    def test_lbt_score_is_the_mean_over_students_however_many_answers_each_gave(self):
        results = self.results("one", "a", True) + self.results("one", "b", False, False, False)
        (found,) = self.scores([rationale("p0", 0, "one")], results, students=("a", "b"))
        assert found.lbt_by_student == (1.0, 0.0)
        assert found.lbt == 0.5

    def test_identical_texts_share_their_score(self):
        rows = [rationale("p0", 0, "one"), rationale("p0", 1, "one")]
        found = self.scores(rows, self.results("one", "s", True))
        assert [f.lbt for f in found] == [1.0, 1.0]
        assert [f.sample for f in found] == [0, 1]

    def test_own_exams_are_told_apart(self):
        rows = [rationale("p0", 0, "one"), rationale("p0", 1, "one")]
        keys = [rationale_key(r, deduplicate=False) for r in rows]
        results = [("p0", keys[0], "s", True), ("p0", keys[1], "s", False)]
        assert [f.lbt for f in self.scores(rows, results, deduplicate=False)] == [1.0, 0.0]

    def test_same_text_of_another_problem_does_not_count(self):
        results = [("p1", text_key("one"), "s", True)]
        (found,) = self.scores([rationale("p0", 0, "one")], results)
        assert (found.lbt, found.exam_answers) == (0.0, 0)

    def test_rationale_without_an_exam_scores_nothing(self):
        (found,) = self.scores([rationale("p0", 0, "", "error:long", correct=False)], [])
        assert (found.lbt, found.score, found.exam_answers) == (0.0, 0.0, 0)


class TestDesign:
    """Which problems make an exam, through the stored design that every run goes by."""

    CONFIG = load_config(
        "demo",
        [
            "corpus.generated.train=20",
            "corpus.generated.exam=20",
            "corpus.generated.validation=0",
            "corpus.generated.test=4",
            "exam.problems=3",
        ],
    )

    def stored_design(self, config, splits):
        files = Files(f"memory://design-{uuid4()}/run")
        plan = Plan(files, config, resolve_identities(config))
        for split, shard in plan.problem_shards().items():
            write_shard(files, shard, splits[split])
        places = design_exams(splits["train"], splits[config.exam.bank], config)
        write_shard(files, plan.design_shard(), places)
        return plan.design

    @pytest.mark.parametrize("bank", ["train", "exam"])
    @pytest.mark.parametrize("selection", ["nearest", "spread"])
    def test_no_problem_nor_a_duplicate_of_it_is_in_its_own_exam(self, bank, selection):
        overrides = {"bank": bank, "selection": selection}
        config = self.CONFIG.model_copy(
            update={"exam": self.CONFIG.exam.model_copy(update=overrides)}
        )
        splits = prepare(config)
        twin = replace(splits["train"][0], id="twin", question=splits["train"][0].question + " ")
        splits[bank].append(twin if bank == "train" else replace(twin, split="exam"))
        design = self.stored_design(config, splits)
        questions = {p.id: p.question.split() for p in splits["train"]}
        assert {len(asked) for asked in design.values()} == {3}
        for problem_id, asked in design.items():
            assert problem_id not in {p.id for p in asked}
            assert questions[problem_id] not in [p.question.split() for p in asked]
            assert len({p.id for p in asked}) == 3

    def test_exam_problems_come_from_the_bank_and_most_similar_first(self):
        splits = prepare(self.CONFIG)
        places = design_exams(splits["train"], splits["exam"], self.CONFIG)
        bank = {p.id for p in splits["exam"]}
        assert {p.exam_problem_id for p in places} <= bank
        first = [p for p in places if p.problem_id == splits["train"][0].id]
        assert [p.rank for p in first] == [0, 1, 2]
        assert first == sorted(first, key=lambda p: -p.similarity)
        assert isinstance(first[0], ExamPlace)

    def test_bank_that_is_too_small_is_refused(self):
        splits = prepare(self.CONFIG)
        with pytest.raises(UserError, match=r"fewer than 3 exam problems among 2"):
            design_exams(splits["train"], splits["exam"][:2], self.CONFIG)
