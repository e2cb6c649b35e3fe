"""Every kind of phrasing that docs/grading.md names: right answers are accepted, wrong ones are
not, and nothing takes long.
"""

import pytest
from answer_kinds import Group, further, notation, phrasing, scales, values

from lbt_core.subjects.ode.answers import grade

GROUPS = [*phrasing.GROUPS, *values.GROUPS, *notation.GROUPS, *scales.GROUPS, *further.GROUPS]


@pytest.mark.parametrize("group", GROUPS, ids=[g.name for g in GROUPS])
def test_kind(group: Group) -> None:
    refused = [a for a in group.right if grade(group.problem, a).verdict != "correct"]
    accepted = [a for a in group.wrong if grade(group.problem, a).verdict == "correct"]
    assert (refused, accepted) == ([], [])
