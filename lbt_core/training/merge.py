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

# Everything of a model folder that is neither weights nor configuration.
_TEXT_FILES = ("tokenizer*", "special_tokens_map.json", "chat_template*", "vocab*", "merges.txt")

# Rounding weights to bfloat16 changes each by up to 0.4 %, and logits by about that share of their
# spread; ten times as much is still a near tie.
TIE = 0.05


@dataclass(frozen=True, slots=True)
class Difference:
    """A prompt that the merged model answers otherwise than the adapter.

    ``position`` is the first differing token of the answer, ``margin`` by how much the adapter's
    choice there led its runner-up, in standard deviations of the logits at that token: below TIE it
    is a matter of rounding.
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

    @property
    def passed(self) -> bool:
        """Whether every difference is a near tie that rounding decides."""
        return all(one.margin < TIE for one in self.differences)


def merge_adapter(
    base: str, adapter: str | Path, out_dir: str | Path, revision: str | None = None
) -> str:
    """Writes base plus adapter as one bfloat16 model with tokenizer and generation settings.

    The base is loaded afresh in float32 (4 bytes a parameter of memory): merging into the 4-bit
    weights that QLoRA trained on would keep their rounding errors. ``adapter`` may also be the
    weights of a full fine-tuning. Returns the folder, which is written under another name first.
    """
    import torch  # noqa: PLC0415 (heavy import, only where used)
    from transformers import AutoModelForCausalLM  # noqa: PLC0415 (heavy import)

    base_dir, adapter, out_dir = model_folder(base, revision), Path(adapter), Path(out_dir)
    if (adapter / "adapter_config.json").is_file():
        from peft import PeftModel  # noqa: PLC0415 (heavy import, only where used)

        fresh = AutoModelForCausalLM.from_pretrained(base_dir, dtype=torch.float32)
        model = PeftModel.from_pretrained(fresh, adapter).merge_and_unload()
    else:
        model = AutoModelForCausalLM.from_pretrained(adapter, dtype=torch.float32)
    ends = model.generation_config.eos_token_id
    known = ends if isinstance(ends, list) else [ends] * (ends is not None)
    if missing := [i for i in stop_token_ids(load_tokenizer(base_dir)) if i not in known]:
        # whoever loads the model without this project must see its turns end, too
        model.generation_config.eos_token_id = [*known, *missing]
    temporary = out_dir.with_name(f".{out_dir.name}.writing")
    shutil.rmtree(temporary, ignore_errors=True)
    model.to(torch.bfloat16).save_pretrained(temporary)
    for pattern in _TEXT_FILES:
        for file in base_dir.glob(pattern):
            shutil.copyfile(file, temporary / file.name)
    shutil.rmtree(out_dir, ignore_errors=True)
    temporary.rename(out_dir)
    return str(out_dir)


def check_merge(
    base: str,
    adapter: str | Path,
    merged: str | Path,
    prompts: Sequence[str],
    max_new_tokens: int = 128,
    revision: str | None = None,
) -> MergeCheck:
    """Answers rendered prompts greedily with base plus adapter and with the merged model.

    Both compute in float32, so that what differs is the merge and its rounding to bfloat16.
    """
    import torch  # noqa: PLC0415 (heavy import, only where used)
    from peft import PeftModel  # noqa: PLC0415 (heavy import, only where used)
    from transformers import AutoModelForCausalLM  # noqa: PLC0415 (heavy import)

    base_dir = model_folder(base, revision)
    tokenizer = load_tokenizer(base_dir)
    fresh = AutoModelForCausalLM.from_pretrained(base_dir, dtype=torch.float32)
    wanted = _greedy(PeftModel.from_pretrained(fresh, adapter), tokenizer, prompts, max_new_tokens)
    del fresh
    model = AutoModelForCausalLM.from_pretrained(merged, dtype=torch.float32)
    got = _greedy(model, tokenizer, prompts, max_new_tokens)
    differences = []
    for number, ((tokens, margins), (others, _)) in enumerate(zip(wanted, got, strict=True)):
        if tokens == others:
            continue
        shared = zip(tokens, others, strict=False)
        # both end in the end token or at the same length: neither can continue the other
        position = next(i for i, (a, b) in enumerate(shared) if a != b)
        differences.append(Difference(number, position, margins[position]))
    return MergeCheck(len(prompts), len(prompts) - len(differences), tuple(differences))


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
