"""Figures of a run for Prometheus, through Ray's exporter: every one is named ``ray_lbt_…`` there.

Dashboard: ``deployments/grafana/lbt.json``.
"""

from collections.abc import Mapping

from ray.util.metrics import Counter, Gauge

from lbt_core.generation import EngineStats
from tasks.progress import Progress

# name: what it says, and its labels beside ``run``
COUNTERS = {
    "lbt_shards_done": ("Shards made whole in this attempt, found stored or worked on", ("stage",)),
    "lbt_rows": ("Rows of those shards", ("stage",)),
    "lbt_verdicts": ("Graded rows by verdict", ("stage", "verdict")),
    "lbt_prompt_tokens": ("Tokens read by an engine", ("engine",)),
    "lbt_tokens": ("Tokens written by an engine", ("engine",)),
}
GAUGES = {
    "lbt_shards_planned": ("Shards planned", ("stage",)),
    "lbt_shards_owed": ("Shards still to do", ("stage",)),
    "lbt_seconds_left": ("Time left of the planned shards, seconds", ()),
    "lbt_requests_running": ("Requests that an engine runs", ("engine",)),
    "lbt_requests_waiting": ("Requests that wait in front of an engine", ("engine",)),
    "lbt_kv_cache_share": ("Share of the KV cache in use", ("engine",)),
    "lbt_prefix_hit_share": ("Share of prompt tokens found in the prefix cache", ("engine",)),
    "lbt_gpu_utilisation": ("Utilisation of an engine's GPU, share", ("engine",)),
    "lbt_gpu_memory_gib": ("Memory in use on an engine's GPU, GiB", ("engine",)),
}


class Metrics:
    """Exports one run's figures; a listener of the progress reporter."""

    def __init__(self, run: str) -> None:
        self._run = run
        self._counters = {
            n: Counter(n, description=d, tag_keys=("run", *tags))
            for n, (d, tags) in COUNTERS.items()
        }
        self._gauges = {
            n: Gauge(n, description=d, tag_keys=("run", *tags)) for n, (d, tags) in GAUGES.items()
        }
        self._counted: dict[tuple[str, ...], float] = {}

    def __call__(self, progress: Progress, engines: Mapping[str, EngineStats], rate: float) -> None:
        """Bring every figure up to date."""
        for stage in progress.stages():
            self._count("lbt_shards_done", stage.done, stage=stage.stage)
            self._count("lbt_rows", stage.rows, stage=stage.stage)
            self._set("lbt_shards_planned", stage.planned, stage=stage.stage)
            self._set("lbt_shards_owed", stage.owed, stage=stage.stage)
        for (stage_name, verdict), count in progress.verdicts().items():
            self._count("lbt_verdicts", count, stage=stage_name, verdict=verdict)
        left = progress.seconds_left()
        self._set("lbt_seconds_left", left)
        for name, e in engines.items():
            self._count("lbt_prompt_tokens", e.prompt_tokens, engine=name)
            self._count("lbt_tokens", e.tokens, engine=name)
            self._set("lbt_requests_running", e.running, engine=name)
            self._set("lbt_requests_waiting", e.waiting, engine=name)
            self._set("lbt_kv_cache_share", e.kv_cache_usage, engine=name)
            self._set("lbt_prefix_hit_share", e.prefix_hit_rate, engine=name)
            self._set("lbt_gpu_utilisation", e.gpu_utilisation, engine=name)
            self._set("lbt_gpu_memory_gib", e.gpu_memory_gib, engine=name)

    def _count(self, name: str, total: float, **tags: str) -> None:
        key = (name, *tags.values())
        # an engine that was rebuilt starts from nothing again
        more = total - self._counted.get(key, 0.0)
        if more < 0:
            more = total
        if more:
            self._counters[name].inc(more, tags={"run": self._run, **tags})
        self._counted[key] = total

    def _set(self, name: str, value: float | None, **tags: str) -> None:
        if value is not None:
            self._gauges[name].set(value, tags={"run": self._run, **tags})
