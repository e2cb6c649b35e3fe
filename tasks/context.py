"""What every step of a run needs, opened once and closed in order."""

import contextlib
import threading
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from lbt_core.generation import EngineSpec, EngineStats, Settings
from lbt_core.generation.endpoint import Served, token_counter
from lbt_core.method.extraction import Extraction
from lbt_core.method.prompts import Renderer
from lbt_core.method.subject import Grade
from lbt_core.run.config import ModelConfig, RunConfig
from lbt_core.run.endpoints import look_at, remarks, renderer_for, roles
from lbt_core.run.engine_config import EndpointConfig, EngineConfig
from lbt_core.run.engine_rule import longest_tokens, shards_in_flight
from lbt_core.run.engine_spec import engine_spec, remote_spec
from lbt_core.run.forecast import rough_count, token_forecast
from lbt_core.run.plan import Plan, model_path, resolve_identities
from lbt_core.run.record import RunStore
from lbt_core.run.rendering import build_renderer
from lbt_core.store import Files
from lbt_core.store.rows import Problem
from lbt_core.store.shards import inspect_shard
from tasks.engines import EnginePool, cluster_device, end_idle_engines
from tasks.graders import GradingPool
from tasks.progress import Progress
from tasks.tracking import Curves

# As long as a killed attempt's engines may take to end the requests that nobody waits for any more
RELEASE_S = 60.0


@dataclass
class RunContext:
    """One run being worked on."""

    store: RunStore
    plan: Plan
    renderer: Renderer
    progress: Progress
    grading: GradingPool
    keep_warm: bool
    warnings: list[str] = field(default_factory=list)
    last_engines: dict[str, EngineStats] = field(default_factory=dict)
    curves: Curves | None = None
    served: dict[str, Served] = field(default_factory=dict)
    _pool: EnginePool | None = None
    _remote: dict[EngineSpec, EnginePool] = field(default_factory=dict)
    _choosing: threading.Lock = field(default_factory=threading.Lock)

    @property
    def files(self) -> Files:
        """The run's files."""
        return self.store.files

    @property
    def config(self) -> RunConfig:
        """The run's configuration."""
        return self.store.config

    def engines(self, model: ModelConfig) -> EnginePool:
        """The engines of a model, started at the first use. Engines of another model are ended
        first: two models never share the memory. An endpoint takes none, and stays."""
        endpoint = self.config.endpoint_of(model)
        if endpoint is not None:
            return self._asked(model, endpoint)
        device = cluster_device(self.config.engines)
        config, pinned = self.config, self.pinned(model)
        spec = engine_spec(
            pinned,
            config.engines,
            device,
            config.seed,
            config.reproducible,
            longest_tokens(config),
        )
        with self._choosing:
            if self._pool is not None and self._pool.spec != spec:
                self.release_engines()
            if self._pool is None:
                self._pool = EnginePool(spec, self._engines_for(spec), keep_warm=self.keep_warm)
            return self._pool

    def _engines_for(self, spec: EngineSpec) -> EngineConfig:
        """The engines' configuration with the number of shards in flight settled."""
        shards = shards_in_flight(self.config, spec.max_num_seqs)
        return self.config.engines.model_copy(update={"shards_in_flight": shards})

    def _asked(self, model: ModelConfig, endpoint: EndpointConfig) -> EnginePool:
        spec = remote_spec(model, endpoint, self.config.engines, self.served_to(model))
        with self._choosing:
            if spec not in self._remote:
                self._remote[spec] = EnginePool(spec, self._engines_for(spec), keep_warm=False)
            return self._remote[spec]

    def served_to(self, model: ModelConfig) -> Served | None:
        """What a model's endpoint serves; None for one that is loaded here."""
        if self.config.endpoint_of(model) is None:
            return None
        return next((self.served[r] for r, m in roles(self.config).items() if m == model), None)

    def renderer_of(self, model: ModelConfig) -> Renderer:
        """What renders the prompts that a model is asked."""
        return renderer_for(self.served_to(model), self.renderer)

    @property
    def side_by_side(self) -> bool:
        """Whether teacher and students can be asked at once: at most one of them is loaded here."""
        models = {self.config.teacher, *self.config.student_models()}
        return sum(self.config.endpoint_of(m) is None for m in models) <= 1

    def pinned(self, model: ModelConfig) -> ModelConfig:
        """A model of this run at the commit that the run is on, wherever its branch has got to."""
        return self.plan.pinned(model)

    @property
    def prepared(self) -> bool:
        """Whether the problems are stored: then sampling may be, too."""
        shards = self.plan.problem_shards().values()
        return all(inspect_shard(self.files, shard).state == "whole" for shard in shards)

    def engine_stats(self) -> dict[str, EngineStats]:
        """Counters and gauges of the running engines, by name."""
        pools = [*self._remote.values(), *([self._pool] if self._pool is not None else [])]
        found: dict[str, EngineStats] = {}
        for pool in pools:
            found |= pool.stats()
        return found

    def release_engines(self) -> None:
        """End the engines; their memory is free when this returns. Raises ActorLost otherwise."""
        if self._pool is not None:
            self._pool.close()
            self._pool = None
        if self.keep_warm:
            # a killed attempt's engines end its requests first; another run's are left alone
            deadline = time.monotonic() + RELEASE_S
            while end_idle_engines() and time.monotonic() < deadline:
                time.sleep(1.0)

    def close(self) -> None:
        """End everything that the run has started. Raises ActorLost where something lives on."""
        for pool in self._remote.values():
            pool.close()
        self._remote.clear()
        if not self.keep_warm:
            self.release_engines()

    def grade(self, items: Sequence[tuple[Problem, str]]) -> list[Grade]:
        """Grades in the order of the items."""
        return self.grading.grade_many(items)

    def extract(self, texts: Sequence[str]) -> list[Extraction]:
        """The final answer of each text, and the reasoning before it."""
        return self.grading.extract_many(texts)

    def settle_forecast(self) -> None:
        """Note what `lbt plan` expects the run to cost, for its progress to be held against."""
        if "forecast" not in self.store.record:
            teacher = self.pinned(self.config.teacher)
            count = token_counter(model_path(teacher), teacher.revision) or rough_count
            problems, renderer = self.plan.problems, self.renderer
            found = token_forecast(self.config, problems, renderer, count)
            self.store.record["forecast"] = found
            self.store.save()
        self.progress.forecast = self.store.record["forecast"]

    def reload_plan(self) -> None:
        """Forget cached rows, after a step that stored others."""
        self.plan = Plan(self.files, self.config, self.plan.identities)


@contextlib.contextmanager
def open_run(store: RunStore, *, keep_warm: bool) -> Iterator[RunContext]:
    """The context of a run whose lock is held; Ray must be initialised."""
    config = store.config
    served = look_at(config)
    store.settle_identities(resolve_identities(config, served))
    store.settle_endpoints(served)
    plan = Plan(store.files, config, store.identities)
    teacher = plan.pinned(config.teacher)
    renderer = build_renderer(config.prompt, model_path(teacher), teacher.revision)
    with GradingPool(config.grading, config.subject) as grading:
        context = RunContext(store, plan, renderer, Progress(), grading, keep_warm, served=served)
        context.warnings += remarks(served)
        context.progress.warned += context.warnings
        context.progress.forecast = store.record.get("forecast", {})
        try:
            yield context
        finally:
            context.close()


def sampling_settings(config: RunConfig) -> Settings:
    """How the teacher draws tokens."""
    s = config.sampling
    return Settings(s.temperature, s.top_k, s.top_p, s.max_new_tokens)


def exam_settings(config: RunConfig) -> Settings:
    """How a student draws tokens."""
    e = config.exam
    return Settings(e.temperature, e.top_k, e.top_p, e.max_new_tokens)


def greedy(max_new_tokens: int) -> Settings:
    """The likeliest token each time."""
    return Settings(temperature=0.0, top_k=0, top_p=1.0, max_new_tokens=max_new_tokens)
