"""The adapter merged onto a fresh, full-precision base, and the proof that both answer alike."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lbt_core.generation.models import model_folder
from lbt_core.generation.turns import end_token_id, stop_token_ids
from lbt_core.training.data import prompt_ids
from lbt_core.training.loading import load_tokenizer
from lbt_core.training.streaming import NotPlain, updates_of, write_merged

# Everything of a model folder that is neither weights nor configuration.
_TEXT_FILES = ("tokenizer*", "special_tokens_map.json", "chat_template*", "vocab*", "merges.txt")

# Rounding weights to bfloat16 changes each by up to 0.4 %, and logits by about that share of their
# spread; ten times as much is still a near tie. Where the computation is in bfloat16 too (on a GPU)
# every activation of every layer is rounded as well, which moves the two models' logits further.
TIE = 0.05
TIE_BFLOAT16 = 0.2


@dataclass(frozen=True, slots=True)
class Difference:
    """A prompt that the merged model answers otherwise than the adapter.

    ``position`` is the first differing token of the answer, ``margin`` by how much the adapter's
    choice there led its runner-up, in standard deviations of the logits at that token: below the
    check's ``tie`` it is a matter of rounding.
    """

    prompt: int
    position: int
    margin: float


@dataclass(frozen=True, slots=True)
class MergeCheck:
    """Greedy answers of base plus adapter and of the merged model, compared token by token."""

    prompts: int
    same: int
    differences: tuple[Difference, ...]
    tie: float = TIE

    @property
    def passed(self) -> bool:
        """Whether every difference is a near tie that rounding decides."""
        return all(one.margin < self.tie for one in self.differences)


def merge_adapter(
    base: str, adapter: str | Path, out_dir: str | Path, revision: str | None = None
) -> str:
    """Writes base plus adapter as one bfloat16 model with tokenizer and generation settings.

    A plain LoRA adapter is added file by file, on the CPU, in float32: one file of the base is in
    memory at a time. Any other is merged by PEFT, with the whole base in float32, 4 bytes each.
    Neither merges into the 4-bit weights that QLoRA trained on, which would keep their rounding
    errors. ``adapter`` may also be the weights of a full fine-tuning. Returns the folder, which is
    written under another name first.
    """
    base_dir, adapter, out_dir = model_folder(base, revision), Path(adapter), Path(out_dir)
    temporary = out_dir.with_name(f".{out_dir.name}.writing")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    if not (adapter / "adapter_config.json").is_file():
        write_merged(adapter, {}, temporary)
        _write_settings(base_dir, adapter, temporary)
    else:
        try:
            write_merged(base_dir, updates_of(adapter), temporary)
        except NotPlain:
            _merge_with_peft(base_dir, adapter, temporary)
        _write_settings(base_dir, base_dir, temporary)
    for pattern in _TEXT_FILES:
        for file in base_dir.glob(pattern):
            shutil.copyfile(file, temporary / file.name)
    shutil.rmtree(out_dir, ignore_errors=True)
    temporary.rename(out_dir)
    return str(out_dir)


def _merge_with_peft(base_dir: Path, adapter: Path, out_dir: Path) -> None:
    import torch  # noqa: PLC0415 (heavy import, only where used)
    from peft import PeftModel  # noqa: PLC0415 (heavy import, only where used)
    from transformers import AutoModelForCausalLM  # noqa: PLC0415 (heavy import)

    fresh = AutoModelForCausalLM.from_pretrained(base_dir, dtype=torch.float32)
    model = PeftModel.from_pretrained(fresh, adapter).merge_and_unload()
    model.to(torch.bfloat16).save_pretrained(out_dir)


def _write_settings(base_dir: Path, weights_dir: Path, out_dir: Path) -> None:
    """Configuration and generation settings, which name the token that ends a turn: whoever loads
    the model without this project must see its turns end, too."""
    from transformers import AutoConfig, GenerationConfig  # noqa: PLC0415 (heavy import)

    config = AutoConfig.from_pretrained(weights_dir)
    config.dtype = "bfloat16"
    config.save_pretrained(out_dir)
    if (base_dir / "generation_config.json").is_file():
        settings = GenerationConfig.from_pretrained(base_dir)
    else:
        settings = GenerationConfig.from_model_config(config)
    ends = settings.eos_token_id
    known = ends if isinstance(ends, list) else [ends] * (ends is not None)
    if missing := [i for i in stop_token_ids(load_tokenizer(base_dir)) if i not in known]:
        settings.eos_token_id = [*known, *missing]
    settings.save_pretrained(out_dir)


def check_merge(
    base: str,
    adapter: str | Path,
    merged: str | Path,
    prompts: Sequence[str],
    max_new_tokens: int = 128,
    revision: str | None = None,
) -> MergeCheck:
    """Answers rendered prompts greedily with base plus adapter and with the merged model.

    Both compute in float32 on the CPU, so that what differs is the merge and its rounding to
    bfloat16. On a GPU they are loaded and compute in bfloat16, one after the other: an 8B model in
    float32 does not fit on a card of 24 GB.
    """
    import torch  # noqa: PLC0415 (heavy import, only where used)
    from peft import PeftModel  # noqa: PLC0415 (heavy import, only where used)
    from transformers import AutoModelForCausalLM  # noqa: PLC0415 (heavy import)

    base_dir = model_folder(base, revision)
    tokenizer = load_tokenizer(base_dir)
    gpu = torch.cuda.is_available()
    dtype = torch.bfloat16 if gpu else torch.float32
    model = AutoModelForCausalLM.from_pretrained(base_dir, dtype=dtype)
    model = PeftModel.from_pretrained(model, adapter)
    wanted = _greedy(model, tokenizer, prompts, max_new_tokens)
    del model
    if gpu:
        torch.cuda.empty_cache()
    model = AutoModelForCausalLM.from_pretrained(merged, dtype=dtype)
    got = _greedy(model, tokenizer, prompts, max_new_tokens)
    differences = []
    for number, ((tokens, margins), (others, _)) in enumerate(zip(wanted, got, strict=True)):
        if tokens == others:
            continue
        shared = zip(tokens, others, strict=False)
        # both end in the end token or at the same length: neither can continue the other
        position = next(i for i, (a, b) in enumerate(shared) if a != b)
        differences.append(Difference(number, position, margins[position]))
    same = len(prompts) - len(differences)
    tie = TIE_BFLOAT16 if gpu else TIE
    return MergeCheck(len(prompts), same, tuple(differences), tie)


def _greedy(
    model: Any, tokenizer: Any, prompts: Sequence[str], max_new_tokens: int
) -> list[tuple[list[int], list[float]]]:
    """For each prompt the answer's token ids, and each one's lead over its runner-up.

    The lead is in standard deviations of the logits at that token.
    """
    import torch  # noqa: PLC0415 (heavy import, only where used)

    if torch.cuda.is_available():
        model = model.cuda()
    end = end_token_id(tokenizer)
    answers = []
    for prompt in prompts:
        ids = torch.tensor([prompt_ids(tokenizer, prompt)], device=model.device)
        made = model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            temperature=None,
            top_p=None,
            top_k=None,
            max_new_tokens=max_new_tokens,
            eos_token_id=end,
            pad_token_id=end,
            output_logits=True,
            return_dict_in_generate=True,
        )
        leads = []
        for (logits,) in made.logits:
            best, second = torch.topk(logits.float(), 2).values
            leads.append(float((best - second) / logits.float().std()))
        tokens: list[int] = made.sequences[0, ids.shape[1] :].tolist()
        answers.append((tokens, leads))
    return answers
