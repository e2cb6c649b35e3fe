"""What an engine promises: rendered prompts in, completions out, from many threads at once."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from lbt_core import UserError
from lbt_core.generation.endpoint import EndpointSpec, Served
from lbt_core.generation.models import named
from lbt_core.generation.refusals import explain

ERROR = "error:"
"""Start of the finish reason of a request that could not be run."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How tokens are drawn: temperature 0 is greedy, top_k 0 keeps all, lengths are in tokens."""

    temperature: float
    top_k: int
    top_p: float
    max_new_tokens: int


@dataclass(frozen=True, slots=True)
class Request:
    """One completion to make of a rendered prompt (which holds its own BOS token).

    ``id`` is unique among the requests of a call; ``seed`` is used where the engine can seed single
    requests (not vLLM on a CPU, which seeds the engine). With a ``continuation`` nothing is
    written: the completion says how likely that text is after the prompt.
    """

    id: str
    prompt: str
    seed: int
    settings: Settings
    continuation: str | None = None


@dataclass(frozen=True, slots=True)
class Completion:
    """What came back: the text without special tokens, why it ended, and token counts.

    ``finish_reason`` is "stop", "length", "repetition", or "error:…" where this prompt could not be
    run; the other requests of the call are not affected. ``logprob`` is the sum of its tokens'
    log-probabilities, where an endpoint gives them; of a request with a continuation, of the
    continuation's ``tokens``.
    """

    id: str
    text: str
    finish_reason: str
    prompt_tokens: int
    tokens: int
    logprob: float | None = None


@dataclass(frozen=True, slots=True)
class EngineStats:
    """Counters since the engine started, and gauges now; shares are in [0, 1].

    The GPU's figures are of the first GPU that the engine sees; None where there is none. Tokens
    are those of finished requests. Of the thread that feeds the engine: seconds in the engine's
    steps (``busy``), in handing requests over, in waiting for any, and waiting for its core while
    it could run (``preempted``, part of the other three). ``at`` is the machine's monotonic clock.
    """

    prompt_tokens: int
    tokens: int
    requests: int
    running: int
    waiting: int
    kv_cache_usage: float
    prefix_hit_rate: float
    busy_seconds: float
    gpu_utilisation: float | None = None
    gpu_memory_gib: float | None = None
    feeding_seconds: float = 0.0
    idle_seconds: float = 0.0
    preempted_seconds: float = 0.0
    at: float = 0.0


@dataclass(frozen=True, slots=True)
class EngineSpec:
    """Everything that decides what an engine is; two equal specs can share one engine.

    ``core`` says where vLLM's engine core runs: in a "process" of its own, "inline" in the
    caller's, or by the device ("auto": a process on GPUs). A ``reproducible`` engine gives a call
    of ``stream`` the same completions whatever else it was asked before or is asked beside it.
    An ``endpoint`` is asked instead of loading anything; ``served`` is what it served when the run
    began, and ``model`` then only names the tokenizer. ``repetition`` is the longest piece, in
    tokens, and how often in a row it ends an answer (a longest of 0 never does). ``extra`` are
    further arguments of vLLM, a JSON object; what is None is vLLM's own choice.
    """

    kind: Literal["vllm", "transformers", "endpoint"]
    model: str
    revision: str | None
    dtype: str
    max_model_len: int | None
    device: Literal["cpu", "gpu"]
    tensor_parallel: int
    max_num_seqs: int
    window: int
    kv_cache_gib: int
    gpu_memory_utilization: float
    enforce_eager: bool
    load_format: str
    seed: int
    core: Literal["auto", "process", "inline"] = "auto"
    reproducible: bool = False
    endpoint: EndpointSpec | None = None
    served: Served | None = None
    block_size: int | None = None
    max_num_batched_tokens: int | None = None
    repetition: tuple[int, int] = (0, 0)
    extra: str = "{}"

    @property
    def core_in_process(self) -> bool:
        """Whether vLLM's engine core gets a process of its own."""
        return self.core == "process" or (self.core == "auto" and self.device == "gpu")

    @property
    def answers_blocks(self) -> bool:
        """Whether a call's completions depend on each other, so that they are kept or made again
        together: reproducible on a CPU, where an engine cannot seed single requests."""
        return self.reproducible and self.device == "cpu"


class ModelCannotLoad(UserError):
    """The model cannot be loaded, and another attempt will not change that; says why."""


class EngineDied(RuntimeError):
    """The engine cannot answer any more; whoever owns it must build another."""


class Engine(Protocol):
    """A loaded model. It stops an answer at the token that training ends one with, and at what the
    model's own settings name. ``generate`` may be called from several threads at once: their
    requests share the engine, so that it does not drain at the end of any one of them."""

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        """Completions in the order of the requests. Raises EngineDied."""
        ...

    def stream(
        self, requests: Sequence[Request], stop: threading.Event | None = None
    ) -> Iterator[list[Completion]]:
        """Completions in lists, as they finish. ``stop`` ends it early: what is not finished is
        dropped from the engine. Raises EngineDied."""
        ...

    def stats(self) -> EngineStats:
        """Counters and gauges."""
        ...

    def close(self) -> None:
        """Free the memory. Calls in progress fail with EngineDied."""
        ...


def build_engine(spec: EngineSpec, key: str | None = None) -> Engine:
    """Load the engine that a spec describes (seconds to minutes). ``key`` is an endpoint's.

    Raises UserError with the cause (ModelCannotLoad where it is the engine's), ModuleNotFoundError
    where the engine is not installed.
    """
    try:
        if spec.kind == "endpoint":
            from lbt_core.generation.endpoint_engine import (  # noqa: PLC0415 - only where used
                EndpointEngine,
            )

            return EndpointEngine(spec, key)
        if spec.kind == "transformers":
            from lbt_core.generation.transformers_engine import (  # noqa: PLC0415 - heavy
                TransformersEngine,
            )

            return TransformersEngine(spec)
        from lbt_core.generation.vllm_engine import (  # noqa: PLC0415 - heavy
            VllmEngine,
        )

        return VllmEngine(spec)
    except (UserError, ModuleNotFoundError):
        raise
    except Exception as error:
        raise ModelCannotLoad(explain(named(spec.model, spec.revision), error)) from error
