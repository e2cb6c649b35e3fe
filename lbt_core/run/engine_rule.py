"""Settings of an engine that follow from the work where a configuration names none: sequences at
once, the prefix cache's blocks, and on a CPU the KV cache's size (docs/engines.md states the rule).
"""

import contextlib
import functools
import math
import os
from dataclasses import dataclass
from pathlib import Path

from lbt_core import UserError
from lbt_core.run.config import ModelConfig, RunConfig, read_environment
from lbt_core.run.engine_config import EngineConfig
from lbt_core.run.memory import GIB, Shape, shape_of
from lbt_core.run.plan import model_path

CPU_SEQS = 512
GPU_SEQS = 256
# of reproducible engines on a CPU, as are vLLM's block and a cache of 1 GiB: with others their rows
# would not be those of earlier runs
REPRODUCIBLE_SEQS = 256
CPU_BLOCK = 32
FEWEST_SHARDS = 3
MOST_SHARDS = 16
# a prompt apart from what is shown in it: instructions, question and the example's question
PROMPT_TOKENS = 256
# of the machine's memory all engines' caches together take at most so much
MEMORY_SHARE = 0.5
# of a model whose shape is unknown before it is loaded
UNKNOWN_GIB = 4
_BYTES = {"float32": 4}


@dataclass(frozen=True, slots=True)
class Settled:
    """Settings of one engine with nothing left open but what vLLM decides (None)."""

    max_num_seqs: int
    block_size: int | None
    window: int
    kv_cache_gib: int


def settle(
    config: EngineConfig, model: ModelConfig, device: str, reproducible: bool, longest: int
) -> Settled:
    """The settings of an engine for this model, whose longest prompt and answer together have
    ``longest`` tokens."""
    on_cpu = device != "gpu"
    if config.max_num_seqs is not None:
        running = config.max_num_seqs
    elif reproducible:
        running = REPRODUCIBLE_SEQS
    else:
        running = CPU_SEQS if on_cpu else GPU_SEQS
    block = config.block_size
    if block is None and on_cpu and not reproducible:
        block = CPU_BLOCK
    window = config.window if config.window is not None else 2 * running
    size = config.kv_cache_gib
    if size is None:
        ruled = on_cpu and not reproducible
        size = cache_gib(model, running, longest, config.count) if ruled else 1
    return Settled(running, block, window, size)


def shards_in_flight(config: RunConfig, running: int) -> int:
    """Shards fed to an engine of so many running sequences at once. Of those in flight half of the
    requests have ended at any time, and the other half is to fill the engine; a reproducible one
    answers one call after the other."""
    engines = config.engines
    if engines.shards_in_flight is not None:
        return engines.shards_in_flight
    if config.reproducible:
        return FEWEST_SHARDS
    requests = config.shards.problems * config.sampling.num_rationales
    return max(FEWEST_SHARDS, min(MOST_SHARDS, math.ceil(2 * running / requests) + 1))


def longest_tokens(config: RunConfig) -> int:
    """Tokens of the longest prompt with its answer: an exam's, which shows a rationale."""
    asked = config.sampling.max_new_tokens + config.exam.max_new_tokens
    return PROMPT_TOKENS + max(asked, config.evaluation.max_new_tokens)


def cache_gib(model: ModelConfig, running: int, longest: int, engines: int | None) -> int:
    """GiB of a CPU engine's KV cache: room for all running sequences at their longest, at least 1,
    at most the engine's share of half of this machine's memory."""
    share = engines or max(1, read_environment().cpus - 1)
    most = max(1, int(MEMORY_SHARE * machine_memory() / GIB / share))
    shape = _shape(model)
    if shape is None:
        return min(most, UNKNOWN_GIB)
    length = min(longest, model.max_model_len or longest)
    needed = running * length * token_bytes(shape, model.dtype)
    return min(most, max(1, math.ceil(needed / GIB)))


def token_bytes(shape: Shape, dtype: str) -> int:
    """Bytes of one token's keys and values in all layers."""
    return 2 * shape.layers * shape.kv_heads * shape.head_size * _BYTES.get(dtype, 2)


@functools.cache
def machine_memory() -> int:
    """Bytes of memory of this machine, or of the container that this process is in."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    with contextlib.suppress(OSError, ValueError):  # "max", or another system's groups
        memory = min(memory, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return memory


def _shape(model: ModelConfig) -> Shape | None:
    return _shape_in(model_path(model))


@functools.cache
def _shape_in(path: str) -> Shape | None:
    """Read once: every shard asks for its engine."""
    folder = Path(path).expanduser()
    try:
        return shape_of(folder) if (folder / "config.json").is_file() else None
    except UserError:  # no Llama-like model; its engine says more, if anything is wrong with it
        return None
