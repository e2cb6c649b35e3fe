"""Estimators, intervals, tests and votes against values worked out elsewhere."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lbt_core.measurement.estimators import (
    Voter,
    by_topic,
    difference_over_families,
    difference_over_seeds,
    group_answers,
    maj_at_k,
    majority,
    mcnemar,
    mean_pass_at_k,
    paired_difference,
    pass_at_k,
    proportion,
    select_by_lbt,
    student_agreement,
)
from lbt_core.store.rows import ExamAnswer


def same(a: str, b: str) -> bool:
    return a.replace(" ", "") == b.replace(" ", "")


def test_wilson_interval_of_the_cards_base() -> None:
    # 31 of 305, worked out by hand from Wilson 1927 with z = 1.959964
    found = proportion(31, 305)
    assert (found.low, found.high) == pytest.approx((0.07253, 0.14066), abs=1e-5)


def test_an_accuracy_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="no answers"):
        proportion(0, 0)


def test_by_topic_splits_by_topic() -> None:
    found = by_topic({"a": "x", "b": "x", "c": "y"}, {"a": True, "b": False, "c": True})
    assert [(topic, p.successes, p.total) for topic, p in found.items()] == [
        ("x", 1, 2),
        ("y", 1, 1),
    ]


@given(st.integers(1, 8).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n))), st.data())
def test_pass_at_k_is_the_share_of_draws_with_a_right_answer(
    counts: tuple[int, int], data: st.DataObject
) -> None:
    samples, right = counts
    k = data.draw(st.integers(1, samples))
    draws = list(combinations([True] * right + [False] * (samples - right), k))
    expected = sum(map(any, draws)) / len(draws)
    assert pass_at_k(samples, right, k) == pytest.approx(expected)


def test_pass_at_more_than_the_samples_is_refused() -> None:
    with pytest.raises(ValueError, match="pass@5 of 4"):
        pass_at_k(4, 1, 5)


def test_mean_pass_at_k_averages_over_problems() -> None:
    assert mean_pass_at_k([(4, 4), (4, 0)], 2) == 0.5


def test_answers_are_grouped_by_equivalence() -> None:
    assert group_answers(["a + b", None, "c", "a+b"], same) == (0, None, 1, 0)


@pytest.mark.parametrize(
    ("labels", "weights", "winner"),
    [
        ((0, 1, 1), None, 1),
        ((0, 1), None, 0),
        ((None, None), None, None),
        ((0, 1, 1), (0.9, 0.4, 0.4), 0),
        ((0, 0, 0, 1), (0.1, 0.1, 0.1, 0.3), 0),
    ],
    ids=["most votes", "tie goes to the first", "nobody votes", "weights", "rounding ties"],
)
def test_majority(labels: tuple[int, ...], weights: tuple[float, ...], winner: int) -> None:
    assert majority(labels, weights) == winner


def test_majority_of_all_samples_is_one_vote() -> None:
    voters = [Voter("1", False), Voter("x y", True), Voter("xy", True)]
    assert maj_at_k(voters, same, 3) == 1.0


def test_majority_of_one_sample_is_the_share_of_right_ones() -> None:
    voters = [Voter("1", True)] * 3 + [Voter("2", False)]
    # 4,000 draws: standard error below 0.007
    assert maj_at_k(voters, same, 1, draws=4000) == pytest.approx(0.75, abs=0.03)


def test_mcnemar_counts_and_p() -> None:
    first = [True] * 5 + [False] * 7 + [True] * 2 + [False]
    second = [True] * 5 + [True] * 7 + [False] * 2 + [False]
    found = mcnemar(first, second)
    assert (found.both, found.only_first, found.only_second, found.neither) == (5, 2, 7, 1)
    # two-sided binomial: 2 * (C(9,0) + C(9,1) + C(9,2)) / 2^9
    assert found.p == pytest.approx(2 * 46 / 512)


def test_mcnemar_of_equal_models_is_one() -> None:
    assert mcnemar([True, False], [True, False]).p == 1.0


def test_mcnemar_refuses_other_problems() -> None:
    with pytest.raises(ValueError, match="longer"):
        mcnemar([True], [True, False])


def test_paired_difference_agrees_with_the_normal_interval() -> None:
    first, second = [0.0] * 400, [1.0] * 100 + [0.0] * 300
    found = paired_difference(first, second)
    reach = 1.96 * (0.25 * 0.75 / 400) ** 0.5
    assert (found.value, found.low, found.high) == pytest.approx(
        (0.25, 0.25 - reach, 0.25 + reach), abs=0.006
    )


def test_paired_difference_is_reproducible() -> None:
    first, second = [0.0] * 30, [1.0] * 10 + [0.0] * 20
    assert paired_difference(first, second, seed=4) == paired_difference(first, second, seed=4)


def test_seeds_that_disagree_widen_the_interval() -> None:
    agreeing = [[0.0, 1.0] * 50] * 4
    disagreeing = [[0.0] * 100, [0.0] * 100, [1.0] * 100, [1.0] * 100]
    narrow, wide = difference_over_seeds(agreeing), difference_over_seeds(disagreeing)
    assert narrow.value == wide.value == 0.5
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)


def test_families_that_disagree_widen_the_interval() -> None:
    table = [[0.0] * 50 + [1.0] * 50] * 3
    mixed, apart = ["a", "b"] * 50, ["a"] * 50 + ["b"] * 50
    narrow = difference_over_families(table, mixed, resamples=500)
    wide = difference_over_families(table, apart, resamples=500)
    assert narrow.value == wide.value == 0.5
    assert (wide.low, wide.high) == (0.0, 1.0)
    assert narrow.high - narrow.low < 0.3


def test_lbt_selection_finds_the_right_minority() -> None:
    voters = [Voter("1", False, 0.1), Voter("1 ", False, 0.1), Voter("2", True, 0.9)]
    found = select_by_lbt([False], [voters], [same])
    chosen = (found.greedy, found.self_consistency, found.best, found.weighted)
    assert [way.successes for way in chosen] == [0, 0, 1, 1]
    assert (found.best_test.only_second, found.weighted_test.only_second) == (1, 1)


def test_lbt_selection_without_any_answer_is_wrong() -> None:
    found = select_by_lbt([True], [[Voter(None, True, 1.0)]], [same])
    assert (found.self_consistency.rate, found.best.rate, found.weighted.rate) == (0, 0, 0)


def exam_answer(student: str, rationale: str, exam: str, correct: bool) -> ExamAnswer:
    verdict = "correct" if correct else "incorrect"
    return ExamAnswer(
        "p", rationale, student, exam, 0, "", "stop", 1, 1, verdict, "test", None, correct
    )


def test_students_who_always_agree() -> None:
    verdicts = {("r1", "e1"): True, ("r1", "e2"): True, ("r2", "e1"): False, ("r2", "e2"): False}
    answers = [exam_answer(s, *key, right) for s in ("a", "b") for key, right in verdicts.items()]
    (found,) = student_agreement(answers)
    assert (found.agreement, found.kappa, found.correlation) == pytest.approx((1.0, 1.0, 1.0))
    assert (found.answers, found.rationales) == (4, 2)


def test_students_who_agree_by_chance_have_no_kappa_left() -> None:
    pairs = [(True, True), (True, False), (False, True), (False, False)]
    answers = [
        exam_answer(student, f"r{i}", "e", both[j])
        for i, both in enumerate(pairs)
        for j, student in enumerate(("a", "b"))
    ]
    (found,) = student_agreement(answers)
    assert (found.agreement, found.kappa, found.correlation) == pytest.approx((0.5, 0.0, 0.0))


def test_kappa_of_students_without_any_variation_is_undefined() -> None:
    answers = [exam_answer(student, "r", "e", True) for student in ("a", "b")]
    (found,) = student_agreement(answers)
    assert (found.kappa, found.correlation) == (None, None)


def test_one_problem_says_nothing_of_a_difference():
    found = paired_difference([0.0], [1.0])
    assert (found.value, found.low, found.high) == (1.0, -1.0, 1.0)
