"""From a configuration to the engine that it describes."""

import json
from dataclasses import replace

from lbt_core.generation import EngineSpec
from lbt_core.generation.endpoint import Served
from lbt_core.generation.gpus import gpu_names
from lbt_core.run.config import ModelConfig
from lbt_core.run.endpoints import endpoint_spec
from lbt_core.run.engine_config import EndpointConfig, EngineConfig
from lbt_core.run.engine_rule import settle
from lbt_core.run.plan import model_path

LONGEST = 2048
"""Tokens of prompt and answer where nobody says how long they get."""


def engine_spec(
    model: ModelConfig,
    config: EngineConfig,
    device: str,
    seed: int,
    reproducible: bool = False,
    longest: int = LONGEST,
) -> EngineSpec:
    """What one engine for this model is, on this device ("cpu" or "gpu"), whose longest prompt and
    answer together have ``longest`` tokens."""
    settled = settle(config, model, device, reproducible, longest)
    return EngineSpec(
        kind="vllm" if config.kind == "endpoint" else config.kind,  # as tuned models are loaded
        model=model_path(model),
        revision=model.revision,
        dtype=model.dtype,
        max_model_len=model.max_model_len,
        device="gpu" if device == "gpu" else "cpu",
        tensor_parallel=config.tensor_parallel,
        max_num_seqs=settled.max_num_seqs,
        window=settled.window,
        kv_cache_gib=settled.kv_cache_gib,
        gpu_memory_utilization=config.gpu_memory_utilization,
        enforce_eager=config.enforce_eager,
        load_format=config.load_format,
        seed=seed,
        core=config.core,
        reproducible=reproducible,
        block_size=settled.block_size,
        max_num_batched_tokens=config.max_num_batched_tokens,
        repetition=(config.repetition.longest, config.repetition.times),
        extra=json.dumps(config.extra, sort_keys=True),
    )


def remote_spec(
    model: ModelConfig, endpoint: EndpointConfig, config: EngineConfig, served: Served | None
) -> EngineSpec:
    """The engine that asks a model's endpoint; ``served`` is what it served when the run began."""
    local = engine_spec(model, config, "cpu", seed=0)
    return replace(
        local, kind="endpoint", tensor_parallel=1, endpoint=endpoint_spec(endpoint), served=served
    )


def machine_device(config: EngineConfig) -> str:
    """ "gpu" or "cpu": the configured device, or what this machine has."""
    if config.device != "auto":
        return config.device
    return "gpu" if gpu_names() else "cpu"
