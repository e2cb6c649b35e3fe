"""Right and wrong answers of every kind, through the isolated workers as a run grades them."""

import pytest

from lbt_core.method.prompts import final_answer_block
from lbt_core.store.rows import Problem
from lbt_core.subjects import GradePool

RIGHT = {
    "integer": [
        ("42", "42"),
        ("42", "42.0"),
        ("42", "+42"),
        ("-3", "−3"),
        ("7", "7."),
        ("0", "-0"),
    ],
    "thousands": [("1234", "1,234"), ("1,234", "1234"), ("70000", "70{,}000"), ("1e3", "1e3")],
    "currency": [("42", "\\$42"), ("70000", "$70,000"), ("18", "\\$18.00"), ("5", "€5")],
    "decimal": [("2.50", "2.5"), ("1/2", "0.5"), ("\\frac{3}{4}", ".75")],
    "fraction": [
        *(("\\frac{1}{2}", "2/4"), ("\\dfrac12", "\\tfrac{1}{2}"), ("-1/2", "\\frac{-1}{2}")),
        *(("1\\frac{1}{2}", "3/2"), ("1 1/2", "1.5"), ("2½", "5/2")),
        *(("\\frac{1}{3}", "0.333333"), ("1/6", "0.166667"), ("200/3", "66.6667")),
    ],
    "percent": [("10\\%", "10"), ("0.1", "10%"), ("10", "10 percent"), ("12.5%", "1/8")],
    "unit": [
        *(("18", "18 dollars"), ("18", "\\text{18 dollars}"), ("5 cm", "5\\text{ cm}")),
        *(("5", "5 m"), ("90", "90^\\circ"), ("90^\\circ", "90"), ("5 apples", "5 apple")),
    ],
    "name": [("18", "x = 18"), ("18", "S_1 = 18"), ("x = 18", "18")],
    "choice": [
        *(("B", "(B)"), ("B", "b"), ("B", "B. 12 apples"), ("(B)", "B"), ("\\text{(C)}", "C")),
        *(("B", "the answer is B"), ("D", "\\textbf{(D)}"), ("A", "Option A: nine"), ("E", "E.")),
    ],
    "words": [
        *(("\\text{Evelyn}", "Evelyn"), ("Monday", "monday."), ("no", "No")),
        ("\\text{even}", "\\text{Even}"),
    ],
    "expression": [
        *(("(x+1)^2", "x^2+2x+1"), ("3\\sqrt{2}", "\\sqrt{18}"), ("x^2 + y", "y + x^{2}")),
        *(("\\frac{\\pi}{4}", "0.25\\pi"), ("2^{10}", "1024"), ("e^2", "\\exp(2)")),
        *(("\\frac{\\sqrt{3}}{3}", "\\frac{1}{\\sqrt{3}}"), ("\\log_2 8", "3"), ("ab", "ba")),
    ],
    "set": [("\\{1,2\\}", "2, 1"), ("(1,2)", "(1, 2)"), ("[0,1)", "[0, 1)"), ("1,2,3", "3,2,1")],
    "equation": [("y=2x+1", "y = 1 + 2x"), ("2 \\le x \\le 5", "[2,5]")],
    "matrix": [
        ("\\begin{pmatrix}1\\\\2\\end{pmatrix}", "\\begin{pmatrix} 1 \\\\ 2 \\end{pmatrix}")
    ],
}
WRONG = {
    "integer": [("42", "43"), ("42", "24"), ("42", "-42"), ("42", "420"), ("12", "1 2")],
    "thousands": [("1234", "1,235"), ("1,234", "1.234"), ("5", "5,000")],
    "currency": [("42", "\\$43"), ("70000", "$7,000")],
    "decimal": [("3.14", "3.1"), ("42", "41.9999999"), ("0.0000001", "0"), ("2.5", "2,6")],
    "fraction": [
        *(("1/2", "2"), ("1/3", "0.33"), ("1/3", "0.3333"), ("1/3", "0.333331"), ("1/2", "1/0")),
        ("1\\frac{1}{2}", "11/2"),
    ],
    "percent": [("10%", "1000"), ("10%", "11%"), ("0.1", "0.1%")],
    "unit": [
        *(("18", "18 thousand"), ("5", "5 million"), ("5", "5x"), ("12", "1 dozen"), ("2", "2 pi")),
        *(("5 cm", "5 m"), ("5 cm", "6 cm"), ("5 cm", "5 kg"), ("3", "3 squared")),
    ],
    "choice": [("B", "A"), ("B", "A or B"), ("B", "both"), ("B", "(A) Both"), ("A", "a dog")],
    "words": [("\\text{Evelyn}", "Evenly"), ("Monday", "Sunday"), ("no", "on"), ("yes", "no")],
    "expression": [
        *(("(x+1)^2", "x^2+1"), ("3\\sqrt{2}", "\\sqrt{6}"), ("2^{10}", "1000"), ("x", "y")),
        *(("2x", "x"), ("\\frac{\\pi}{4}", "0.785"), ("x^2", "2x"), ("0", "\\infty")),
    ],
    "set": [("\\{1,2\\}", "1"), ("(1,2)", "(2,1)"), ("[0,1)", "[0,1]"), ("1,2", "1,2,3")],
    "equation": [("y=2x+1", "y=2x-1"), ("2 \\le x \\le 5", "[2,6]")],
    "text": [("42", "I don't know"), ("42", "42 or 43"), ("42", "forty three"), ("7", "7, 8")],
    "nothing": [("5", ""), ("5", "ANSWER"), ("5", "\\text{}")],
}


@pytest.fixture(scope="module")
def pool():
    with GradePool(workers=2, time_limit=20.0, subject="math") as pool:
        yield pool


def cases(table: dict[str, list[tuple[str, str]]]) -> list:
    return [
        pytest.param(reference, answer, id=f"{kind}: {answer} for {reference}")
        for kind, pairs in table.items()
        for reference, answer in pairs
    ]


@pytest.fixture(scope="module")
def graded(pool):
    """Every pair of both tables, graded in one call."""
    pairs = [p for table in (RIGHT, WRONG) for of in table.values() for p in of]
    items = [(Problem("p", "q", a), f"So.\n\n{final_answer_block(b)}\n") for a, b in pairs]
    return dict(zip(pairs, pool.grade_many(items), strict=True))


@pytest.mark.parametrize(("reference", "answer"), cases(RIGHT))
def test_right_answers(graded, reference, answer):
    assert graded[reference, answer].verdict == "correct", graded[reference, answer]


@pytest.mark.parametrize(("reference", "answer"), cases(WRONG))
def test_wrong_answers(graded, reference, answer):
    assert graded[reference, answer].verdict != "correct", graded[reference, answer]


@pytest.mark.parametrize(
    ("reference", "answer", "method"),
    [
        ("42", "42.0", "number"),
        ("1/3", "0.333333", "number"),
        ("1,234", "1234", "number"),
        ("B", "(B)", "choice"),
        ("Monday", "monday", "words"),
        ("(x+1)^2", "x^2+2x+1", "math-verify"),
    ],
)
def test_the_library_is_asked_only_where_nothing_exact_decides(pool, reference, answer, method):
    (grade,) = pool.grade_many([(Problem("p", "q", reference), final_answer_block(answer))])
    assert (grade.verdict, grade.method) == ("correct", method)


def test_units_that_differ_are_not_decided(pool):
    (grade,) = pool.grade_many([(Problem("p", "q", "5 cm"), final_answer_block("5 metres"))])
    assert grade.verdict == "undecided"
    assert "metres" in grade.detail


@pytest.mark.parametrize("reference", ["\\frac{1}{", "???", "__import__('os')"])
def test_a_reference_that_cannot_be_read_decides_nothing(pool, reference):
    items = [(Problem("p", "q", reference), final_answer_block("x+5"))]
    assert pool.grade_many(items)[0].verdict == "undecided"


def test_a_cut_off_amount_is_no_answer(pool):
    cut, whole = "[[Final Answer]]:\n$1", "[[Final Answer]]:\n$12\n'''"
    grades = pool.grade_many([(Problem("p", "q", "1"), cut), (Problem("p", "q", "12"), whole)])
    assert [g.verdict for g in grades] == ["unparsable", "correct"]
