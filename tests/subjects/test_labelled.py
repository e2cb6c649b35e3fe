"""Labelled pairs: our own, and the development set where it is there."""

from pathlib import Path

import pytest

from lbt_core.subjects import GradePool
from lbt_core.subjects.labelled import Pair, read_pairs, summarise
from lbt_core.subjects.ode import subject as ODE

OWN = Path(__file__).parent / "ode" / "answers" / "data" / "pairs.jsonl"
SHARED = Path(__file__).parents[3] / "shared" / "data" / "grading" / "pairs.jsonl"


def wrong(pairs: list[Pair]) -> tuple[list[str], list[str], float]:
    with GradePool(workers=2, time_limit=10.0) as pool:
        grades = pool.grade_many([(p.problem, p.candidate) for p in pairs])
    summary = summarise(pairs, grades, 1.0, 1)
    return summary["false_accept_ids"], summary["false_reject_ids"], summary["max_s"]


def test_own_pairs() -> None:
    accepted, rejected, _ = wrong(read_pairs(OWN, ODE))
    assert (accepted, rejected) == ([], [])


@pytest.mark.skipif(
    not SHARED.is_file(), reason="the labelled development set is not next to the repository"
)
def test_development_set() -> None:
    pairs = read_pairs(SHARED, ODE)
    accepted, rejected, slowest = wrong(pairs)
    assert accepted == []
    assert len(rejected) <= 0.03 * len(pairs)
    assert slowest < 3.0
