"""Training as a Ray Train job: the same ``train_dpo`` on one worker or on many.

The folder that is trained into must be visible to every worker: a local one for one machine, a
shared file system for several. Checkpoints, history and result live there, written by the first
worker, so a job that is started again continues from the last whole checkpoint.
"""

import contextlib
import logging
import shutil
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import ray
import ray.train
from ray.train import FailureConfig, RunConfig, ScalingConfig
from ray.train.torch import TorchConfig, TorchTrainer

from lbt_core import DataError, UserError
from lbt_core.store.rows import Preference, Problem, from_table, to_table
from lbt_core.subjects import GradePool
from lbt_core.training.data import Generated
from lbt_core.training.dpo import TrainingResult, train_dpo
from lbt_core.training.history import (
    END_MARK,
    TrainingDiverged,
    TrainingEnded,
    describe,
    read_history,
)
from lbt_core.training.spec import TrainingSpec
from tasks import draining
from tasks.beside import beside
from tasks.heartbeat import beating, listening

_log = logging.getLogger(__name__)

_PAIRS = "pairs.parquet"
_POLL_SECONDS = 1.0
# Failures that another attempt cannot mend: handed back as values, so that Ray does not retry them.
_FINAL: dict[str, type[Exception]] = {
    kind.__name__: kind for kind in (UserError, TrainingDiverged, DataError)
}
_FINAL[TrainingEnded.__name__] = draining.Drained


def train_on_ray(
    model_path: str,
    pairs: Sequence[Preference],
    spec: TrainingSpec,
    out_dir: str | Path,
    *,
    revision: str | None = None,
    generated: Sequence[Generated] | None = None,
    validation_prompts: Sequence[str] = (),
    validation: tuple[str, Sequence[Problem]] | None = None,
    resume: bool = True,
    on_log: Callable[[str], None] | None = None,
    cores: int | None = None,
    max_failures: int = 2,
) -> TrainingResult:
    """Trains on Ray Train workers (``spec.workers_on``) and returns the first one's result.

    Needs an initialised Ray with enough free CPUs or GPUs: it waits for them. Each worker gets a
    GPU where the cluster has any, else an equal share of ``cores`` (default: all of the cluster's
    CPUs). ``validation`` is the subject's name and the problems of the validation prompts, one
    each, which grade the answers to them. ``on_log`` gets a line for every step as it appears in
    the history file, and a warning that names a worker which gives no sign of life, from other
    threads. A lost worker restarts the group from the last checkpoint, ``max_failures`` times at
    most; so does, after Ray's ten minutes, one that is stopped.

    Asked to end (``tasks.draining``), it has a checkpoint written after the step in progress.

    Raises what ``train_dpo`` raises, Drained, and Ray's TrainingFailedError where the job itself
    fails.
    """
    out_dir = Path(out_dir).resolve()
    if not resume:
        shutil.rmtree(out_dir, ignore_errors=True)
    out_dir.mkdir(parents=True, exist_ok=True)
    pq.write_table(to_table(pairs, Preference), out_dir / f".{_PAIRS}")
    (out_dir / f".{_PAIRS}").replace(out_dir / _PAIRS)
    gpus = int(ray.cluster_resources().get("GPU", 0))
    gpu, workers = gpus > 0, spec.workers_on(gpus)
    cores = cores or int(ray.cluster_resources().get("CPU", 1))
    nodes = [int(n["Resources"].get("CPU", 0)) for n in ray.nodes() if n["Alive"]]
    threads = None if gpu else cores_per_worker(cores, workers, nodes)
    trainer = TorchTrainer(
        _worker,
        train_loop_config={
            "model_path": model_path,
            "revision": revision,
            "generated": list(generated) if generated is not None else None,
            "spec": spec.model_dump(mode="json"),
            "out_dir": str(out_dir),
            "validation_prompts": list(validation_prompts),
            "validation": validation,
            "threads": threads,
        },
        torch_config=TorchConfig(backend="nccl" if gpu else "gloo"),
        scaling_config=ScalingConfig(
            num_workers=workers,
            use_gpu=gpu,
            resources_per_worker={"CPU": 1, "GPU": 1} if gpu else {"CPU": threads},
        ),
        run_config=RunConfig(
            name="ray",
            storage_path=str(out_dir),
            failure_config=FailureConfig(max_failures=max_failures),
            worker_runtime_env={"env_vars": _worker_environment(threads)},
        ),
    )
    say = on_log or _log.info
    with _following(out_dir, say), listening(out_dir, say):
        outcome: Mapping[str, Any] = trainer.fit().return_value
    if "error" in outcome:
        raise _FINAL[outcome["error"]](outcome["message"])
    for message in outcome["messages"]:
        say(message)
    result: TrainingResult = outcome["result"]
    return result


def cores_per_worker(cores: int, workers: int, nodes: Sequence[int]) -> int:
    """The most cores that each worker can have: an equal share of ``cores``, such that all of them
    find room on nodes of so many cores. A worker is on one node: a larger one would wait for ever.
    """
    for share in range(max(1, cores // workers), 1, -1):
        if sum(node // share for node in nodes) >= workers:
            return share
    return 1


def _worker_environment(threads: int | None) -> dict[str, str]:
    """Thread pools take their size when their library loads, so it is set before that."""
    quiet = {"TQDM_DISABLE": "1", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
    return quiet if threads is None else {**quiet, "OMP_NUM_THREADS": str(threads)}


def _worker(config: Mapping[str, Any]) -> dict[str, Any]:
    """What each Ray Train worker runs, its ``torch.distributed`` group being up."""
    rank = ray.train.get_context().get_world_rank()
    with beating(Path(config["out_dir"]), f"training worker {rank}"):
        return _train(config, rank)


def _train(config: Mapping[str, Any], rank: int) -> dict[str, Any]:
    import torch  # noqa: PLC0415 (heavy import, only in the worker)

    if config["threads"] is not None:
        torch.set_num_threads(config["threads"])
    out_dir = Path(config["out_dir"])
    messages: list[str] = []
    pool = None
    if config.get("validation") is not None and rank == 0:
        pool = GradePool(workers=1, subject=config["validation"][0])
    try:
        result = train_dpo(
            config["model_path"],
            from_table(pq.read_table(out_dir / _PAIRS), Preference),
            TrainingSpec.model_validate(config["spec"]),
            out_dir,
            revision=config["revision"],
            generated=config["generated"],
            validation_prompts=config["validation_prompts"],
            right=partial(_right, pool, config["validation"]) if config.get("validation") else None,
            on_log=lambda line: None if line.startswith("training step") else messages.append(line),
            prepare=_report_to_ray,
        )
    except (UserError, DataError, TrainingEnded) as error:
        return {"error": type(error).__name__, "message": str(error)}
    finally:
        if pool is not None:
            pool.close()
    return {"result": result, "messages": messages}


def _right(
    pool: GradePool | None, validation: tuple[str, Sequence[Problem]], texts: Sequence[str]
) -> list[bool]:
    """Which answers to the first of the validation problems are right; the first worker alone has
    a pool, and is asked."""
    assert pool is not None
    pairs = list(zip(validation[1][: len(texts)], texts, strict=True))
    return [grade.verdict == "correct" for grade in pool.grade_many(pairs)]


def _report_to_ray(trainer: Any) -> Any:
    """Has every checkpoint's metrics reported to Ray Train; the checkpoint itself stays in place.

    Ray's own RayTrainReportCallback would copy each checkpoint into a second folder.
    """
    from transformers import TrainerCallback  # noqa: PLC0415 (heavy import, only in the worker)

    class Report(TrainerCallback):  # type: ignore[misc]
        def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            ray.train.report({"step": state.global_step, **state.log_history[-1]})

    trainer.add_callback(Report())
    return trainer


@contextlib.contextmanager
def _following(out_dir: Path, say: Callable[[str], None]) -> Iterator[None]:
    """Says every step that appears in the history file while the block runs."""
    last = max((row["step"] for row in read_history(out_dir)), default=-1)

    def follow(done: threading.Event) -> None:
        nonlocal last
        while True:
            ending = done.wait(_POLL_SECONDS)
            if draining.requested():
                (out_dir / END_MARK).touch()
            for row in read_history(out_dir):
                if row["step"] > last and "loss" in row:
                    last = row["step"]
                    say(describe(row))
            if ending:
                return

    with beside(follow):
        yield
