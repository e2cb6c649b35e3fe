"""A random two-layer Llama, the same after it has learnt one answer, and pairs to train on."""

import shutil
from pathlib import Path

import pytest
from small_training import build_model, make_pair, make_spec

from lbt_core.store.rows import Preference
from lbt_core.training.data import encode_pairs
from lbt_core.training.spec import TrainingSpec


@pytest.fixture(scope="session")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_model(tmp_path_factory.mktemp("model"))


@pytest.fixture(scope="session")
def all_pairs() -> list[Preference]:
    return [make_pair(number) for number in range(24)]


@pytest.fixture
def pairs(all_pairs: list[Preference]) -> list[Preference]:
    return list(all_pairs)


@pytest.fixture(scope="session")
def fluent_dir(model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model after it has learnt one well-formed answer by heart."""
    import torch  # noqa: PLC0415 (heavy import)
    from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415 (heavy import)

    folder = tmp_path_factory.mktemp("fluent")
    shutil.copytree(model_dir, folder, dirs_exist_ok=True)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    pair = make_pair(1, chosen="[[Final Answer]]:\n$2$")
    (row,) = encode_pairs(tokenizer, [pair], 2048).rows
    ids = torch.tensor([row["prompt_ids"] + row["chosen_ids"]])
    labels = ids.clone()
    labels[0, : len(row["prompt_ids"])] = -100
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    for _ in range(60):
        loss = model(input_ids=ids, labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    model.save_pretrained(folder)
    return folder


@pytest.fixture
def spec() -> TrainingSpec:
    return make_spec()
