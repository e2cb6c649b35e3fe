"""Grading on Ray CPU actors beside generation: no engine waits for a hostile answer."""

from collections.abc import Sequence

import ray

from lbt_core.method.extraction import Extraction
from lbt_core.method.subject import Grade
from lbt_core.run.config import GradingConfig
from lbt_core.store.rows import Problem
from lbt_core.subjects import GradePool
from lbt_core.subjects.registry import extend_import_path, import_path
from tasks.dispatch import Dispatcher

BATCH = 256


class GradingActor:
    """A grader with its isolated worker process."""

    def __init__(self, config: GradingConfig, subject: str, path: Sequence[str]) -> None:
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

    def __enter__(self) -> "GradingPool":
        actor = ray.remote(GradingActor).options(
            num_cpus=0, max_restarts=20, max_task_retries=0, max_concurrency=1
        )
        self._dispatcher = Dispatcher(
            [
                (f"grader-{i}", actor.remote(self._config, self._subject, import_path()))
                for i in range(self._config.workers)
            ],
            slots=2,
        )
        return self

    def __exit__(self, *_: object) -> None:
        if self._dispatcher is not None:
            self._dispatcher.close()

    def grade_many(self, items: Sequence[tuple[Problem, str]]) -> list[Grade]:
        """Grades in the order of the items. Raises ActorLost where a grading actor died."""
        assert self._dispatcher is not None, "grading outside the pool's block"
        grades: list[Grade] = []
        for start in range(0, len(items), BATCH):
            grades += self._dispatcher.call("grade", list(items[start : start + BATCH]))[1]
        return grades

    def extract_many(self, texts: Sequence[str]) -> list[Extraction]:
        """The final answer of each text, and the reasoning before it. Raises ActorLost."""
        assert self._dispatcher is not None, "extracting outside the pool's block"
        found: list[Extraction] = []
        for start in range(0, len(texts), BATCH):
            found += self._dispatcher.call("extract", list(texts[start : start + BATCH]))[1]
        return found
