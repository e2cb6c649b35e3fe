"""Worker processes of the ablation: one core each, with a grader and a vLLM engine that stays
loaded in a child of its own (training and vLLM do not share a process); jobs that are done once.
"""

import atexit
import contextlib
import json
import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import psutil
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from lbt_core.generation import Completion, Engine, EngineSpec, Request, build_engine
from lbt_core.subjects import GradePool

_SPAWN = multiprocessing.get_context("spawn")


@dataclass(frozen=True)
class Job:
    """One result file and what makes it: a function of this package, called in a worker with
    ``arguments`` and the file's folder; its record is written with the ``spec`` that it is for.
    """

    file: Path
    spec: dict[str, Any]
    work: Callable[..., dict[str, Any]]
    arguments: tuple[Any, ...]

    def result(self) -> dict[str, Any] | None:
        """The stored record; None where there is none, or one for something else."""
        try:
            record: dict[str, Any] = json.loads(self.file.read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return record if record.get("spec") == json.loads(json.dumps(self.spec)) else None


def run_jobs(jobs: Sequence[Job], pool: ProcessPoolExecutor, label: str) -> list[dict[str, Any]]:
    """The records of all jobs, in their order; only what is missing is done.

    Raises what a job raises, once the others that run have ended; what they wrote stays.
    """
    missing = [job for job in jobs if job.result() is None]
    columns = (TextColumn(label), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=_console()) as bar:
        task = bar.add_task(label, total=len(jobs), completed=len(jobs) - len(missing))
        futures = [pool.submit(_do, job) for job in missing]
        try:
            for future in as_completed(futures):
                future.result()
                bar.advance(task)
        finally:
            for future in futures:
                future.cancel()
    records = [job.result() for job in jobs]
    return [record for record in records if record is not None]


def _console() -> Any:
    from rich.console import Console  # noqa: PLC0415 (only in the parent)

    return Console(stderr=True)


def _do(job: Job) -> None:
    job.file.parent.mkdir(parents=True, exist_ok=True)
    before = _cpu_seconds()
    record = {"spec": job.spec, **job.work(*job.arguments, job.file.parent)}
    record["cpu_seconds"] = max(0.0, _cpu_seconds() - before)
    temporary = job.file.with_suffix(".writing")
    temporary.write_text(json.dumps(record), "utf-8")
    temporary.replace(job.file)


def _cpu_seconds() -> float:
    """Processor time of this worker, its engine and its grader so far."""
    own = psutil.Process()
    times = [own.cpu_times()]
    for child in own.children(recursive=True):
        with contextlib.suppress(psutil.Error):  # it has ended
            times.append(child.cpu_times())
    return sum(t.user + t.system for t in times)


def worker_pool(workers: int) -> ProcessPoolExecutor:
    """Worker processes, each on a core of its own while there are enough."""
    available = sorted(os.sched_getaffinity(0))
    cores = _SPAWN.SimpleQueue()
    for number in range(workers):
        cores.put(available[number % len(available)])
    return ProcessPoolExecutor(workers, _SPAWN, initializer=_begin, initargs=(cores,))


def _begin(cores: Any) -> None:
    os.sched_setaffinity(0, {cores.get()})
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ["TQDM_DISABLE"] = "1"
    os.environ["HF_DATASETS_DISABLE_PROGRESS_BARS"] = "1"


# --- in a worker --------------------------------------------------------------------------------

_loaded: dict[str, Any] = {}


def grader() -> GradePool:
    """This worker's grader."""
    if "grader" not in _loaded:
        _loaded["grader"] = GradePool(workers=1)
        atexit.register(_loaded["grader"].close)
    pool: GradePool = _loaded["grader"]
    return pool


def generate(spec: EngineSpec, requests: Sequence[Request]) -> list[Completion]:
    """Completions from this worker's engine, which is loaded anew where the spec changes."""
    if spec.kind == "transformers":
        if _loaded.get("spec") != spec:
            _loaded.update(spec=spec, engine=build_engine(spec))
        engine: Engine = _loaded["engine"]
        return engine.generate(requests)
    if "pipe" not in _loaded:
        here, there = _SPAWN.Pipe()
        child = _SPAWN.Process(target=_serve, args=(there, spec), daemon=True)
        child.start()
        there.close()
        _loaded["pipe"] = here
    pipe: Connection = _loaded["pipe"]
    pipe.send((spec, list(requests)))
    answer = pipe.recv()
    if isinstance(answer, str):
        raise RuntimeError(f"the engine of {spec.model} failed: {answer}")
    completions: list[Completion] = answer
    return completions


def _serve(pipe: Connection, first: EngineSpec) -> None:
    """The engine child: answers (spec, requests) until its worker ends."""
    from lbt_core.generation.vllm_engine import prepare_environment  # noqa: PLC0415 - heavy

    prepare_environment(first, None)
    engine: Engine | None = None
    loaded: EngineSpec | None = None
    while True:
        try:
            spec, requests = pipe.recv()
        except EOFError:
            return
        try:
            if spec != loaded:
                if engine is not None:
                    engine.close()
                engine, loaded = None, None
                engine = build_engine(spec)
                loaded = spec
            assert engine is not None
            pipe.send(engine.generate(requests))
        except Exception as error:  # a vLLM error may not survive the pipe
            pipe.send(f"{type(error).__name__}: {error}")
            return
