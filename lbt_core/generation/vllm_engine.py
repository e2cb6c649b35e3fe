"""vLLM's V1 engine in this process, fed by one thread from as many callers as there are.

On a CPU the engine core runs in process (it starts in seconds instead of in a process of its own).
Requests wait in our own queue and enter the engine only while it holds fewer than ``window``: a
long shard cannot fill its memory, and the next shard's requests follow without a gap.
"""

import contextlib
import hashlib
import itertools
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
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

PACE_S = 0.5


@dataclass(eq=False)
class _Call:
    """One call of ``stream``: what has arrived of it, and whether anybody still waits for it.

    ``seed`` is what the engine's random state is set from before its first request, where a call
    has the engine for itself; None elsewhere.
    """

    seed: int | None = None
    dropped: bool = False
    arrived: queue.SimpleQueue[Completion | BaseException] = field(
        default_factory=queue.SimpleQueue
    )

    def deliver(self, completion: Completion) -> None:
        self.arrived.put(completion)

    def fail(self, error: BaseException) -> None:
        self.arrived.put(error)

    def take(self, most: int) -> list[Completion]:
        """What arrives within ``PACE_S``; ``most`` of it at once. Raises EngineDied."""
        found: list[Completion] = []
        end = time.monotonic() + PACE_S
        with contextlib.suppress(queue.Empty):
            while len(found) < most:
                item = self.arrived.get(timeout=max(0.0, end - time.monotonic()))
                if isinstance(item, BaseException):
                    raise EngineDied(str(item) or type(item).__name__)
                found.append(item)
        return found


@dataclass(frozen=True, slots=True)
class _Queued:
    call: _Call
    request: Request


def prepare_environment(spec: EngineSpec, core: int | None) -> None:
    """Settings that vLLM reads from the environment when it is imported; call this first.

    ``core`` pins this process, for a CPU engine, to one core.
    """
    os.environ["VLLM_LOGGING_LEVEL"] = "ERROR"
    os.environ["VLLM_NO_USAGE_STATS"] = "1"
    if spec.reproducible and spec.device == "gpu":
        os.environ["VLLM_BATCH_INVARIANT"] = "1"
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
        self._inbox: queue.SimpleQueue[list[_Queued] | None] = queue.SimpleQueue()
        self._backlog: deque[_Queued] = deque()
        self._drops: queue.SimpleQueue[_Call] = queue.SimpleQueue()
        self._alone = spec.answers_blocks
        self._turn = threading.Lock()
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
        done = {c.id: c for part in self.stream(requests) for c in part}
        return [done[request.id] for request in requests]

    def stream(
        self, requests: Sequence[Request], stop: threading.Event | None = None
    ) -> Iterator[list[Completion]]:
        """Completions in lists, as they finish. ``stop`` ends it early: what is not finished is
        dropped from the engine. Raises EngineDied.

        A reproducible engine on a CPU answers one call after the other.
        """
        if not requests:
            return
        with self._turn if self._alone else contextlib.nullcontext():
            call = self._submit(requests)
            missing = len(requests)
            try:
                while missing and not (stop is not None and stop.is_set()):
                    part = call.take(missing)
                    missing -= len(part)
                    if part:
                        yield part
            finally:
                if missing:
                    call.dropped = True
                    self._drops.put(call)
                    self._inbox.put([])  # wakes the thread where it is idle

    def _submit(self, requests: Sequence[Request]) -> _Call:
        call = _Call(_joint_seed(requests) if self._alone else None)
        with self._lock:
            if self._dead is not None:
                raise EngineDied(str(self._dead))
            self._waiting += len(requests)
            self._inbox.put([_Queued(call, request) for request in requests])
        return call

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
        self._drop()
        while len(self._admitted) < self._spec.window or self._alone:
            if not self._backlog:
                try:
                    items = self._inbox.get(block=not self._admitted)
                except queue.Empty:
                    return True
                if items is None:
                    return False
                self._drop()
                if items and items[0].call.seed is not None:
                    self._start_afresh(items[0].call.seed)
                self._backlog.extend(items)
                continue
            item = self._backlog.popleft()
            self._waiting -= 1
            if not item.call.dropped:
                self._start(item)
        return True

    def _drop(self) -> None:
        """Take the requests of dropped calls out of the engine."""
        while not self._drops.empty():
            call = self._drops.get()
            names = [name for name, item in self._admitted.items() if item.call is call]
            self._engine.abort_request(names)
            for name in names:
                del self._admitted[name]

    def _start_afresh(self, seed: int) -> None:
        """Let nothing that was asked before have a part in what comes: the random state is set, the
        cache of prefixes emptied."""
        import torch  # noqa: PLC0415 - heavy

        if not self._engine.reset_prefix_cache():
            raise EngineDied("the cache of prefixes could not be emptied")
        torch.manual_seed(seed)

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
            item.call.deliver(Completion(request.id, "", reason, len(ids), 0))
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
        reason = answer.finish_reason or "stop"
        item.call.deliver(Completion(item.request.id, answer.text, reason, prompt_tokens, tokens))

    def _fail(self, error: BaseException) -> None:
        with self._lock:
            self._dead = error
            items = [*self._admitted.values(), *self._backlog]
            while not self._inbox.empty():
                items += self._inbox.get_nowait() or []
        for call in {item.call for item in items}:
            call.fail(error)


def _joint_seed(requests: Sequence[Request]) -> int:
    """One seed for a call, decided by its requests alone."""
    digest = hashlib.sha256(repr([(r.id, r.seed) for r in requests]).encode())
    return int.from_bytes(digest.digest()[:4], "big")
