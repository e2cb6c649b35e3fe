"""Every family keeps its promise: D and T right, W1 right exactly on lucky problems, W2 never."""

from random import Random

import pytest

from lbt_core.subjects.ode.tiny.pools import FAMILIES, draft, held_out, method_in
from lbt_core.subjects.ode.tiny.solves import solves
from lbt_core.subjects.ode.tiny.text import METHODS

SAMPLE = 4


@pytest.mark.parametrize("lucky", [True, False], ids=["lucky", "unlucky"])
@pytest.mark.parametrize("family", FAMILIES)
def test_methods_are_right_when_they_should_be(family: str, lucky: bool) -> None:
    rng = Random(f"promise {family} {lucky}")
    expected = {"D": True, "T": True, "W1": lucky, "W2": False}
    for _ in range(SAMPLE):
        made = FAMILIES[family](rng, lucky)
        assert {m: solves(made, m) for m in METHODS} == expected, made.question


@pytest.mark.parametrize("family", FAMILIES)
def test_the_answers_alone_tell_lucky_problems_apart(family: str) -> None:
    rng = Random(f"text {family}")
    for number in range(400):
        made = FAMILIES[family](rng, number % 2 == 0)
        reference = made.ways["D"].answer
        same = {m: made.ways[m].answer == reference for m in METHODS}
        assert same == {"D": True, "T": True, "W1": made.lucky, "W2": False}, made.question


@pytest.mark.parametrize("family", FAMILIES)
def test_the_wording_tells_the_methods_apart(family: str) -> None:
    rng = Random(f"wording {family}")
    for number in range(200):
        made = FAMILIES[family](rng, number % 2 == 0)
        assert [method_in(made.rationale(m), family) for m in METHODS] == list(METHODS)


def test_text_of_no_family_has_no_method() -> None:
    assert method_in("I do not know.", "decay") is None


@pytest.mark.parametrize("from_held_out", [True, False])
def test_a_draft_comes_from_the_pool_asked_for(from_held_out: bool) -> None:
    rng = Random(5)
    for family in FAMILIES:
        made = draft(family, rng, True, from_held_out=from_held_out)
        assert held_out(made.question) is from_held_out
