"""The embedded model's tokenizer: byte-level BPE, single digits, Llama-3 special tokens and chat
template.

Every byte is in the vocabulary, so any text can be tokenised and comes back unchanged; text
unlike the built-in families just takes more tokens.
"""

from collections.abc import Iterable
from typing import Any

VOCABULARY = 640
SPECIAL_TOKENS = (
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|start_header_id|>",
    "<|end_header_id|>",
    "<|eot_id|>",
    "<|pad|>",
)
BOS_ID, EOS_ID, PAD_ID = 0, 4, 5

# Digits stand alone; a header such as [[Question]]: and the fence of the final answer stay whole;
# a word takes the primes that follow it (y'').
PATTERN = (
    r"\p{N}|'''|\[\[\p{L}+(?: \p{L}+)?\]\]:"
    r"|[^\r\n\p{L}\p{N}]?\p{L}+'*| ?[^\s\p{L}\p{N}]|\s*[\r\n]+|\s+"
)
# As in Llama-3, contents are trimmed: the two newlines that end a question prompt are lost here,
# and kept by ``lbt_core.method.prompts.card_chat``, which is what the model is trained on.
CHAT_TEMPLATE = (
    "{{- bos_token }}{%- for message in messages %}"
    "{{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' }}"
    "{{- message['content'] | trim }}{{- '<|eot_id|>' }}{%- endfor %}"
    "{%- if add_generation_prompt %}"
    "{{- '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{%- endif %}"
)


def train_tokenizer(texts: Iterable[str], vocabulary: int = VOCABULARY) -> Any:
    """A ``PreTrainedTokenizerFast`` whose merges are learnt from ``texts``.

    It adds no BOS token by itself: rendered prompts already hold theirs.
    """
    from tokenizers import (  # noqa: PLC0415 heavy import, only where used
        Regex,
        Tokenizer,
        decoders,
        models,
        pre_tokenizers,
        trainers,
    )
    from transformers import PreTrainedTokenizerFast  # noqa: PLC0415 heavy import

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERN), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=SPECIAL_TOKENS[BOS_ID],
        eos_token=SPECIAL_TOKENS[EOS_ID],
        pad_token=SPECIAL_TOKENS[PAD_ID],
        chat_template=CHAT_TEMPLATE,
        model_max_length=4096,
        clean_up_tokenization_spaces=False,
    )
