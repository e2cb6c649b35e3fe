"""The tokenizer takes any text, keeps digits apart, and speaks the Llama-3 chat format."""

from random import Random
from typing import Any

import pytest

from lbt_core.method.prompts import Renderer, card_chat, question_prompt, template_chat
from lbt_core.subjects.ode.pretraining.vocabulary import EOS_ID, PAD_ID, SPECIAL_TOKENS, VOCABULARY
from lbt_core.subjects.ode.tiny.pools import FAMILIES

TEXTS = [
    "Solve y' + 2y = 0, y(0) = 3.",
    r"\frac{dy}{dx} = \sin\!\left(x^{2}\right) \quad \text{für } x \ge 0",
    "naïve – “quotes”, 漢字, 🙂, \u0000\u0007\u200b",
    "  leading, trailing and\ttabs \r\n\r\n\n ",
    "y'''' = y''' - 12345678901234567890",
    "[[Question]]: [[Final Answer]]: '''",
    "",
]


@pytest.mark.parametrize("text", TEXTS)
def test_any_text_comes_back_unchanged(tokenizer: Any, text: str) -> None:
    ids = tokenizer(text, add_special_tokens=False).input_ids
    assert tokenizer.decode(ids) == text


def test_random_unicode_comes_back_unchanged(tokenizer: Any) -> None:
    rng = Random(0)
    for _ in range(200):
        points = (rng.choice((127, 0x2FF, 0x2FFF, 0xD7FF, 0x10FFFF)) for _ in range(30))
        text = "".join(chr(c) for c in map(rng.randrange, points) if not 0xD800 <= c < 0xE000)
        ids = tokenizer(text, add_special_tokens=False).input_ids
        assert tokenizer.decode(ids) == text


def test_digits_stand_alone(tokenizer: Any) -> None:
    pieces = tokenizer.tokenize("y(0) = 120345 and exp(-17*x)")
    assert [p for p in pieces if any(c.isdigit() for c in p)] == list("012034517")


def test_vocabulary_is_as_stated(tokenizer: Any) -> None:
    assert len(tokenizer) == VOCABULARY
    assert tokenizer.convert_tokens_to_ids(list(SPECIAL_TOKENS)) == list(range(6))
    assert (tokenizer.eos_token_id, tokenizer.pad_token_id) == (EOS_ID, PAD_ID)


def test_special_tokens_are_one_token_each_inside_a_prompt(tokenizer: Any) -> None:
    ids = tokenizer(Renderer().question("Solve y' = 2y, y(0) = 1.")).input_ids
    assert [i for i in ids if i < len(SPECIAL_TOKENS)] == [0, 2, 3, 4, 2, 3]


def test_the_tokenizer_adds_no_second_bos(tokenizer: Any) -> None:
    prompt = Renderer().question("Solve y' = 2y, y(0) = 1.")
    assert tokenizer(prompt).input_ids == tokenizer(prompt, add_special_tokens=False).input_ids


def test_template_differs_from_the_card_only_in_the_trimmed_newlines(tokenizer: Any) -> None:
    user = question_prompt("Solve y' = 2y, y(0) = 1.")
    card = card_chat(user)
    assert template_chat(tokenizer, user) == card.replace("step.\n\n<|eot_id|>", "step.<|eot_id|>")
    assert "step.\n\n<|eot_id|>" in card


def test_template_takes_a_system_message(tokenizer: Any) -> None:
    assert template_chat(tokenizer, "Hi", system="Be brief.") == card_chat("Hi", "Be brief.")


def test_the_families_use_few_tokens(tokenizer: Any) -> None:
    for name, family in FAMILIES.items():
        made = family(Random(1), False)
        text = made.rationale("D")
        assert len(tokenizer.tokenize(text)) < 0.7 * len(text), name
