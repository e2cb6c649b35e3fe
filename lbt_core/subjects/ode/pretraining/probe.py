"""A quick look at a model in training: what it answers unaided and after each kind of example."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from lbt_core.method.prompts import END_OF_TURN, Renderer
from lbt_core.subjects.ode.pretraining.vocabulary import EOS_ID, PAD_ID
from lbt_core.subjects.ode.tiny.pools import FAMILIES, draft, method_in
from lbt_core.subjects.ode.tiny.text import METHODS, Draft


@dataclass(frozen=True, slots=True)
class Probe:
    """Shares of right answers (same text as the reference) on held-out problems, one third lucky.

    ``execution`` is the share of answers that equal what the method they follow should give:
    what is missing from 1 are slips. ``after`` is the accuracy on unlucky problems after a worked
    example of each method.
    """

    unaided: float
    execution: float
    formatted: float
    methods: dict[str, float]
    after: dict[str, float]
    by_family: dict[str, float]


def generate(model: Any, tokenizer: Any, prompts: Sequence[str], limit: int = 120) -> list[str]:
    """Greedy answers of an in-memory model to rendered prompts."""
    import torch  # noqa: PLC0415 heavy import, only where used

    tokenizer.padding_side = "left"
    inputs = tokenizer(list(prompts), return_tensors="pt", padding=True, add_special_tokens=False)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        ids = model.generate(
            input_ids=inputs.input_ids,
            attention_mask=inputs.attention_mask,
            max_new_tokens=limit,
            do_sample=False,
            eos_token_id=EOS_ID,
            pad_token_id=PAD_ID,
        )
    fresh = ids[:, inputs.input_ids.shape[1] :]
    return [text.split(END_OF_TURN)[0] for text in tokenizer.batch_decode(fresh)]


def executed(text: str, problem: Draft) -> bool:
    """Whether a text is word for word one of the problem's ways."""
    return any(text.strip() == problem.rationale(method) for method in METHODS)


def right(text: str, problem: Draft) -> bool:
    """Whether a text ends in the reference's answer block."""
    block = problem.rationale("D").rsplit("\n\n", 1)[1]
    return text.rstrip().endswith(block)


def probe(model: Any, tokenizer: Any, per_family: int = 9, seed: int = 7) -> Probe:
    """Probe a copy of a model in memory with ``per_family`` problems of every family.

    The tokenizer is copied too: padding, once switched on, stays on in it.
    """
    model, tokenizer = copy.deepcopy(model), copy.deepcopy(tokenizer)
    model.set_attn_implementation("sdpa")
    rng, renderer = Random(seed), Renderer()
    asked = [
        draft(family, rng, number % 3 == 0, from_held_out=True)
        for family in FAMILIES
        for number in range(per_family)
    ]
    texts = generate(model, tokenizer, [renderer.question(p.question) for p in asked])
    followed = [method_in(text, p.family) for text, p in zip(texts, asked, strict=True)]
    unlucky = [p for p in asked if not p.lucky][::2]
    after = {}
    for method in METHODS:
        shown = [draft(p.family, rng, rng.random() < 0.8, from_held_out=True) for p in unlucky]
        prompts = [
            renderer.one_shot(s.example(method), p.question)
            for s, p in zip(shown, unlucky, strict=True)
        ]
        answers = generate(model, tokenizer, prompts)
        after[method] = _mean(right(t, p) for t, p in zip(answers, unlucky, strict=True))
    pairs = list(zip(texts, asked, strict=True))
    return Probe(
        unaided=_mean(right(t, p) for t, p in pairs),
        execution=_mean(executed(t, p) for t, p in pairs),
        formatted=_mean(t.rstrip().endswith("$\n'''") for t in texts),
        methods={m: _mean(f == m for f in followed) for m in METHODS},
        after=after,
        by_family={f: _mean(executed(t, p) for t, p in pairs if p.family == f) for f in FAMILIES},
    )


def _mean(values: Any) -> float:
    found = [float(value) for value in values]
    return round(sum(found) / len(found), 3)
