"""Runs side by side: settings that differ, Pass@1 on the test problems that they share, pairs that
they share. From the stores alone; a run that is not finished is compared in what it has.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pyarrow.parquet as pq

from lbt_core import UserError
from lbt_core.measurement.estimators import Proportion, accuracy, mcnemar, paired_difference
from lbt_core.reporting.report import environment
from lbt_core.run.config import flat_settings
from lbt_core.run.plan import arm_folder
from lbt_core.run.record import RunStore
from lbt_core.store import Files
from lbt_core.store.rows import text_key

PairKey = tuple[str, str, str]


@dataclass(frozen=True)
class Side:
    """One run: its name, settings by dotted name, test results by arm and problem, test problems
    (question and answer by id), and its real arm's pairs."""

    name: str
    uri: str
    settings: dict[str, Any]
    tests: dict[str, dict[str, bool]]
    problems: dict[str, tuple[str, str]]
    pairs: set[PairKey]


@dataclass(frozen=True)
class Paired:
    """The second run against the first on their common test problems, one arm; ``difference`` is
    second minus first in Pass@1 with its 95 % bootstrap interval, ``p`` the exact McNemar test's.
    """

    arm: str
    first: str
    second: str
    problems: int
    first_right: int
    second_right: int
    difference: float
    low: float
    high: float
    gained: int
    lost: int
    p: float


@dataclass(frozen=True)
class Shared:
    """Pairs of two runs: how many each has, how many are in both (same problem, same two texts),
    and how many stand in the other with chosen and rejected exchanged."""

    first: str
    second: str
    first_pairs: int
    second_pairs: int
    common: int
    exchanged: int


@dataclass(frozen=True)
class Comparison:
    """Everything that ``lbt compare`` shows; ``settings`` maps a field to its value in each run."""

    runs: list[str]
    settings: dict[str, list[Any]]
    pass1: dict[str, list[Proportion | None]]
    paired: list[Paired]
    pairs: list[Shared]

    def plain(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)


def compare_runs(uris: Sequence[str]) -> Comparison:
    """Compare runs; the first is what the others are compared with.

    Raises UserError where one is no run, or they are fewer than two.
    """
    if len(uris) < 2:
        raise UserError("compare: name two runs or more, each as <store>/<run>")
    sides = [read_side(RunStore.open(uri)) for uri in uris]
    names = _names(sides)
    first = sides[0]
    arms = list(dict.fromkeys(arm for side in sides for arm in side.tests))
    fields = list(dict.fromkeys(name for side in sides for name in side.settings))
    values = {name: [side.settings.get(name) for side in sides] for name in fields}
    return Comparison(
        names,
        {k: v for k, v in values.items() if any(one != v[0] for one in v[1:])},
        {arm: [_pass1(side, arm) for side in sides] for arm in arms},
        [
            found
            for name, other in zip(names[1:], sides[1:], strict=True)
            for arm in arms
            if (found := _paired(arm, names[0], first, name, other))
        ],
        [_shared(names[0], first, n, o) for n, o in zip(names[1:], sides[1:], strict=True)],
    )


def read_side(store: RunStore) -> Side:
    """What of a run is compared. Raises UserError naming a file that cannot be read."""
    files = store.files
    tests: dict[str, dict[str, bool]] = {}
    for arm in ("base", *map(arm_folder, store.config.arms)):
        for name in files.names(f"evaluation/{arm}"):
            rows = _columns(files, f"evaluation/{arm}/{name}", "problem_id", "correct")
            tests.setdefault(arm, {}).update(dict(rows))
    problems = {}
    if files.exists("problems/test.parquet"):
        rows = _columns(files, "problems/test.parquet", "id", "question", "answer")
        problems = {key: (question, answer) for key, question, answer in rows}
    pairs: set[PairKey] = set()
    if files.exists("preferences.parquet"):
        names = ("arm", "problem_id", "chosen", "rejected")
        for arm, problem, chosen, rejected in _columns(files, "preferences.parquet", *names):
            if arm == "combined":
                pairs.add((problem, text_key(chosen), text_key(rejected)))
    settings = flat_settings(store.config) | {
        f"identity of {k}": v for k, v in store.identities.items()
    }
    return Side(store.name, files.uri, settings, tests, problems, pairs)


def _columns(files: Files, path: str, *names: str) -> list[tuple[Any, ...]]:
    try:
        with files.fs.open(files.full(path), "rb") as file:
            table = pq.ParquetFile(file).read(columns=list(names))
    except (OSError, ValueError) as error:
        told = " ".join(str(error).split())[:200]
        raise UserError(f"{files.full(path)} cannot be read ({told}); see `lbt verify`") from None
    return list(zip(*(table[name].to_pylist() for name in names), strict=True))


def _names(sides: Sequence[Side]) -> list[str]:
    """The runs' names, or their paths where two are alike."""
    names = [side.name for side in sides]
    return names if len(set(names)) == len(names) else [side.uri for side in sides]


def _pass1(side: Side, arm: str) -> Proportion | None:
    found = side.tests.get(arm)
    return accuracy(found.values()) if found else None


def _paired(arm: str, name: str, first: Side, other: str, second: Side) -> Paired | None:
    """None where they share no answered test problem; the same id with another question is none."""
    answered = [first.tests.get(arm, {}), second.tests.get(arm, {})]
    common = [
        key
        for key in answered[0]
        if key in answered[1] and first.problems.get(key) == second.problems.get(key)
    ]
    if not common:
        return None
    right = [[one[key] for key in common] for one in answered]
    test = mcnemar(*right)
    found = paired_difference([float(v) for v in right[0]], [float(v) for v in right[1]])
    same = len(common) > 1 and right[0] == right[1]
    return Paired(
        arm,
        name,
        other,
        len(common),
        sum(right[0]),
        sum(right[1]),
        found.value,
        0.0 if same else found.low,
        0.0 if same else found.high,
        test.only_second,
        test.only_first,
        test.p,
    )


def _shared(name: str, first: Side, other: str, second: Side) -> Shared:
    turned = {(problem, rejected, chosen) for problem, chosen, rejected in second.pairs}
    return Shared(
        name,
        other,
        len(first.pairs),
        len(second.pairs),
        len(first.pairs & second.pairs),
        len(first.pairs & turned),
    )


def render_comparison(found: Comparison) -> str:
    """The comparison as one HTML file that loads nothing."""
    template = environment(autoescape=True).get_template("compare.html.j2")
    return template.render(found=found)
