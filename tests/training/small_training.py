"""A random two-layer Llama with a byte tokenizer, and pairs to train it on."""

from pathlib import Path
from typing import Any

from lbt_core.method.prompts import (
    BEGIN,
    END_OF_TURN,
    card_chat,
    final_answer_block,
    question_prompt,
)
from lbt_core.store.rows import Preference
from lbt_core.training.spec import GuardSpec, TrainingSpec

SPECIAL = (BEGIN, END_OF_TURN, "<|start_header_id|>", "<|end_header_id|>", "<|pad|>")


def byte_tokenizer(adds_bos: bool) -> Any:
    """Bytes as tokens, Llama-3's special tokens; ``adds_bos`` as Llama-3's own tokenizer does."""
    from tokenizers import (  # noqa: PLC0415 (heavy import)
        Tokenizer,
        decoders,
        models,
        pre_tokenizers,
        processors,
    )
    from transformers import PreTrainedTokenizerFast  # noqa: PLC0415 (heavy import)

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    # "\n\n\n" as one token: a boundary inside it shows in the ids
    newline = pre_tokenizers.ByteLevel(add_prefix_space=False).pre_tokenize_str("\n")[0][0]
    words = [*alphabet, newline * 2, newline * 3]
    merges = [(newline, newline), (newline * 2, newline)]
    core = Tokenizer(models.BPE({word: i for i, word in enumerate(words)}, merges))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    core.decoder = decoders.ByteLevel()
    core.add_special_tokens(list(SPECIAL))
    if adds_bos:
        core.post_processor = processors.TemplateProcessing(
            single=f"{BEGIN} $A", special_tokens=[(BEGIN, core.token_to_id(BEGIN))]
        )
    return PreTrainedTokenizerFast(
        tokenizer_object=core, bos_token=BEGIN, eos_token=END_OF_TURN, pad_token="<|pad|>"
    )


def build_model(folder: Path, width: int = 32) -> Path:
    """Writes the model with its tokenizer; the same weights every time."""
    import torch  # noqa: PLC0415 (heavy import)
    from transformers import LlamaConfig, LlamaForCausalLM  # noqa: PLC0415 (heavy import)

    torch.set_num_threads(1)
    tokenizer = byte_tokenizer(adds_bos=False)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        tie_word_embeddings=True,
    )
    model = LlamaForCausalLM(config)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def make_pair(number: int, chosen: str | None = None) -> Preference:
    """Right over wrong answer to a small sum."""
    right = chosen if chosen is not None else f"Add. {final_answer_block(str(number + 1))}"
    return Preference(
        arm="combined",
        problem_id=f"p{number}",
        prompt=card_chat(question_prompt(f"{number} + 1?")),
        chosen=right,
        rejected=f"Guess {number}. {final_answer_block(str(number))}",
        chosen_sample=0,
        rejected_sample=1,
        chosen_score=1.0,
        rejected_score=0.25,
        chosen_lbt=1.0,
        rejected_lbt=0.5,
        chosen_verdict="correct",
        rejected_verdict="incorrect",
        gap=0.75,
    )


def make_spec(**changes: Any) -> TrainingSpec:
    """Six steps over the 24 pairs, a checkpoint every second one."""
    return TrainingSpec(**{**_SMALL, **changes})


_SMALL: dict[str, Any] = {
    "learning_rate": 5e-3,
    "lora_r": 4,
    "lora_alpha": 8,
    "per_device_batch_size": 2,
    "gradient_accumulation": 2,
    "quantization": "none",
    "dtype": "float32",
    "gradient_checkpointing": False,
    "checkpoint_steps": 2,
    "seed": 3,
    "guards": GuardSpec(prompts=0),
}
