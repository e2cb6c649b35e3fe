"""The demonstration corpus: proven problems of the built-in families, split, with a stated share
of lucky ones.
"""

from collections.abc import Mapping
from random import Random

from lbt_core import UserError
from lbt_core.store.rows import Problem, text_key
from lbt_core.subjects.ode.problem import OdeProblem
from lbt_core.subjects.ode.tiny.pools import FAMILIES, draft, method_in
from lbt_core.subjects.ode.tiny.solves import solves
from lbt_core.subjects.ode.tiny.text import Draft

SPLITS = ("train", "exam", "validation", "test")
SIZES = {"train": 240, "exam": 90, "validation": 120, "test": 360}
LUCKY_SHARES = {"train": 0.8, "exam": 1 / 3, "validation": 1 / 3, "test": 1 / 3}

TOPICS = {
    "decay": "First-order linear",
    "separable": "Separable",
    "polynomial": "Direct integration",
    "relaxation": "First-order linear",
    "cooling": "Models",
    "shifted": "First-order linear",
    "quadratic": "Separable",
    "forced": "Undetermined coefficients",
    "logistic": "Models",
    "oscillator": "Second-order linear",
}

_ATTEMPTS = 10_000


def corpus(
    seed: int,
    sizes: Mapping[str, int] = SIZES,
    lucky_shares: Mapping[str, float] = LUCKY_SHARES,
) -> list[OdeProblem]:
    """Problems of all splits, every question once, every answer proven by substitution.

    ``sizes`` and ``lucky_shares`` name a number of problems and the share of lucky ones for train,
    exam, validation and test; a split that ``sizes`` leaves out is empty. Each split holds the
    families in equal parts (to within one problem) and each family its share of lucky problems.
    Equal arguments give equal problems. Raises UserError where a family has not enough questions.
    """
    seen: set[str] = set()
    drafts: list[tuple[str, Draft]] = []
    for split in SPLITS:
        for family, lucky in _plan(sizes.get(split, 0), lucky_shares.get(split, 1 / 3)):
            rng = Random(f"{seed}:{split}:{family}:{lucky}:{len(drafts)}")
            drafts.append((split, _fresh(family, lucky, rng, seen)))
    for _, made in drafts:
        if not solves(made, "D"):
            raise AssertionError(f"the reference answer does not solve: {made.question}")
    return [as_problem(made, split) for split, made in drafts]


def _plan(size: int, lucky_share: float) -> list[tuple[str, bool]]:
    """Family and luck of each problem of a split: families in turn, luck spread evenly."""
    families = list(FAMILIES)
    plan, placed = [], dict.fromkeys(families, 0)
    for place in range(size):
        family = families[place % len(families)]
        count = placed[family]
        # Families start at different points of the cycle, so that the share holds overall too.
        phase = (place % len(families)) / len(families)
        lucky = int((count + 1) * lucky_share + phase) > int(count * lucky_share + phase)
        placed[family] = count + 1
        plan.append((family, lucky))
    return plan


def _fresh(family: str, lucky: bool, rng: Random, seen: set[str]) -> Draft:
    for _ in range(_ATTEMPTS):
        made = draft(family, rng, lucky, from_held_out=True)
        if made.question not in seen:
            seen.add(made.question)
            return made
    luck = "lucky" if lucky else "other"
    raise UserError(
        f"The built-in family {family} has no further {luck} problems: ask for a smaller corpus."
    )


def as_problem(made: Draft, split: str) -> OdeProblem:
    """A draft as a row of the problems table; the reference answer is that of way D."""
    right = made.ways["D"]
    return OdeProblem(
        id=f"{made.family}-{text_key(made.question)[:12]}",
        question=made.question,
        answer=right.answer,
        topic=TOPICS[made.family],
        family=made.family,
        kind=made.kind,
        ode=made.ode,
        ics=made.ics,
        func=made.func,
        solution=f"Eq({made.func}, {right.solution})",
        lucky=made.lucky,
        split=split,
        source=f"tiny/{made.family}",
    )


def method_of(text: str, problem: Problem) -> str | None:
    """Which seeded method a rationale of a built-in problem follows (D, T, W1, W2), or None."""
    return method_in(text, problem.family) if problem.family in FAMILIES else None
