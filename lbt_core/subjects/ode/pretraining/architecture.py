"""The embedded model's shape: a Llama of about two million parameters."""

from typing import Any

from lbt_core.subjects.ode.pretraining.vocabulary import BOS_ID, EOS_ID, PAD_ID

HIDDEN, LAYERS, HEADS = 192, 4, 6


def build_model(vocabulary: int, seed: int) -> Any:
    """A freshly initialised ``LlamaForCausalLM`` with tied embeddings, in float32."""
    import torch  # noqa: PLC0415 heavy import, only where used
    from transformers import LlamaConfig, LlamaForCausalLM  # noqa: PLC0415 heavy import

    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=(vocabulary + 63) // 64 * 64,
        hidden_size=HIDDEN,
        intermediate_size=(HIDDEN * 8 // 3 + 63) // 64 * 64,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=HEADS,
        max_position_embeddings=4096,
        rope_theta=10000.0,
        bos_token_id=BOS_ID,
        eos_token_id=EOS_ID,
        pad_token_id=PAD_ID,
        tie_word_embeddings=True,
    )
    return LlamaForCausalLM(config)


def use_float32_attention(model: Any) -> None:
    """Compute attention in float32 under autocast: on CPUs its bf16 kernel is the slower one."""
    import torch  # noqa: PLC0415 heavy import, only where used
    from transformers import AttentionInterface  # noqa: PLC0415 heavy import

    def attention(
        module: Any, query: Any, key: Any, value: Any, mask: Any, **_: Any
    ) -> tuple[Any, None]:
        with torch.autocast("cpu", enabled=False):
            out = torch.nn.functional.scaled_dot_product_attention(
                query.float(), key.float(), value.float(), is_causal=True
            )
        return out.transpose(1, 2).contiguous(), None

    AttentionInterface.register("float32_causal", attention)
    model.set_attn_implementation("float32_causal")
