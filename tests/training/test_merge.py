"""The merged model is the adapter's model."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from small_training import make_spec
from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

from lbt_core.store.rows import Preference
from lbt_core.training.dpo import train_dpo
from lbt_core.training.merge import check_merge, merge_adapter
from lbt_core.training.streaming import NotPlain, updates_of, weight_files


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


@pytest.fixture(scope="module")
def in_two_files(fluent_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The base as large models come: its weights in several files."""
    folder = tmp_path_factory.mktemp("shards")
    shutil.copytree(fluent_dir, folder, dirs_exist_ok=True)
    (folder / "model.safetensors").unlink()
    model = AutoModelForCausalLM.from_pretrained(fluent_dir, dtype=torch.bfloat16)
    model.save_pretrained(folder, max_shard_size="20KB")
    assert len(weight_files(folder)) > 2
    return folder


def test_merging_file_by_file_gives_what_peft_gives(
    in_two_files: Path,
    folders: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ours = Path(merge_adapter(str(in_two_files), folders[0], tmp_path / "ours"))
    assert {f.name for f in weight_files(ours)} == {f.name for f in weight_files(in_two_files)}

    def refuse(_: Path) -> None:
        raise NotPlain("not today")

    monkeypatch.setattr("lbt_core.training.merge.updates_of", refuse)
    peft = Path(merge_adapter(str(in_two_files), folders[0], tmp_path / "peft"))
    mine, theirs = (
        AutoModelForCausalLM.from_pretrained(folder, dtype="auto").state_dict()
        for folder in (ours, peft)
    )
    assert mine.keys() == theirs.keys()
    assert all(torch.equal(mine[name], theirs[name]) for name in mine)


def test_merging_file_by_file_loads_no_model(
    in_two_files: Path,
    folders: tuple[Path, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A whole 8B model in float32 is 32 GB."""

    def load(*_: Any, **__: Any) -> None:
        raise AssertionError("the whole model is loaded")

    monkeypatch.setattr(AutoModelForCausalLM, "from_pretrained", load)
    merge_adapter(str(in_two_files), folders[0], tmp_path / "merged")


def test_adapter_that_is_more_than_matrices_is_left_to_peft(
    folders: tuple[Path, Path], tmp_path: Path
) -> None:
    for number, change in enumerate(({"use_dora": True}, {"modules_to_save": ["lm_head"]})):
        adapter = tmp_path / str(number)
        shutil.copytree(folders[0], adapter)
        config = json.loads((adapter / "adapter_config.json").read_text())
        (adapter / "adapter_config.json").write_text(json.dumps(config | change))
        with pytest.raises(NotPlain, match=next(iter(change))):
            updates_of(adapter)
