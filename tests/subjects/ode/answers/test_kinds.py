"""Every kind of phrasing that docs/grading.md names: right answers are accepted, wrong ones are
not, and nothing takes long.
"""

from pathlib import Path

import pytest
from answer_kinds import Group, further, notation, phrasing, scales, slight, values

from lbt_core.subjects.labelled import read_pairs
from lbt_core.subjects.ode import subject as ODE
from lbt_core.subjects.ode.answers import grade

GROUPS = [
    *phrasing.GROUPS,
    *values.GROUPS,
    *notation.GROUPS,
    *scales.GROUPS,
    *further.GROUPS,
    *slight.GROUPS,
]


@pytest.mark.parametrize("group", GROUPS, ids=[g.name for g in GROUPS])
def test_kind(group: Group) -> None:
    refused = [a for a in group.right if grade(group.problem, a).verdict != "correct"]
    accepted = [a for a in group.wrong if grade(group.problem, a).verdict == "correct"]
    assert (refused, accepted) == ([], [])


def test_phrasing_of_every_kind() -> None:
    pairs = read_pairs(Path(__file__).parent / "data" / "phrasing.jsonl", ODE)
    wrong = [p.id for p in pairs if (grade(p.problem, p.candidate).verdict == "correct") != p.label]
    assert (len(pairs), wrong) == (274, [])
