"""Which texts are asked further, and that a rule without error keeps every pair."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lbt_core.method.adaptive import Sitting, ask_further
from lbt_core.method.exams import score
from lbt_core.method.preferences import PreferenceSpec, build_pairs
from lbt_core.store.rows import Rationale, text_key

TOTAL = 6
SPECS = st.builds(
    PreferenceSpec,
    correctness_weight=st.sampled_from([0.5, 0.2, 0.8]),
    min_gap=st.sampled_from([0.0, 0.1, 0.3]),
    max_pairs_per_problem=st.integers(1, 9),
    max_uses_per_rationale=st.integers(1, 5),
    pairs=st.none() | st.integers(1, 6),
    selection=st.sampled_from(["largest", "weighted-random"]),
    seed=st.integers(0, 3),
)
EXAMS = st.lists(
    st.tuples(
        st.booleans(),
        st.integers(1, 3),
        st.lists(st.sampled_from([True, True, False, False, None]), min_size=TOTAL, max_size=TOTAL),
    ),
    min_size=1,
    max_size=6,
)


def rationales(exams) -> list[Rationale]:
    """Of each (right, count, answers) as many samples of a text of its own."""
    rows = []
    for number, (correct, count, _) in enumerate(exams):
        verdict, text = "correct" if correct else "incorrect", f"text {number}"
        for _ in range(count):
            key, sample = text_key(text), len(rows)
            rows.append(
                Rationale("p", sample, text, key, "stop", 1, 1, verdict, "t", None, correct)
            )
    return rows


def pairs(exams, told: dict[str, tuple], spec: PreferenceSpec) -> set[tuple[str, str]]:
    rows = rationales(exams)
    results = [("p", k, "s", a) for k, of in told.items() for a in of if a is not None]
    scores = score(rows, results, students=["s"], deduplicate=True, spec=spec)
    made = build_pairs(scores, rows, {"p": "prompt"}, spec).pairs
    return {(pair.chosen, pair.rejected) for pair in made}


def sat(exams, spec: PreferenceSpec, error: float, steps: tuple[int, ...]) -> dict[str, tuple]:
    """What is asked of each text in rounds of these sizes."""
    keys = [text_key(f"text {i}") for i in range(len(exams))]
    told: dict[str, tuple] = dict.fromkeys(keys, ())
    start = 0
    for step in steps:
        texts = [Sitting(k, e[0], e[1], told[k]) for k, e in zip(keys, exams, strict=True)]
        further = ask_further("p", texts, spec, TOTAL, error)
        for key, (_, _, answers) in zip(keys, exams, strict=True):
            if key in further and len(told[key]) == start:
                told[key] = tuple(answers[: start + step])
        start += step
    return told


@settings(deadline=None, max_examples=300)
@given(EXAMS, SPECS, st.sampled_from([(1,) * TOTAL, (2, 2, 2), (3, 1, 1, 1)]))
def test_without_error_every_pair_is_kept_and_no_other_made(exams, spec, steps) -> None:
    keys = [text_key(f"text {i}") for i in range(len(exams))]
    full = {k: tuple(e[2]) for k, e in zip(keys, exams, strict=True)}
    part = sat(exams, spec, 0.0, steps)
    if any(set(e[2]) == {None} for e in exams):
        return  # a text whose exam could not be run at all is part of no pair
    assert pairs(exams, part, spec) == pairs(exams, full, spec)


def test_a_text_that_is_alone_is_asked_nothing() -> None:
    assert ask_further("p", [Sitting("a", True, 3)], PreferenceSpec(seed=0), 9, 0.05) == set()


def test_at_first_everything_that_can_be_in_a_pair_is_asked() -> None:
    texts = [Sitting("a", True, 1), Sitting("b", True, 1), Sitting("c", False, 1)]
    assert ask_further("p", texts, PreferenceSpec(seed=0), 9, 0.05) == {"a", "b", "c"}


def sitting(key: str, correct: bool, answers: str) -> Sitting:
    return Sitting(key, correct, 1, tuple({"+": True, "-": False, "x": None}[a] for a in answers))


def test_two_alike_are_dropped_once_no_answer_can_part_them() -> None:
    # of 9, a gap of more than 0.6 takes 6; after 4 alike only 5 are left
    spec = PreferenceSpec(seed=0, min_gap=0.3)
    few = [sitting("a", True, "++-"), sitting("b", True, "++-")]
    assert ask_further("p", few, spec, 9, 0.0) == {"a", "b"}
    more = [sitting("a", True, "++-+"), sitting("b", True, "++-+")]
    assert ask_further("p", more, spec, 9, 0.0) == set()


def test_a_pair_that_is_sure_is_asked_no_further() -> None:
    spec = PreferenceSpec(seed=0, min_gap=0.3)
    sure = [sitting("a", True, "++++"), sitting("b", False, "+---")]
    assert ask_further("p", sure, spec, 9, 0.0) == {"a", "b"} - {"a", "b"}


def test_an_error_decides_earlier_what_is_likely() -> None:
    spec = PreferenceSpec(seed=0)
    texts = [sitting("a", True, "+++"), sitting("b", True, "+++")]
    assert ask_further("p", texts, spec, 9, 0.0) == {"a", "b"}
    assert ask_further("p", texts, spec, 9, 0.05) == set()


def test_prompts_that_could_not_be_run_leave_more_room() -> None:
    spec = PreferenceSpec(seed=0)
    texts = [sitting("a", True, "++-+"), sitting("b", True, "xx-+")]
    assert ask_further("p", texts, spec, 9, 0.0) == {"a", "b"}


@pytest.mark.parametrize("selection", ["largest", "weighted-random"])
def test_pairs_beyond_those_that_are_kept_matter_to_none(selection) -> None:
    spec = PreferenceSpec(
        seed=0, max_pairs_per_problem=1, selection=selection, correctness_weight=0.9, lbt_weight=0.1
    )
    texts = [
        sitting("a", True, "+++++++++"),
        sitting("b", False, "---------"),
        sitting("c", False, "+++"),
    ]
    assert ask_further("p", texts, spec, 9, 0.0) == set()
