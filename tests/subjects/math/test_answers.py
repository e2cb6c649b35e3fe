"""The final answer out of a text, in every form that is understood, and whether it is marked."""

import pytest

from lbt_core.subjects.math.answers import final_answer


@pytest.mark.parametrize(
    ("text", "answer", "reasoning", "marked"),
    [
        ("So 6*7.\n\n'''\n[[Final Answer]]:\n$42$\n'''", "42", "So 6*7.", True),
        ("So \\boxed{42}.", "42", "So \\boxed{42}.", True),
        ("6*7 = 42\n#### 42", "42", "6*7 = 42", True),
        ("6*7 = <<6*7=42>>42\n#### $1,042.50\n", "$1,042.50", "6*7 = <<6*7=42>>42", True),
        ("#### 1\nno, again\n#### 2", "2", "#### 1\nno, again", True),
        ("6*7. The answer is 42.", "42", "6*7. The answer is 42.", True),
        ("The final answer is: $\\frac{1}{2}$.", "\\frac{1}{2}", None, True),
        ("The answer is 3.5 metres. I hope so", "3.5 metres", None, True),
        ("The answer is (B)", "(B)", None, True),
        ("It is 6*7 = 42", "It is 6*7 = 42", None, False),
        ("\\boxed{1} but\n#### 2", "2", None, True),
        ("[[Final Answer]]:\n$\\$70,000$\n'''", "70,000", "", True),
    ],
)
def test_forms(text, answer, reasoning, marked):
    found = final_answer(text)
    assert (found.answer, found.marked) == (answer, marked)
    assert reasoning is None or found.reasoning == reasoning


@pytest.mark.parametrize(
    "text", ["", "####", "####   \n", "[[Final Answer]]:\n$ANSWER$\n'''", "[[Final Answer]]:\n$12"]
)
def test_texts_without_an_answer(text):
    found = final_answer(text)
    assert found.answer is None or not found.marked


def test_what_comes_last_of_a_long_text_counts():
    assert final_answer("a" * 100_000 + "\n#### 5").answer == "5"
