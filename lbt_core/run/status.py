"""What of a run is planned, done and owed, from the store alone."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lbt_core.run.health import Tally, describe
from lbt_core.run.pace import Pace, pace_of
from lbt_core.run.plan import Plan, arm_folder, owed
from lbt_core.run.record import RunStore
from lbt_core.run.results import (
    compute_scores,
    pairs_by_arm,
    scores_digest,
    stored_rationales,
    training_record,
)
from lbt_core.store import Shard, inspect_shard, read_shard, verify_shard
from lbt_core.store.rows import Preference

UNKNOWN = Pace()


@dataclass(frozen=True, slots=True)
class StageStatus:
    """One stage's shards and rows: planned, done, owed.

    ``planned_rows`` is None while it depends on rows that are not stored yet. ``bad`` names files
    that are there and not what was planned. ``note`` says what share of its rows was cut off,
    undecided or without an answer, ``pace`` how fast it goes, ``forecast_tokens`` what `lbt plan`
    expected it to cost.
    """

    stage: str
    planned: int
    done: int
    planned_rows: int | None
    rows: int
    bad: tuple[str, ...] = ()
    note: str = ""
    pace: Pace = UNKNOWN
    forecast_tokens: int | None = None

    @property
    def owed(self) -> int:
        """Shards that are not whole."""
        return self.planned - self.done


def with_forecast(stages: Sequence[StageStatus], forecast: Mapping[str, int]) -> list[StageStatus]:
    """The stages with what was forecast of each (``forecast.token_forecast``, in run.json)."""
    return [replace(s, forecast_tokens=forecast.get(s.stage)) for s in stages]


def describe_cost(stages: Sequence[StageStatus]) -> str:
    """ "cost so far: 1,200 tokens of at most about 9,000 forecast (13 %)"; "" without a forecast.

    It is an upper bound: rationales that are identical share their exams. What a complete run took
    is therefore most often less, and is said without the "so far".
    """
    forecast = sum(s.forecast_tokens or 0 for s in stages)
    spent = sum(s.pace.tokens for s in stages)
    if not forecast:
        return ""
    so_far = " so far" if any(s.owed for s in stages) else ""
    share = spent / forecast
    return f"cost{so_far}: {spent:,} tokens of at most about {forecast:,} forecast ({share:.0%})"


def open_plan(store: RunStore) -> Plan:
    """The plan of a stored run."""
    return Plan(store.files, store.config, store.identities)


def run_status(plan: Plan) -> list[StageStatus]:
    """Every stage of a run, in order."""
    stages = [stage_status(plan, "prepare", list(plan.problem_shards().values()))]
    if stages[0].owed or not plan.identities:
        return stages
    sampled = stage_status(plan, "sample", plan.sample_shards)
    stages += [sampled, _exam_status(plan), stage_status(plan, "evaluate/base", _base(plan))]
    if sampled.owed or stages[2].owed:
        return [*stages, *_unplanned(plan)]
    try:
        digest = scores_digest(compute_scores(plan, stored_rationales(plan)))
    except OSError as error:  # whole by their footers, damaged within
        bad = (f"rationales or exams: damaged within ({error}); `lbt verify` names the file",)
        owed = _unplanned(plan)
        return [*stages, StageStatus("prefer", 2, 0, None, 0, bad), *owed[1:]]
    prefer: list[Shard[Any]] = [plan.score_shard(digest), plan.preference_shard(digest)]
    stages.append(stage_status(plan, "prefer", prefer))
    if stages[-1].owed:
        return [*stages, *_unplanned(plan)[1:]]
    pairs = pairs_by_arm(read_shard(plan.files, plan.preference_shard(digest)))
    for arm in plan.config.arms:
        stages += _arm_status(plan, arm, pairs.get(arm, []))
    done = int(plan.files.exists("report/index.html"))
    return [*stages, StageStatus("report", 1, done, None, 0)]


def _base(plan: Plan) -> list[Shard[Any]]:
    return list(plan.evaluation_shards(None))


def _unplanned(plan: Plan) -> list[StageStatus]:
    """Stages whose shards cannot be told before the ones they depend on are whole."""
    shards = len(plan.evaluation_shards(None))
    found = [StageStatus("prefer", 2, 0, None, 0)]
    for arm in plan.config.arms:
        found.append(StageStatus(f"train/{arm_folder(arm)}", 1, 0, None, 0))
        found.append(StageStatus(f"evaluate/{arm_folder(arm)}", shards, 0, None, 0))
    return [*found, StageStatus("report", 1, 0, None, 0)]


def _arm_status(plan: Plan, arm: str, pairs: Sequence[Preference]) -> list[StageStatus]:
    mark = plan.training_fingerprint(pairs)
    trained = training_record(plan, arm).get("fingerprint") == mark
    return [
        StageStatus(f"train/{arm_folder(arm)}", 1, int(trained), len(pairs), len(pairs) * trained),
        stage_status(plan, f"evaluate/{arm_folder(arm)}", list(plan.evaluation_shards(arm, mark))),
    ]


def _exam_status(plan: Plan) -> StageStatus:
    shards: list[Shard[Any]] = []
    planned = 0
    complete = True
    students = len(plan.config.student_models())
    designed = inspect_shard(plan.files, plan.design_shard()).state == "whole"
    for index, shard in enumerate(plan.sample_shards):
        planned += students
        try:
            known = designed and inspect_shard(plan.files, shard).state == "whole"
            found = plan.exam_shards(index) if known else []
            shards += found
            planned += max(0, len(found) - students)  # rounds
            known &= not (plan.config.exam.adaptive and owed(plan.files, found[-1:]))
        except OSError:  # whole by its footer, damaged within
            known = False
        complete &= known
    # those on rationales that are still owed have no keys yet, and take their time all the same
    whole = stage_status(plan, "examine", shards, planned)
    rows = whole.planned_rows if complete else None
    return replace(whole, planned=planned, planned_rows=rows)


def stage_status(
    plan: Plan, stage: str, shards: Sequence[Shard[Any]], planned: int | None = None
) -> StageStatus:
    """A stage by the footers of its shards; ``planned`` counts more than those that are known."""
    done = rows = 0
    bad = []
    tally, summaries = Tally(), list[Mapping[str, Any]]()
    for shard in shards:
        seen = inspect_shard(plan.files, shard)
        if seen.state == "whole":
            done += 1
            rows += seen.rows
            tally = tally.added(seen.summary or {})
            summaries.append(seen.summary or {})
        elif seen.state != "missing":
            bad.append(f"{shard.path}: {seen.state}, {seen.reason}")
    keys = [shard.keys for shard in shards]
    known = None if None in keys else sum(len(k) for k in keys if k is not None)
    pace = pace_of(summaries, (planned or len(shards)) - done)
    return StageStatus(stage, len(shards), done, known, rows, tuple(bad), describe(tally), pace)


def verify_run(plan: Plan) -> Iterator[tuple[str, str | None]]:
    """Re-read every committed file: its path and what is wrong with it, or None.

    Files that are not there are owed, not wrong. Rows that later stages are planned from are read
    too, so what hangs on a damaged file is reported as not checkable.
    """
    faulty = False
    for path, fault in _verify_sampled(plan):
        faulty |= fault is not None
        yield path, fault
    if not plan.files.exists("preferences.parquet"):
        return
    if faulty:
        yield "preferences.parquet", "cannot be checked before the files above are whole"
        return
    digest = scores_digest(compute_scores(plan, stored_rationales(plan)))
    preferences = plan.preference_shard(digest)
    faults = list(_verify(plan, [plan.score_shard(digest), preferences]))
    yield from faults
    if any(fault is not None for _, fault in faults):
        return
    pairs = pairs_by_arm(read_shard(plan.files, preferences))
    for arm in plan.config.arms:
        mark = plan.training_fingerprint(pairs.get(arm, []))
        yield from _verify(plan, list(plan.evaluation_shards(arm, mark)))


def _verify_sampled(plan: Plan) -> Iterator[tuple[str, str | None]]:
    """Problems, exams' design, rationales, exams, and the base model's evaluation."""
    first = [*plan.problem_shards().values()]
    found = list(_verify(plan, first))
    yield from found
    if any(fault is not None for _, fault in found):
        return
    design = plan.design_shard()
    whole: set[str] = set()  # each file is read once: rationales are most of a run
    for path, fault in _verify(plan, [design, *plan.sample_shards]):
        if fault is None:
            whole.add(path)
        yield path, fault
    for index, shard in enumerate(plan.sample_shards):
        exams = plan.exam_shard_path(index, 0)
        if design.path in whole and shard.path in whole:
            yield from _verify(plan, plan.exam_shards(index))
        elif plan.files.exists(exams):
            yield exams, f"cannot be checked before {shard.path} and {design.path} are whole"
    yield from _verify(plan, _base(plan))


def _verify(plan: Plan, shards: Sequence[Shard[Any]]) -> Iterator[tuple[str, str | None]]:
    for shard in shards:
        if plan.files.exists(shard.path):
            yield shard.path, verify_shard(plan.files, shard)
