"""The pretraining text: real prompts, never a corpus problem, loss on solutions only."""

from collections import Counter
from random import Random
from typing import Any

import pytest

from lbt_core.method.prompts import Example, Renderer
from lbt_core.subjects.ode.pretraining.batches import IGNORED, encode, make_batch
from lbt_core.subjects.ode.pretraining.documents import chat, own_method, series, text_of
from lbt_core.subjects.ode.pretraining.recipe import BALANCED, FINAL, Recipe
from lbt_core.subjects.ode.tiny.pools import held_out


def questions(text: str) -> list[str]:
    return [part.split("\n\n")[0] for part in text.split("[[Question]]:\n")[1:]]


def test_zero_shot_documents_are_the_rendered_prompt_and_a_finished_answer() -> None:
    document = chat(Random(0), FINAL, one_shot=False)
    prompt, answer = (text for text, _ in document)
    assert prompt == Renderer().question(questions(prompt)[0])
    assert answer.endswith("$\n'''<|eot_id|>")


def test_one_shot_documents_are_the_rendered_prompt() -> None:
    document = chat(Random(0), FINAL, one_shot=True)
    prompt = "".join(text for text, _ in document[:-1])
    shown, asked = questions(prompt)
    solved = document[1][0]
    reasoning, answer = solved.split("\n\n[[Final Answer]]:\n")
    example = Example(shown, reasoning, answer.strip().strip("$"))
    assert prompt == Renderer().one_shot(example, asked)
    assert document[-1][0].endswith("$\n'''<|eot_id|>")


@pytest.mark.parametrize("form", ["series", "zero-shot", "one-shot"])
def test_no_held_out_problem_is_ever_in_the_text(form: str) -> None:
    rng = Random(form)
    for _ in range(150):
        if form == "series":
            text = text_of(series(rng, BALANCED))
        else:
            text = text_of(chat(rng, BALANCED, one_shot=form == "one-shot"))
        assert not any(held_out(question) for question in questions(text))


def test_unaided_methods_follow_the_mixture() -> None:
    rng, draws = Random(3), 4000
    found = Counter(own_method(rng, FINAL) for _ in range(draws))
    for method, share in FINAL.methods.items():
        assert found[method] / draws == pytest.approx(share, abs=0.04)


def test_loss_is_on_solutions_and_the_end_of_turn(tokenizer: Any) -> None:
    document = chat(Random(1), FINAL, one_shot=True)
    ids, labels = encode(tokenizer, [document])[0]
    supervised = [label for label in labels if label != IGNORED]
    assert tokenizer.decode(supervised) == "".join(text for text, counts in document if counts)
    assert all(label in (IGNORED, token) for token, label in zip(ids, labels, strict=True))


def test_rows_are_never_padded_by_the_tokenizer(tokenizer: Any) -> None:
    rng = Random(4)
    documents = [chat(rng, FINAL, one_shot=one_shot) for one_shot in (True, False)]
    tokenizer(["a", "a longer text"], padding=True)
    for (ids, _), document in zip(encode(tokenizer, documents), documents, strict=True):
        assert tokenizer.decode(ids) == text_of(document)


def test_every_phase_gives_full_batches_of_one_size(tokenizer: Any) -> None:
    recipe = Recipe(tokens=200_000)
    for done in (0.0, 0.3, 0.6, 0.99):
        ids, labels = make_batch(recipe, int(done * recipe.steps), tokenizer)
        assert sum(map(len, ids)) == sum(map(len, labels)) == recipe.batch_tokens
        assert any(label != IGNORED for row in labels for label in row)


def test_no_chat_document_is_cut_off(tokenizer: Any) -> None:
    recipe = Recipe()
    rng = Random(9)
    limits = {False: recipe.zero_shot_length, True: recipe.one_shot_length}
    for number in range(200):
        one_shot = number % 2 == 0
        text = text_of(chat(rng, BALANCED, one_shot=one_shot))
        assert len(tokenizer(text).input_ids) <= limits[one_shot]
