"""A model that cannot load costs a run one attempt, and the message says why: real engines, real
faults, with vLLM's core inline and in a process of its own."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ray
from prefect import flow
from prefect.testing.utilities import prefect_test_harness

from lbt_core.embedded import embedded_model_path
from lbt_core.generation import ModelCannotLoad, Request, Settings
from lbt_core.run.config import ModelConfig
from lbt_core.run.engine_config import EngineConfig
from lbt_core.run.engine_spec import engine_spec
from tasks import engines
from tasks.engines import EnginePool
from tasks.shard_runs import ShardSummary
from tasks.submission import Job, run_jobs

pytestmark = pytest.mark.slow

REQUEST = Request("r", "<|begin_of_text|>", 0, Settings(0.0, 0, 1.0, 4))


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    shutil.copytree(embedded_model_path(), folder)
    return folder


def tear(model: Path) -> None:
    weights = model / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[: weights.stat().st_size // 2])


def rename_architecture(model: Path) -> None:
    config = json.loads((model / "config.json").read_text())
    config |= {"architectures": ["FooForCausalLM"], "model_type": "foo"}
    (model / "config.json").write_text(json.dumps(config))


def pool_of(model: Path, core: Any, **changes: Any) -> EnginePool:
    config = EngineConfig(core=core, device="cpu", count=1, **changes)
    spec = engine_spec(ModelConfig(path=str(model), max_model_len=512), config, "cpu", seed=0)
    return EnginePool(spec, config, keep_warm=False)


@pytest.mark.parametrize("core", ["process", "inline"])
def test_torn_weights_fail_every_shard_after_one_attempt(
    core: str, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tear(model)
    pool = pool_of(model, core)
    starts: list[int] = []
    actor = EnginePool._actor

    def counted(self: EnginePool, index: int) -> Any:
        starts.append(index)
        return actor(self, index)

    monkeypatch.setattr(engines.EnginePool, "_actor", counted)

    def work() -> ShardSummary:
        list(pool.stream([REQUEST]))
        raise AssertionError("it loaded")

    @flow
    def run() -> None:
        run_jobs([Job(f"shard-{i}", f"shard-{i}", work) for i in range(12)], in_flight=3)

    with prefect_test_harness(), pytest.raises(ModelCannotLoad) as caught:
        run()
    said = str(caught.value)
    assert said.startswith(f"{model} cannot be loaded: a weight file is torn; fetch or copy")
    assert "SafetensorError" in said
    assert len(starts) == 1


@pytest.mark.parametrize(
    ("damage", "changes", "said"),
    [
        (rename_architecture, {}, "its architecture is not known"),
        (lambda _: None, {"kv_cache_gib": 2000}, "out of memory"),
    ],
    ids=["architecture", "memory"],
)
def test_cause_is_in_the_message(
    damage: Any, changes: dict[str, Any], said: str, model: Path
) -> None:
    damage(model)
    pool = pool_of(model, "inline", **changes)
    with pytest.raises(ModelCannotLoad, match=f"cannot be loaded: {said}"):
        pool.start()
    with pytest.raises(ModelCannotLoad):  # at once: no actor is started again
        pool.start()
