"""Random families of solutions: equivalent rewrites are accepted, perturbations rejected; hostile
text always gets a verdict.
"""

from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lbt_core.store.rows import VERDICTS
from lbt_core.subjects.ode.answers import extract, grade, prove
from lbt_core.subjects.ode.problem import Condition, OdeProblem
from lbt_core.subjects.ode.tiny.demonstration import as_problem
from lbt_core.subjects.ode.tiny.pools import FAMILIES, draft

QUIET = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
ROOTS = st.lists(st.integers(-4, 4), min_size=2, max_size=2, unique=True)
NAMES = st.sampled_from(
    [("C_1", "C_2"), ("A", "B"), ("c_1", "c_2"), ("K_1", "K_2"), ("\\alpha", "\\beta"), ("a", "b")]
)
FORMS = st.sampled_from(["latex", "plain", "factored", "reciprocal", "hyperbolic", "mixed"])


def second_order(roots: list[int], ics: tuple[Condition, ...] = ()) -> OdeProblem:
    r, s = roots
    ode = f"Eq(Derivative(y(x), (x, 2)) - ({r + s})*Derivative(y(x), x) + ({r * s})*y(x), 0)"
    answer = f"$y = C_1 e^{{{r}x}} + C_2 e^{{{s}x}}$"
    return OdeProblem(
        "p", "Solve it.", answer, kind="ivp" if ics else "general", ode=ode, ics=ics, func="y(x)"
    )


def written(form: str, roots: list[int], names: tuple[str, str], scale: int) -> str:
    r, s = roots
    a, b = names
    if form == "latex":
        return f"$y(x) = {scale}{a} e^{{{r} x}} + {b} e^{{{s} x}}$"
    if form == "plain":
        a, b = (n.strip("\\") for n in names)
        return f"y = {a}*exp({r}*x)/{scale} + {b}*exp({s}*x)"
    if form == "factored":
        return f"[[Final Answer]]:\n$e^{{{r}x}}\\left({a} + {b} e^{{{s - r}x}}\\right)$"
    if form == "reciprocal":
        return f"\\boxed{{y=\\frac{{{a}}}{{e^{{{-r}x}}}}+\\frac{{{scale}{b}}}{{e^{{{-s}x}}}}}}"
    if form == "hyperbolic":
        return f"$y = {a}(\\cosh({r}x)+\\sinh({r}x)) + {b}(\\cosh({s}x)+\\sinh({s}x))$"
    return f"$y = ({a}+{b})e^{{{r}x}} + ({a}-{b})e^{{{s}x}}$"


@QUIET
@given(ROOTS, NAMES, FORMS, st.integers(2, 9))
def test_rewrites_of_a_general_solution_are_accepted(
    roots: list[int], names: tuple[str, str], form: str, scale: int
) -> None:
    text = written(form, roots, names, scale)
    assert grade(second_order(roots), text).verdict == "correct", text


@QUIET
@given(ROOTS, NAMES, FORMS, st.integers(2, 9), st.sampled_from([-1, 1]))
def test_a_wrong_root_is_rejected(
    roots: list[int], names: tuple[str, str], form: str, scale: int, shift: int
) -> None:
    moved = (
        [roots[0], roots[1] + shift]
        if roots[1] + shift != roots[0]
        else [roots[0], roots[1] - shift]
    )
    text = written(form, moved, names, scale)
    assert grade(second_order(roots), text).verdict == "incorrect", text


@QUIET
@given(ROOTS, st.integers(1, 9))
def test_a_missing_or_merged_constant_is_rejected(roots: list[int], scale: int) -> None:
    r, s = roots
    for text in (
        f"$y = Ce^{{{r}x}}$",
        f"$y = C(e^{{{r}x}} + {scale}e^{{{s}x}})$",
        f"$y={scale}e^{{{r}x}}+e^{{{s}x}}$",
    ):
        assert grade(second_order(roots), text).verdict == "incorrect", text


@QUIET
@given(ROOTS, st.integers(-5, 5), st.integers(-5, 5), st.integers(1, 3))
def test_initial_values_are_checked(roots: list[int], a: int, b: int, off: int) -> None:
    r, s = roots
    ics = (Condition(0, "0", str(a + b)), Condition(1, "0", str(a * r + b * s)))
    problem = second_order(roots, ics)
    assert grade(problem, f"$y = {a}e^{{{r}x}} + ({b})e^{{{s}x}}$").verdict == "correct"
    assert grade(problem, f"$y = {a + off}e^{{{r}x}} + ({b})e^{{{s}x}}$").verdict == "incorrect"
    assert grade(problem, f"$y = {a}e^{{{r}x}} + ({b})e^{{{s}x}} + C$").verdict == "incorrect"


@QUIET
@given(st.text(max_size=200))
def test_any_text_gets_a_verdict(text: str) -> None:
    problem = second_order([1, 2])
    assert grade(problem, text).verdict in VERDICTS


MATHS = st.lists(
    st.sampled_from(
        [
            *"xyCeA0123456789+-*/^(){}[]|=,;'!_ $",
            "\\frac",
            "\\sqrt",
            "\\left",
            "\\right",
            "\\sin",
            "\\ln",
            "\\int",
            "\\sum",
            "\\boxed{",
            "\\begin{cases}",
            "\\end{cases}",
            "\\\\",
            "&",
            "e^",
            "\\pm",
            "[[Final Answer]]:",
            " or ",
            "\\text{",
            "**",
            "\n",
            "\\cdot",
            "dx",
        ]
    ),
    max_size=40,
).map("".join)


@QUIET
@given(MATHS)
def test_broken_mathematics_is_never_right(text: str) -> None:
    """No string of 40 pieces solves this by chance: y'' = y' + e^(sin x) with three conditions."""
    problem = OdeProblem(
        "p",
        "Solve it.",
        "?",
        kind="ivp",
        ode="Eq(Derivative(y(x), (x, 2)), Derivative(y(x), x) + exp(sin(x)))",
        ics=(Condition(0, "0", "17/13"),),
        func="y(x)",
    )
    assert grade(problem, text).verdict in ("incorrect", "unparsable", "undecided")
    assert extract(text).reasoning is not None


@pytest.mark.parametrize("family", sorted(FAMILIES))
def test_generated_family(family: str) -> None:
    """200 reference solutions and as many by another right way are right; 200 by a misconception
    are wrong.
    """
    rng = Random(11)
    failures = []
    for index in range(200):
        made = draft(family, rng, index % 2 == 0, from_held_out=True)
        problem = as_problem(made, "train")
        expected = {"D": True, "T": True, "W2": False, "W1": made.lucky}
        for way, right in expected.items():
            if (grade(problem, made.rationale(way)).verdict == "correct") != right:
                failures.append((way, made.ways[way].answer, problem.question))
        if prove(problem).verdict != "correct":
            failures.append(("proof", problem.answer, problem.question))
    assert failures == []


@pytest.mark.parametrize(
    "piece",
    [
        "(",
        "- ",
        "**",
        "$",
        "1,",
        "\\text{",
        "<think>",
        "</think>",
        "Answer: ",
        "answer is ",
        "\n- ",
        "[0,1)\\cup",
        "1 2/3 ",
        "72 g and ",
        "\\boxed{",
        "2^",
        "((1)(",
        "n=1,2,",
        "|",
        "\\int ",
        "½",
    ],
)
def test_a_piece_repeated_many_times_is_cheap_and_never_right(piece: str) -> None:
    for reference in ("72 grams", "$(-\\infty,4)\\cup(5,6)$", "$n^2$, $n=1,2,\\ldots$"):
        problem = OdeProblem("p", "How many grams?", reference)
        for text in (piece * 800, piece * 800 + "5"):
            verdict = grade(problem, text)
            assert verdict.verdict in VERDICTS and verdict.verdict != "correct"
