"""trl's DPO trainer on pairs that are tokenised already, and the callback that watches it.

Importing this module loads torch, transformers and trl.
"""

import hashlib
import math
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from accelerate.utils import broadcast_object_list
from torch.utils.data import Sampler
from transformers import TrainerCallback
from trl import DPOTrainer

from lbt_core.generation.turns import end_token_id
from lbt_core.training import checkpoints
from lbt_core.training.data import prompt_ids
from lbt_core.training.history import (
    END_MARK,
    HistoryRow,
    TrainingDiverged,
    best_step,
    history_rows,
    write_history,
)
from lbt_core.training.spec import TrainingSpec

_FINAL_ANSWER = re.compile(r"\[\[Final Answer\]\]:\s*\$(?!ANSWER\$)[^$]*[^$\s][^$]*\$")


def well_formed(text: str) -> bool:
    """Whether a text holds a final-answer block with an answer in it, not the echoed template."""
    return _FINAL_ANSWER.search(text) is not None


class StepsByLength(Sampler[int]):
    """Rows in random order, those of each optimiser step from the longest to the shortest.

    ``lengths``: tokens of each row; ``step``: rows of an optimiser step, on all workers together.
    The order follows from ``seed`` and the epoch alone, on every worker and after a resumption.
    """

    def __init__(self, lengths: Sequence[int], step: int, seed: int) -> None:
        self._lengths, self._step, self._seed, self._epoch = lengths, step, seed, 0

    def set_epoch(self, epoch: int) -> None:
        """Called by the data loader before each epoch."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        draw = torch.Generator().manual_seed(self._seed + self._epoch)
        order = torch.randperm(len(self._lengths), generator=draw).tolist()
        for start in range(0, len(order), self._step):
            together = order[start : start + self._step]
            yield from sorted(together, key=lambda row: -self._lengths[row])


class PairTrainer(DPOTrainer):  # type: ignore[misc]
    """trl's trainer, given token ids as generation produces them; notes which batch each step saw.

    trl would tokenise prompt and completion together and let the tokenizer add a second BOS token,
    and keep the adapter of a 4-bit model in bfloat16, in which most steps of 2e-5 round to nothing.
    """

    def __init__(self, *args: Any, grouped_step: int | None = None, **kwargs: Any) -> None:
        self._grouped_step = grouped_step
        super().__init__(*args, **kwargs)
        for parameter in self.model.parameters():  # before the optimiser takes its states' type
            if parameter.requires_grad:
                parameter.data = parameter.data.float()

    def _prepare_dataset(self, dataset: Any, *_: Any) -> Any:
        return dataset

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        if self._grouped_step is None:
            return super()._get_train_sampler(train_dataset)
        rows = train_dataset if train_dataset is not None else self.train_dataset
        columns = zip(rows["prompt_ids"], rows["chosen_ids"], rows["rejected_ids"], strict=True)
        lengths = [len(prompt) + max(len(one), len(two)) for prompt, one, two in columns]
        return StepsByLength(lengths, self._grouped_step, self.args.seed)

    def training_step(self, model: Any, inputs: dict[str, Any], *args: Any, **kwargs: Any) -> Any:
        # fetched when the step is logged: a copy from the GPU here would wait for the pass before
        seen = (inputs["input_ids"], inputs["attention_mask"])
        self._seen = [*getattr(self, "_seen", []), seen]
        return super().training_step(model, inputs, *args, **kwargs)

    def log(self, logs: dict[str, Any], start_time: float | None = None) -> None:
        if getattr(self, "_seen", []) and "loss" in logs:
            seen = b"".join(ids.cpu().numpy().tobytes() for ids, _ in self._seen)
            positions = sum(mask.numel() for _, mask in self._seen)
            logs["padding"] = 1 - sum(int(mask.sum()) for _, mask in self._seen) / positions
            logs["batch_digest"] = hashlib.sha256(seen).hexdigest()[:12]
            self._seen = []
        super().log(logs, start_time)


class Watch(TrainerCallback):  # type: ignore[misc]
    """Writes the history, hands each new row on, and stops a training that goes wrong.

    ``stopped`` says why training was stopped, or is None; ``ended`` whether it was asked to end,
    with a checkpoint, before its last step. Every worker takes the same decisions:
    the logged figures are means over the workers, and generated text is checked by the first one,
    which tells the others.
    """

    def __init__(
        self,
        spec: TrainingSpec,
        prompts: Sequence[str],
        chosen_tokens: float,
        out_dir: Path,
        on_row: Callable[[HistoryRow], None] | None,
        right: Callable[[Sequence[str]], Sequence[bool]] | None = None,
    ) -> None:
        self.trainer: Any = None
        self.stopped: str | None = None
        self.ended = False
        self._spec = spec
        self._prompts = list(prompts)[: spec.guards.prompts]
        self._chosen_tokens = chosen_tokens
        self._out_dir = out_dir
        self._on_row = on_row
        self._right = right

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        if not any("format_rate" in row for row in state.log_history):
            self._check_text(state)

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        last = state.global_step >= state.max_steps
        if last or state.global_step % self._spec.checkpoint_steps == 0:
            self._check_text(state)
            self._stop_on_format(state, control)
        # one worker alone: several would have to agree on the step
        if not last and args.world_size == 1 and (self._out_dir / END_MARK).exists():
            self.ended = control.should_save = control.should_training_stop = True

    def on_save(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        best = best_step(state.log_history)
        if self._spec.select == "best" and best is not None and state.is_world_process_zero:
            folder = self._out_dir / "checkpoints"
            checkpoints.keep_only(folder, {best, state.global_step})

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **_: Any) -> None:
        if "loss" not in (logs or {}):
            return
        latest = state.log_history[-1]
        drop = -logs["rewards/chosen"] / self._spec.beta / self._chosen_tokens
        latest.update(chosen_drop=drop, planned_steps=state.max_steps)
        rows = history_rows(state.log_history)
        if state.is_world_process_zero:
            write_history(self._out_dir, rows)
            if self._on_row is not None:
                self._on_row(rows[-1])
        self._fail_on_divergence(rows)
        self._stop_on_drop(rows, control)

    def _fail_on_divergence(self, rows: list[HistoryRow]) -> None:
        row = rows[-1]
        for key in ("loss", "grad_norm", "logps/chosen", "logps/rejected"):
            if key in row and not math.isfinite(row[key]):
                raise TrainingDiverged(
                    f"{key} is {row[key]} at training step {row['step']}: lower "
                    f"training.learning_rate (now {self._spec.learning_rate:g}), or use "
                    "training.dtype float32"
                )
        losses = [row["loss"] for row in rows if "loss" in row]
        window = self._spec.guards.window
        if len(losses) < window:
            return
        ratio = fmean(losses[-window:]) / losses[0]
        if ratio > self._spec.guards.max_loss_ratio:
            raise TrainingDiverged(
                f"the loss is {ratio:.1f} times its first value at training step {row['step']} "
                f"(training.guards.max_loss_ratio {self._spec.guards.max_loss_ratio:g}): lower "
                f"training.learning_rate (now {self._spec.learning_rate:g})"
            )

    def _stop_on_drop(self, rows: list[HistoryRow], control: Any) -> None:
        guards = self._spec.guards
        drops = [row["chosen_drop"] for row in rows if "chosen_drop" in row][-guards.window :]
        if len(drops) == guards.window and fmean(drops) > guards.max_chosen_drop:
            self._stop(
                control,
                f"the chosen texts' log-probability fell {fmean(drops):.2f} nats per token below "
                f"the reference's by step {rows[-1]['step']} "
                f"(training.guards.max_chosen_drop {guards.max_chosen_drop:g})",
            )

    def _stop_on_format(self, state: Any, control: Any) -> None:
        rates = [row["format_rate"] for row in state.log_history if "format_rate" in row]
        share = self._spec.guards.min_format_share
        if rates and rates[-1] < share * rates[0]:
            self._stop(
                control,
                f"the format rate on {len(self._prompts)} validation prompts fell from "
                f"{rates[0]:.2f} to {rates[-1]:.2f} at step {state.global_step} "
                f"(training.guards.min_format_share {share:g})",
            )

    def _stop(self, control: Any, reason: str) -> None:
        self.stopped = self.stopped or reason
        control.should_training_stop = True
        control.should_save = False  # the last checkpoint is from before the collapse

    def _check_text(self, state: Any) -> None:
        """Adds the format rate and the KL divergence at this step to the trainer's history.

        Added before the checkpoint is saved, so that a resumed training has it too.
        """
        if not self._prompts or self.trainer.is_fsdp_enabled:
            return
        found: list[Any] = [None]
        if state.is_world_process_zero:
            # outside a run nothing says how long an answer may be, but that it must fit a pair
            longest = self._spec.guards.max_new_tokens or self._spec.max_length
            found = [check_text(self.trainer, self._prompts, longest, self._right)]
        broadcast_object_list(found)
        state.log_history.append({"step": state.global_step, **found[0]})


@torch.no_grad()
def check_text(
    trainer: Any,
    prompts: Sequence[str],
    max_new_tokens: int,
    right: Callable[[Sequence[str]], Sequence[bool]] | None = None,
) -> dict[str, float]:
    """Answers the prompts greedily: format_rate, kl, and validation_pass1 where ``right`` says
    which of the answers, in the prompts' order, are right.

    The KL divergence is exact at each token over the whole vocabulary, averaged over the tokens of
    the model's own answers, in nats; full fine-tuning has none, as it keeps no reference.
    """
    model = trainer.accelerator.unwrap_model(trainer.model)
    tokenizer = trainer.processing_class
    training = model.training
    model.eval()
    try:
        with trainer.accelerator.autocast():
            answers = _greedy(model, tokenizer, prompts, max_new_tokens)
            found = {"format_rate": fmean(ended and well_formed(t) for _, _, t, ended in answers)}
            if hasattr(model, "disable_adapter"):
                found["kl"] = fmean(_divergence(model, p, ids) for p, ids, _, _ in answers)
    finally:
        model.train(training)
    if right is not None:
        found["validation_pass1"] = fmean(map(float, right([text for _, _, text, _ in answers])))
    return found


def _greedy(
    model: Any, tokenizer: Any, prompts: Sequence[str], max_new_tokens: int
) -> list[tuple[list[int], list[int], str, bool]]:
    """For each prompt its ids, the answer's ids, the answer's text, and whether it ended."""
    end = end_token_id(tokenizer)
    encoded = [prompt_ids(tokenizer, prompt) for prompt in prompts]
    width = max(map(len, encoded))
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else end
    ids = torch.tensor([[pad] * (width - len(p)) + p for p in encoded], device=model.device)
    mask = torch.tensor([[0] * (width - len(p)) + [1] * len(p) for p in encoded]).to(model.device)
    output = model.generate(
        input_ids=ids,
        attention_mask=mask,
        do_sample=False,
        temperature=None,
        top_p=None,
        top_k=None,
        max_new_tokens=max_new_tokens,
        eos_token_id=end,
        pad_token_id=pad,
    )
    answers = []
    for prompt, row in zip(encoded, output[:, width:].tolist(), strict=True):
        ended = end in row
        answer = row[: row.index(end) + 1] if ended else row
        text = tokenizer.decode(answer, skip_special_tokens=True)
        answers.append((prompt, answer, text, ended))
    return answers


def _divergence(model: Any, prompt: list[int], answer: list[int]) -> float:
    ids = torch.tensor([prompt + answer], device=model.device)
    keep = slice(len(prompt) - 1, -1)
    policy = model(input_ids=ids, use_cache=False).logits[0, keep].float().log_softmax(-1)
    with model.disable_adapter():
        reference = model(input_ids=ids, use_cache=False).logits[0, keep].float().log_softmax(-1)
    return float((policy.exp() * (policy - reference)).sum(-1).mean())
