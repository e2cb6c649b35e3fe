"""Tokens per second and peak memory of DPO training: ours against trl alone, on random weights; and
what it costs and gains that our adapter of a 4-bit base is in float32, where trl's is in bfloat16.

    python benchmarks/training.py --shape tiny --steps 20
    python benchmarks/training.py --shape 8b --steps 8        # needs a GPU
    python benchmarks/training.py --batch 4 --spread 0.6 --only ours grouped    # less padding

Both train the same token ids with the same settings (the card's: QLoRA, r 128, alpha 256,
accumulation 16); "trl" is trl's DPOTrainer without any of our code around it, "bfloat16" our
training with trl's adapter, "grouped" ours with the pairs of a step sorted by length. "seconds" is
the whole call, with loading the model and the reference model's log-probabilities; "tokens/s" is
that of the optimiser steps after the first, which imports and warms up (padding is no token).
"unmoved" is the share of lora_A's elements that end as they began, "padding" that of positions that
only fill up. Each is measured in a process of its own. Prints a line for each and a table, last one
JSON line.
"""

import argparse
import json
import multiprocessing
import random
import resource
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from statistics import fmean
from typing import Any

from lbt_core.method.prompts import BEGIN, END_OF_TURN, card_chat, question_prompt
from lbt_core.store.rows import Preference
from lbt_core.training.data import encode_pairs
from lbt_core.training.loading import gpu_available, load_model, load_tokenizer
from lbt_core.training.spec import TrainingSpec, preset

SHAPES: dict[str, dict[str, int]] = {
    "tiny": {
        "hidden_size": 192,
        "intermediate_size": 512,
        "num_hidden_layers": 4,
        "num_attention_heads": 6,
        "num_key_value_heads": 6,
        "vocab_size": 640,
    },
    "wide": {
        "hidden_size": 2048,
        "intermediate_size": 4096,
        "num_hidden_layers": 2,
        "num_attention_heads": 16,
        "num_key_value_heads": 4,
        "vocab_size": 640,
    },
    "8b": {
        "hidden_size": 4096,
        "intermediate_size": 14336,
        "num_hidden_layers": 32,
        "num_attention_heads": 32,
        "num_key_value_heads": 8,
        "vocab_size": 128256,
    },
}


def write_model(shape: str, folder: Path) -> None:
    """A Llama of the given shape with random weights, and a tokenizer of one token a byte."""
    import torch  # noqa: PLC0415 (heavy import, only where used)
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers  # noqa: PLC0415
    from transformers import (  # noqa: PLC0415 (heavy import, only where used)
        LlamaConfig,
        LlamaForCausalLM,
        PreTrainedTokenizerFast,
    )

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    core = Tokenizer(models.BPE({c: i for i, c in enumerate(alphabet)}, []))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    core.add_special_tokens([BEGIN, END_OF_TURN, "<|start_header_id|>", "<|end_header_id|>"])
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core, bos_token=BEGIN, eos_token=END_OF_TURN, pad_token=END_OF_TURN
    )
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    default = torch.get_default_dtype()
    torch.set_default_dtype(torch.bfloat16)
    config = LlamaConfig(**SHAPES[shape], max_position_embeddings=4096, tie_word_embeddings=False)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    with torch.device(device):
        model = LlamaForCausalLM(config)
    torch.set_default_dtype(default)
    model.save_pretrained(folder)
    del model
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def make_pairs(count: int, characters: int, spread: float) -> list[Preference]:
    """Pairs of random text, one token a character; lengths are evenly spread by that fraction to
    both sides, the two of a pair alike to a tenth."""
    draw = random.Random(0)
    middle = characters

    def text() -> str:
        width = round(middle * draw.uniform(0.9, 1.1)) if spread else middle
        return "".join(draw.choices("abcdefgh ", k=width))

    def pair() -> tuple[str, str]:
        nonlocal middle
        middle = round(characters * draw.uniform(1 - spread, 1 + spread))
        return text(), text()

    return [
        Preference(
            arm="random",
            problem_id=f"p{i}",
            prompt=card_chat(question_prompt(f"{i}?")),
            chosen=chosen,
            rejected=rejected,
            chosen_sample=0,
            rejected_sample=1,
            chosen_score=1.0,
            rejected_score=0.0,
            chosen_lbt=1.0,
            rejected_lbt=0.0,
            chosen_verdict="correct",
            rejected_verdict="incorrect",
            gap=1.0,
        )
        for i, (chosen, rejected) in enumerate(pair() for _ in range(count))
    ]


class Observed:
    """A trainer, what its lora_A was before the first step, and when each step ended."""

    def __init__(self, trainer: Any) -> None:
        import torch  # noqa: PLC0415 (heavy import, only where used)
        from transformers import TrainerCallback  # noqa: PLC0415 (heavy import)

        ends: list[float] = []

        class Clock(TrainerCallback):  # type: ignore[misc]
            def on_step_end(self, *_: Any, **__: Any) -> None:
                if torch.cuda.is_available():
                    torch.cuda.synchronize()  # kernels are queued: without this it is a step early
                ends.append(time.monotonic())

        trainer.add_callback(Clock())
        self.trainer, self.ends = trainer, ends
        parameters = trainer.model.named_parameters()
        self.before = {n: p.detach().cpu().clone() for n, p in parameters if "lora_A" in n}

    def unmoved(self) -> float:
        """Share of lora_A's elements that are what they were."""
        now = dict(self.trainer.model.named_parameters())
        same = sum(int((now[n].detach().cpu() == v).sum()) for n, v in self.before.items())
        return float(same / sum(v.numel() for v in self.before.values()))

    def seconds_a_step(self) -> float:
        """Mean over the steps after the first."""
        return (self.ends[-1] - self.ends[0]) / (len(self.ends) - 1)


def run_ours(
    model: Path, pairs: list[Preference], spec: TrainingSpec, out: Path, bfloat16: bool = False
) -> Observed:
    """Our whole training call, model loading included."""
    import torch  # noqa: PLC0415 (heavy import, only where used)

    from lbt_core.training.dpo import train_dpo  # noqa: PLC0415 (heavy import)

    observed: list[Observed] = []

    def prepare(trainer: Any) -> Any:
        for parameter in trainer.model.parameters() if bfloat16 else ():
            if parameter.requires_grad:
                parameter.data = parameter.data.to(torch.bfloat16)
        observed.append(Observed(trainer))
        return trainer

    train_dpo(str(model), pairs, spec, out, prepare=prepare)
    return observed[0]


def run_ours_bfloat16(
    model: Path, pairs: list[Preference], spec: TrainingSpec, out: Path
) -> Observed:
    """Ours with the adapter as trl has it."""
    return run_ours(model, pairs, spec, out, bfloat16=True)


def run_grouped(model: Path, pairs: list[Preference], spec: TrainingSpec, out: Path) -> Observed:
    """Ours with the pairs of a step sorted by length."""
    return run_ours(model, pairs, spec.model_copy(update={"group_by_length": True}), out)


def run_trl(model: Path, pairs: list[Preference], spec: TrainingSpec, out: Path) -> Observed:
    """trl alone with the same settings, model loading included."""
    from datasets import Dataset  # noqa: PLC0415 (heavy import, only where used)
    from peft import LoraConfig  # noqa: PLC0415 (heavy import, only where used)
    from transformers import AutoTokenizer  # noqa: PLC0415 (heavy import, only where used)
    from trl import DPOConfig, DPOTrainer  # noqa: PLC0415 (heavy import, only where used)

    trainer = DPOTrainer(
        model=load_model(model, spec, spec.quantization, 0),
        args=DPOConfig(
            output_dir=str(out),
            max_steps=spec.max_steps or -1,
            learning_rate=spec.learning_rate,
            per_device_train_batch_size=spec.per_device_batch_size,
            gradient_accumulation_steps=spec.gradient_accumulation,
            gradient_checkpointing=spec.gradient_checkpointing,
            max_length=None,
            precompute_ref_log_probs=True,
            use_cpu=not gpu_available(),
            save_strategy="no",
            report_to=[],
            disable_tqdm=True,
        ),
        train_dataset=Dataset.from_list(
            [{"prompt": p.prompt, "chosen": p.chosen, "rejected": p.rejected} for p in pairs]
        ),
        processing_class=AutoTokenizer.from_pretrained(model),
        peft_config=LoraConfig(
            r=spec.lora_r,
            lora_alpha=spec.lora_alpha,
            target_modules="all-linear",
            task_type="CAUSAL_LM",
        ),
    )
    observed = Observed(trainer)
    trainer.train()
    return observed


RUNS: dict[str, Callable[..., Observed]] = {
    "trl": run_trl,
    "ours": run_ours,
    "bfloat16": run_ours_bfloat16,
    "grouped": run_grouped,
}


def measure(
    name: str, model: Path, pairs: list[Preference], spec: TrainingSpec, tokens: int
) -> dict[str, float]:
    """A row of the table; the peak is of the GPU's memory, or resident."""
    import torch  # noqa: PLC0415 (heavy import, only where used)

    with tempfile.TemporaryDirectory() as out:
        began = time.monotonic()
        observed = RUNS[name](model, pairs, spec, Path(out) / "out")
        seconds = time.monotonic() - began
    padding = [r["padding"] for r in observed.trainer.state.log_history if "padding" in r]
    peak = torch.cuda.max_memory_allocated() if torch.cuda.is_available() else 0
    peak = peak or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {
        "seconds": round(seconds, 1),
        "tokens_per_second": round(tokens / len(observed.ends) / observed.seconds_a_step()),
        "peak_gib": round(peak / 2**30, 2),
        "unmoved": round(observed.unmoved(), 4),
        **({"padding": round(fmean(padding), 3)} if padding else {}),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--shape", choices=sorted(SHAPES), default="tiny")
    parser.add_argument("--steps", type=int, default=10, help="optimiser steps of 16 pairs")
    parser.add_argument("--characters", type=int, default=200, help="tokens of each completion")
    parser.add_argument("--spread", type=float, default=0.0, help="of the lengths, a fraction")
    parser.add_argument("--batch", type=int, default=1, help="pairs in one forward pass")
    parser.add_argument("--quantization", choices=("nf4", "none"), default="nf4")
    parser.add_argument("--only", nargs="+", choices=tuple(RUNS), default=tuple(RUNS))
    parser.add_argument("--model", type=Path, help="where the model is kept; written if not there")
    parser.add_argument("--write", action="store_true", help="write that model and end")
    options = parser.parse_args()
    if options.steps < 2:
        parser.error("--steps must be at least 2: the first step is not timed")
    with tempfile.TemporaryDirectory() as folder:
        model = options.model or Path(folder)
        if not (model / "config.json").is_file():
            write_model(options.shape, model)
        if not options.write:
            compare(options, model)


def compare(options: argparse.Namespace, model: Path) -> None:
    """Measure and print."""
    spec = preset(
        "card",
        max_steps=options.steps,
        per_device_batch_size=options.batch,
        gradient_accumulation=max(1, 16 // options.batch),
        gradient_checkpointing=options.shape != "tiny",
        quantization=options.quantization,
        checkpoint_steps=100_000,
        guards={"prompts": 0},
    )
    pairs = make_pairs(spec.batch_size * options.steps, options.characters, options.spread)
    tokens = encode_pairs(load_tokenizer(model), pairs, spec.max_length).tokens
    rows = {}
    for name in options.only:
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, mp_context=spawn) as alone:  # a peak is a process's
            rows[name] = alone.submit(measure, name, model, pairs, spec, tokens).result()
        print(name, json.dumps(rows[name]), flush=True)
    heads = ("seconds", 10), ("tokens/s", 12), ("peak GiB", 12), ("unmoved", 10), ("padding", 10)
    print(" " * 10 + "".join(f"{name:>{width}}" for name, width in heads))
    for name, row in rows.items():
        cells = zip(
            row.values(), (width for _, width in heads), strict=False
        )  # trl says no padding
        print(f"{name:10}{''.join(f'{value:>{width}}' for value, width in cells)}")
    print(json.dumps({"shape": options.shape, "pairs": len(pairs), "tokens": tokens, **rows}))


if __name__ == "__main__":
    main()
