"""vLLM's V1 engine in this process, fed by one thread from as many callers as there are.

On a CPU the engine core runs in process (it starts in seconds instead of in a process of its own),
on GPUs in a process of its own; ``engines.core`` chooses either on both.
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

from lbt_core.generation.core_process import CoreLog, guarded_core
from lbt_core.generation.engine import (
    ERROR,
    Completion,
    EngineDied,
    EngineSpec,
    EngineStats,
    ModelCannotLoad,
    Request,
)
from lbt_core.generation.models import model_folder, named
from lbt_core.generation.refusals import explain, hollow, root_cause
from lbt_core.generation.turns import stop_token_ids

# Only for a core that was killed (by whom is unknown, often the kernel for memory); one that says
# why it ended is believed at once
LOAD_ATTEMPTS = 3
WATCH_S = 0.5
# what vLLM says of a core that ended as it loaded, whatever it ended of
_ENDED = "Engine core initialization failed"

# Completions are handed on in batches of half a second: one by one, the flow's bookkeeping per call
# would take the core from the engine
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


def spawn_children() -> None:
    """Have vLLM start its processes afresh instead of forking this one: a fork of a process that
    has asked torch for GPUs cannot use them. Call this before anything imports torch."""
    os.environ["VLLM_WORKER_MULTIPROC_METHOD"] = "spawn"


def prepare_environment(spec: EngineSpec, core: int | None) -> None:
    """Settings that vLLM reads from the environment when it is imported; call this first.

    ``core`` pins this process, for a CPU engine, to one core.
    """
    spawn_children()
    os.environ["VLLM_LOGGING_LEVEL"] = "ERROR"
    os.environ["VLLM_NO_USAGE_STATS"] = "1"
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = str(int(spec.core_in_process))
    if spec.reproducible and spec.device == "gpu":
        os.environ["VLLM_BATCH_INVARIANT"] = "1"
    if spec.device != "cpu":
        return
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
        """Load the model. Raises ModelCannotLoad with the cause, also one in the core's process."""
        self._log: CoreLog | None = None
        self._engine: Any = self._load(spec)
        self._spec = spec
        self._tokenizer = self._engine.get_tokenizer()
        self._ends = stop_token_ids(self._tokenizer)
        self._limit: int = self._engine.model_config.max_model_len
        self._inbox: queue.SimpleQueue[list[_Queued] | None] = queue.SimpleQueue()
        self._backlog: deque[_Queued] = deque()
        self._drops: queue.SimpleQueue[_Call] = queue.SimpleQueue()
        self._alone = spec.answers_blocks
        self._turn = threading.Lock()
        self._ids = itertools.count()
        self._admitted: dict[str, _Queued] = {}
        self._calls: set[_Call] = set()
        self._waiting = 0
        self._prompt_tokens = self._tokens = self._requests = 0
        self._busy = 0.0
        self._dead: BaseException | None = None
        self._closing = False
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._feed, daemon=True, name="engine-feed")
        self._thread.start()
        if self._log is not None:
            threading.Thread(target=self._watch_core, daemon=True, name="core-watch").start()

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
                with self._lock:
                    self._calls.discard(call)
                if missing:
                    call.dropped = True
                    self._drops.put(call)
                    self._inbox.put([])  # wakes the thread where it is idle

    def _submit(self, requests: Sequence[Request]) -> _Call:
        call = _Call(_joint_seed(requests) if self._alone else None)
        with self._lock:
            if self._dead is not None:
                raise EngineDied(str(self._dead))
            self._calls.add(call)
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
        if self._log is not None:
            self._log.close()

    # --- loading, and the core's process ----------------------------------------------------------

    def _load(self, spec: EngineSpec) -> Any:
        """The engine. A core that something kills while it loads is started again, twice; any other
        failure is final."""
        from vllm.engine.arg_utils import EngineArgs  # noqa: PLC0415 - heavy
        from vllm.v1.engine.llm_engine import LLMEngine  # noqa: PLC0415 - heavy

        name = named(spec.model, spec.revision)
        arguments = EngineArgs(**_engine_arguments(spec))
        if not spec.core_in_process:
            return LLMEngine.from_engine_args(arguments)
        for attempt in range(1, LOAD_ATTEMPTS + 1):
            log = CoreLog()
            try:
                with guarded_core(log):
                    engine = LLMEngine.from_engine_args(arguments)
                log.unlink()
                self._log = log
                return engine
            except Exception as error:
                said = log.text()
                log.close()
                killed = _ENDED in str(error) and not root_cause(said)
                if not killed:
                    raise ModelCannotLoad(explain(name, error, said)) from error
                if attempt == LOAD_ATTEMPTS:
                    reason = f"{attempt} times its engine core was killed as it loaded"
                    raise ModelCannotLoad(explain(name, reason)) from error
        raise AssertionError("unreachable")

    def _watch_core(self) -> None:
        """vLLM's client does not wake its callers when the engine core's process dies: do it here,
        for calls in progress and for a feeding thread that waits for the dead."""
        core = self._engine.engine_core
        while not core.resources.engine_dead and self._dead is None:
            if self._closing:
                return
            time.sleep(WATCH_S)
        if self._closing:
            return
        error = self._death(EngineDied("the engine core died"))
        self._fail(error)
        core.outputs_queue.put(error)
        for waiting in list(core.utility_results.values()):
            if not waiting.done():
                waiting.set_exception(error)
        self._inbox.put(None)

    def _death(self, error: BaseException) -> EngineDied:
        """What ended the engine: the core's own words, where its process left any."""
        reason = str(error) or type(error).__name__
        said = root_cause(self._log.text()) if self._log is not None else ""
        if said or hollow(reason):
            return EngineDied(f"the engine core died{f': {said}' if said else ''}")
        return EngineDied(reason)

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
            self._fail(self._death(error))

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
            ids = [*ids, *self._continuation(request)]
            room = self._limit - len(ids)
            if room < 1:
                raise ValueError(f"prompt of {len(ids)} tokens, context of {self._limit}")
            self._engine.add_request(name, self._input(ids), self._sampling(request, room))
        except (ValueError, TypeError) as error:  # this request is bad, the engine is not
            reason = f"{ERROR}{' '.join(str(error).split())[:200]}"
            item.call.deliver(Completion(request.id, "", reason, len(ids), 0))
            return
        self._admitted[name] = item

    def _continuation(self, request: Request) -> list[int]:
        text = request.continuation or ""
        ids: list[int] = self._tokenizer.encode(text, add_special_tokens=False) if text else []
        return ids

    @staticmethod
    def _input(ids: list[int]) -> Any:
        from vllm.inputs.engine import tokens_input  # noqa: PLC0415 - heavy

        return tokens_input(ids)

    def _sampling(self, request: Request, room: int) -> Any:
        from vllm import SamplingParams  # noqa: PLC0415 - heavy
        from vllm.sampling_params import RequestOutputKind  # noqa: PLC0415 - heavy

        settings = request.settings
        if request.continuation is not None:
            # vLLM does not read its prefix cache for these: every prompt is computed whole
            return SamplingParams(
                temperature=0.0,
                max_tokens=1,
                prompt_logprobs=0,
                output_kind=RequestOutputKind.FINAL_ONLY,
            )
        return SamplingParams(
            temperature=settings.temperature,
            top_k=settings.top_k,
            top_p=settings.top_p,
            stop_token_ids=self._ends,
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
        if item.request.continuation is not None:
            self._weighed(item, output)
            return
        prompt_tokens, tokens = len(output.prompt_token_ids or ()), len(answer.token_ids)
        self._prompt_tokens += prompt_tokens
        self._tokens += tokens
        self._requests += 1
        reason = answer.finish_reason or "stop"
        item.call.deliver(Completion(item.request.id, answer.text, reason, prompt_tokens, tokens))

    def _weighed(self, item: _Queued, output: Any) -> None:
        """Deliver how likely a continuation is after its prompt."""
        wanted = self._continuation(item.request)
        read = len(output.prompt_token_ids or ())
        places = output.prompt_logprobs[read - len(wanted) :]
        total = sum(place[token].logprob for place, token in zip(places, wanted, strict=True))
        self._prompt_tokens += read
        self._requests += 1
        item.call.deliver(
            Completion(item.request.id, "", "stop", read - len(wanted), len(wanted), total)
        )

    def _fail(self, error: BaseException) -> None:
        """End every open call, wherever its requests are: in the queue, in the engine, or in the
        feeding thread's hands."""
        with self._lock:
            if self._dead is None:
                self._dead = error
            calls = list(self._calls)
        for call in calls:
            call.fail(error)


def _engine_arguments(spec: EngineSpec) -> dict[str, Any]:
    arguments: dict[str, Any] = {
        "model": str(model_folder(spec.model, spec.revision, weights=spec.load_format != "dummy")),
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
    return {k: v for k, v in arguments.items() if v is not None}


def _joint_seed(requests: Sequence[Request]) -> int:
    """One seed for a call, decided by its requests alone."""
    digest = hashlib.sha256(repr([(r.id, r.seed) for r in requests]).encode())
    return int.from_bytes(digest.digest()[:4], "big")
