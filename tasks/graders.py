"""Grading on Ray CPU actors beside generation: no engine waits for a hostile answer."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import ray

from lbt_core.method.extraction import Extraction
from lbt_core.method.subject import Grade
from lbt_core.run.config import GradingConfig
from lbt_core.store.rows import Problem
from lbt_core.subjects import GradePool
from lbt_core.subjects.registry import extend_import_path, import_path
from tasks.dispatch import Dispatcher

GRADER_NICE = 5
BATCH = 64  # answers of one call: an exam shard of a thousand keeps sixteen workers busy
SLOTS = 2


class GradingActor:
    """A grader with its isolated worker process."""

    def __init__(self, config: GradingConfig, subject: str, path: Sequence[str]) -> None:
        os.nice(GRADER_NICE)  # its worker is below it: what an engine can use of a core is its own
        extend_import_path(path)  # problems of a user's own row type are unpickled here
        self._pool = GradePool(
            workers=1,
            time_limit=config.time_limit_s,
            memory_mb=config.memory_mib,
            subject=subject,
        )

    def ready(self) -> bool:
        """True once it can grade."""
        return True

    def grade(self, items: Sequence[tuple[Problem, str]]) -> list[Grade]:
        """Grades in the order of the items."""
        return self._pool.grade_many(items)

    def extract(self, texts: Sequence[str]) -> list[Extraction]:
        """The final answer of each text, and the reasoning before it."""
        return self._pool.extract_many(texts)


class GradingPool:
    """The grading actors of a run, as a context manager."""

    def __init__(self, config: GradingConfig, subject: str) -> None:
        self._config = config
        self._subject = subject
        self._dispatcher: Dispatcher | None = None
        self._calls: ThreadPoolExecutor | None = None

    def __enter__(self) -> "GradingPool":
        actor = ray.remote(GradingActor).options(
            num_cpus=0,
            max_restarts=20,
            max_task_retries=0,
            max_concurrency=SLOTS + 2,  # it says that it lives while it grades
        )
        workers = self._config.workers_on(int(ray.cluster_resources().get("CPU", 1)))
        self._dispatcher = Dispatcher(
            [
                (f"grader-{i}", actor.remote(self._config, self._subject, import_path()))
                for i in range(workers)
            ],
            slots=SLOTS,
            rebuild=True,
        )
        self._calls = ThreadPoolExecutor(SLOTS * workers, thread_name_prefix="grading")
        return self

    def __exit__(self, *_: object) -> None:
        if self._calls is not None:
            self._calls.shutdown(cancel_futures=True)
        if self._dispatcher is not None:
            self._dispatcher.close()

    def grade_many(self, items: Sequence[tuple[Problem, str]]) -> list[Grade]:
        """Grades in the order of the items. Raises ActorLost where a grading actor died."""
        return self._spread("grade", items)

    def extract_many(self, texts: Sequence[str]) -> list[Extraction]:
        """The final answer of each text, and the reasoning before it. Raises ActorLost."""
        return self._spread("extract", texts)

    def _spread(self, method: str, items: Sequence[Any]) -> list[Any]:
        """A method's results in the items' order, batches on all workers at once."""
        dispatcher, calls = self._dispatcher, self._calls
        assert dispatcher is not None and calls is not None, "grading outside the pool's block"

        def call(start: int) -> list[Any]:
            found: list[Any] = dispatcher.call(method, list(items[start : start + BATCH]))[1]
            return found

        return [one for part in calls.map(call, range(0, len(items), BATCH)) for one in part]
