"""Exams scored by the likelihood of references: what is asked, and what scores come of it."""

import math

import pytest

from lbt_core.generation import Completion
from lbt_core.method.exams import Exam, exam_places
from lbt_core.method.extraction import Extraction
from lbt_core.method.likelihood import UNAIDED, reference_of, score_likelihoods, weigh
from lbt_core.method.preferences import PreferenceSpec
from lbt_core.method.prompts import Renderer
from lbt_core.store.rows import Problem, Rationale, text_key

TAUGHT = Problem("t", "What is 1 + 1?", "2")
ASKED = (Problem("a", "What is 2 + 2?", "4", solution="Count."), Problem("b", "3 + 3?", "6"))


def rationale(sample: int, text: str, problem: str = "t") -> Rationale:
    key = text_key(text)
    return Rationale(problem, sample, text, key, "stop", 5, 5, "correct", "t", None, True)


def places(*texts: str):
    exams = [Exam(TAUGHT, text_key(text), text, ASKED) for text in texts]
    return exam_places(exams, 1)


def weighed(generate, *texts: str):
    return weigh(
        places(*texts),
        student="s",
        reference="answer",
        renderer=Renderer(),
        generate=generate,
        extract=lambda found: [Extraction(text, "2", "final answer block") for text in found],
    )


def test_reference_is_the_answer_in_its_block_after_its_header():
    lead, wanted = reference_of(ASKED[0], "answer")
    assert lead == "'''\n[[Final Answer]]:\n$"
    assert wanted == "4$\n'''"


def test_reference_is_the_solution_with_the_block_after_it():
    assert reference_of(ASKED[0], "solution") == ("", "Count.\n\n'''\n[[Final Answer]]:\n$4$\n'''")
    with pytest.raises(ValueError, match="problem b has no worked solution"):
        reference_of(ASKED[1], "solution")


def test_each_reference_is_read_with_the_rationale_and_once_without():
    seen = []

    def generate(requests):
        seen.extend(requests)
        return [
            Completion(r.id, "", "stop", 9, 4, -8.0 if r.id.startswith(UNAIDED) else -2.0)
            for r in requests
        ]

    rows = weighed(generate, "good", "bad")
    assert len(rows) == 4
    assert {(r.logprob, r.unaided, r.tokens, r.repetition) for r in rows} == {(-2.0, -8.0, 4, 0)}
    assert [r.id for r in seen if r.id.startswith(UNAIDED)] == [f"{UNAIDED}/a", f"{UNAIDED}/b"]
    assert len({r.id for r in seen}) == len(seen) == 2 + 4
    aided = [r for r in seen if not r.id.startswith(UNAIDED)]
    assert all(r.prompt.endswith("[[Final Answer]]:\n$") for r in seen)
    assert [("good" in r.prompt, "bad" in r.prompt) for r in aided] == [(True, False)] * 2 + [
        (False, True)
    ] * 2
    assert {r.continuation for r in seen} == {"4$\n'''", "6$\n'''"}


def test_what_could_not_be_run_is_named_and_has_no_gain():
    def generate(requests):
        return [
            Completion(r.id, "", "error:too long", 9, 0)
            if r.id == f"{UNAIDED}/a"
            else Completion(r.id, "", "stop", 9, 4, -2.0)
            for r in requests
        ]

    one, other = weighed(generate, "text")
    assert (one.finish_reason, one.logprob, one.unaided) == ("error:too long", 0.0, 0.0)
    assert other.finish_reason == "stop"


def scores(rows, gains, deduplicate=True):
    return score_likelihoods(
        rows, gains, students=["s"], deduplicate=deduplicate, spec=PreferenceSpec()
    )


def test_score_is_the_place_of_the_gain_among_all_less_its_problems_mean():
    rows = [rationale(0, "x"), rationale(1, "y"), rationale(0, "u", "q"), rationale(1, "v", "q")]
    gains = [
        *[("t", text_key("x"), "s", g) for g in (0.5, 1.5)],  # problem t: 1.0 and -1.0
        *[("t", text_key("y"), "s", -1.0)],
        ("q", text_key("u"), "s", 9.2),  # an easy problem: 0.1 and -0.1
        ("q", text_key("v"), "s", 9.0),
    ]
    found = [s.lbt for s in scores(rows, gains)]
    assert found == [0.875, 0.125, 0.625, 0.375]
    assert [s.exam_answers for s in scores(rows, gains)] == [2, 1, 1, 1]


def test_texts_that_are_alike_score_alike_and_one_without_gain_scores_nothing():
    rows = [rationale(0, "x"), rationale(1, "y"), rationale(2, "x"), rationale(3, "z")]
    found = scores(rows, [("t", text_key(k), "s", -0.3) for k in ("x", "y")])
    assert [s.lbt for s in found] == [0.5, 0.5, 0.5, 0.0]
    assert [s.exam_answers for s in found] == [1, 1, 1, 0]
    assert found[0].score == 0.5 + 0.5 * 0.5
    assert all(math.isfinite(s.score) for s in found)
