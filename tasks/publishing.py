"""What the Prefect UI shows of a run: log lines, one progress artifact, one table of engines, and
the result; and the same figures for Prometheus.

None of it is needed for the run: a server that does not answer costs a warning, not the run.
"""

import base64
import contextlib
import contextvars
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import httpx
from prefect import get_run_logger
from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.exceptions import PrefectException

from lbt_core.generation import EngineStats
from lbt_core.reporting.gather import gather
from lbt_core.reporting.viewing.addresses import HOME, url
from lbt_core.run.config import read_environment
from lbt_core.run.health import warnings
from lbt_core.store.rows import Preference
from tasks.context import RunContext
from tasks.metrics import Metrics
from tasks.progress import Progress, Reporter, describe_progress, format_seconds
from tasks.tracking import Curves, tracking
from tasks.tuning import training_folder

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
        self._warned: set[str] = set()
        self._warning = threading.Lock()
        self._poke: Callable[[], None] = lambda: None
        self._last: tuple[float, Mapping[str, EngineStats]] = (time.monotonic(), {})
        self._table: list[dict[str, Any]] = []

    @contextlib.contextmanager
    def reporting(self) -> Iterator[None]:
        """Log and publish every few seconds, and once at the end."""
        metrics = Metrics(self._context.store.name)
        listeners: list[Listener] = [self._remember, self._log, metrics, *terminal_listeners]
        with self._tracked() as curves:
            yield from self._report([*listeners, *([curves] if curves is not None else [])])

    @contextlib.contextmanager
    def _tracked(self) -> Iterator[Curves | None]:
        context = self._context

        def folder(arm: str) -> Path:
            return training_folder(context.files, arm)

        with tracking(context.store, folder, self._logger.warning) as curves:
            context.curves = curves
            yield curves

    def _report(self, listeners: list[Listener]) -> Iterator[None]:
        started = time.monotonic()
        self._link()
        for sentence in self._context.warnings:
            self._logger.warning(sentence)
        reporter = Reporter(
            self._context.progress, self._context.engine_stats, [*listeners, self._publish]
        )
        self._poke = reporter.poke
        self._context.progress.watchers.append(self._warn)
        try:
            with reporter:
                yield
        finally:
            self._context.progress.watchers.remove(self._warn)
            self._published = 0.0
            self._publish(self._context.progress, self._context.last_engines, 0.0)
            wall = time.monotonic() - started
            self._logger.info(
                "progress and metrics took %.2f s of CPU time, %.2f %% of %s",
                *(reporter.cpu_seconds, 100 * reporter.cpu_seconds / wall, format_seconds(wall)),
            )

    def _remember(self, _: Progress, engines: Mapping[str, EngineStats], __: float) -> None:
        if engines:
            self._context.last_engines = dict(engines)

    def _log(self, progress: Progress, engines: Mapping[str, EngineStats], rate: float) -> None:
        line = describe_progress(progress, engines, rate)
        if line and line != self._line:
            self._logger.info(line)
            self._line = line
        self._warn()

    def _warn(self) -> None:
        """Say what looks wasted, once, at the shard's commit that shows it: not at the next line,
        by which a short run is over."""
        progress, fresh = self._context.progress, list[str]()
        with self._warning:
            for stage, tally in progress.tallies().items():
                for kind, sentence in warnings(stage, tally, self._context.config):
                    if kind not in self._warned:
                        self._warned.add(kind)
                        fresh.append(sentence)
        for sentence in fresh:
            self._context.warnings.append(sentence)
            progress.warn(sentence)
            self._logger.warning(sentence)
        if fresh:
            self._poke()

    def _publish(self, progress: Progress, engines: Mapping[str, EngineStats], rate: float) -> None:
        if time.monotonic() - self._published < ARTIFACT_SECONDS:
            return
        self._published = time.monotonic()
        with self._tolerating():
            self._inside.run(self._publish_artifacts, progress, engines)

    @contextlib.contextmanager
    def _tolerating(self) -> Iterator[None]:
        try:
            yield
        except (httpx.HTTPError, PrefectException, RuntimeError) as error:
            self._logger.warning(
                "the Prefect server did not take an artifact (%s); the run goes on", error
            )

    def _link(self) -> None:
        dashboard = read_environment().ray_dashboard
        if dashboard:
            with self._tolerating():
                create_link_artifact(
                    link=dashboard, link_text="Ray dashboard", key="lbt-ray-dashboard"
                )

    def _publish_artifacts(self, progress: Progress, engines: Mapping[str, EngineStats]) -> None:
        stages = progress.stages()
        planned = sum(s.planned for s in stages)
        share = 100.0 * sum(s.done for s in stages) / planned if planned else 0.0
        line = describe_progress(progress, {}, 0.0)
        if self._artifact is None:
            self._artifact = create_progress_artifact(
                progress=share, key="lbt-progress", description=line or "Shards done, all stages"
            )
        else:
            update_progress_artifact(artifact_id=self._artifact, progress=share, description=line)
        if engines:
            then, before = self._last
            now = time.monotonic()
            rows = engine_rows(engines, before, now - then, progress.engine_shards())
            self._last = (now, dict(engines))
            create_table_artifact(key="lbt-engines", table=rows, description=ENGINES_EXPLAINED)


ENGINES_EXPLAINED = (
    "One row per engine. Tokens per second since the last row of figures, at most every 30 s; "
    "requests now; shards done in this attempt."
)


def engine_rows(
    engines: Mapping[str, EngineStats],
    before: Mapping[str, EngineStats],
    seconds: float,
    shards: Mapping[str, int],
) -> list[dict[str, Any]]:
    """The table of engines: one row each, speeds since ``before``, ``seconds`` ago."""
    rows = []
    for name, e in sorted(engines.items()):
        old = before.get(name)
        if old is None or old.tokens > e.tokens:  # the first reading, or the engine was rebuilt
            read, written, span = e.prompt_tokens, e.tokens, e.busy_seconds
        else:
            read, written, span = (
                e.prompt_tokens - old.prompt_tokens,
                e.tokens - old.tokens,
                seconds,
            )
        row: dict[str, Any] = {
            "engine": name,
            "shards": shards.get(name, 0),
            "tokens in/s": round(read / max(span, 1e-6)),
            "tokens out/s": round(written / max(span, 1e-6)),
            "running": e.running,
            "waiting": e.waiting,
            "KV cache": f"{e.kv_cache_usage:.0%}",
            "prefix hits": f"{e.prefix_hit_rate:.0%}",
        }
        if e.gpu_utilisation is not None and e.gpu_memory_gib is not None:
            row |= {"GPU": f"{e.gpu_utilisation:.0%}", "GPU GiB": round(e.gpu_memory_gib, 1)}
        rows.append(row)
    return rows


def publish_result(
    context: RunContext, figures: Mapping[str, Any], pairs: Mapping[str, Sequence[Preference]]
) -> None:
    """The Markdown artifact with the run's result: figures, plots, the report."""
    if context.curves is not None:
        page = Path(figures["report"]) if context.files.is_local else None
        context.curves.result(figures, page)
    try:
        create_markdown_artifact(
            key="lbt-result",
            markdown=result_markdown(context, figures, pairs),
            description="Result",
        )
    except (httpx.HTTPError, PrefectException, RuntimeError) as error:
        get_run_logger().warning("the Prefect server did not take the result (%s)", error)


def result_markdown(
    context: RunContext, figures: Mapping[str, Any], pairs: Mapping[str, Sequence[Preference]]
) -> str:
    """The result for people: Pass@1 of every arm with its plots as images."""
    from lbt_core.reporting.drawing import png  # noqa: PLC0415 - heavy import, only where used
    from lbt_core.reporting.plots import (  # noqa: PLC0415 - heavy import, only where used
        lbt_by_correctness,
        pass1_by_arm,
    )
    from lbt_core.reporting.summary import arm_results  # noqa: PLC0415 - heavy import

    engines = [{"engine": n} | asdict(s) for n, s in context.last_engines.items()]
    inputs = gather(context.store, context.plan, pairs, engines, context.warnings)
    plots = {
        "Pass@1 with 95 % intervals": pass1_by_arm(arm_results(inputs)),
        "LbT score of right and of wrong rationales": lbt_by_correctness(inputs.scores),
    }
    report = report_address(figures["report"])
    link = f"[Open the report]({report})" if report else f"`{figures['report']}`"
    lines = [
        f"# {figures['run']}: Pass@1 {figures['base_pass1']:.1%} → {figures['tuned_pass1']:.1%}",
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
        f"Report: {link}",
        "",
        f"Rationales, exams and pairs: `lbt view {context.store.files.uri}` shows them "
        f"([pairs]({HOME}{url('/pairs')}), [rationales]({HOME}{url('/rationales')})).",
    ]
    for title, figure in plots.items():
        if figure is not None:
            data = base64.b64encode(png(figure)).decode()
            lines += ["", f"![{title}](data:image/png;base64,{data})"]
    return "\n".join(lines)


def report_address(page: str) -> str | None:
    """Where a browser finds the report: the address that ``lbt up`` serves reports at."""
    environment = read_environment()
    base, folder = environment.reports_url, environment.reports_folder
    if base is None or folder is None or not page.startswith(f"{folder}/"):
        return None
    return f"{base}/{page.removeprefix(f'{folder}/')}"
