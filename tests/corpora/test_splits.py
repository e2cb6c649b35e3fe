"""Splits: sizes, topics, seeds, and no problem on both sides."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lbt_core import UserError
from lbt_core.corpora.splits import SplitSpec, leaks, split_problems
from lbt_core.subjects.ode import subject as ODE
from lbt_core.subjects.ode.problem import OdeProblem

PROBLEMS = st.lists(
    st.builds(
        lambda number, topic, coefficient: OdeProblem(
            f"p{number}",
            f"Task {number}",
            "1",
            topic=topic,
            ode=f"Eq(Derivative(y(x), x), {coefficient}*y(x))",
        ),
        st.integers(0, 10_000),
        st.sampled_from(["a", "b", "c"]),
        st.integers(1, 40),
    ),
    min_size=1,
    max_size=60,
    unique_by=lambda p: p.id,
)


def parted(
    problems: list[OdeProblem], spec: SplitSpec
) -> tuple[list[OdeProblem], list[OdeProblem]]:
    splits = split_problems(problems, ODE, spec)
    by = {
        name: [p for p, s in zip(problems, splits, strict=True) if s == name]
        for name in ("train", "test")
    }
    return by["train"], by["test"]


@settings(deadline=None, max_examples=50)
@given(PROBLEMS, st.integers(0, 5), st.floats(0, 0.9))
def test_no_equation_stands_on_both_sides(
    problems: list[OdeProblem], seed: int, share: float
) -> None:
    train, test = parted(problems, SplitSpec(seed, share))
    assert leaks(train, test, ODE) == []
    assert len(train) + len(test) == len(problems)
    assert len(test) <= round(share * len(problems))


@settings(deadline=None, max_examples=50)
@given(PROBLEMS, st.integers(0, 5), st.randoms())
def test_the_order_of_the_problems_does_not_count(
    problems: list[OdeProblem], seed: int, random: object
) -> None:
    shuffled = sorted(problems, key=lambda p: p.answer + p.question[::-1])
    _, one = parted(problems, SplitSpec(seed, 0.3))
    _, other = parted(shuffled, SplitSpec(seed, 0.3))
    assert len(one) == len(other)


@pytest.mark.parametrize(("test", "expected"), [(0.2, 40), (37, 37), (0, 0), (0.0, 0)])
def test_the_number_of_test_problems_is_exact_where_problems_are_distinct(
    test: float, expected: int
) -> None:
    problems = [OdeProblem(f"p{i}", f"Task number {i}", "1", topic=f"t{i % 7}") for i in range(200)]
    assert len(parted(problems, SplitSpec(0, test))[1]) == expected


def test_every_topic_gives_its_share() -> None:
    problems = [
        OdeProblem(f"p{i}", f"Task number {i}", "1", topic="big" if i % 4 else "small")
        for i in range(400)
    ]
    _, test = parted(problems, SplitSpec(3, 0.25))
    assert sum(p.topic == "small" for p in test) == 25


def test_leaks_are_named() -> None:
    one, other = OdeProblem("1", "Solve $y'=y$.", "1"), OdeProblem("2", "Solve $x'=x$.", "1")
    assert [(a, b) for a, b, _ in leaks([one], [other], ODE)] == [("1", "2")]


@pytest.mark.parametrize("test", [-0.1, 10, 11])
def test_a_split_that_leaves_nothing_to_train_is_refused(test: float) -> None:
    problems = [OdeProblem(f"p{i}", f"Task {i}", "1") for i in range(10)]
    with pytest.raises(UserError, match="--test"):
        split_problems(problems, ODE, SplitSpec(0, test))
