"""Every knob of training, typed and bounded, and the two published settings as presets."""

from types import MappingProxyType
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from lbt_core import UserError
from lbt_core.method.section import Section


class GuardSpec(Section):
    """When training stops by itself.

    Generated text is checked at every checkpoint and at the last step, the loss and the chosen
    log-probability at every step.
    """

    prompts: int = Field(16, ge=0, le=512, title="Validation prompts per check")
    """Validation prompts answered greedily at each check; 0 turns the check off."""
    max_new_tokens: int | None = Field(None, ge=8, title="Longest answer in a check, tokens")
    """Longest answer in a check, in tokens; a longer one counts as malformed. As long as a
    rationale (sampling.max_new_tokens) where none is given."""
    min_format_share: float = Field(0.7, ge=0, le=1, title="Format rate kept, fraction")
    """Stop when the format rate falls below this share of the rate before training."""
    max_chosen_drop: float = Field(1.0, gt=0, le=100, title="Chosen drop, nats per token")
    """Stop when the chosen texts' log-probability is this far below the reference's, in nats per
    token, averaged over ``window`` steps."""
    max_loss_ratio: float = Field(5.0, gt=1, le=1000, title="Loss ratio")
    """Fail when the loss, averaged over ``window`` steps, exceeds this multiple of the first
    step's."""
    window: int = Field(5, ge=1, le=1000, title="Averaging window, steps")
    """Optimiser steps that the two averages run over."""


class TrainingSpec(Section):
    """How the teacher is tuned on preference pairs; the defaults are the card's.

    One optimiser step sees ``per_device_batch_size * gradient_accumulation`` pairs whatever
    ``workers`` is: the accumulation is shared out over the workers, so adding workers changes the
    speed and not the result.
    """

    method: Literal["dpo"] = Field("dpo", title="Method")
    """Training objective."""
    learning_rate: float = Field(2e-5, gt=0, le=0.1, title="Learning rate, per step")
    """Peak learning rate of AdamW."""
    epochs: float = Field(1.0, gt=0, le=100, title="Epochs")
    """Passes over the pairs."""
    max_steps: int | None = Field(None, ge=1, title="Steps")
    """Optimiser steps instead of ``epochs``."""
    beta: float = Field(0.1, gt=0, le=10, title="Beta")
    """DPO's beta: strength of the pull to the reference model."""
    loss_nll_weight: float = Field(0.0, ge=0, le=1000, title="NLL weight")
    """Weight of the chosen text's negative log-likelihood per token; the DPO loss weighs 1."""
    per_device_batch_size: int = Field(1, ge=1, le=512, title="Pairs per forward pass")
    """Pairs in one forward pass of one worker."""
    gradient_accumulation: int = Field(16, ge=1, le=4096, title="Gradient accumulation")
    """Forward passes per optimiser step, over all workers together; a multiple of ``workers``."""
    group_by_length: bool = Field(False, title="Group by length")
    """Sort the pairs of an optimiser step by length, so that those of one forward pass need less
    padding; which pairs share a step stays random. Takes effect where a step has several passes of
    several pairs."""
    lora_r: int = Field(128, ge=1, le=1024, title="LoRA rank")
    """Rank of the adapter."""
    lora_alpha: int = Field(256, ge=1, le=4096, title="LoRA alpha")
    """Scale of the adapter: its update is multiplied by alpha / r."""
    lora_dropout: float = Field(0.0, ge=0, lt=1, title="LoRA dropout, fraction")
    """Dropout in front of the adapter."""
    target_modules: Literal["all-linear"] | tuple[str, ...] = Field(
        "all-linear", title="Adapted layers"
    )
    """"all-linear", or a list of module names."""
    full_finetune: bool = Field(False, title="Full fine-tuning")
    """Train every weight instead of an adapter."""
    quantization: Literal["nf4", "none"] = Field("nf4", title="Base weights while training")
    """"nf4": 4-bit with double quantisation (QLoRA); "none": as they are."""
    dtype: Literal["bfloat16", "float32"] = Field("bfloat16", title="Computation")
    """Data type of the computation; 4-bit weights are always multiplied in bfloat16."""
    max_length: int = Field(2048, ge=16, le=131072, title="Longest pair, tokens")
    """Longest prompt plus completion, in tokens; longer pairs are left out, named and counted."""
    warmup: float = Field(0.0, ge=0, lt=1, title="Warm-up, fraction of the steps")
    """Share of the steps in which the learning rate rises to its peak."""
    scheduler: Literal["linear", "cosine", "constant"] = Field("linear", title="Schedule")
    """The learning rate after the warm-up; "linear" and "cosine" fall to zero."""
    weight_decay: float = Field(0.0, ge=0, le=1, title="Weight decay")
    """AdamW's decoupled weight decay."""
    max_grad_norm: float = Field(1.0, gt=0, le=1e6, title="Gradient clipping, L2 norm")
    """Gradients are scaled down to at most this norm."""
    gradient_checkpointing: bool = Field(True, title="Gradient checkpointing")
    """Recompute activations in the backward pass: less memory, more time."""
    seed: int | None = Field(None, ge=0, lt=2**31, title="Seed")
    """Seed of the adapter's initialisation and the data order; the run's seed where none is
    given."""
    workers: int | None = Field(None, ge=1, le=1024, title="Workers")
    """Ray Train workers: one per GPU, or CPU processes. By default as many as the cluster has GPUs
    (of these the most that divide ``gradient_accumulation``), without GPUs one."""
    strategy: Literal["ddp", "fsdp"] = Field("ddp", title="Parallelism")
    """Copy the model onto every worker ("ddp") or shard it over them ("fsdp")."""
    checkpoint_steps: int = Field(50, ge=1, le=100_000, title="Steps between checkpoints")
    """Optimiser steps between checkpoints, at which generated text is checked too."""
    select: Literal["last", "best"] = Field("last", title="Weights kept")
    """"last": those of the last step; "best": those of the checkpoint that answers most of the
    validation prompts (guards.prompts of them) right, the earliest among equals."""
    guards: GuardSpec = Field(default_factory=GuardSpec, title="Guards")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.workers and self.gradient_accumulation % self.workers:
            raise ValueError(
                f"gradient_accumulation {self.gradient_accumulation} is not a multiple of "
                f"workers {self.workers}"
            )
        if self.full_finetune and self.quantization != "none":
            raise ValueError("full_finetune needs quantization none: 4-bit weights stay frozen")
        if self.strategy == "fsdp" and self.quantization != "none":
            raise ValueError("strategy fsdp needs quantization none")
        if self.select == "best" and not self.guards.prompts:
            raise ValueError("select best needs guards.prompts above 0: it is chosen on these")
        return self

    def workers_on(self, gpus: int) -> int:
        """The workers on a cluster with so many GPUs."""
        if self.workers is not None:
            return self.workers
        fitting = (n for n in range(gpus, 1, -1) if self.gradient_accumulation % n == 0)
        return next(fitting, 1)

    @property
    def batch_size(self) -> int:
        """Pairs per optimiser step."""
        return self.per_device_batch_size * self.gradient_accumulation


# card: model card LMT-tuning; paper: arXiv 2406.14629. What a source leaves out keeps the default.
PRESETS: MappingProxyType[str, MappingProxyType[str, Any]] = MappingProxyType(
    {
        "card": MappingProxyType(
            {
                "learning_rate": 2e-5,
                "epochs": 1.0,
                "lora_r": 128,
                "lora_alpha": 256,
                "gradient_accumulation": 16,
                "quantization": "nf4",
            }
        ),
        "paper": MappingProxyType(
            {
                "learning_rate": 5e-7,
                "beta": 0.1,
                "loss_nll_weight": 50.0,
                "per_device_batch_size": 1,
                "gradient_accumulation": 16,
            }
        ),
    }
)


def preset(name: str, **changes: Any) -> TrainingSpec:
    """A published setting with some fields changed. Raises UserError on an unknown name."""
    if name not in PRESETS:
        raise UserError(f"no training preset is called {name!r}; there are {', '.join(PRESETS)}")
    return TrainingSpec.model_validate({**PRESETS[name], **changes})
