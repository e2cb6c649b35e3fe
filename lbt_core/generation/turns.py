"""The token that ends a turn: what training appends to an answer and what every engine stops at."""

from typing import Any

from lbt_core import DataError

END_OF_TURN = "<|eot_id|>"
"""Llama-3's."""
_PROBE = "an answer"


def end_token_id(tokenizer: Any) -> int:
    """Llama-3's end of turn where the tokenizer has it, else what its chat template ends an answer
    with, else its EOS.

    The EOS alone will not do: that of Llama-3's base tokenizer, and of many ChatML ones, ends a
    document, and a model that was taught to end turns never writes it. Raises DataError where the
    tokenizer has none of them.
    """
    vocabulary: dict[str, int] = tokenizer.get_vocab()
    if END_OF_TURN in vocabulary:
        return vocabulary[END_OF_TURN]
    found = _template_end(tokenizer)
    if found is not None:
        return found
    if tokenizer.eos_token_id is None:
        raise DataError(
            f"the tokenizer has no {END_OF_TURN}, no chat template that ends a turn with a special "
            "token, and no EOS token: nothing can end a turn"
        )
    return int(tokenizer.eos_token_id)


def stop_token_ids(tokenizer: Any) -> list[int]:
    """``end_token_id`` as a list, which is empty where nothing can end a turn."""
    try:
        return [end_token_id(tokenizer)]
    except DataError:
        return []


def _template_end(tokenizer: Any) -> int | None:
    """The special token that follows an answer in the tokenizer's chat template."""
    if not getattr(tokenizer, "chat_template", None):
        return None
    messages = [{"role": "user", "content": "a"}, {"role": "assistant", "content": _PROBE}]
    try:
        text: str = tokenizer.apply_chat_template(messages, tokenize=False)
    except Exception:  # a template may refuse with whatever Jinja raises
        return None
    rest: list[int] = tokenizer.encode(text.rpartition(_PROBE)[2], add_special_tokens=False)
    special = set(tokenizer.all_special_ids) | set(tokenizer.added_tokens_decoder)
    return next((token for token in rest if token in special), None)
