"""Pretraining from scratch: tokenizer, loop, checkpoints, and what is saved."""

import json
import math
import os
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

from lbt_core import UserError
from lbt_core.subjects.ode.pretraining.architecture import build_model, use_float32_attention
from lbt_core.subjects.ode.pretraining.batches import IGNORED, Batch, make_batch
from lbt_core.subjects.ode.pretraining.documents import chat, series, text_of
from lbt_core.subjects.ode.pretraining.probe import Probe, probe
from lbt_core.subjects.ode.pretraining.recipe import BALANCED, Recipe
from lbt_core.subjects.ode.pretraining.vocabulary import train_tokenizer

CHECKPOINT = "checkpoint.pt"
_AHEAD = 4


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a run is: tokens seen, running mean of the loss, speed, and a probe now and then."""

    step: int
    steps: int
    tokens: int
    loss: float
    tokens_per_second: float
    probe: Probe | None = None


@dataclass(frozen=True, slots=True)
class Finished:
    """What a run came to; ``seconds`` counts training since the last start, without probes."""

    tokens: int
    steps: int
    loss: float
    seconds: float
    probe: Probe | None


def tokenizer_for(recipe: Recipe) -> Any:
    """The tokenizer of a recipe, learnt from a sample of its own documents."""
    rng = Random(f"{recipe.seed}:tokenizer")

    def texts() -> Iterator[str]:
        for number in range(recipe.tokenizer_documents):
            if number % 4 == 0:
                yield text_of(chat(rng, BALANCED, one_shot=number % 8 == 0))
            else:
                yield text_of(series(rng, BALANCED))

    return train_tokenizer(texts())


def pretrain(
    recipe: Recipe,
    out: Path,
    *,
    threads: int = 3,
    report: Callable[[Progress], None] | None = None,
    probe_every: int = 1_000_000,
    checkpoint_every: int = 500,
    report_every: int = 20,
    probe_problems: int = 9,
    compiled: bool = True,
) -> Finished:
    """Train the model of a recipe and save it, in bf16, with its tokenizer under ``out``.

    ``report`` is called every ``report_every`` steps; about every ``probe_every`` tokens its
    argument holds a probe of ``probe_problems`` problems a family (0: never). Every
    ``checkpoint_every`` steps a checkpoint is written under ``out``, from which the same recipe
    goes on; one of another recipe raises UserError. Equal recipes and thread counts on equal
    machines give equal weights.
    """
    import torch  # noqa: PLC0415 heavy import, only where used

    torch.set_num_threads(threads)
    tokenizer = tokenizer_for(recipe)
    model = build_model(len(tokenizer), recipe.seed)
    use_float32_attention(model)
    optimizer = _optimizer(model, recipe)
    step_loss = _loss_function(model, compiled)
    first = _resume(out, recipe, model, optimizer)
    loss, spent, next_probe = math.nan, 0.0, probe_every
    for step, batch in _batches(recipe, first, tokenizer):
        begin = time.perf_counter()
        value = _train_step(model, optimizer, step_loss, batch, recipe.rate_at(step))
        loss = value if math.isnan(loss) else 0.98 * loss + 0.02 * value
        spent += time.perf_counter() - begin
        done = step + 1
        seen = done * recipe.batch_tokens
        if done % checkpoint_every == 0 and done < recipe.steps:
            _checkpoint(out, recipe, model, optimizer, done)
        if report and done % report_every == 0:
            found = None
            if probe_problems and seen >= next_probe:
                next_probe = seen + probe_every
                found = probe(model, tokenizer, probe_problems)
            speed = (done - first) * recipe.batch_tokens / spent
            report(Progress(done, recipe.steps, seen, loss, speed, found))
    save(model, tokenizer, out)
    (out / CHECKPOINT).unlink(missing_ok=True)
    last = probe(model, tokenizer, probe_problems) if probe_problems else None
    return Finished(recipe.steps * recipe.batch_tokens, recipe.steps, loss, spent, last)


def _optimizer(model: Any, recipe: Recipe) -> Any:
    import torch  # noqa: PLC0415 heavy import, only where used

    matrices = [p for p in model.parameters() if p.ndim > 1]
    vectors = [p for p in model.parameters() if p.ndim < 2]
    groups = [
        {"params": matrices, "weight_decay": recipe.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(0.9, 0.98), fused=True)


def _loss_function(model: Any, compiled: bool) -> Callable[[Any, Any], Any]:
    """Mean cross-entropy of the supervised tokens; compiled once for each batch shape."""
    import torch  # noqa: PLC0415 heavy import, only where used

    def loss_of(ids: Any, labels: Any) -> Any:
        logits = model(input_ids=ids, use_cache=False).logits[:, :-1].flatten(0, 1)
        return torch.nn.functional.cross_entropy(
            logits.float(), labels[:, 1:].flatten(), ignore_index=IGNORED
        )

    function: Callable[[Any, Any], Any] = (
        torch.compile(loss_of, dynamic=False) if compiled else loss_of
    )
    return function


def _batches(recipe: Recipe, first: int, tokenizer: Any) -> Iterator[tuple[int, Batch]]:
    """Steps with their batches, prepared ahead in a thread while the model computes."""
    with ThreadPoolExecutor(1) as pool:
        ahead: deque[Future[Batch]] = deque()
        planned = first
        for step in range(first, recipe.steps):
            while planned < min(step + _AHEAD, recipe.steps):
                ahead.append(pool.submit(make_batch, recipe, planned, tokenizer))
                planned += 1
            yield step, ahead.popleft().result()


def _train_step(
    model: Any, optimizer: Any, step_loss: Callable[[Any, Any], Any], batch: Batch, rate: float
) -> float:
    import torch  # noqa: PLC0415 heavy import, only where used

    ids, labels = (torch.tensor(part) for part in batch)
    for group in optimizer.param_groups:
        group["lr"] = rate
    with torch.autocast("cpu", torch.bfloat16):
        loss = step_loss(ids, labels)
    optimizer.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    return float(loss.detach())


def _checkpoint(out: Path, recipe: Recipe, model: Any, optimizer: Any, step: int) -> None:
    import torch  # noqa: PLC0415 heavy import, only where used

    out.mkdir(parents=True, exist_ok=True)
    state = {
        "recipe": json.dumps(asdict(recipe)),
        "step": step,
        "model": model.state_dict(),
        "optimizer": optimizer.state_dict(),
    }
    torch.save(state, out / f"{CHECKPOINT}.new")
    os.replace(out / f"{CHECKPOINT}.new", out / CHECKPOINT)


def _resume(out: Path, recipe: Recipe, model: Any, optimizer: Any) -> int:
    """Load the checkpoint of the same recipe, if there is one; the step to go on with."""
    import torch  # noqa: PLC0415 heavy import, only where used

    if not (out / CHECKPOINT).exists():
        return 0
    state = torch.load(out / CHECKPOINT, weights_only=True)
    if state["recipe"] != json.dumps(asdict(recipe)):
        raise UserError(
            f"{out / CHECKPOINT} is of another recipe (seed or tokens): remove it or choose "
            "another --out."
        )
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    return int(state["step"])


def save(model: Any, tokenizer: Any, out: Path) -> None:
    """Write model (bf16) and tokenizer in the form that every engine loads."""
    import torch  # noqa: PLC0415 heavy import, only where used

    out.mkdir(parents=True, exist_ok=True)
    model.to(torch.bfloat16).save_pretrained(out)
    # One file less to forget: the chat template stays inside tokenizer_config.json.
    tokenizer.save_pretrained(out, save_jinja_files=False)
