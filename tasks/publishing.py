"""What the Prefect UI shows of a run: log lines, one progress artifact, one table of engines, and
the result."""

import contextlib
import contextvars
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from prefect import get_run_logger
from prefect.artifacts import (
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)

from lbt_core.generation import EngineStats
from tasks.context import RunContext
from tasks.progress import Progress, Reporter, describe_progress

ARTIFACT_SECONDS = 30.0

Listener = Callable[[Progress, Mapping[str, EngineStats], float], None]
terminal_listeners: list[Listener] = []
"""Readers in this process beside the log and the artifacts: the command line's progress bars."""


class Publisher:
    """Publishes one run's progress while its block runs."""

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._logger = get_run_logger()
        # artifacts belong to this flow run, whichever thread creates them
        self._inside = contextvars.copy_context()
        self._artifact: Any = None
        self._published = 0.0
        self._line = ""

    @contextlib.contextmanager
    def reporting(self) -> Iterator[None]:
        """Log and publish every few seconds, and once at the end."""
        listeners: list[Listener] = [self._remember, self._log, *terminal_listeners, self._publish]
        with Reporter(self._context.progress, self._context.engine_stats, listeners):
            yield
        self._published = 0.0
        self._publish(self._context.progress, self._context.last_engines, 0.0)

    def _remember(self, _: Progress, engines: Mapping[str, EngineStats], __: float) -> None:
        if engines:
            self._context.last_engines = dict(engines)

    def _log(self, progress: Progress, engines: Mapping[str, EngineStats], rate: float) -> None:
        line = describe_progress(progress, engines, rate)
        if line and line != self._line:
            self._logger.info(line)
            self._line = line

    def _publish(self, progress: Progress, engines: Mapping[str, EngineStats], rate: float) -> None:
        if time.monotonic() - self._published < ARTIFACT_SECONDS:
            return
        self._published = time.monotonic()
        self._inside.run(self._publish_artifacts, progress, engines)

    def _publish_artifacts(self, progress: Progress, engines: Mapping[str, EngineStats]) -> None:
        stages = progress.stages()
        planned = sum(s.planned for s in stages)
        share = 100.0 * sum(s.done for s in stages) / planned if planned else 0.0
        if self._artifact is None:
            self._artifact = create_progress_artifact(
                progress=share, key="lbt-progress", description="Shards done, all stages"
            )
        else:
            update_progress_artifact(artifact_id=self._artifact, progress=share)
        if engines:
            create_table_artifact(
                key="lbt-engines", table=engine_rows(engines), description="Engines"
            )


def engine_rows(engines: Mapping[str, EngineStats]) -> list[dict[str, Any]]:
    """The table of engines: one row each, speeds in tokens per busy second."""
    return [
        {
            "engine": name,
            "tokens in/s": round(e.prompt_tokens / max(e.busy_seconds, 1e-6)),
            "tokens out/s": round(e.tokens / max(e.busy_seconds, 1e-6)),
            "running": e.running,
            "waiting": e.waiting,
            "KV cache": f"{e.kv_cache_usage:.0%}",
            "prefix hits": f"{e.prefix_hit_rate:.0%}",
            "requests": e.requests,
        }
        for name, e in sorted(engines.items())
    ]


def publish_result(context: RunContext, figures: Mapping[str, Any]) -> None:
    """The Markdown artifact with the run's result."""
    lines = [
        f"# {figures['run']}",
        "",
        f"| model | Pass@1 on {figures['problems_test']} held-out problems |",
        "|---|---|",
        f"| base | {figures['base_pass1']:.1%} |",
        f"| tuned (combined) | {figures['tuned_pass1']:.1%} |",
        *(f"| control ({arm}) | {value:.1%} |" for arm, value in figures["controls"].items()),
        "",
        f"Tuned against base: exact McNemar p = {figures['mcnemar_p']:.2g}. "
        f"{figures['pairs']} pairs from {figures['rationales']:,} rationales and "
        f"{figures['exam_answers']:,} exam answers.",
        "",
        f"Report: `{figures['report']}`",
    ]
    create_markdown_artifact(key="lbt-result", markdown="\n".join(lines), description="Result")
