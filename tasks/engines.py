"""Inference engines on Ray: one long-lived actor each, fed across shard boundaries.

On a CPU one engine per core, pinned (faster than one engine on all cores); on GPUs one per device
or tensor-parallel group. On a cluster that outlives the run, engines stay loaded for a while, so
that a retried run finds them warm.
"""

import contextlib
import hashlib
import os
import sys
import threading
import time
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, replace
from typing import Any
from urllib.parse import urlsplit

import ray

from lbt_core.generation import (
    Completion,
    Engine,
    EngineDied,
    EngineSpec,
    EngineStats,
    ModelCannotLoad,
    Request,
    build_engine,
)
from lbt_core.generation.core_process import end_children
from lbt_core.generation.gpus import missing_build_tools
from lbt_core.run.config import endpoint_key, read_environment
from lbt_core.run.engine_config import EngineConfig
from lbt_core.run.engine_rule import FEWEST_SHARDS
from lbt_core.store.scratch import local_folder
from tasks.dispatch import ActorLost, ActorRefused, Dispatcher
from tasks.draining import Drained
from tasks.placement import Placement

NAMESPACE = "lbt"
PREFIX = "lbt-engine-"
IDLE_ANSWER_S = 5.0
ANSWER_S = 10.0
AHEAD = 2
# an engine's thread that waits for the interpreter waits at most so long: a step is 50 ms
SWITCH_S = 0.0005
# A run of days on a shared cluster meets some deaths; a model that kills its engine each time must
# end it all the same
RESTARTS = 20
# A dead core's GPU memory is given back some time later; a new engine would find it taken
END_S = 30.0


class EngineActor:
    """A loaded engine. Calls of ``generate`` run side by side and share it."""

    def __init__(
        self,
        spec: EngineSpec,
        index: int,
        pin: bool,
        warm_seconds: int,
        cores: Sequence[int] = (),
    ) -> None:
        """``pin`` gives the engine the ``index``-th of the cores, by default of those that this
        process may use."""
        self._elsewhere: set[int] = set()
        if spec.kind == "vllm":
            from lbt_core.generation.vllm_engine import (  # noqa: PLC0415 - heavy
                prepare_environment,
            )

            missing = missing_build_tools(read_environment().compiler)
            if spec.device == "gpu" and missing:
                raise ModelCannotLoad(f"{spec.model} cannot be loaded: {missing}")
            given = list(cores) or sorted(os.sched_getaffinity(0))
            core = given[index % len(given)] if pin else None
            prepare_environment(spec, core)
            self._elsewhere = set(given) - {core} if pin else set()
            sys.setswitchinterval(SWITCH_S)
        self._on_gpu = spec.device == "gpu"
        spec = replace(spec, model=local_folder(spec.model, read_environment().scratch))
        key = endpoint_key(spec.endpoint.key) if spec.endpoint is not None else None
        self._engine: Engine = build_engine(spec, key)
        self._last_call = time.monotonic()
        self._calls = 0
        self._tickets: dict[str, threading.Event] = {}
        if warm_seconds:
            idle = threading.Thread(target=self._end_when_idle, args=(warm_seconds,), daemon=True)
            idle.start()

    def ready(self) -> bool:
        """True once the model is loaded."""
        return True

    def pid(self) -> int:
        """Process id, for tests that kill it."""
        return os.getpid()

    def idle(self) -> bool:
        """Whether nobody's requests are in it."""
        return self._calls == 0

    def stream(self, requests: Sequence[Request], ticket: str) -> Iterator[list[Completion]]:
        """Completions in lists, as they finish, until ``drop`` is called with the ticket."""
        if self._elsewhere:  # tokens to text and back need not take the engine's core
            os.sched_setaffinity(0, self._elsewhere)
        self._calls += 1
        stop = self._tickets.setdefault(ticket, threading.Event())
        try:
            yield from self._engine.stream(requests, stop)
        except EngineDied:
            # a dead engine in a living actor would fail every call: let Ray rebuild it, once the
            # GPU's memory is free
            end_children(END_S)
            os._exit(1)
        finally:
            self._tickets.pop(ticket, None)
            self._calls -= 1
            self._last_call = time.monotonic()

    def drop(self, ticket: str) -> None:
        """Nobody waits for a stream any more."""
        if ticket in self._tickets:
            self._tickets[ticket].set()

    def stats(self) -> EngineStats:
        """Counters and gauges of the engine and of its GPU."""
        utilisation, memory = gpu_use() if self._on_gpu else (None, None)
        return replace(self._engine.stats(), gpu_utilisation=utilisation, gpu_memory_gib=memory)

    def _end_when_idle(self, warm_seconds: int) -> None:
        while True:
            time.sleep(min(warm_seconds, 10))
            if not self._calls and time.monotonic() - self._last_call > warm_seconds:
                ray.kill(ray.get_runtime_context().current_actor, no_restart=True)


def gpu_use() -> tuple[float | None, float | None]:
    """Utilisation (share) and used memory (GiB) of the first GPU that this process may use."""
    from ray._private.thirdparty import pynvml  # noqa: PLC0415 - only where there is a GPU

    visible = read_environment().first_gpu
    try:
        pynvml.nvmlInit()
        if visible.isdigit():
            handle = pynvml.nvmlDeviceGetHandleByIndex(int(visible))
        else:
            handle = pynvml.nvmlDeviceGetHandleByUUID(visible.encode())
        utilisation = pynvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100
        memory = pynvml.nvmlDeviceGetMemoryInfo(handle).used / 2**30
    except pynvml.NVMLError:
        return None, None  # a container without the management library
    return utilisation, memory


def cluster_device(config: EngineConfig) -> str:
    """ "gpu" or "cpu": the configured device, or what the connected cluster has."""
    if config.device != "auto":
        return config.device
    return "gpu" if ray.cluster_resources().get("GPU", 0) >= 1 else "cpu"


def engine_count(config: EngineConfig, device: str) -> int:
    """The configured number, or one per GPU group, or one per core but one (at least one)."""
    if config.count is not None:
        return config.count
    resources = ray.cluster_resources()
    if device == "gpu":
        return max(1, int(resources["GPU"]) // config.tensor_parallel)
    return max(1, (int(resources.get("CPU", 1)) - 1) // config.tensor_parallel)


def end_idle_engines(keep: Collection[str] = ()) -> list[str]:
    """End warm engines of other models and earlier runs, for the memory and the CPUs or GPUs that
    they hold; ``keep`` names those to leave. Returns the names of those still at work, which belong
    to another run, or finish what a killed one had asked of them.
    """
    busy = []
    for actor in ray.util.list_named_actors(all_namespaces=True):
        name = actor["name"]
        if actor["namespace"] != NAMESPACE or not name.startswith(PREFIX) or name in keep:
            continue
        try:
            handle = ray.get_actor(name, namespace=NAMESPACE)
            if ray.get(handle.idle.remote(), timeout=IDLE_ANSWER_S):
                ray.kill(handle, no_restart=True)
            else:
                busy.append(name)
        except ray.exceptions.GetTimeoutError:
            busy.append(name)
        except (ValueError, ray.exceptions.RayActorError):
            continue  # it ended by itself
    return busy


class EnginePool:
    """The engines of one model, started at the first request."""

    def __init__(self, spec: EngineSpec, config: EngineConfig, *, keep_warm: bool) -> None:
        self.spec = spec
        self._remote = spec.endpoint is not None
        self.count = 1 if self._remote else engine_count(config, spec.device)
        self._slots = config.shards_in_flight or FEWEST_SHARDS
        self._warm_seconds = config.warm_seconds if keep_warm else 0
        self._dispatcher: Dispatcher | None = None
        self._starting = threading.Lock()
        self._refused = ""
        # on this machine, where Ray was started for the run and ends with it
        self._cores = [] if keep_warm else sorted(os.sched_getaffinity(0))
        self._placement = Placement()

    def start(self) -> Dispatcher:
        """The engines, loaded. Raises ModelCannotLoad, from then on at once, where the model cannot
        be loaded, ActorLost where engines die while they load."""
        with self._starting:
            if self._refused:
                raise ModelCannotLoad(self._refused)
            if self._dispatcher is None:
                if self._warm_seconds:
                    end_idle_engines(self._warm_names())
                actors = [self._actor(i) for i in range(self.count)]
                dispatcher = Dispatcher(actors, slots=self._slots)
                try:
                    # engines of a killed run end their requests first, and are only then idle
                    dispatcher.wait_ready(lambda: end_idle_engines(self._warm_names()))
                except (ActorLost, ActorRefused) as error:
                    with contextlib.suppress(ActorLost):
                        dispatcher.close()
                    if isinstance(error, ActorLost):
                        raise
                    self._refused = str(error)
                    raise ModelCannotLoad(self._refused) from None
                self._dispatcher = dispatcher
                self._place(dispatcher)
            return self._dispatcher

    def start_early(self) -> None:
        """Start the engines beside other work. What fails is raised to whoever needs them, who
        tries again."""

        def load() -> None:
            with contextlib.suppress(ActorLost, ModelCannotLoad, Drained):
                self.start()

        threading.Thread(target=load, name="engines", daemon=True).start()

    def _place(self, dispatcher: Dispatcher) -> None:
        """Leave the engines' cores to them alone."""
        if not self._pinned or not self._cores:
            return
        engines = dispatcher.each("pid", timeout=ANSWER_S)
        if len(engines) == self.count:
            self._placement.apply(set(engines.values()), self._cores[: self.count])

    def close(self) -> None:
        """End the engines and wait until their memory is free. Raises ActorLost otherwise."""
        with self._starting:
            self._placement.undo()
            if self._dispatcher is not None:
                self._dispatcher.close()
                self._dispatcher = None

    @property
    def capacity(self) -> int:
        """Shards to work on at once: those that the engines take, and for each engine some that
        are graded and stored meanwhile, so that their places are not empty until that is done."""
        return (self._slots + AHEAD) * self.count

    def stream(self, requests: Sequence[Request]) -> Iterator[tuple[str, list[Completion]]]:
        """The engine's name and completions, as they finish. Raises ActorLost, Drained."""
        yield from self.start().stream("stream", "drop", list(requests))

    def stats(self) -> dict[str, EngineStats]:
        """Counters and gauges of the engines that answer within two seconds, by name."""
        if self._dispatcher is None:
            return {}
        return self._dispatcher.each("stats", timeout=2.0)

    def _warm_names(self) -> list[str]:
        digest = hashlib.sha256(repr(asdict(self.spec)).encode()).hexdigest()[:8]
        return [f"{PREFIX}{digest}-{i}" for i in range(self.count)]

    def _actor(self, index: int) -> tuple[str, Any]:
        cpu = self.spec.device == "cpu"
        name = f"engine-{index}"
        if self.spec.endpoint is not None:
            name = f"endpoint-{urlsplit(self.spec.endpoint.urls[0]).netloc}"
        options: dict[str, Any] = {
            "num_cpus": self.spec.tensor_parallel if cpu and not self._remote else 0,
            "num_gpus": 0 if cpu else self.spec.tensor_parallel,
            "max_restarts": RESTARTS,
            "max_task_retries": 0,  # Prefect tries again; both together would multiply
            "max_concurrency": self._slots + 4,
        }
        if self._warm_seconds:
            options |= {
                "name": self._warm_names()[index],
                "namespace": NAMESPACE,
                "lifetime": "detached",
                "get_if_exists": True,
            }
        handle = (
            ray.remote(EngineActor)
            .options(**options)
            .remote(self.spec, index, self._pinned, self._warm_seconds, self._cores)
        )
        return name, handle

    @property
    def _pinned(self) -> bool:
        """Whether each engine has one core of its own."""
        one = self.spec.device == "cpu" and self.spec.tensor_parallel == 1
        return one and not self._remote and self.spec.kind == "vllm"
