"""Engine settings where a configuration names none."""

import pytest

from lbt_core.run import engine_rule
from lbt_core.run.config import ModelConfig, load_config
from lbt_core.run.engine_config import EngineConfig
from lbt_core.run.engine_rule import (
    GIB,
    longest_tokens,
    settle,
    shards_in_flight,
    token_bytes,
)
from lbt_core.run.engine_spec import engine_spec
from lbt_core.run.memory import LLAMA3_8B


def test_a_fast_engine_on_a_cpu_runs_many_with_small_blocks():
    found = settle(EngineConfig(), ModelConfig(), "cpu", False, 576)
    assert (found.max_num_seqs, found.block_size, found.window) == (512, 32, 1024)


def test_a_reproducible_engine_keeps_the_batches_that_its_rows_were_made_in():
    found = settle(EngineConfig(), ModelConfig(), "cpu", True, 576)
    assert (found.max_num_seqs, found.block_size, found.kv_cache_gib) == (256, None, 1)


def test_a_gpu_keeps_vllms_own_block():
    found = settle(EngineConfig(), ModelConfig(), "gpu", False, 2304)
    assert (found.max_num_seqs, found.block_size, found.window) == (256, None, 512)


def test_what_is_set_stays():
    config = EngineConfig(max_num_seqs=7, block_size=64, window=9, kv_cache_gib=2)
    for reproducible in (False, True):
        found = settle(config, ModelConfig(), "cpu", reproducible, 576)
        assert (found.max_num_seqs, found.block_size) == (7, 64)
        assert (found.window, found.kv_cache_gib) == (9, 2)


def test_the_cache_holds_what_runs_within_the_machines_memory(monkeypatch):
    monkeypatch.setattr(engine_rule, "machine_memory", lambda: 64 * GIB)
    monkeypatch.setattr(engine_rule, "_shape", lambda _: LLAMA3_8B)
    assert token_bytes(LLAMA3_8B, "bfloat16") == 131_072
    # 100 x 2,048 tokens of 128 KiB are 25 GiB; one engine may take half of 64 GiB, four an eighth
    model = ModelConfig(path="some/model")
    assert engine_rule.cache_gib(model, 100, 2048, 1) == 25
    assert engine_rule.cache_gib(model, 100, 2048, 4) == 8
    short = ModelConfig(path="some/model", max_model_len=1024)
    assert engine_rule.cache_gib(short, 100, 2048, 1) == 13


def test_the_longest_prompt_is_an_exams():
    config = load_config("demo")
    assert longest_tokens(config) == 256 + 160 + 160


@pytest.mark.parametrize("reproducible", [False, True])
def test_a_spec_has_the_settled_values_and_the_passed_arguments(reproducible):
    config = load_config(
        "demo", ["engines.extra={numa_bind: true}", "engines.max_num_batched_tokens=4096"]
    )
    spec = engine_spec(ModelConfig(), config.engines, "cpu", 0, reproducible, 576)
    assert spec.extra == '{"numa_bind": true}'
    assert spec.max_num_batched_tokens == 4096
    assert spec.block_size == (None if reproducible else 32)
    assert hash(spec)


def test_half_of_the_requests_in_flight_fill_an_engine():
    fast = load_config("demo", ["reproducible=false"])  # shards of 192 requests
    assert shards_in_flight(fast, 512) == 7
    assert shards_in_flight(load_config("demo"), 512) == 3
    assert shards_in_flight(load_config("rehearsal"), 512) == 3
    small = load_config("demo", ["reproducible=false", "shards.problems=1"])
    assert shards_in_flight(small, 512) == 16
    assert shards_in_flight(load_config("demo", ["engines.shards_in_flight=2"]), 512) == 2
