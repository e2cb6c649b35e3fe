"""The portable reference engine: Hugging Face transformers, one batch at a time.

Slow, and the same on every machine that runs torch: it is what vLLM's answers are compared with.
"""

import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any

from lbt_core.generation.engine import (
    ERROR,
    Completion,
    EngineDied,
    EngineSpec,
    EngineStats,
    Request,
    Settings,
)
from lbt_core.generation.models import model_folder
from lbt_core.generation.turns import stop_token_ids

BATCH = 32


class TransformersEngine:
    """One causal language model behind the engine protocol."""

    def __init__(self, spec: EngineSpec) -> None:
        """Load model and tokenizer. Raises UserError where there is no such model, and whatever
        transformers raises where it cannot be loaded."""
        import torch  # noqa: PLC0415 - heavy
        from transformers import (  # noqa: PLC0415 - heavy
            AutoModelForCausalLM,
            AutoTokenizer,
        )

        folder = model_folder(spec.model, spec.revision)
        self._torch: Any = torch
        self._device = "cuda" if spec.device == "gpu" else "cpu"
        dtype = "auto" if spec.dtype == "auto" else getattr(torch, spec.dtype)
        self._model: Any = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=dtype,
            use_safetensors=True,
            trust_remote_code=False,
        ).to(self._device)
        self._model.eval()
        self._tokenizer: Any = AutoTokenizer.from_pretrained(folder)
        self._tokenizer.padding_side = "left"
        if self._tokenizer.pad_token_id is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token
        ends = self._model.generation_config.eos_token_id
        own = ends if isinstance(ends, list) else [ends] * (ends is not None)
        self._ends: list[int] = sorted({*own, *stop_token_ids(self._tokenizer)})
        self._limit = spec.max_model_len or int(self._model.config.max_position_embeddings)
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._prompt_tokens = self._tokens = self._requests = self._running = self._waiting = 0
        self._busy = 0.0

    def generate(self, requests: Sequence[Request]) -> list[Completion]:
        """Completions in the order of the requests. Raises EngineDied after ``close``."""
        done = {c.id: c for part in self.stream(requests) for c in part}
        return [done[request.id] for request in requests]

    def stream(
        self, requests: Sequence[Request], stop: threading.Event | None = None
    ) -> Iterator[list[Completion]]:
        """Completions batch by batch; batches hold requests of equal settings. ``stop`` ends it
        after a batch. Raises EngineDied after ``close``.
        """
        self._waiting += len(requests)
        left = len(requests)
        groups: dict[Settings, list[Request]] = {}
        for request in requests:
            groups.setdefault(request.settings, []).append(request)
        try:
            for settings, group in groups.items():
                for start in range(0, len(group), BATCH):
                    if stop is not None and stop.is_set():
                        return
                    chunk = group[start : start + BATCH]
                    left -= len(chunk)
                    with self._lock:
                        if self._closing.is_set():
                            raise EngineDied("the engine was closed")
                        answers = self._batch(chunk, settings)
                    yield answers
        finally:
            self._waiting -= left

    def _batch(self, requests: list[Request], settings: Settings) -> list[Completion]:
        self._waiting -= len(requests)
        answers: dict[int, Completion] = {}
        encoded: dict[int, list[int]] = {}
        for i, request in enumerate(requests):
            ids: list[int] = []
            try:
                ids = self._tokenizer.encode(request.prompt, add_special_tokens=False)
                if request.continuation is not None:
                    answers[i] = self._weighed(request, ids)
                    continue
                if len(ids) >= self._limit:
                    raise ValueError(f"prompt of {len(ids)} tokens, context of {self._limit}")
                encoded[i] = ids
            except (ValueError, TypeError) as error:  # this request is bad, the others are not
                reason = f"{ERROR}{' '.join(str(error).split())[:200]}"
                answers[i] = Completion(request.id, "", reason, len(ids), 0)
        # prompts that leave less room than an answer may take must not shorten the others' answers
        roomy = [
            i for i, ids in encoded.items() if len(ids) + settings.max_new_tokens <= self._limit
        ]
        alone = [[i] for i in encoded if i not in roomy]
        for group in ([roomy] if roomy else []) + alone:
            self._running = len(group)
            started = time.monotonic()
            chosen = [requests[i] for i in group]
            outputs = self._decode([encoded[i] for i in group], chosen, settings)
            answers.update(zip(group, outputs, strict=True))
            self._busy += time.monotonic() - started
            self._running = 0
        return [answers[i] for i in range(len(requests))]

    def _weighed(self, request: Request, ids: list[int]) -> Completion:
        """How likely a continuation is after its prompt. Raises ValueError where it is too long."""
        torch = self._torch
        wanted = self._tokenizer.encode(request.continuation, add_special_tokens=False)
        if len(ids) + len(wanted) > self._limit:
            raise ValueError(f"{len(ids) + len(wanted)} tokens, context of {self._limit}")
        with torch.inference_mode():
            row = torch.tensor([[*ids, *wanted]], device=self._device)
            logits = self._model(row).logits[0, len(ids) - 1 : -1].float()
            chosen = torch.tensor(wanted, device=self._device)[:, None]
            total = float(logits.log_softmax(-1).gather(1, chosen).sum())
        self._prompt_tokens += len(ids) + len(wanted)
        self._requests += 1
        return Completion(request.id, "", "stop", len(ids), len(wanted), total)

    def _decode(
        self, ids: list[list[int]], requests: list[Request], settings: Settings
    ) -> list[Completion]:
        torch = self._torch
        batch = self._tokenizer.pad({"input_ids": ids}, return_tensors="pt").to(self._device)
        width = batch["input_ids"].shape[1]
        room = min(settings.max_new_tokens, self._limit - width)
        drawing: dict[str, Any] = {"do_sample": False}
        if settings.temperature > 0:
            torch.manual_seed(requests[0].seed)
            drawing = {
                "do_sample": True,
                "temperature": settings.temperature,
                "top_k": settings.top_k,
                "top_p": settings.top_p,
            }
        with torch.inference_mode():
            output = self._model.generate(
                **batch,
                max_new_tokens=room,
                eos_token_id=self._ends or None,
                pad_token_id=self._tokenizer.pad_token_id,
                **drawing,
            )
        answers = []
        for request, prompt, row in zip(requests, ids, output[:, width:].tolist(), strict=True):
            stop = next((i for i, token in enumerate(row) if token in self._ends), None)
            tokens = row if stop is None else row[: stop + 1]
            text = self._tokenizer.decode(tokens, skip_special_tokens=True)
            reason = "length" if stop is None else "stop"
            self._prompt_tokens += len(prompt)
            self._tokens += len(tokens)
            self._requests += 1
            answers.append(Completion(request.id, text, reason, len(prompt), len(tokens)))
        return answers

    def stats(self) -> EngineStats:
        """Counters and gauges; it has no prefix cache and no paged KV cache."""
        return EngineStats(
            prompt_tokens=self._prompt_tokens,
            tokens=self._tokens,
            requests=self._requests,
            running=self._running,
            waiting=self._waiting,
            kv_cache_usage=0.0,
            prefix_hit_rate=0.0,
            busy_seconds=self._busy,
        )

    def close(self) -> None:
        """Drop the model, once the batch in progress has ended."""
        self._closing.set()  # before the lock, which a caller would take again for its next batch
        with self._lock:
            self._model = None
            if self._device == "cuda":
                self._torch.cuda.empty_cache()
