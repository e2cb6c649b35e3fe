"""The model that comes with the package: what is in its folder, and that it does its work."""

import json
from typing import Any

import pytest
from safetensors import safe_open
from transformers import AutoModelForCausalLM, AutoTokenizer

from lbt_core.embedded import embedded_model_path
from lbt_core.method.prompts import Renderer
from lbt_core.subjects.ode.answers import extract, grade
from lbt_core.subjects.ode.pretraining.probe import generate
from lbt_core.subjects.ode.pretraining.vocabulary import CHAT_TEMPLATE, EOS_ID, PAD_ID, VOCABULARY
from lbt_core.subjects.ode.problem import OdeProblem
from lbt_core.subjects.ode.tiny import FAMILIES, corpus, method_of

FOLDER = embedded_model_path()


@pytest.fixture(scope="module")
def shipped() -> Any:
    return AutoTokenizer.from_pretrained(FOLDER)


@pytest.fixture(scope="module")
def problems() -> list[OdeProblem]:
    return corpus(0, {"validation": 3 * len(FAMILIES)})


@pytest.fixture(scope="module")
def answers(shipped: Any, problems: list[OdeProblem]) -> list[str]:
    model = AutoModelForCausalLM.from_pretrained(FOLDER)
    prompts = [Renderer().question(problem.question) for problem in problems]
    return generate(model, shipped, prompts)


def test_it_is_a_few_megabytes_of_safetensors() -> None:
    assert (FOLDER / "model.safetensors").stat().st_size < 8_000_000
    with safe_open(FOLDER / "model.safetensors", "pt") as tensors:
        kinds = {str(tensors.get_tensor(name).dtype) for name in tensors.keys()}  # noqa: SIM118
    assert kinds == {"torch.bfloat16"}
    assert not [p.name for p in FOLDER.iterdir() if p.suffix in {".bin", ".pt", ".pkl"}]


def test_it_is_a_llama_that_ends_its_turn() -> None:
    config = json.loads((FOLDER / "config.json").read_text())
    generation = json.loads((FOLDER / "generation_config.json").read_text())
    assert config["architectures"] == ["LlamaForCausalLM"]
    assert (generation["eos_token_id"], generation["pad_token_id"]) == (EOS_ID, PAD_ID)


def test_its_tokenizer_is_the_recipes(shipped: Any, tokenizer: Any) -> None:
    assert shipped.get_vocab() == tokenizer.get_vocab()
    assert len(shipped) == VOCABULARY
    assert shipped.chat_template == CHAT_TEMPLATE


def test_its_card_says_what_it_is() -> None:
    card = (FOLDER / "README.md").read_text()
    assert "lbt pretrain" in card and "misconception" in card and "demonstration" in card


def test_it_answers_in_the_format(answers: list[str]) -> None:
    found = [extract(text).answer is not None for text in answers]
    assert sum(found) / len(found) > 0.95


def test_it_uses_the_seeded_methods(answers: list[str], problems: list[OdeProblem]) -> None:
    known = [method_of(t, p) is not None for t, p in zip(answers, problems, strict=True)]
    assert sum(known) / len(known) > 0.95


def test_it_is_sometimes_right_and_often_wrong(
    answers: list[str], problems: list[OdeProblem]
) -> None:
    graded = [grade(p, t).verdict == "correct" for t, p in zip(answers, problems, strict=True)]
    assert 0.1 < sum(graded) / len(graded) < 0.6
