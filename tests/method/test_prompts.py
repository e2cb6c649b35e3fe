"""Every prompt byte for byte; the expected bytes are written out here and not computed."""

import pytest

from lbt_core import UserError
from lbt_core.method.prompts import Example, Renderer, card_chat, final_answer_block, template_chat
from lbt_core.run.config import PromptConfig
from lbt_core.run.rendering import build_renderer

QUESTION = "Solve y' + 2y = 0."

INSTRUCTION = (
    "Your task is to answer the last question below. Give step by step reasoning before you answer."
    " When you're ready to answer, please wrap your answer and conclude using the format\n"
    "'''\n[[Final Answer]]:\n$ANSWER$\n'''\n\n\n\n"
)
USER = (
    INSTRUCTION
    + "[[Question]]:\nSolve y' + 2y = 0.\n\n[[Solution]]:\nLet's think step by step.\n\n"
)
OPEN = "<|begin_of_text|><|start_header_id|>user<|end_header_id|>\n\n"
CLOSE = "<|eot_id|><|start_header_id|>assistant<|end_header_id|>\n\n"
TAUGHT = Example("Solve y' = 3.", "Integrate both sides.\nSo y = 3x + C.", "y = 3x + C")
TAUGHT_BLOCK = (
    "[[Question]]:\nSolve y' = 3.\n\n[[Solution]]:\nLet's think step by step.\n\n"
    "Integrate both sides.\nSo y = 3x + C.\n\n[[Final Answer]]:\n$y = 3x + C$\n"
)

# What Meta's Llama-3 template does: BOS once, every content trimmed, assistant header last.
LLAMA3_TEMPLATE = (
    "{% for message in messages %}"
    "{% set content = '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n'"
    " + message['content'] | trim + '<|eot_id|>' %}"
    "{% if loop.index0 == 0 %}{% set content = bos_token + content %}{% endif %}"
    "{{ content }}{% endfor %}"
    "{% if add_generation_prompt %}"
    "{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"
)


def test_question_prompt_has_the_cards_bytes():
    assert Renderer().question(QUESTION) == OPEN + USER + CLOSE


def test_instruction_ends_in_four_newlines():
    before_question = Renderer().question(QUESTION).split("[[Question]]")[0]
    assert before_question.endswith("'''\n\n\n\n")
    assert not before_question.endswith("'''\n\n\n\n\n")


def test_one_shot_prompt_has_the_reference_bytes():
    expected = OPEN + INSTRUCTION + TAUGHT_BLOCK + "\n\n\n" + USER.removeprefix(INSTRUCTION) + CLOSE
    assert Renderer().one_shot(TAUGHT, QUESTION) == expected


def test_an_example_without_an_answer_is_shown_without_the_block():
    example = Example("Solve y' = 3.", "I do not know.", None)
    expected = (
        "[[Question]]:\nSolve y' = 3.\n\n[[Solution]]:\nLet's think step by step.\n\n"
        "I do not know.\n\n\n\n[[Question]]:\nSolve y' + 2y = 0."
    )
    prompt = Renderer().one_shot(example, QUESTION)
    assert expected in prompt
    assert prompt.count("[[Final Answer]]") == 1  # the instruction's own


def test_fixed_examples_precede_the_taught_one():
    fixed = (Example("Q1", "R1", "A1"), Example("Q2", "R2", None))
    head = "[[Question]]:\n{}\n\n[[Solution]]:\nLet's think step by step.\n\n"
    expected = (
        OPEN
        + INSTRUCTION
        + head.format("Q1")
        + "R1\n\n[[Final Answer]]:\n$A1$\n\n\n\n"
        + head.format("Q2")
        + "R2\n\n\n\n"
        + TAUGHT_BLOCK
        + "\n\n\n"
        + USER.removeprefix(INSTRUCTION)
        + CLOSE
    )
    assert Renderer(fixed_examples=fixed).one_shot(TAUGHT, QUESTION) == expected


def test_fixed_examples_precede_a_question_too():
    renderer = Renderer(fixed_examples=(TAUGHT,))
    assert renderer.question(QUESTION) == Renderer().one_shot(TAUGHT, QUESTION)


def test_a_system_message_is_a_turn_of_its_own():
    expected = (
        "<|begin_of_text|><|start_header_id|>system<|end_header_id|>\n\n"
        "You are a helpful assistant.<|eot_id|>"
        + OPEN.removeprefix("<|begin_of_text|>")
        + USER
        + CLOSE
    )
    assert Renderer(system="You are a helpful assistant.").question(QUESTION) == expected


def test_prefill_moves_everything_from_the_solution_header_on():
    expected = (
        OPEN
        + INSTRUCTION
        + "[[Question]]:\nSolve y' + 2y = 0.\n\n"
        + CLOSE
        + "[[Solution]]:\nLet's think step by step.\n\n"
    )
    assert Renderer(prefill=True).question(QUESTION) == expected


def test_prefill_keeps_the_taught_examples_header_in_the_users_turn():
    prompt = Renderer(prefill=True).one_shot(TAUGHT, QUESTION)
    user, assistant = prompt.split("<|eot_id|>")
    assert user.count("[[Solution]]") == 1
    assert assistant.endswith("\n\n[[Solution]]:\nLet's think step by step.\n\n")


def test_a_question_that_quotes_the_header_loses_nothing():
    tricky = "What follows [[Solution]]:\nLet's think step by step.\n\n"
    prompt = Renderer(prefill=True).question(tricky)
    assert f"[[Question]]:\n{tricky}\n\n<|eot_id|>" in prompt


def test_final_answer_block_is_what_the_instruction_asks_for():
    assert final_answer_block("ANSWER") in INSTRUCTION


class TestTemplate:
    """The chat template of a real tokenizer with Llama-3's special tokens."""

    @pytest.fixture
    def tokenizer(self, llama3_tokenizer):
        llama3_tokenizer.chat_template = LLAMA3_TEMPLATE
        return llama3_tokenizer

    def test_template_trims_the_two_newlines_that_the_card_keeps(self, tokenizer):
        assert template_chat(tokenizer, USER) == OPEN + USER.rstrip() + CLOSE

    def test_card_and_template_agree_on_content_without_outer_whitespace(self, tokenizer):
        user, system = "Solve y' = 1.", "You are a helpful assistant."
        assert template_chat(tokenizer, user, system) == card_chat(user, system)

    def test_template_takes_the_prefill_after_the_assistant_header(self, tokenizer):
        assert template_chat(tokenizer, "Q", None, "[[S") == OPEN + "Q" + CLOSE + "[[S"

    @pytest.mark.parametrize("chat", ["card", "template"])
    @pytest.mark.parametrize("system", [None, "You are a helpful assistant."])
    def test_one_bos_token_whatever_the_rendering(self, tokenizer, tmp_path, chat, system):
        tokenizer.save_pretrained(tmp_path)
        config = PromptConfig(chat=chat, system=system)
        prompt = build_renderer(config, str(tmp_path), None).one_shot(TAUGHT, QUESTION)
        ids = tokenizer.encode(prompt, add_special_tokens=False)
        assert ids.count(tokenizer.bos_token_id) == 1
        assert ids[0] == tokenizer.bos_token_id

    def test_model_without_a_chat_template_is_refused(self, llama3_tokenizer, tmp_path):
        llama3_tokenizer.chat_template = None
        llama3_tokenizer.save_pretrained(tmp_path)
        with pytest.raises(UserError, match=r"prompt\.chat"):
            build_renderer(PromptConfig(chat="template"), str(tmp_path), None)


class TestFixedExamplesFile:
    def read(self, tmp_path, text):
        path = tmp_path / "examples.jsonl"
        path.write_bytes(text.encode())
        return build_renderer(PromptConfig(fixed_examples=str(path)), "unused", None).fixed_examples

    def test_examples_are_read_in_order(self, tmp_path):
        lines = (
            '{"question": "Q1", "reasoning": "R1", "answer": "A1"}\n'
            '{"question": "Q2", "reasoning": "R2", "answer": null}\n'
        )
        expected = (Example("Q1", "R1", "A1"), Example("Q2", "R2", None))
        assert self.read(tmp_path, lines) == expected

    def test_a_line_ends_at_a_newline_only(self, tmp_path):
        lines = '{"question": "a\u2028b\x85c", "reasoning": "R", "answer": "A"}\r\n'
        assert self.read(tmp_path, lines)[0].question == "a\u2028b\x85c"

    @pytest.mark.parametrize(
        "second",
        [
            "not json",
            "[1, 2]",
            '{"question": "Q"}',
            '{"question": 1, "reasoning": "", "answer": ""}',
        ],
    )
    def test_a_bad_line_is_named(self, tmp_path, second):
        first = '{"question": "Q1", "reasoning": "R1", "answer": "A1"}'
        with pytest.raises(UserError, match="line 2"):
            self.read(tmp_path, f"{first}\n{second}\n")

    def test_a_missing_file_is_named(self):
        with pytest.raises(UserError, match=r"no-such\.jsonl"):
            build_renderer(PromptConfig(fixed_examples="no-such.jsonl"), "unused", None)
