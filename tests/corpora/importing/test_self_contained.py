"""What a question needs travels with it; what cannot come along is set aside with its reason."""

from typing import Any

import pytest


def flat(run: Any, stem: str, *parts: tuple[str, str], **more: Any) -> dict[str, str]:
    """Questions by label of one exercise with parts (text, answer)."""
    listed = [{"text": text, "answer": answer} for text, answer in parts]
    got = run([{"id": "e", "stem": stem, "parts": listed, **more}])
    return {name.split(".")[1]: p.question for name, p in got.problems.items()}


@pytest.mark.parametrize(
    "later",
    [
        "Use part (a) to find $y(2)$.",
        "Using your answer from a), find $y(2)$.",
        "Now find $y(2)$.",
        "Find the errors at $t=2$.",
        "Where does this solution vanish?",
    ],
)
def test_a_part_that_needs_an_earlier_one_gets_its_text_and_answer(run: Any, later: str) -> None:
    got = flat(run, "Let $y'=y$, $y(0)=1$.", ("Solve by Euler's method.", "$1.1^n$"), (later, "7"))
    assert got["b"] == (
        "Let $y'=y$, $y(0)=1$.\nPart (a) was: Solve by Euler's method.\nIts answer: $1.1^n$\n"
        + later
    )


def test_a_task_without_an_equation_gets_the_part_that_has_it(run: Any) -> None:
    got = flat(
        run,
        "",
        ("Find a particular solution of $y''+2y=e^x$.", "$e^x/3$"),
        ("Find the general solution.", "$C$"),
    )
    assert got["b"].startswith("Part (a) was: Find a particular solution of $y''+2y=e^x$.")


def test_a_letter_defined_in_an_earlier_part_brings_that_part(run: Any) -> None:
    first = "Compute the eigenvalues of $A = \\begin{bmatrix} 1 & 2 \\\\ 0 & 3 \\end{bmatrix}$."
    got = flat(run, "", (first, "1, 3"), ("Solve $x' = A x$.", "$C$"))
    assert first in got["b"]


def test_independent_parts_get_the_stem_alone(run: Any) -> None:
    got = flat(run, "Solve:", ("$y'=y$", "A"), ("$y'=2y$,", "B"), ("$y''=y$", "C"))
    assert got == {"a": "Solve: $y'=y$", "b": "Solve: $y'=2y$", "c": "Solve: $y''=y$"}


def test_needs_go_through_the_parts_between(run: Any) -> None:
    got = flat(
        run,
        "Let $x'=2t$, $x(0)=0$.",
        ("Approximate $x(4)$ with step 1.", "12"),
        ("Solve exactly, and compute the errors.", "4"),
        ("By what factor did the errors of part b) change?", "2"),
    )
    assert got["c"].count("was:") == 2


def test_an_earlier_answer_that_holds_the_asked_one_is_not_shown(run: Any) -> None:
    got = flat(
        run,
        "Let $y'=y$.",
        ("Solve it.", "$y=Ce^x$, stable origin"),
        ("Now classify.", "stable origin"),
    )
    assert "Its answer" not in got["b"]


def test_a_part_that_names_a_later_part_is_set_aside(run: Any) -> None:
    parts = [
        {"text": "Solve $y'=y$ as in part (c).", "answer": "1"},
        {"text": "Solve $y'=2y$.", "answer": "2"},
        {"text": "Solve $y'=3y$.", "answer": "3"},
    ]
    got = run([{"id": "e", "stem": "Do this.", "parts": parts}])
    assert got.reason("[0].parts[0]") == "needs a part that is not there"


def test_one_answer_that_cannot_be_cut_keeps_the_parts_together(run: Any) -> None:
    got = run(
        [
            {
                "id": "e",
                "stem": "Solve $y'=y$",
                "parts": ["by separation,", "by an integrating factor."],
                "answer": "$y=Ce^x$",
            }
        ]
    )
    assert (
        got.problems["e"].question
        == "Solve $y'=y$\n(a) by separation\n(b) by an integrating factor."
    )
    assert (got.summary["items"], got.summary["parts"], got.summary["joined_parts"]) == (1, 2, 1)
    assert got.problems["e"].source == "[0] parts a, b"


def test_parts_resumed_after_the_parts_become_parts(run: Any) -> None:
    after = (
        "For b), c), find $x(\\infty)$.\n\\begin{tasks}[resume](2)\n\\task "
        "$x(0)=1$,\n\\task $x(0)=2$.\n\\end{tasks}"
    )
    got = run(
        [
            {
                "id": "e1",
                "stem": "Let $x'=x$.",
                "parts": ["Solve."],
                "after_parts": after,
                "answer": "a) $Ce^t$ b) $\\infty$ c) $7$",
            }
        ]
    )
    assert {n: (p.question.splitlines()[-1], p.answer) for n, p in got.problems.items()} == {
        "e1a": ("Solve.", "$Ce^t$"),
        "e1b": ("$x(0)=1$", "$\\infty$"),
        "e1c": ("$x(0)=2$.", "$7$"),
    }
    assert got.summary["resumed_parts"] == 2


def test_words_after_the_parts_travel_with_each(run: Any) -> None:
    got = flat(
        run,
        "Let $y'=y$. Find",
        ("$y(1)$,", "1"),
        ("$y(2)$.", "2"),
        after_parts="Round to 3 digits.",
    )
    assert got == {
        "a": "Let $y'=y$. Find $y(1)$.\nRound to 3 digits.",
        "b": "Let $y'=y$. Find $y(2)$.\nRound to 3 digits.",
    }


@pytest.mark.parametrize(
    ("question", "reason"),
    [
        ("Solve the equation above.", "refers to another place in the source"),
        ("Repeat \\exerciseref{ex:a} for $y'=y$.", "refers to another place in the source"),
        ("Solve \\eqref{eq:1}.", "refers to another place in the source"),
        ("Redo Exercise 3.4 with $k=2$.", "refers to another place in the source"),
        ("Solve the previous problem with $k=2$.", "refers to another place in the source"),
        ("Solve $y'=y$ with the method of this section.", "refers to another place in the source"),
        ("Match $y'=y$ to the figure below.", "needs a figure"),
        ("Read it off: \\includegraphics{a.png}", "needs a figure"),
        (
            "Show that $y=e^x$ solves $y'=y$.",
            "asks for a proof or explanation, which has no answer to compare",
        ),
        (
            "Verify that $y=e^x$ solves $y'=y$.",
            "asks for a proof or explanation, which has no answer to compare",
        ),
        ("Sketch the slope field of $y'=y$.", "asks for a drawing"),
        ("Solve $y'=y$. " + "Really. " * 3000, "question is too long"),
        ("", "no question text"),
    ],
)
def test_what_cannot_be_asked_alone_is_set_aside(run: Any, question: str, reason: str) -> None:
    other = {"question": "Solve $z'=z$.", "answer": "$Ce^t$"}
    got = run([{"question": question, "answer": "$y = Ce^x$", "id": "1"}, other])
    assert got.reason("[0]") == reason


@pytest.mark.parametrize(
    "question",
    [
        "Consider $x'+x=0$, $x(0)=0$. Which solutions does an equation such as the one above have?",
        "Show that $y=x$ solves $xy'=y$ and find the general solution.",
        "Is $y=x^2$ a solution of $x^2y''=2y$? Justify.",
        "Verify that $x=C_1e^t+C_2$ solves $x''=x'$. Find $C_1$ and $C_2$ so that "
        "$x(0)=10$, $x'(0)=100$.",
        "A ball is thrown from 10 feet above the ground. Find its height $h(t)$ if $h''=-32$.",
        "Sketch the slope field of $y'=y^3$. What solution satisfies $y(0)=0$?",
    ],
)
def test_what_can_be_asked_alone_is_imported(run: Any, question: str) -> None:
    assert run([{"question": question, "answer": "$1$"}]).summary["imported"] == 1


def test_remarks_that_point_elsewhere_are_dropped(run: Any) -> None:
    text = (
        "Use the improved Euler's method (see above) on $y'=y$. Compare with \\figurevref{fig:1}."
    )
    (problem,) = run([{"question": text, "answer": "2"}]).problems.values()
    assert problem.question == "Use the improved Euler's method on $y'=y$."


@pytest.mark.parametrize("answer", [None, "", "N/A", "Left to reader.", "-", [], float("nan")])
def test_no_answer_is_no_answer(run: Any, answer: Any) -> None:
    got = run(
        [
            {"question": "Solve $y'=y$.", "answer": answer},
            {"question": "Solve $y'=2$.", "answer": 2},
        ]
    )
    assert got.reason("[0]") == "no reference answer"


@pytest.mark.parametrize(
    ("record", "answer"),
    [
        ({"answer": 0.5}, "0.5"),
        ({"answer": 170.0}, "170"),
        ({"answer": True}, "Yes"),
        ({"answer": {"x": "$e^t$", "y": "$0$"}}, "x = $e^t$, y = $0$"),
        ({"answers": ["$x=1$", "$x=2$"]}, "$x=1$, $x=2$"),
        ({"answer": "We get \\boxed{y = \\frac{1}{x}}."}, "y = \\frac{1}{x}"),
        ({"solution": "Separate.\n#### $y=Ce^x$"}, "$y=Ce^x$"),
        ({"solution": "Separate.\nFinal answer: $y=Ce^x$."}, "$y=Ce^x$"),
        ({"answer": "$y=x$, \\quad Justification left to reader."}, "$y=x$"),
    ],
)
def test_answers_of_many_forms_become_text(run: Any, record: dict[str, Any], answer: str) -> None:
    (problem,) = run([{"question": "Solve $y'=y$.", **record}]).problems.values()
    assert problem.answer == answer
