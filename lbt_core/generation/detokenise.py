"""Token ids back to text, once an answer is whole and in whichever thread waits for it: done token
by token as the engine runs, it would take the engine's own time.

The text is what vLLM's own detokenizer makes: the same library, primed with the prompt.
"""

from collections.abc import Sequence
from typing import Any


def backend(tokenizer: Any) -> Any | None:
    """The Rust tokenizer inside one of transformers', or None where it has none."""
    from transformers import PreTrainedTokenizerFast  # noqa: PLC0415 - heavy

    fast = isinstance(tokenizer, PreTrainedTokenizerFast)
    return tokenizer.backend_tokenizer if fast else None


def text_of(core: Any, prompt: Sequence[int], answer: Sequence[int]) -> str:
    """The text of an answer's tokens after a prompt's, without special tokens; bytes at its end
    that are no whole character are left out."""
    from tokenizers.decoders import DecodeStream  # noqa: PLC0415 - heavy

    stream = DecodeStream(ids=list(prompt), skip_special_tokens=True)
    pieces: list[str] = []
    for token in answer:
        try:
            piece = stream.step(core, token)
        except (OverflowError, TypeError):  # an id beyond the vocabulary has no text
            continue
        except Exception as error:
            if not str(error).startswith("Invalid prefix encountered"):
                raise
            stream = DecodeStream(skip_special_tokens=True)  # after bytes that were no character
            piece = stream.step(core, token)
        pieces.append(piece or "")
    return "".join(pieces)
