"""Which pairs come out of scores."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from lbt_core import DataError
from lbt_core.method.preferences import ARMS, Arm, PreferenceSpec, build_pairs, combined_score
from lbt_core.store.rows import Rationale, Score, text_key

PROMPTS = {f"p{i}": f"prompt {i}" for i in range(6)}


def rows(
    *samples: tuple[str, bool, float], problem: str = "p0", finish: str = "stop"
) -> tuple[list[Score], list[Rationale]]:
    """Scores and rationales of one problem from (text, correct, lbt)."""
    scores, rationales = [], []
    for number, (text, correct, lbt) in enumerate(samples):
        verdict = "correct" if correct else "incorrect"
        scores.append(Score(problem, number, text_key(text), verdict, correct, lbt, 0.0, 9, (lbt,)))
        rationales.append(
            Rationale(
                problem, number, text, text_key(text), finish, 5, 5, verdict, "test", None, correct
            )
        )
    return scores, rationales


def joined(
    *parts: tuple[list[Score], list[Rationale]],
) -> tuple[list[Score], list[Rationale]]:
    return [s for part in parts for s in part[0]], [r for part in parts for r in part[1]]


@st.composite
def tables(draw: st.DrawFn) -> tuple[list[Score], list[Rationale]]:
    parts = []
    for problem in draw(st.lists(st.sampled_from(sorted(PROMPTS)), unique=True, max_size=4)):
        texts = draw(st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=9))
        right = {text: draw(st.booleans()) for text in set(texts)}
        samples = [(text, right[text], draw(st.integers(0, 9)) / 9) for text in texts]
        parts.append(rows(*samples, problem=problem))
    return joined(*parts)


SPECS = st.builds(
    PreferenceSpec,
    min_gap=st.sampled_from([0.0, 0.1, 0.3]),
    max_pairs_per_problem=st.integers(1, 9),
    max_uses_per_rationale=st.integers(1, 5),
    pairs=st.none() | st.integers(1, 20),
    selection=st.sampled_from(["largest", "weighted-random"]),
    seed=st.integers(0, 3),
)


def test_a_gap_of_exactly_the_threshold_makes_no_pair() -> None:
    # in floating point 0.5 * 0.8 - 0.5 * 0.2 is above 0.3
    table = rows(("a", True, 0.8), ("b", True, 0.2))
    assert build_pairs(*table, PROMPTS, PreferenceSpec()).pairs == ()


def test_a_gap_above_the_threshold_makes_a_pair_with_its_lineage() -> None:
    table = rows(("wrong", False, 0.0), ("right", True, 1.0))
    (pair,) = build_pairs(*table, PROMPTS, PreferenceSpec()).pairs
    assert (pair.chosen, pair.rejected) == ("right", "wrong")
    assert (pair.chosen_sample, pair.rejected_sample, pair.gap) == (1, 0, 1.0)
    assert (pair.chosen_verdict, pair.rejected_verdict) == ("correct", "incorrect")
    assert pair.prompt == PROMPTS["p0"]


def test_largest_gaps_come_first() -> None:
    table = rows(("a", True, 1.0), ("b", False, 0.0), ("c", False, 0.2), ("d", False, 0.1))
    found = build_pairs(*table, PROMPTS, PreferenceSpec(max_pairs_per_problem=2))
    assert [pair.rejected for pair in found.pairs] == ["b", "d"]


def test_same_text_sampled_twice_makes_no_pair_with_itself() -> None:
    table = rows(("a", True, 1.0), ("a", True, 0.0))
    found = build_pairs(*table, PROMPTS, PreferenceSpec())
    assert (found.pairs, found.single_text, found.tied) == ((), 1, 0)


def test_scores_of_one_text_that_took_several_exams_average() -> None:
    table = rows(("a", True, 1.0), ("a", True, 0.0), ("b", False, 0.0))
    (pair,) = build_pairs(*table, PROMPTS, PreferenceSpec()).pairs
    assert (pair.chosen_lbt, pair.chosen_score) == (0.5, 0.75)


def test_unfinished_rationales_are_in_no_pair_and_counted() -> None:
    table = rows(("a", True, 1.0), ("b", False, 0.0), finish="length")
    found = build_pairs(*table, PROMPTS, PreferenceSpec())
    assert (found.pairs, found.unfinished) == ((), 2)


def test_problems_whose_rationales_tie_are_counted() -> None:
    table = joined(rows(("a", True, 0.5), ("b", True, 0.5)), rows(("c", True, 1.0), problem="p1"))
    found = build_pairs(*table, PROMPTS, PreferenceSpec())
    assert (found.problems, found.tied, found.single_text) == (2, 1, 1)


def test_pairs_are_spread_over_problems_when_the_total_is_capped() -> None:
    many = [(f"w{i}", False, 0.0) for i in range(5)]
    table = joined(*(rows(("r", True, 1.0), *many, problem=p) for p in ("p0", "p1", "p2")))
    found = build_pairs(*table, PROMPTS, PreferenceSpec(pairs=6))
    assert Counter(pair.problem_id for pair in found.pairs) == {"p0": 2, "p1": 2, "p2": 2}


def test_a_control_reaches_the_size_to_match_by_lifting_its_limits() -> None:
    wrong = [(f"w{i}", False, 0.0) for i in range(20)]
    table = rows(("r", True, 1.0), *wrong)
    found = build_pairs(*table, PROMPTS, PreferenceSpec(), "correctness", size_to_match=15)
    assert (len(found.pairs), found.limits_lifted) == (15, True)


def test_a_control_without_enough_pairs_comes_out_smaller() -> None:
    table = rows(("r", True, 1.0), ("w", False, 0.0))
    found = build_pairs(*table, PROMPTS, PreferenceSpec(), "random", size_to_match=15)
    assert (len(found.pairs), found.wanted) == (1, 15)


def test_weighted_random_prefers_texts_that_were_sampled_often() -> None:
    often = [("common", False, 0.0)] * 9
    first = Counter(
        build_pairs(
            *rows(("r", True, 1.0), *often, ("rare", False, 0.0)),
            PROMPTS,
            PreferenceSpec(selection="weighted-random", max_pairs_per_problem=1, seed=seed),
        )
        .pairs[0]
        .rejected
        for seed in range(200)
    )
    # expected 180 of 200; 160 is more than four standard deviations below
    assert first["common"] > 160


def test_a_score_without_its_rationale_is_an_error_that_names_it() -> None:
    scores, _ = rows(("a", True, 1.0))
    with pytest.raises(DataError, match="p0, 0"):
        build_pairs(scores, [], PROMPTS, PreferenceSpec())


def test_weights_that_are_both_zero_are_refused() -> None:
    with pytest.raises(ValidationError, match="every score is 0"):
        PreferenceSpec(correctness_weight=0, lbt_weight=0)


def test_the_default_score_is_half_and_half() -> None:
    assert combined_score(True, 0.5, PreferenceSpec()) == 0.75


@given(tables(), SPECS, st.sampled_from(ARMS))
@settings(max_examples=150, deadline=None)
def test_limits_hold(
    table: tuple[list[Score], list[Rationale]], spec: PreferenceSpec, arm: Arm
) -> None:
    pairs = build_pairs(*table, PROMPTS, spec, arm).pairs
    assert len(pairs) <= (spec.pairs or len(pairs))
    per_problem = Counter(pair.problem_id for pair in pairs)
    assert max(per_problem.values(), default=0) <= spec.max_pairs_per_problem
    uses = Counter((p.problem_id, text) for p in pairs for text in (p.chosen, p.rejected))
    assert max(uses.values(), default=0) <= spec.max_uses_per_rationale
    unordered = [(p.problem_id, frozenset((p.chosen, p.rejected))) for p in pairs]
    assert len(set(unordered)) == len(unordered)
    assert all(len(texts) == 2 for _, texts in unordered)


@given(tables(), SPECS)
@settings(max_examples=150, deadline=None)
def test_combined_gaps_are_above_the_threshold(
    table: tuple[list[Score], list[Rationale]], spec: PreferenceSpec
) -> None:
    pairs = build_pairs(*table, PROMPTS, spec).pairs
    assert all(pair.chosen_score - pair.rejected_score > spec.min_gap for pair in pairs)


@given(tables(), SPECS, st.sampled_from(ARMS), st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None)
def test_the_order_of_the_rows_does_not_matter(
    table: tuple[list[Score], list[Rationale]], spec: PreferenceSpec, arm: Arm, random: object
) -> None:
    scores, rationales = list(table[0]), list(table[1])
    random.shuffle(scores)  # type: ignore[attr-defined]
    random.shuffle(rationales)  # type: ignore[attr-defined]
    assert build_pairs(scores, rationales, PROMPTS, spec, arm) == build_pairs(
        *table, PROMPTS, spec, arm
    )


@given(tables(), SPECS)
@settings(max_examples=100, deadline=None)
def test_with_the_papers_weights_wrong_never_beats_right(
    table: tuple[list[Score], list[Rationale]], spec: PreferenceSpec
) -> None:
    assert build_pairs(*table, PROMPTS, spec).wrong_over_right == 0
