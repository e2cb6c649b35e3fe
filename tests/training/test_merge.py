"""The merged model is the adapter's model."""

from pathlib import Path

import pytest
import torch
from small_training import make_spec
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from lbt_core.store.rows import Preference
from lbt_core.training.dpo import train_dpo
from lbt_core.training.merge import check_merge, merge_adapter


@pytest.fixture(scope="module")
def folders(
    fluent_dir: Path, all_pairs: list[Preference], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """An adapter trained in 4 bit with a rate at which it changes answers, and the merged model."""
    out = tmp_path_factory.mktemp("trained")
    spec = make_spec(quantization="nf4", learning_rate=0.05)
    result = train_dpo(str(fluent_dir), all_pairs, spec, out)
    return Path(result.weights), Path(merge_adapter(str(fluent_dir), result.weights, out / "model"))


def test_merged_and_adapter_give_the_same_greedy_answers(
    fluent_dir: Path, pairs: list[Preference], folders: tuple[Path, Path]
) -> None:
    prompts = [pair.prompt for pair in pairs[:4]]
    check = check_merge(str(fluent_dir), *folders, prompts, max_new_tokens=12)
    assert check.passed
    assert check.prompts == 4


def test_a_merge_that_left_the_adapter_out_is_found(
    fluent_dir: Path, pairs: list[Preference], folders: tuple[Path, Path]
) -> None:
    prompts = [pair.prompt for pair in pairs[:4]]
    check = check_merge(str(fluent_dir), folders[0], fluent_dir, prompts, max_new_tokens=12)
    assert not check.passed


def test_the_merged_model_is_bfloat16_safetensors_with_its_tokenizer(
    fluent_dir: Path, folders: tuple[Path, Path]
) -> None:
    merged = folders[1]
    model = AutoModelForCausalLM.from_pretrained(merged, dtype="auto")
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}
    assert (merged / "model.safetensors").is_file()
    end = AutoTokenizer.from_pretrained(merged).eos_token_id
    assert GenerationConfig.from_pretrained(merged).eos_token_id == end
    assert (merged / "tokenizer.json").read_bytes() == (fluent_dir / "tokenizer.json").read_bytes()


def test_the_merged_model_differs_from_its_base(
    fluent_dir: Path, folders: tuple[Path, Path]
) -> None:
    weight = "model.layers.1.self_attn.q_proj.weight"
    states = [
        AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).state_dict()[weight]
        for folder in (fluent_dir, folders[1])
    ]
    assert not torch.allclose(*states)
