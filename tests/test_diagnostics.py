"""What scores say before training."""

import pytest

from lbt_core.diagnostics import score_diagnostics
from lbt_core.rows import Score


def score(problem: str, correct: bool, lbt: float, verdict: str = "") -> Score:
    verdict = verdict or ("correct" if correct else "incorrect")
    combined = 0.5 * correct + 0.5 * lbt
    return Score(problem, 0, "", verdict, correct, lbt, combined, 9, (lbt,))


ROWS = [
    # an easy and a hard problem with gaps of 0.2 and 0.4, and one where all is right
    *(score("easy", True, lbt) for lbt in (0.9, 1.0)),
    score("easy", False, 0.75),
    score("hard", True, 0.5),
    score("hard", False, 0.1),
    score("hard", False, 0.1, "undecided"),
    *(score("sure", True, 0.2) for _ in range(2)),
]


def test_the_gap_is_taken_within_problems() -> None:
    found = score_diagnostics(ROWS)
    assert found.within_gap == pytest.approx(0.3)
    # t interval of 0.2 and 0.4: 0.3 +- 12.706 * 0.1
    assert (found.within_low, found.within_high) == pytest.approx((-0.9706, 1.5706), abs=1e-3)


def test_right_rationales_that_teach_no_better_than_wrong_ones() -> None:
    found = score_diagnostics(ROWS)
    assert found.lbt_wrong == pytest.approx(0.95 / 3)
    assert found.low_right == pytest.approx(2 / 5)


def test_problems_are_counted_by_their_verdicts() -> None:
    found = score_diagnostics(ROWS)
    counts = (found.problems, found.mixed, found.all_right, found.all_wrong, found.tied)
    assert counts == (3, 2, 1, 0, 1)
    assert (found.rationales, found.right, found.undecided) == (8, 5, 1)


def test_what_is_undefined_is_none() -> None:
    found = score_diagnostics([score("p", True, 0.5)])
    assert (found.within_gap, found.lbt_wrong, found.low_right, found.right_spread) == (None,) * 4
