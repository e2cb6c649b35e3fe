"""The whole run: prepare, sample, examine, prefer, train, evaluate, report.

Prefect decides when, Ray decides where, Parquet decides what is done: running this again does only
what is owed. Each stage is a flow of its own too (``flows.stage_flows``).
"""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

import ray
from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from prefect.states import Completed, Failed
from prefect.task_runners import ThreadPoolTaskRunner

from flows.local import ray_cluster
from flows.lost_lock import end_run
from flows.outages import wait_for_server
from flows.parameters import (
    NOTHING,
    DiscardFrom,
    Overrides,
    Profile,
    RunName,
    Settings,
    StorePath,
)
from flows.signals import GO_ON, drain, pass_on
from flows.stale_tasks import end_stale_task_runs
from lbt_core import DataError, UserError
from lbt_core.run.config import RunConfig, load_config, read_environment
from lbt_core.run.headline import run_summary
from lbt_core.run.plan import next_round
from lbt_core.run.record import RunStore, require_writable
from lbt_core.run.stages import STAGES, Stage
from lbt_core.store import Files, run_lock
from tasks.context import RunContext, open_run
from tasks.dispatch import ActorLost
from tasks.draining import Drained, abandonable_map, interruptible
from tasks.engines import cluster_device
from tasks.publishing import Publisher, publish_result
from tasks.reporting import report_step
from tasks.steps import Owed, evaluate_step, generate_step, prepare_step
from tasks.tuning import merged_folder, prefer_step, stored_pairs, train_step, tuned_model

RUNNER = ThreadPoolTaskRunner(max_workers=256)
NO_SETTINGS = Settings()


@flow(name="lbt", flow_run_name="{run}", task_runner=RUNNER, persist_result=False)
def pipeline(
    run: RunName = "demo",
    store: StorePath = "runs",
    profile: Profile = "demo",
    settings: Settings = NO_SETTINGS,
    overrides: Overrides = (),
    discard_from: DiscardFrom = NOTHING,
) -> State[Any]:
    """Run every stage, from problems to a report; what is stored already is kept.

    Args:
        run: Name of the run in the store; an existing one is gone on with.
        store: Folder or URI that holds the runs; a relative one is relative to the folder that
            `lbt up` was called in.
        profile: Configuration to start from.
        settings: What differs from the profile; an empty field keeps the profile's value.
        overrides: Any other setting, as section.field=value (see `lbt profiles demo`).
        discard_from: Move the outputs of this stage and of all later ones aside first.
    """
    try:
        config = load_config(profile, (*settings.overrides(), *overrides))
        discarded = None if discard_from == NOTHING else discard_from
        return _rounds(f"{store.rstrip('/')}/{run}", config, discarded)
    except UserError as error:
        return Failed(message=str(error))


def _rounds(uri: str, config: RunConfig, discard_from: Stage | None) -> State[Any]:
    """The run, and with ``rounds`` above 1 the runs NAME-round-2, … that go on from its tuned
    teacher. The state is the first round's, with the figures of all rounds, or that of the round
    that failed.
    """
    place, rounds = uri, list[dict[str, Any]]()
    for number in range(1, config.rounds + 1):
        if number > 1:
            config = next_round(config, str(merged_folder(Files(place), "combined")))
            place = f"{uri}-round-{number}"
        state = work_on(place, config, STAGES, discard_from)
        if config.rounds == 1 or not state.is_completed():
            return state
        rounds.append(state.result())
    keys = ("run", "base_pass1", "tuned_pass1", "mcnemar_p", "pairs", "report")
    figures = rounds[0] | {"rounds": [{k: r[k] for k in keys} for r in rounds]}
    for total in ("seconds", "worked_shards", "resumed_shards"):
        figures[total] = sum(r[total] for r in rounds)
    steps = " -> ".join(f"{r['tuned_pass1']:.1%}" for r in rounds)
    message = f"Pass@1 {figures['base_pass1']:.1%} -> {steps} over {len(rounds)} rounds"
    return Completed(message=message, data=figures)


def work_on(
    uri: str, config: RunConfig | None, stages: Sequence[Stage], discard_from: Stage | None = None
) -> State[Any]:
    """Do the given stages of a run inside a flow, with the run's lock held.

    ``config`` is None to use the run's own. Returns ``Failed`` naming what is owed and why, or
    ``Completed`` with the run's figures, once the server is there to hear it. A signal ends it in
    order, and is passed on to Prefect. Raises UserError.
    """
    with drain() as asked:
        try:
            state = _work_on(uri, config, stages, discard_from, asked.arm)
        except UserError:
            wait_for_server()
            raise
    if asked.signal is not None and not state.is_completed():
        get_run_logger().warning("ended in order by %s; %s", asked.signal.name, GO_ON)
        pass_on(asked.signal)
    wait_for_server()
    return state


def _work_on(
    uri: str,
    config: RunConfig | None,
    stages: Sequence[Stage],
    discard_from: Stage | None,
    take_signals: Callable[[], None],
) -> State[Any]:
    started = time.monotonic()
    require_writable(uri)
    environment = read_environment()
    label = f"flow run {flow_run.get_name() or 'of a script'}"
    files = Files(uri)
    lock = run_lock(files, label, end_run(flow_run.get_id()))
    with lock, ray_cluster(environment.ray_address, environment.cpus):
        take_signals()  # again: Ray takes SIGTERM as it connects
        end_stale_task_runs(flow_run.get_id(), flow_run.get_run_count())
        opened = config if config is not None else RunStore.open(uri).config
        run_store = RunStore.start(files, opened, discard_from)
        keep_warm = environment.ray_address is not None
        with open_run(run_store, keep_warm=keep_warm) as context, Publisher(context).reporting():
            try:
                figures = _do(context, stages, started)
            except Drained as ended:
                return Failed(message=f"{ended}; {GO_ON}")
            except Owed as owed:
                return Failed(message=f"{owed}. Retry, or run again, does just these.")
            except (ActorLost, DataError, OSError) as error:
                return Failed(message=f"{type(error).__name__}: {error}")
    return Completed(message=_headline(figures), data=figures)


def _do(context: RunContext, stages: Sequence[Stage], started: float) -> dict[str, Any]:
    """The stages in order. Raises Owed, DataError, OSError, ActorLost."""
    logger = get_run_logger()
    resumed = 0
    if "prepare" in stages:
        if "sample" in stages and not context.prepared:
            context.engines(context.config.teacher).start_early()
        with interruptible():
            prepared = prepare_step(context)
        resumed += sum(s.stored for s in prepared)
        problems = context.plan.problems
        logger.info("problems: %s", ", ".join(f"{len(v):,} {k}" for k, v in problems.items()))
    if {"sample", "examine", "evaluate"} & set(stages):
        resumed += sum(s.stored for s in generate_step(context, stages))
    if "prefer" in stages:
        with interruptible():
            resumed += sum(s.stored for s in prefer_step(context))
    with interruptible():
        pairs = stored_pairs(context) if {"train", "evaluate", "report"} & set(stages) else {}
    for arm in pairs and context.config.arms:
        logger.info("arm %s: %d preference pairs", arm, len(pairs.get(arm, [])))
    if "train" in stages:
        resumed += _train(context, pairs)
    if "evaluate" in stages:
        for arm in context.config.arms:
            mark = context.plan.training_fingerprint(pairs.get(arm, []))
            done = evaluate_step(context, arm, tuned_model(context, arm), mark)
            resumed += sum(s.stored for s in done)
    if "report" not in stages:
        return {"run": context.store.name, "resumed_shards": resumed}
    with interruptible():
        page = report_step(context, pairs)
        figures = run_summary(
            context.plan,
            pairs,
            run=context.store.name,
            seconds=time.monotonic() - started,
            report=str(page),
            resumed_shards=resumed,
        )
    figures["worked_shards"] = sum(s.done - s.stored for s in context.progress.stages())
    publish_result(context, figures, pairs)
    return figures


def _train(context: RunContext, pairs: dict[str, Any]) -> int:
    """Train every arm; returns how many were trained already.

    On CPUs the arms train side by side, each on its share of the cores: a small model gains little
    from many threads. On GPUs one arm after the other has them all.
    """
    logger = get_run_logger()
    context.release_engines()
    logger.info("engines released")
    arms = context.config.arms
    for arm in arms:
        context.progress.plan(f"train/{arm}", 1)
    cores = int(ray.cluster_resources().get("CPU", 1))
    together = cluster_device(context.config.engines) == "cpu" and cores >= len(arms)
    workers = len(arms) if together else 1

    def train(arm: str) -> bool:
        def say(line: str) -> None:
            level = logging.WARNING if line.startswith("WARNING") else logging.INFO
            logger.log(level, "%s: %s", arm, line)

        stored, _ = train_step(context, arm, pairs.get(arm, []), say, cores // workers)
        say("already trained" if stored else "trained and merged")
        return stored

    return sum(abandonable_map(train, arms, workers))


def _headline(figures: dict[str, Any]) -> str:
    if "tuned_pass1" not in figures:
        return f"{figures['run']}: done"
    done = "" if figures["worked_shards"] else "nothing was owed; "
    return (
        f"{done}Pass@1 {figures['base_pass1']:.1%} -> {figures['tuned_pass1']:.1%} "
        f"(McNemar p = {figures['mcnemar_p']:.2g}), report {figures['report']}"
    )
