"""Marked differences: nothing is lost, nothing equal is marked, and no text takes long."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbt_core.reporting.viewing.differences import MAX_PIECES, marked

TEXT = st.text(alphabet="ab12 \n-+", max_size=60)


@given(TEXT, TEXT)
def test_the_pieces_are_the_texts(first: str, second: str) -> None:
    one, two = marked(first, second)
    assert "".join(p.text for p in one) == first
    assert "".join(p.text for p in two) == second
    kept = ["".join(p.text for p in side if not p.differs) for side in (one, two)]
    assert kept[0] == kept[1]


def test_a_sign_is_found() -> None:
    one, two = marked("y = exp(-5*x)", "y = exp(5*x)")
    assert [p.text for p in one if p.differs] == ["-"]
    assert [p.text for p in two if p.differs] == []


@pytest.mark.parametrize("unit", ["a ", "ab cd ", "a b c d e f g h i "])
def test_a_text_that_repeats_itself_does_not_take_long(unit: str) -> None:
    long = unit * (MAX_PIECES // 2 // unit.count(" "))
    started = time.process_time()
    marked(long, "b " + long[:-2])
    assert time.process_time() - started < 5


def test_very_long_texts_come_back_unmarked() -> None:
    long = "a b " * MAX_PIECES
    one, two = marked(long, "c " + long)
    assert [p.differs for p in (*one, *two)] == [False, False]
