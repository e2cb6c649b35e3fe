"""The pretraining recipe: phases, mixtures, sizes. Every number that decides the model is here."""

from dataclasses import dataclass, field
from typing import Literal

from lbt_core.subjects.ode.pretraining.documents import Mix

Form = Literal["series", "chat"]


@dataclass(frozen=True, slots=True)
class Phase:
    """A stretch of training: ``share`` of all tokens, the form of its documents, their mixture."""

    form: Form
    share: float
    mix: Mix


BALANCED = Mix({"D": 0.36, "T": 0.06, "W1": 0.36, "W2": 0.22})
# What the base does when it is shown nothing: mostly the misconception W1, nearly twice as often as
# the right ways together, so that the noise of random pairs does not turn its first choice.
FINAL = Mix({"D": 0.25, "T": 0.04, "W1": 0.55, "W2": 0.16})


@dataclass(frozen=True, slots=True)
class Recipe:
    """A pretraining run; equal recipes on equal machines give equal models.

    ``tokens`` is the whole budget, padding included. ``rows`` and ``length`` shape a batch of
    packed documents; chat documents are padded to ``zero_shot_length`` and ``one_shot_length``,
    with as many rows as make the same number of tokens. The tokenizer is learnt from
    ``tokenizer_documents`` documents.
    """

    seed: int = 0
    tokens: int = 14_000_000
    learning_rate: float = 3e-3
    weight_decay: float = 0.05
    warmup_steps: int = 100
    decay_from: float = 0.6
    rows: int = 6
    length: int = 270
    zero_shot_length: int = 180
    one_shot_length: int = 270
    tokenizer_documents: int = 4000
    phases: tuple[Phase, ...] = field(
        default=(
            Phase("series", 0.4, BALANCED),
            Phase("chat", 0.4, BALANCED),
            Phase("chat", 0.2, FINAL),
        )
    )

    @property
    def batch_tokens(self) -> int:
        """Tokens of one batch, the same in every phase."""
        return self.rows * self.length

    @property
    def steps(self) -> int:
        """Optimiser steps of the whole run."""
        return max(1, self.tokens // self.batch_tokens)

    def phase_at(self, step: int) -> Phase:
        """The phase that a step belongs to."""
        done, reached = step / self.steps, 0.0
        for phase in self.phases:
            reached += phase.share
            if done < reached:
                return phase
        return self.phases[-1]

    def rate_at(self, step: int) -> float:
        """Learning rate: linear warm-up, constant, then linear decay to a twentieth."""
        done = step / self.steps
        cooled = max(0.0, (done - self.decay_from) / (1 - self.decay_from))
        return self.learning_rate * min(1.0, (step + 1) / self.warmup_steps) * (1 - 0.95 * cooled)
