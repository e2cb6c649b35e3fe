"""A few problems through every stage on this machine's CPU, without a server or a cluster.

The stages' own functions, called one after the other: an engine in this process, loaded once for
the base model and once for the tuned one, and a training in a process beside it, which imports its
libraries while the engine answers. For a preview, whose time would be that of starting services.
"""

import contextlib
import ctypes
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path

from flows.server_process import PR_SET_PDEATHSIG
from lbt_core import UserError
from lbt_core.method.prompts import Renderer
from lbt_core.run.config import ModelConfig, RunConfig, load_config, read_environment
from lbt_core.run.endpoints import look_at
from lbt_core.run.engine_spec import machine_device
from lbt_core.run.plan import Plan, arm_folder, model_path, resolve_identities
from lbt_core.run.preparation import design_exams
from lbt_core.run.record import RunStore
from lbt_core.run.rendering import build_renderer
from lbt_core.run.results import compute_pairs, scores_digest
from lbt_core.run.session import Session
from lbt_core.store import read_shard, write_shard
from lbt_core.store.rows import Preference, Rationale, Score
from lbt_core.store.shards import row_key
from tasks.heartbeat import beating, listening

ARM = "combined"
Say = Callable[[str], None]


def suits(config: RunConfig) -> bool:
    """Whether a preview is made here: a CPU, and no cluster that is named. GPUs, which several
    processes share, and clusters are asked by the flow itself, as the run after it will."""
    environment = read_environment()
    named = environment.ray_address or environment.prefect_api_url
    return not named and machine_device(config.engines) == "cpu"


def small_run(uri: str, profile: str, overrides: Sequence[str], say: Say) -> bool:
    """Make the tables of a run that has one shard a stage; returns whether it got to its end.

    ``say`` gets a line for every stage. The report and the check of the merged weights are left
    out. Raises UserError, and what engines and training raise.
    """
    config = load_config(profile, overrides)
    store = RunStore.start(uri, config)
    served = look_at(config)
    store.settle_identities(resolve_identities(config, served))
    store.settle_endpoints(served)
    with _training_process() as training, Session(profile, overrides) as lbt:
        said = _Clock(say)
        plan = _prepared(store, lbt)
        said(f"prepare: {len(lbt.problems['train'])} problems to teach, to test as many")
        teacher = plan.pinned(config.teacher)
        renderer = build_renderer(config.prompt, model_path(teacher), teacher.revision)
        pairs, rationales = _generated(plan, lbt, renderer, said)
        if not pairs:
            say("No preference pair, so nothing to train on: the rationales below say why.")
            return False
        lbt.unload()  # a model and its training do not share the memory, as in a run
        tuned = _trained(training, plan, pairs, rationales, say)
        said(f"train: one step on {len(pairs)} pairs, merged")
        mark = plan.training_fingerprint(pairs)
        with _quiet_stderr():
            answers = lbt.evaluate(plan.tested(0), tuned)
        write_shard(store.files, plan.evaluation_shards(ARM, mark)[0], answers)
        said("evaluate: the tuned model")
    return True


def _prepared(store: RunStore, lbt: Session) -> Plan:
    """Problems and the exams' design, stored; the plan that goes on from them."""
    plan = Plan(store.files, store.config, store.identities)
    for split, shard in plan.problem_shards().items():
        write_shard(store.files, shard, lbt.problems[split])
    plan = Plan(store.files, store.config, store.identities)
    taught, bank = plan.problems["train"], plan.problems[store.config.exam.bank]
    write_shard(store.files, plan.design_shard(), design_exams(taught, bank, store.config))
    return plan


def _generated(
    plan: Plan, lbt: Session, renderer: Renderer, said: Say
) -> tuple[list[Preference], list[Rationale]]:
    """Rationales, exams, the base model's answers, scores and pairs, stored."""
    files = plan.files
    with _quiet_stderr():
        rationales = lbt.sample(plan.taught(0))
    write_shard(files, plan.sample_shards[0], rationales)
    said(f"sample: {len(rationales)} rationales, the engine's start included")
    answers = lbt.examine(rationales)
    for shard in plan.exam_shards(0):
        keys = set(shard.keys or ())
        mine = [a for a in answers if row_key(a, shard.key_fields) in keys]
        write_shard(files, shard, mine)
    said(f"examine: {len(answers)} exam answers")
    write_shard(files, plan.evaluation_shards(None)[0], lbt.evaluate(plan.tested(0)))
    said("evaluate: the base model")
    scores: list[Score] = lbt.score(rationales, answers)
    digest = scores_digest(scores)
    write_shard(files, plan.score_shard(digest), scores)
    pairs = [p for s in compute_pairs(plan, renderer, rationales, scores) for p in s.pairs]
    write_shard(files, plan.preference_shard(digest), pairs)
    return read_shard(files, plan.preference_shard(digest)), rationales


@contextlib.contextmanager
def _quiet_stderr() -> Iterator[None]:
    """Keeps what libraries print as they load a model, from C++ too, away from the terminal."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)


class _Clock:
    """Says a line with the seconds since the line before."""

    def __init__(self, say: Say) -> None:
        self._say, self._then = say, time.monotonic()

    def __call__(self, line: str) -> None:
        now = time.monotonic()
        self._say(f"{line} ({now - self._then:.1f} s)")
        self._then = now


# --- the training's process -----------------------------------------------------------------------


@contextlib.contextmanager
def _training_process() -> Iterator[ProcessPoolExecutor]:
    """One process that imports at once what a training needs."""
    with ProcessPoolExecutor(1, get_context("spawn"), _begin) as pool:
        try:
            pool.submit(_import)
            yield pool
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _begin() -> None:
    """End with the parent, and leave the terminal to it."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    os.environ |= {"TQDM_DISABLE": "1", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)


def _import() -> None:
    for name in ("bitsandbytes", "peft", "tasks.tuning", "lbt_core.training.trainer"):
        import_module(name)


def _trained(
    training: ProcessPoolExecutor,
    plan: Plan,
    pairs: Sequence[Preference],
    rationales: Sequence[Rationale],
    say: Say,
) -> ModelConfig:
    """The tuned model, merged, as a model to load. Raises what the training raises."""
    config, folder = plan.config, arm_folder(ARM)
    merged = str(plan.files.local(f"model/{folder}/merged"))
    out = str(plan.files.local(f"training/{folder}"))
    teacher = plan.pinned(config.teacher)
    work = training.submit(_train, config, teacher, list(pairs), list(rationales), out, merged)
    try:
        with listening(Path(out), say):
            work.result()
    except BrokenProcessPool:
        raise UserError(
            "the training's process was killed, most often for its memory; "
            "`lbt plan` says what a training takes"
        ) from None
    own = {"path": merged, "revision": None, "endpoint": None}
    return config.teacher.model_copy(update=own)


def _train(
    config: RunConfig,
    teacher: ModelConfig,
    pairs: list[Preference],
    rationales: list[Rationale],
    out: str,
    merged: str,
) -> None:
    from lbt_core.training.dpo import train_dpo  # noqa: PLC0415 - heavy
    from lbt_core.training.merge import merge_adapter  # noqa: PLC0415 - heavy
    from tasks.tuning import generated_counts, training_spec  # noqa: PLC0415 - heavy

    base, remote = model_path(teacher), config.endpoint_of(config.teacher) is not None
    with beating(Path(out), "the training"):
        result = train_dpo(
            base,
            pairs,
            training_spec(config),
            out,
            revision=teacher.revision,
            generated=None if remote else generated_counts(pairs, rationales),
        )
        merge_adapter(base, result.weights, merged, teacher.revision)
