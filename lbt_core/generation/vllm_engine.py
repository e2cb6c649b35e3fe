"""vLLM's V1 engine in this process, fed by one thread from as many callers as there are.

On a CPU the engine core runs in process (it starts in seconds instead of in a process of its own),
on GPUs in a process of its own; ``engines.core`` chooses either on both.
Requests wait in our own queue and enter the engine only while it holds fewer than ``window``: a
long shard cannot fill its memory, and the next shard's requests follow without a gap.
"""

import contextlib
import hashlib
import itertools
import json
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from typing import Any

from lbt_core.generation.core_process import CoreLog, guarded_core
from lbt_core.generation.detokenise import backend, text_of
from lbt_core.generation.engine import (
    ERROR,
    Completion,
    EngineDied,
    EngineSpec,
    EngineStats,
    ModelCannotLoad,
    Request,
)
from lbt_core.generation.feeding import Answer, Call, Clock, Queued
from lbt_core.generation.models import model_folder, named
from lbt_core.generation.refusals import explain, hollow, root_cause
from lbt_core.generation.turns import stop_token_ids

# Only for a core that was killed (by whom is unknown, often the kernel for memory); one that says
# why it ended is believed at once
LOAD_ATTEMPTS = 3
WATCH_S = 0.5
# what vLLM says of a core that ended as it loaded, whatever it ended of
_ENDED = "Engine core initialization failed"


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
        self._backend = backend(self._tokenizer)
        self._limit: int = self._engine.model_config.max_model_len
        self._inbox: queue.SimpleQueue[list[Queued] | None] = queue.SimpleQueue()
        self._backlog: deque[Queued] = deque()
        self._drops: queue.SimpleQueue[Call] = queue.SimpleQueue()
        self._alone = spec.answers_blocks
        self._turn = threading.Lock()
        self._ids = itertools.count()
        self._admitted: dict[str, Queued] = {}
        self._calls: set[Call] = set()
        self._waiting = 0
        self._prompt_tokens = self._cached = self._tokens = self._requests = 0
        self._clock = Clock()
        self._tokenising = threading.Lock()
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
                        yield [self._completion(answer) for answer in part]
            finally:
                with self._lock:
                    self._calls.discard(call)
                if missing:
                    call.dropped = True
                    self._drops.put(call)
                    self._inbox.put([])  # wakes the thread where it is idle

    def _completion(self, answer: Answer) -> Completion:
        item, ids = answer.queued, answer.tokens
        text = answer.text
        if text is None:  # the token that stopped it is no part of it, as in vLLM
            shown = ids[:-1] if answer.reason == "stop" else ids
            text = text_of(self._backend, item.ids, shown)
        return Completion(
            item.request.id, text, answer.reason, len(item.ids), len(ids), answer.logprob
        )

    def _submit(self, requests: Sequence[Request]) -> Call:
        call = Call(_joint_seed(requests) if self._alone else None)
        ids = self._tokenise(requests)
        queued = [
            Queued(call, r, *ids[r.prompt], ids[r.continuation or ""][0] if r.continuation else [])
            for r in requests
        ]
        with self._lock:
            if self._dead is not None:
                raise EngineDied(str(self._dead))
            self._calls.add(call)
            self._waiting += len(requests)
            self._inbox.put(queued)
        return call

    def _tokenise(self, requests: Sequence[Request]) -> dict[str, tuple[list[int], str]]:
        """Token ids by prompt and continuation, or why there are none; made in the caller's thread,
        so that no step waits for them, and once for each prompt that is asked several times."""
        found: dict[str, tuple[list[int], str]] = {}
        with self._tokenising:  # a tokenizer is not safe in two threads
            texts = (t for r in requests for t in (r.prompt, r.continuation) if t is not None)
            for text in dict.fromkeys(texts):
                try:
                    found[text] = self._tokenizer.encode(text, add_special_tokens=False), ""
                except (ValueError, TypeError) as error:  # this prompt is bad, the others are not
                    found[text] = [], str(error) or type(error).__name__
        return found

    def stats(self) -> EngineStats:
        """Counters and gauges."""
        running, usage = self._gauges()
        return EngineStats(
            prompt_tokens=self._prompt_tokens,
            tokens=self._tokens,
            requests=self._requests,
            running=running,
            waiting=self._waiting + max(0, len(self._admitted) - running),
            kv_cache_usage=usage,
            prefix_hit_rate=self._cached / max(1, self._prompt_tokens),
            busy_seconds=self._clock.stepping,
            feeding_seconds=self._clock.feeding,
            idle_seconds=self._clock.idle,
            preempted_seconds=self._clock.preempted,
            at=time.monotonic(),
        )

    def _gauges(self) -> tuple[int, float]:
        """Running requests and the share of the KV cache in use: of an engine core in this process
        from its scheduler, else from vLLM's own metrics, which are counted in another process."""
        if not self._spec.core_in_process:
            scheduler = self._engine.engine_core.engine_core.scheduler
            return len(scheduler.running), float(scheduler.kv_cache_manager.usage)
        found: dict[str, float] = {}
        for metric in self._engine.get_metrics():
            value = getattr(metric, "value", None)
            if value is not None:
                found[metric.name] = found.get(metric.name, 0.0) + float(value)
        running = int(found.get("vllm:num_requests_running", 0))
        return running, found.get("vllm:kv_cache_usage_perc", 0.0)

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
        self._clock.start()
        try:
            while self._admit() and not self._closing:
                if self._admitted:
                    started = time.monotonic()
                    for output in self._engine.step():
                        self._finish(output)
                    self._clock.stepping += time.monotonic() - started
            self._fail(EngineDied("the engine was closed"))
        except BaseException as error:
            self._fail(self._death(error))

    def _admit(self) -> bool:
        """Move queued requests into the engine while there is room; wait only when it is idle."""
        began, waited = time.monotonic(), self._clock.idle
        try:
            return self._take_queued()
        finally:
            waited = self._clock.idle - waited
            self._clock.feeding += time.monotonic() - began - waited

    def _take_queued(self) -> bool:
        self._drop()
        while len(self._admitted) < self._spec.window or self._alone:
            if not self._backlog:
                began = time.monotonic()
                try:
                    items = self._inbox.get(block=not self._admitted)
                except queue.Empty:
                    return True
                finally:
                    self._clock.idle += time.monotonic() - began
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

    def _start(self, item: Queued) -> None:
        request, ids = item.request, [*item.ids, *item.continuation]
        name = str(next(self._ids))
        try:
            if item.unreadable:
                raise ValueError(item.unreadable)
            room = self._limit - len(ids)
            if room < 1:
                raise ValueError(f"prompt of {len(ids)} tokens, context of {self._limit}")
            self._engine.add_request(name, self._input(ids), self._sampling(request, room))
        except (ValueError, TypeError) as error:  # this request is bad, the engine is not
            reason = f"{ERROR}{' '.join(str(error).split())[:200]}"
            item.call.deliver(Answer(item, reason, text=""))
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
            repetition_detection=self._repetition(),
            detokenize=self._backend is None,
        )

    def _repetition(self) -> Any:
        """vLLM's check for a piece that is written again and again; None where it is off."""
        longest, times = self._spec.repetition
        if not longest:
            return None
        from vllm.sampling_params import RepetitionDetectionParams  # noqa: PLC0415 - heavy

        return RepetitionDetectionParams(max_pattern_size=longest, min_count=times)

    def _finish(self, output: Any) -> None:
        item = self._admitted.get(output.request_id) if output.finished else None
        if item is None:
            return
        del self._admitted[output.request_id]
        answer = output.outputs[0]
        self._requests += 1
        if item.request.continuation is not None:
            self._weighed(item, output)
            return
        self._prompt_tokens += len(item.ids)
        self._cached += output.num_cached_tokens or 0
        self._tokens += len(answer.token_ids)
        text = answer.text if self._backend is None else None
        reason = answer.finish_reason or "stop"
        item.call.deliver(Answer(item, reason, answer.token_ids, text))

    def _weighed(self, item: Queued, output: Any) -> None:
        """Deliver how likely a continuation is after its prompt."""
        wanted = item.continuation
        places = output.prompt_logprobs[len(item.ids) :]
        total = sum(place[token].logprob for place, token in zip(places, wanted, strict=True))
        self._prompt_tokens += len(item.ids) + len(wanted)
        item.call.deliver(Answer(item, "stop", wanted, "", total))

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
        "max_num_batched_tokens": spec.max_num_batched_tokens,
        "block_size": spec.block_size,
        "tensor_parallel_size": spec.tensor_parallel,
        "gpu_memory_utilization": spec.gpu_memory_utilization,
        "enforce_eager": spec.enforce_eager or spec.device == "cpu",
        "load_format": spec.load_format,
        "trust_remote_code": False,
        "seed": spec.seed,
        "disable_log_stats": not spec.core_in_process,
    }
    if spec.tensor_parallel > 1:
        # inside a placement group vLLM would spread the ranks with Ray by itself
        arguments["distributed_executor_backend"] = "mp"
    given = {k: v for k, v in arguments.items() if v is not None}
    extra: dict[str, Any] = json.loads(spec.extra)
    return {"enable_prefix_caching": True} | extra | given


def _joint_seed(requests: Sequence[Request]) -> int:
    """One seed for a call, decided by its requests alone."""
    digest = hashlib.sha256(repr([(r.id, r.seed) for r in requests]).encode())
    return int.from_bytes(digest.digest()[:4], "big")
