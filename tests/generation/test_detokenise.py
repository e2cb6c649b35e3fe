"""Token ids back to text, as vLLM's detokenizer does it."""

from transformers import AutoTokenizer

from lbt_core.embedded import embedded_model_path
from lbt_core.generation.detokenise import backend, text_of


def test_text_comes_back_without_special_tokens():
    tokenizer = AutoTokenizer.from_pretrained(embedded_model_path())
    prompt = tokenizer.encode("Solve it.", add_special_tokens=False)
    text = "Separate: ln y = -16*x.\n\n'''\n[[Final Answer]]:\n$y = exp(-16*x)$\n'''\n"
    ids = tokenizer.encode(text, add_special_tokens=False)
    core = backend(tokenizer)
    assert text_of(core, prompt, ids) == text
    assert text_of(core, prompt, [*ids, tokenizer.eos_token_id]) == text
    assert text_of(core, prompt, []) == ""


def test_bytes_that_are_no_whole_character_are_left_out_at_the_end():
    tokenizer = AutoTokenizer.from_pretrained(embedded_model_path())
    ids = tokenizer.encode("x = é", add_special_tokens=False)
    assert text_of(backend(tokenizer), [], ids) == "x = é"
    assert text_of(backend(tokenizer), [], ids[:-1]) == "x = "


def test_a_tokenizer_without_a_rust_one_has_none():
    assert backend(object()) is None
