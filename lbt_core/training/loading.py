"""What a training is made of: the model folder, tokenizer, base model (4-bit or not), adapter."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from lbt_core import UserError
from lbt_core.generation.refusals import explain
from lbt_core.training.spec import TrainingSpec


def load_tokenizer(model_dir: Path) -> Any:
    """The model's tokenizer, with a padding token."""
    from transformers import AutoTokenizer  # noqa: PLC0415 (heavy import, only where used)

    tokenizer = AutoTokenizer.from_pretrained(model_dir)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def usable_quantization(spec: TrainingSpec, say: Callable[[str], None]) -> str:
    """The quantisation that works on this machine, found out by quantising one small layer."""
    if spec.quantization == "none":
        return "none"
    import torch  # noqa: PLC0415 (heavy import, only where used)

    device = "cuda" if gpu_available() else "cpu"
    try:
        import bitsandbytes as bnb  # noqa: PLC0415 (heavy import, only where used)

        layer = bnb.nn.Linear4bit(
            64, 64, bias=False, compute_dtype=torch.bfloat16, quant_type="nf4"
        ).to(device)
        layer(torch.ones(1, 64, dtype=torch.bfloat16, device=device))
    except (ImportError, RuntimeError, NotImplementedError, AttributeError) as error:
        say(f"WARNING: 4-bit NF4 does not work here ({error}): training a plain LoRA adapter")
        return "none"
    return "nf4"


def gpu_available() -> bool:
    """Whether this process can use a GPU."""
    import torch  # noqa: PLC0415 (heavy import, only where used)

    return bool(torch.cuda.is_available())


def load_model(model_dir: Path, spec: TrainingSpec, quantization: str, local_rank: int) -> Any:
    """The base model; quantised ones on the GPU of this worker."""
    import torch  # noqa: PLC0415 (heavy import, only where used)
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig  # noqa: PLC0415

    options: dict[str, Any] = {"dtype": getattr(torch, spec.dtype)}
    if spec.full_finetune:
        # Steps as small as the paper's vanish in bfloat16 weights: those stay in float32.
        options["dtype"] = torch.float32
    if quantization == "nf4":
        options["quantization_config"] = BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16,
        )
        if gpu_available():
            options["device_map"] = {"": local_rank}
    try:
        model = AutoModelForCausalLM.from_pretrained(model_dir, use_safetensors=True, **options)
    except Exception as error:  # nothing that another attempt would mend
        raise UserError(explain(str(model_dir), error)) from error
    for module in model.modules():
        # On CPUs with AVX512-BF16 bitsandbytes repacks 4-bit weights at the first forward pass in
        # evaluation mode (here the reference's), for a kernel through which no gradient flows.
        if hasattr(module, "support_avx512bf16_for_cpu"):
            module.support_avx512bf16_for_cpu = False
    return model


def adapter_config(spec: TrainingSpec) -> Any:
    """The LoRA adapter to train."""
    from peft import LoraConfig  # noqa: PLC0415 (heavy import, only where used)

    chosen = spec.target_modules
    return LoraConfig(
        r=spec.lora_r,
        lora_alpha=spec.lora_alpha,
        lora_dropout=spec.lora_dropout,
        target_modules=chosen if isinstance(chosen, str) else list(chosen),
        task_type="CAUSAL_LM",
    )
