"""Training sees the token ids that generation sees."""

from typing import Any

import pytest
from small_training import byte_tokenizer, make_pair

from lbt_core import DataError
from lbt_core.method.prompts import BEGIN, END_OF_TURN, card_chat, question_prompt
from lbt_core.training.data import describe_left_out, encode_pairs, prompt_ids


@pytest.fixture(params=[False, True], ids=["plain tokenizer", "tokenizer that adds a BOS"])
def tokenizer(request: pytest.FixtureRequest) -> Any:
    return byte_tokenizer(adds_bos=request.param)


def generated_ids(tokenizer: Any, prompt: str) -> list[int]:
    """What an engine is sent: the rendered prompt, no special token added."""
    ids: list[int] = tokenizer.encode(prompt, add_special_tokens=False)
    return ids


def test_prompt_ids_are_those_of_generation(tokenizer: Any) -> None:
    pair = make_pair(7)
    (row,) = encode_pairs(tokenizer, [pair], 2048).rows
    assert row["prompt_ids"] == generated_ids(tokenizer, pair.prompt)


def test_there_is_one_bos_token(tokenizer: Any) -> None:
    (row,) = encode_pairs(tokenizer, [make_pair(7)], 2048).rows
    assert row["prompt_ids"].count(tokenizer.bos_token_id) == 1


def test_a_doubled_bos_token_is_refused(tokenizer: Any) -> None:
    with pytest.raises(DataError, match="two BOS"):
        prompt_ids(tokenizer, BEGIN + card_chat("question"))


def test_the_prompts_last_two_newlines_are_kept(tokenizer: Any) -> None:
    (row,) = encode_pairs(tokenizer, [make_pair(7)], 2048).rows
    rendered = tokenizer.decode(row["prompt_ids"])
    assert f"step by step.\n\n{END_OF_TURN}" in rendered


def test_a_completion_that_starts_with_a_newline_does_not_change_the_prompt(tokenizer: Any) -> None:
    pair = make_pair(7, chosen="\nThe answer is 8.")
    (row,) = encode_pairs(tokenizer, [pair], 2048).rows
    # tokenised together the prompt's two newlines and this one would be a single token
    assert row["prompt_ids"] == generated_ids(tokenizer, pair.prompt)
    assert tokenizer.decode(row["chosen_ids"]) == f"\nThe answer is 8.{END_OF_TURN}"


def test_completions_end_as_generation_ends(tokenizer: Any) -> None:
    (row,) = encode_pairs(tokenizer, [make_pair(7)], 2048).rows
    end = tokenizer.convert_tokens_to_ids(END_OF_TURN)
    assert [row["chosen_ids"].count(end), row["rejected_ids"].count(end)] == [1, 1]
    assert (row["chosen_ids"][-1], row["rejected_ids"][-1]) == (end, end)


def test_pairs_that_do_not_fit_are_named_and_counted() -> None:
    tokenizer = byte_tokenizer(adds_bos=False)
    pairs = [make_pair(1), make_pair(2, chosen="x" * 4000), make_pair(3)]
    encoded = encode_pairs(tokenizer, pairs, 1000)
    (left,) = encoded.left_out
    prompt = len(generated_ids(tokenizer, card_chat(question_prompt("2 + 1?"))))
    assert (left.problem_id, left.chosen_tokens) == ("p2", prompt + 4000 + 1)
    assert len(encoded.rows) == 2
    assert "1 pairs are longer" in describe_left_out(encoded.left_out)
    assert "p2 (samples 0 > 1" in describe_left_out(encoded.left_out)


def test_a_pair_of_exactly_the_limit_is_kept() -> None:
    tokenizer = byte_tokenizer(adds_bos=False)
    longest = encode_pairs(tokenizer, [make_pair(1)], 2048).longest
    assert len(encode_pairs(tokenizer, [make_pair(1)], longest).rows) == 1
    with pytest.raises(DataError, match=f"the shortest needs {longest} tokens"):
        encode_pairs(tokenizer, [make_pair(1)], longest - 1)


def test_no_pairs_is_an_error() -> None:
    with pytest.raises(DataError, match="no preference pairs"):
        encode_pairs(byte_tokenizer(adds_bos=False), [], 2048)


def test_the_digest_tells_prompt_templates_apart() -> None:
    tokenizer = byte_tokenizer(adds_bos=False)
    pair = make_pair(1)
    other = make_pair(2)
    digests = {encode_pairs(tokenizer, pairs, 2048).digest for pairs in ([pair], [other], [pair])}
    assert len(digests) == 2
