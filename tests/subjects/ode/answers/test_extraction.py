"""The final answer out of a rationale."""

import pytest

from lbt_core.subjects.ode.answers import extract

BLOCK = "First separate.\nThen integrate.\n\n'''\n[[Final Answer]]:\n$y = 2e^{x}$\n'''"


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        (BLOCK, "y = 2e^{x}"),
        ("Steps.\n[[Final Answer]]: $5$", "5"),
        ("Steps.\n[[Final Answer]]:\n\n$5$\n", "5"),
        ("[[Final Answer]]:\ny = 3*x\n", "y = 3*x"),
        ("[[final answer]]\n$$x^2$$", "x^2"),
        ("So \\boxed{y = \\frac{1}{x}}.", "y = \\frac{1}{x}"),
        ("First \\boxed{1}. Later\n\\boxed{2}", "2"),
        ("[[Final Answer]]:\n$\\boxed{4}$", "4"),
        ("Thus, we get $$y = x$$", "y = x"),
        ("y = C e^{x}", "y = C e^{x}"),
        ("The template is [[Final Answer]]:\n$ANSWER$\nand now\n[[Final Answer]]:\n$7$", "7"),
        ("[[Final Answer]]:\n$7$\n'''\n\n[[Question]]:\nAnother?\n[[Final Answer]]:\n$8$", "7"),
        ("[[Final Answer]]:\n$7$\n[[Final Answer]]:\n$7$", "7"),
    ],
)
def test_answer(text: str, answer: str) -> None:
    assert extract(text).answer == answer


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no answer"),
        ("[[Final Answer]]:\n$ANSWER$\n'''", "echoed template"),
        ("[[Final Answer]]:\n\n", "empty answer"),
        ("\\boxed{}", "empty answer"),
        ("[[Final Answer]]:\n$1$\n[[Final Answer]]:\n$2$", "several different answers"),
        ("[[Final Answer]]:\n$y = \\frac{1}{", "truncated answer"),
        ("so \\boxed{y = \\frac{1}{2}", "truncated answer"),
    ],
)
def test_no_answer(text: str, reason: str) -> None:
    extraction = extract(text)
    assert (extraction.answer, extraction.reason) == (None, reason)


def test_reasoning_is_the_text_before_the_block_without_its_fence() -> None:
    assert extract(BLOCK).reasoning == "First separate.\nThen integrate."


def test_reasoning_without_a_block_is_the_whole_text() -> None:
    assert extract("I give up here \n").reasoning == "I give up here"
