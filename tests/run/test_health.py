"""What looks wasted is said with its figures and the setting; what looks well is not."""

import pytest

from lbt_core.run.config import load_config
from lbt_core.run.health import Tally, describe, warnings

CONFIG = load_config("demo")


def kinds(stage: str, tally: Tally) -> list[str]:
    return [kind for kind, _ in warnings(stage, tally, CONFIG)]


def tally(endings: dict[str, int] | None = None, **verdicts: int) -> Tally:
    return Tally(verdicts, endings or {"stop": sum(verdicts.values())})


@pytest.mark.parametrize(
    ("stage", "seen", "expected"),
    [
        ("sample", tally(correct=50, incorrect=50), []),
        ("sample", tally(correct=99, incorrect=1), ["all right"]),
        ("sample", tally(correct=1, incorrect=99), ["all wrong"]),
        ("sample", tally(correct=10, unparsable=90), ["sample format"]),
        ("sample", tally({"length": 95, "stop": 5}, unparsable=100), ["sample cut off"]),
        ("examine", tally({"length": 95, "stop": 5}, incorrect=100), ["examine cut off"]),
        ("sample", tally({"error": 100}, unparsable=100), ["sample errors"]),
        ("sample", tally(correct=40, undecided=60), ["sample undecided"]),
        ("sample", tally(incorrect=29), []),
        ("examine", tally(incorrect=100), []),
        ("evaluate/base", tally(incorrect=100), []),
    ],
)
def test_what_is_said(stage: str, seen: Tally, expected: list[str]) -> None:
    assert kinds(stage, seen) == expected


def test_no_pair_is_possible() -> None:
    few = Tally({"correct": 100}, {"stop": 100}, problems=9, pairable=0)
    none = Tally({"correct": 100}, {"stop": 100}, problems=12, pairable=0)
    some = Tally({"correct": 100}, {"stop": 100}, problems=12, pairable=1)
    assert [kinds("examine", t) for t in (few, none, some)] == [[], ["no pair"], []]
    assert "preferences.min_gap=0.3" in warnings("examine", none, CONFIG)[0][1]


def test_the_sentence_names_the_setting_and_its_value() -> None:
    cut = tally({"length": 100}, unparsable=100)
    assert "sampling.max_new_tokens=160" in warnings("sample", cut, CONFIG)[0][1]
    assert "evaluation.max_new_tokens=160" in warnings("evaluate/tuned", cut, CONFIG)[0][1]


def test_footers_add_up() -> None:
    total = Tally()
    footer = {
        "verdicts": {"correct": 2, "undecided": 2},
        "finish_reasons": {"length": 1, "stop": 3},
    }
    for _ in range(3):
        total = total.added(footer | {"problems": 2, "pairable": 1})
    assert (total.rows, total.problems, total.pairable) == (12, 6, 3)
    assert describe(total) == "25 % cut off, 50 % undecided"
    assert describe(Tally()) == ""


def test_answers_that_go_round_in_circles_are_named():
    tally = Tally({"correct": 6, "unparsable": 4}, {"stop": 6, "length": 1, "repetition": 3})
    assert "30 % repeating themselves" in describe(tally)
    assert "10 % cut off" in describe(tally)
