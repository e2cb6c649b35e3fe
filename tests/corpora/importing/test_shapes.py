"""Nested sources of many shapes come out as the same kind of questions."""

from typing import Any

import pytest

from lbt_core.corpora.importing.fields import parse_map

EULER = "Solve $x^2 y'' - 2y = 0$."
DECAY = "Solve $y' = -3y$ with $y(0) = 2$."


@pytest.mark.parametrize(
    "question", ["question", "problem", "text", "statement", "prompt", "stem", "Problem Text"]
)
@pytest.mark.parametrize(
    "answer", ["answer", "ans", "final_answer", "answers", "answer_raw", "Reference-Answer"]
)
def test_common_names_of_question_and_answer_are_known(
    run: Any, question: str, answer: str
) -> None:
    got = run([{question: EULER, answer: "$y = C_1 x^2 + C_2/x$"}])
    assert [(p.question, p.answer) for p in got.problems.values()] == [
        (EULER, "$y = C_1 x^2 + C_2/x$")
    ]


@pytest.mark.parametrize(
    "source",
    [
        {"exercises": [{"id": "e1", "stem": EULER, "answer": "y = x"}]},
        {
            "chapters": [
                {
                    "title": "Euler",
                    "sections": [
                        {
                            "title": "S",
                            "exercises": [{"id": "e1", "stem": EULER, "answer": "y = x"}],
                        }
                    ],
                }
            ]
        },
        {
            "Chapter 1": {
                "Section 1.1": [{"id": "e1", "problem": EULER, "solution": "Thus \\boxed{y = x}."}]
            }
        },
        {"book": {"data": {"problems": {"e1": {"question": EULER, "answer": "y = x"}}}}},
        {"problems": [{"id": "e1", "question": {"text": EULER}, "answer": {"latex": "y = x"}}]},
        {
            "sections": [
                {"exercises": [{"number": "e1", "text": EULER}], "answers": {"e1": "y = x"}}
            ]
        },
        {"sections": [{"exercises": [EULER], "answers": ["y = x"]}]},
        [[{"id": "e1", "question": [EULER], "answers": ["y = x"]}]],
    ],
)
def test_containers_of_many_shapes_hold_the_same_exercise(run: Any, source: Any) -> None:
    got = run(source)
    assert [(p.question, p.answer) for p in got.problems.values()] == [(EULER, "y = x")]
    assert got.summary["items"] == 1


PARTS = [
    {
        "parts": [
            {"label": "a", "text": "$y'=y$", "answer": "A"},
            {"label": "b", "text": "$y'=2y$", "answer": "B"},
        ]
    },
    {
        "parts": [{"label": "(a)", "question": "$y'=y$"}, {"label": "(b)", "question": "$y'=2y$"}],
        "answers": {"a": "A", "b": "B"},
    },
    {"parts": {"a": "$y'=y$", "b": "$y'=2y$"}, "answers": {"a": "A", "b": "B"}},
    {"parts": {"a": {"text": "$y'=y$", "ans": "A"}, "b": {"text": "$y'=2y$", "ans": "B"}}},
    {"subproblems": ["$y'=y$", "$y'=2y$"], "answers": ["A", "B"]},
    {"items": ["$y'=y$", "$y'=2y$"], "answer": "(a) A (b) B"},
    {"subparts": ["$y'=y$", "$y'=2y$"], "answer": "a) A\\quad b) B"},
    {
        "sub_questions": [{"prompt": "$y'=y$"}, {"prompt": "$y'=2y$"}],
        "answers": [{"label": "b", "answer": "B"}, {"label": "a", "answer": "A"}],
    },
]


@pytest.mark.parametrize("shape", PARTS)
def test_parts_of_many_shapes_become_questions_with_the_stem(
    run: Any, shape: dict[str, Any]
) -> None:
    got = run([{"id": "e", "stem": "Solve:", **shape}])
    assert {p.id: (p.question, p.answer, p.parent) for p in got.problems.values()} == {
        "e.a": ("Solve: $y'=y$", "A", "e"),
        "e.b": ("Solve: $y'=2y$", "B", "e"),
    }


def test_parts_of_parts_get_every_stem_above_them(run: Any) -> None:
    inner = {
        "label": "a",
        "text": "With $y(0)=1$:",
        "parts": [{"label": "i", "text": "find $y(1)$.", "answer": "$e$"}],
    }
    got = run([{"id": "e7", "stem": "Let $y'=y$.", "parts": [inner]}])
    (problem,) = got.problems.values()
    assert problem.question == "Let $y'=y$.\nWith $y(0)=1$: find $y(1)$."
    assert problem.id == "e7a.i"


def test_shared_instructions_travel_and_chapter_texts_do_not(run: Any) -> None:
    source = {
        "chapters": [
            {
                "title": "Linear equations",
                "text": "In this chapter we meet linear equations.",
                "problem_sets": [
                    {
                        "instructions": "Find the general solution.",
                        "problems": [{"text": "$y'=y$", "answer": "C"}],
                    }
                ],
            }
        ]
    }
    (problem,) = run(source).problems.values()
    assert problem.question == "Find the general solution.\n$y'=y$"
    assert problem.topic == "Linear equations"


def test_an_own_topic_wins_over_section_and_title(run: Any) -> None:
    exercise = {"question": DECAY, "answer": "x"}
    source = {
        "title": "T",
        "exercises": [
            exercise,
            {**exercise, "question": EULER, "section": "S"},
            {**exercise, "question": "Find $y$ from $y'=1$.", "topic": "own"},
        ],
    }
    assert [p.topic for p in sorted(run(source).problems.values(), key=lambda p: p.source)] == [
        "T",
        "S",
        "own",
    ]


def test_machine_fields_of_the_source_are_kept_and_not_spread_over_parts(run: Any) -> None:
    source = [
        {
            "id": "m",
            "question": DECAY,
            "answer": "$y=2e^{-3t}$",
            "ode": "Eq(Derivative(y(t), t), -3*y(t))",
            "ics": [[0, "0", "2"]],
            "func": "y(t)",
            "kind": "ivp",
        },
        {
            "id": "n",
            "stem": "Take $y'=y$.",
            "ode": "Eq(Derivative(y(x), x), y(x))",
            "parts": [{"text": "Find $y(2)$ if $y(0)=1$.", "answer": "$e^2$"}],
        },
    ]
    got = run(source).problems
    assert (got["m"].ode, got["m"].func, got["m"].kind) == (
        "Eq(Derivative(y(t), t), -3*y(t))",
        "y(t)",
        "ivp",
    )
    assert (got["m"].ics[0].order, got["m"].ics[0].at, got["m"].ics[0].value) == (0, "0", "2")
    assert got["n.a"].ode is None


def test_a_map_names_unusual_fields(run: Any) -> None:
    source = {"payload": {"list": [{"q": {"de": EULER}, "sol": [{"kurz": "y = x"}]}]}}
    fields = parse_map(["items=payload.list", "question=q.de", "answer=sol[0].kurz"])
    (problem,) = run(source, fields=fields).problems.values()
    assert (problem.question, problem.answer) == (EULER, "y = x")


def test_items_without_any_question_are_counted(run: Any) -> None:
    got = run([{"id": "1", "foo": 3}, {"question": EULER, "answer": "y"}, "Solve $y'=4$."])
    assert got.summary["items"] == 3
    assert got.reason("[0]") == "no question text"
    assert got.reason("[2]") == "no reference answer"
