"""vLLM's V1 engine in this process, fed by one thread from as many callers as there are.

On a CPU the engine core runs in process (it starts in seconds instead of in a process of its own).
Requests wait in our own queue and enter the engine only while it holds fewer than ``window``: a
long shard cannot fill its memory, and the next shard's requests follow without a gap.
"""

import itertools
import os
import queue
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from lbt_core.generation.engine import (
    ERROR,
    Completion,
    EngineDied,
    EngineSpec,
    EngineStats,
    Request,
)


@dataclass
class _Call:
    """One call of ``generate``: what is still missing of it."""

    missing: int
    done: threading.Event = field(default_factory=threading.Event)
    completions: dict[int, Completion] = field(default_factory=dict)
    error: BaseException | None = None

    def deliver(self, position: int, completion: Completion) -> None:
        self.completions[position] = completion
        self.missing -= 1
        if self.missing == 0:
            self.done.set()

    def fail(self, error: BaseException) -> None:
        self.error = error
        self.done.set()


@dataclass(frozen=True, slots=True)
class _Queued:
    call: _Call
    position: int
    request: Request


def prepare_environment(spec: EngineSpec, core: int | None) -> None:
    """Settings that vLLM reads from the environment when it is imported; call this first.

    ``core`` pins this process, for a CPU engine, to one core.
    """
    os.environ["VLLM_LOGGING_LEVEL"] = "ERROR"
    os.environ["VLLM_NO_USAGE_STATS"] = "1"
    if spec.device != "cpu":
        return
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
    os.environ["VLLM_CPU_OMP_THREADS_BIND"] = "nobind"
    os.environ["VLLM_CPU_KVCACHE_SPACE"] = str(spec.kv_cache_gib)
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ["CUDA_VISIBLE_DEVICES"] = ""
    if core is not None:
        os.sched_setaffinity(0, {core})


class VllmEngine:
    """One vLLM engine. Build it in a process that imported nothing of vLLM before
    ``prepare_environment`` ran."""

    def __init__(self, spec: EngineSpec) -> None:
        """Load the model. Raises whatever vLLM raises where the model cannot be loaded."""
        from vllm.engine.arg_utils import EngineArgs  # noqa: PLC0415 - heavy
        from vllm.v1.engine.llm_engine import LLMEngine  # noqa: PLC0415 - heavy

        arguments: dict[str, Any] = {
            "model": spec.model,
            "revision": spec.revision,
            "tokenizer_revision": spec.revision,
            "dtype": spec.dtype,
            "max_model_len": spec.max_model_len,
            "max_num_seqs": spec.max_num_seqs,
            "tensor_parallel_size": spec.tensor_parallel,
            "gpu_memory_utilization": spec.gpu_memory_utilization,
            "enforce_eager": spec.enforce_eager or spec.device == "cpu",
            "load_format": spec.load_format,
            "enable_prefix_caching": True,
            "trust_remote_code": False,
            "seed": spec.seed,
            "disable_log_stats": False,
        }
        if spec.tensor_parallel > 1:
            # inside a placement group vLLM would spread the ranks with Ray by itself
            arguments["distributed_executor_backend"] = "mp"
        given = {k: v for k, v in arguments.items() if v is not None}
        self._engine = LLMEngine.from_engine_args(EngineArgs(**given))
        self._spec = spec
        self._tokenizer = self._engine.get_tokenizer()
        self._limit: int = self._engine.model_config.max_model_len
        self._inbox: queue.SimpleQueue[_Queued | None] = queue.SimpleQueue()
        self._ids = itertools.count()
        self._admitted: dict[str, _Queued] = {}
        self._waiting = 0
        self._prompt_tokens = self._tokens = self._requests = 0
        self._busy = 0.0
        self._dead: BaseException | None = None
        self._closing = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._feed, daemon=True, name="engine-feed")
        self._thread.start()

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        """Completions in the order of the requests. Raises EngineDied."""
        if not requests:
            return []
        call = _Call(missing=len(requests))
        with self._lock:
            if self._dead is not None:
                raise EngineDied(str(self._dead))
            self._waiting += len(requests)
            for position, request in enumerate(requests):
                self._inbox.put(_Queued(call, position, request))
        call.done.wait()
        if call.error is not None:
            raise EngineDied(str(call.error) or type(call.error).__name__)
        return [call.completions[i] for i in range(len(requests))]

    def stats(self) -> EngineStats:
        """Counters and gauges; prefix-cache and KV-cache figures are vLLM's own."""
        metrics: dict[str, float] = {}
        for metric in self._engine.get_metrics():
            value = getattr(metric, "value", None)
            if value is not None:
                metrics[metric.name] = metrics.get(metric.name, 0.0) + float(value)
        queries = metrics.get("vllm:prefix_cache_queries", 0.0)
        running = int(metrics.get("vllm:num_requests_running", 0))
        return EngineStats(
            prompt_tokens=self._prompt_tokens,
            tokens=self._tokens,
            requests=self._requests,
            running=running,
            waiting=self._waiting + max(0, len(self._admitted) - running),
            kv_cache_usage=metrics.get("vllm:kv_cache_usage_perc", 0.0),
            prefix_hit_rate=metrics.get("vllm:prefix_cache_hits", 0.0) / max(1.0, queries),
            busy_seconds=self._busy,
        )

    def close(self) -> None:
        """Stop the feeding thread and drop the engine. Calls in progress fail with EngineDied."""
        self._closing = True
        self._inbox.put(None)  # wakes the thread where it is idle
        self._thread.join(timeout=30)
        self._engine.engine_core.shutdown()

    # --- the feeding thread ---------------------------------------------------------------------

    def _feed(self) -> None:
        try:
            while self._admit() and not self._closing:
                if self._admitted:
                    started = time.monotonic()
                    for output in self._engine.step():
                        self._finish(output)
                    self._busy += time.monotonic() - started
            self._fail(EngineDied("the engine was closed"))
        except BaseException as error:
            self._fail(error)

    def _admit(self) -> bool:
        """Move queued requests into the engine while there is room; wait only when it is idle."""
        while len(self._admitted) < self._spec.window:
            try:
                item = self._inbox.get(block=not self._admitted)
            except queue.Empty:
                return True
            if item is None:
                return False
            self._waiting -= 1
            self._start(item)
        return True

    def _start(self, item: _Queued) -> None:
        request, ids = item.request, list[int]()
        name = str(next(self._ids))
        try:
            ids = self._tokenizer.encode(request.prompt, add_special_tokens=False)
            room = self._limit - len(ids)
            if room < 1:
                raise ValueError(f"prompt of {len(ids)} tokens, context of {self._limit}")
            self._engine.add_request(name, self._input(ids), self._sampling(request, room))
        except (ValueError, TypeError) as error:  # this request is bad, the engine is not
            reason = f"{ERROR}{' '.join(str(error).split())[:200]}"
            item.call.deliver(item.position, Completion(request.id, "", reason, len(ids), 0))
            return
        self._admitted[name] = item

    @staticmethod
    def _input(ids: list[int]) -> Any:
        from vllm.inputs.engine import tokens_input  # noqa: PLC0415 - heavy

        return tokens_input(ids)

    def _sampling(self, request: Request, room: int) -> Any:
        from vllm import SamplingParams  # noqa: PLC0415 - heavy
        from vllm.sampling_params import RequestOutputKind  # noqa: PLC0415 - heavy

        settings = request.settings
        return SamplingParams(
            temperature=settings.temperature,
            top_k=settings.top_k,
            top_p=settings.top_p,
            max_tokens=min(settings.max_new_tokens, room),
            # a seed of its own kills the CPU engine: its generator takes no offset
            seed=None if self._spec.device == "cpu" else request.seed,
            output_kind=RequestOutputKind.FINAL_ONLY,
        )

    def _finish(self, output: Any) -> None:
        item = self._admitted.get(output.request_id) if output.finished else None
        if item is None:
            return
        del self._admitted[output.request_id]
        answer = output.outputs[0]
        prompt_tokens, tokens = len(output.prompt_token_ids or ()), len(answer.token_ids)
        self._prompt_tokens += prompt_tokens
        self._tokens += tokens
        self._requests += 1
        item.call.deliver(
            item.position,
            Completion(
                item.request.id, answer.text, answer.finish_reason or "stop", prompt_tokens, tokens
            ),
        )

    def _fail(self, error: BaseException) -> None:
        with self._lock:
            self._dead = error
            calls = {id(item.call): item.call for item in self._admitted.values()}
            while not self._inbox.empty():
                queued = self._inbox.get_nowait()
                if queued is not None:
                    calls[id(queued.call)] = queued.call
        for call in calls.values():
            call.fail(error)
