"""The demonstration corpus: sizes, luck, disjoint and held-out questions, machine-readable rows."""

from collections import Counter

import pytest

from lbt_core import UserError
from lbt_core.subjects.ode.problem import OdeProblem
from lbt_core.subjects.ode.tiny import FAMILIES, SIZES, SPLITS, corpus, held_out, method_of
from lbt_core.subjects.ode.tiny import corpus as make_corpus

SMALL = {"train": 50, "exam": 30, "validation": 30, "test": 30}


@pytest.fixture(scope="module")
def small() -> list[OdeProblem]:
    return corpus(3, SMALL)


def test_splits_have_the_sizes_asked_for(small: list[OdeProblem]) -> None:
    assert Counter(p.split for p in small) == SMALL


def test_default_test_split_is_large_enough_for_a_verdict() -> None:
    assert SIZES["test"] >= 300


def test_luck_is_shared_out_as_asked(small: list[OdeProblem]) -> None:
    lucky = Counter(p.split for p in small if p.lucky)
    assert lucky == {"train": 40, "exam": 10, "validation": 10, "test": 10}


def test_families_are_equally_frequent(small: list[OdeProblem]) -> None:
    for split, size in SMALL.items():
        counts = Counter(p.family for p in small if p.split == split)
        assert set(counts) == set(FAMILIES)
        assert set(counts.values()) == {size // len(FAMILIES)}


def test_no_question_stands_twice(small: list[OdeProblem]) -> None:
    assert len({p.question for p in small}) == len(small)
    assert len({p.id for p in small}) == len(small)


@pytest.mark.parametrize("seed", range(3))
def test_every_problem_is_held_out_of_pretraining_whatever_the_seed(seed: int) -> None:
    assert all(held_out(p.question) for p in corpus(seed, {"train": 24, "test": 24}))


def test_a_seed_gives_the_same_problems_again(small: list[OdeProblem]) -> None:
    assert corpus(3, SMALL) == small


def test_another_seed_gives_other_problems(small: list[OdeProblem]) -> None:
    assert {p.question for p in corpus(4, SMALL)} != {p.question for p in small}


def test_rows_are_machine_readable(small: list[OdeProblem]) -> None:
    for p in small:
        assert p.ode and p.func and p.solution
        assert p.kind == ("general" if p.family == "forced" else "ivp")
        assert bool(p.ics) == (p.kind == "ivp")


def test_a_split_that_the_families_cannot_fill_is_refused() -> None:
    with pytest.raises(UserError, match="smaller corpus"):
        make_corpus(0, {"train": 12_000}, {"train": 1.0})


def test_method_of_reads_the_wording() -> None:
    problem = next(p for p in corpus(0, {"test": 12}) if p.family == "cooling")
    assert method_of("Measure from y(0): C = 9.", problem) == "W1"
    assert method_of("Measure from A: C = 9 - 2 = 7.", problem) == "D"


def test_splits_are_named_as_in_the_rows() -> None:
    assert SPLITS == ("train", "exam", "validation", "test")
