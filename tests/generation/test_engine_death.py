"""A feeding thread that ends, whatever of, ends every call with it."""

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from lbt_core.generation import EngineDied, EngineSpec, Request, Settings
from lbt_core.generation.vllm_engine import VllmEngine

SPEC = EngineSpec(
    kind="vllm",
    model="a-model",
    revision=None,
    dtype="float32",
    max_model_len=None,
    device="cpu",
    tensor_parallel=1,
    max_num_seqs=4,
    window=2,
    kv_cache_gib=1,
    gpu_memory_utilization=0.9,
    enforce_eager=True,
    load_format="safetensors",
    seed=0,
)
REQUEST = Request("r", "a prompt", 0, Settings(0.0, 0, 1.0, 8))


class Engine:
    """vLLM's engine as far as the feeding thread sees it."""

    model_config = SimpleNamespace(max_model_len=64)

    def __init__(self, error: BaseException) -> None:
        self.error = error

    def get_tokenizer(self) -> Any:
        return SimpleNamespace(
            encode=lambda text, add_special_tokens: [1, 2, 3],
            get_vocab=lambda: {"<|eot_id|>": 9},
        )

    def add_request(self, *_: Any) -> None:
        raise self.error

    def step(self) -> list[Any]:
        return []


def ask(engine: VllmEngine, requests: list[Request]) -> BaseException | None:
    """What a call ends with, in bounded time."""
    raised: list[BaseException] = []

    def call() -> None:
        try:
            engine.generate(requests)
        except BaseException as error:
            raised.append(error)

    thread = threading.Thread(target=call, daemon=True)
    thread.start()
    thread.join(30)
    assert not thread.is_alive(), "the call hangs"
    return raised[0] if raised else None


@pytest.mark.parametrize("error", [RuntimeError("a fault"), KeyError("k"), SystemExit(1)])
def test_whatever_taking_a_request_raises_ends_the_call(
    monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    """The request is in no list then: out of the queue, not yet in the engine."""
    monkeypatch.setattr(VllmEngine, "_load", lambda self, spec: Engine(error))
    engine = VllmEngine(SPEC)
    assert isinstance(ask(engine, [REQUEST]), EngineDied)
    assert isinstance(ask(engine, [REQUEST]), EngineDied)  # and those that come later


def test_a_request_that_the_engine_refuses_fails_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(VllmEngine, "_load", lambda self, spec: Engine(ValueError("no")))
    (found,) = VllmEngine(SPEC).generate([REQUEST])
    assert found.finish_reason == "error:no"
