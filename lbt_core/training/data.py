"""Preference pairs as token ids, exactly as generation produces them; too long ones are named.

Prompt and completion are tokenised apart, because generation sees the prompt's tokens alone:
tokenised together, the prompt's last newlines could merge with the completion's first character.
The prompt is a rendered string that already holds its BOS token, so none is added.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lbt_core import DataError
from lbt_core.generation.turns import end_token_id
from lbt_core.store.rows import Preference


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A pair above the length limit: its lineage, and the tokens of prompt plus each completion."""

    problem_id: str
    chosen_sample: int
    rejected_sample: int
    chosen_tokens: int
    rejected_tokens: int


@dataclass(frozen=True, slots=True)
class EncodedPairs:
    """Pairs ready for training.

    ``rows`` hold prompt_ids, chosen_ids and rejected_ids; ``digest`` identifies their tokens and
    order; ``tokens`` counts the tokens of all kept sequences (prompt plus completion, two a pair);
    ``longest`` is the longest kept sequence. ``retokenised`` counts the kept completions whose text
    has another number of tokens than were generated; None where that is not known.
    """

    rows: list[dict[str, list[int]]]
    left_out: tuple[LeftOut, ...]
    digest: str
    tokens: int
    longest: int
    retokenised: int | None = None


@dataclass(frozen=True, slots=True)
class Generated:
    """How many tokens generation counted for a pair: of its prompt, and of each completion with the
    token that ended it."""

    prompt: int
    chosen: int
    rejected: int


def prompt_ids(tokenizer: Any, prompt: str) -> list[int]:
    """Token ids of a rendered prompt, as an engine gets them. Raises DataError on a second BOS."""
    ids: list[int] = tokenizer(prompt, add_special_tokens=False)["input_ids"]
    bos = tokenizer.bos_token_id
    if bos is not None and ids[:2] == [bos, bos]:
        raise DataError(f"a rendered prompt starts with two BOS tokens: {prompt[:60]!r}")
    return ids


def completion_ids(tokenizer: Any, text: str, end: int) -> list[int]:
    """Token ids of a generated text and the token that ended it."""
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return [*ids, end]


def encode_pairs(
    tokenizer: Any,
    pairs: Sequence[Preference],
    max_length: int,
    generated: Sequence[Generated] | None = None,
) -> EncodedPairs:
    """Tokenises pairs and leaves out those of which a sequence exceeds ``max_length`` tokens.

    ``generated``, one a pair, is what generation counted. Texts are stored, not token ids, and a
    text may be tokenised otherwise than it was sampled: such completions are counted. Raises
    DataError where a prompt is not the one that generation saw, and where no pair is left, naming
    the shortest length that would keep one.
    """
    end = end_token_id(tokenizer)
    rows: list[dict[str, list[int]]] = []
    left_out: list[LeftOut] = []
    digest = hashlib.sha256()
    tokens = longest = retokenised = 0
    counted = generated if generated is not None else [None] * len(pairs)
    for pair, seen in zip(pairs, counted, strict=True):
        prompt = prompt_ids(tokenizer, pair.prompt)
        chosen = completion_ids(tokenizer, pair.chosen, end)
        rejected = completion_ids(tokenizer, pair.rejected, end)
        if seen is not None and seen.prompt != len(prompt):
            raise DataError(
                f"the prompt of {pair.problem_id} has {len(prompt)} tokens in training and had "
                f"{seen.prompt} in generation: another tokenizer or prompt format than it was "
                "sampled with"
            )
        lengths = (len(prompt) + len(chosen), len(prompt) + len(rejected))
        if max(lengths) > max_length:
            left_out.append(
                LeftOut(pair.problem_id, pair.chosen_sample, pair.rejected_sample, *lengths)
            )
            continue
        rows.append({"prompt_ids": prompt, "chosen_ids": chosen, "rejected_ids": rejected})
        digest.update(repr((prompt, chosen, rejected)).encode())
        tokens += sum(lengths)
        if seen is not None:
            retokenised += (seen.chosen != len(chosen)) + (seen.rejected != len(rejected))
        longest = max(longest, *lengths)
    if not rows:
        raise DataError(_nothing_left(pairs, left_out, max_length))
    mark = digest.hexdigest()[:16]
    known = retokenised if generated is not None else None
    return EncodedPairs(rows, tuple(left_out), mark, tokens, longest, known)


def _nothing_left(pairs: Sequence[Preference], left_out: Sequence[LeftOut], max_length: int) -> str:
    if not pairs:
        return "there are no preference pairs to train on"
    shortest = min(max(one.chosen_tokens, one.rejected_tokens) for one in left_out)
    return (
        f"none of the {len(pairs)} preference pairs fits into training.max_length {max_length}: "
        f"the shortest needs {shortest} tokens"
    )


def describe_left_out(left_out: Sequence[LeftOut], shown: int = 5) -> str:
    """One line that counts and names the pairs left out."""
    names = ", ".join(
        f"{one.problem_id} (samples {one.chosen_sample} > {one.rejected_sample}: "
        f"{max(one.chosen_tokens, one.rejected_tokens)} tokens)"
        for one in left_out[:shown]
    )
    more = f" and {len(left_out) - shown} more" if len(left_out) > shown else ""
    return f"{len(left_out)} pairs are longer than the limit and left out: {names}{more}"
