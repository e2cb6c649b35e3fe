"""Engines killed idle, at work and while they load, with vLLM's core in a process of its own (as on
GPUs) and inline: every call ends, the actor leaves, and what was asked is answered elsewhere."""

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import psutil
import pytest
import ray

from lbt_core.generation import Completion, EngineStats, Request, Settings
from lbt_core.run.config import ModelConfig
from lbt_core.run.engine_config import EngineConfig
from lbt_core.run.engine_spec import engine_spec
from tasks.dispatch import ActorLost
from tasks.engines import EnginePool

pytestmark = pytest.mark.slow

# far above what an answer takes here, far below for ever
PATIENCE_S = 120.0
CORE = "EngineCore"
LAYOUTS = ("process", "inline")


def requests(count: int, tokens: int) -> list[Request]:
    settings = Settings(temperature=1.0, top_k=0, top_p=1.0, max_new_tokens=tokens)
    return [Request(str(i), "<|begin_of_text|>Solve y' = 2y.", i, settings) for i in range(count)]


FEW, MANY = requests(4, 8), requests(20_000, 200)


def pool_of(core: str, model: str = "embedded", **changes: Any) -> EnginePool:
    config = EngineConfig(core=core, device="cpu", count=1, shards_in_flight=2, **changes)
    spec = engine_spec(ModelConfig(path=model, max_model_len=512), config, "cpu", seed=0)
    return EnginePool(spec, config, keep_warm=False)


def answers(pool: EnginePool, asked: Sequence[Request]) -> list[Completion]:
    """Every completion of the requests, through the pool."""
    return [c for _, part in pool.stream(asked) for c in part]


class Call(threading.Thread):
    """A call in a thread of its own, which must end."""

    def __init__(self, work: Callable[[], Any]) -> None:
        super().__init__(daemon=True)
        self._work = work
        self.result: Any = None
        self.error: BaseException | None = None
        self.start()

    def run(self) -> None:
        try:
            self.result = self._work()
        except BaseException as error:
            self.error = error

    def end(self) -> None:
        self.join(PATIENCE_S)
        assert not self.is_alive(), "the call hangs"


def until(condition: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < deadline, f"waited too long for {what}"
        time.sleep(0.05)
    return found


def actor_of(pool: EnginePool) -> psutil.Process:
    """The engine's actor, once it lives (again)."""
    (handle,) = pool.start().handles().values()

    def find() -> psutil.Process | None:
        try:
            return psutil.Process(ray.get(handle.pid.remote()))
        except ray.exceptions.RayActorError:
            return None

    return until(find, "the actor")


def core_of(actor: psutil.Process) -> psutil.Process | None:
    """An actor's engine core that has a process of its own."""
    return next((p for p in actor.children() if CORE in p.name()), None)


def answered(pool: EnginePool) -> list[Completion]:
    """Answers, tried again as a shard is."""

    def ask() -> list[Completion] | None:
        try:
            return answers(pool, FEW)
        except ActorLost:
            return None

    return until(ask, "an answer")


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.fixture(scope="module", params=LAYOUTS)
def layout(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@dataclass
class Story:
    """A pool whose first engine was killed while it loaded."""

    pool: EnginePool
    killed: psutil.Process
    start: Call


@pytest.fixture(scope="module")
def story(layout: str) -> Iterator[Story]:
    # two workers under the core, as in a tensor-parallel group on GPUs
    pool = pool_of(layout, tensor_parallel=2 if layout == "process" else 1)
    start = Call(pool.start)
    killed = until(lambda: loading_core(layout), "a loading engine")
    killed.kill()
    start.end()
    yield Story(pool, killed, start)
    pool.close()


def loading_core(layout: str) -> psutil.Process | None:
    """The process of an engine core that is being started."""
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            if "ray::EngineActor" in " ".join(process.cmdline()):
                return process if layout == "inline" else core_of(process)
    return None


@pytest.fixture
def pool(story: Story) -> EnginePool:
    return story.pool


def both_in(stats: EngineStats) -> bool:
    """Whether an engine holds requests of two calls of MANY: one call does not make that many."""
    return stats.running > 0 and stats.running + stats.waiting > len(MANY)


def victim(pool: EnginePool, layout: str) -> tuple[psutil.Process, psutil.Process]:
    """The actor, and the process that its engine's core runs in, of an engine that answers.

    A core that the kill before has left dying is noticed at the next call, so one is made first.
    """
    assert len(answered(pool)) == len(FEW)
    actor = actor_of(pool)
    core = core_of(actor)
    assert (core is not None) == (layout == "process")
    return actor, core or actor


def test_core_killed_while_loading_is_started_again(story: Story) -> None:
    """By the actor or, where the actor is the core, by Ray."""
    assert story.start.error is None
    assert not story.killed.is_running()
    assert len(answers(story.pool, FEW)) == len(FEW)


def test_core_killed_while_serving(pool: EnginePool, layout: str) -> None:
    actor, core = victim(pool, layout)
    call, other = Call(lambda: answers(pool, MANY)), Call(lambda: answers(pool, MANY))
    until(lambda: any(both_in(s) for s in pool.stats().values()), "both calls' requests at work")
    if layout == "process":  # one worker of two: the core ends by itself, and says so
        next(p for p in core.children() if "Worker" in p.name()).kill()
    else:
        core.kill()
    for one in (call, other):
        one.end()
        assert isinstance(one.error, ActorLost)
    assert len(answered(pool)) == len(FEW)
    assert actor_of(pool).pid != actor.pid
    assert not core.is_running()


def test_core_killed_idle(pool: EnginePool, layout: str) -> None:
    actor, core = victim(pool, layout)
    core.kill()
    assert len(answered(pool)) == len(FEW)
    assert actor_of(pool).pid != actor.pid


def test_core_and_its_workers_go_with_a_killed_actor(pool: EnginePool, layout: str) -> None:
    actor, core = victim(pool, layout)
    family = {core, *actor.children(recursive=True)}
    actor.kill()
    _, alive = psutil.wait_procs(family, timeout=PATIENCE_S)
    assert not alive
