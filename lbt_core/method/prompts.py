"""The prompts, byte for byte: question without an example, one-shot student prompt, and the chat
format around them.

Sources: the model card LMT-tuning for the question prompt and its chat format, the reference code
of arXiv 2406.14629 for the one-shot prompt. Sampling, exams, training and evaluation all render
through ``Renderer``, so they agree to the byte.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from lbt_core.generation.turns import END_OF_TURN as END_OF_TURN

INSTRUCTION = (
    "Your task is to answer the last question below. Give step by step reasoning before you "
    "answer. When you're ready to answer, please wrap your answer and conclude using the format\n"
    "'''\n[[Final Answer]]:\n$ANSWER$\n'''\n\n\n\n"
)
SOLUTION_HEADER = "[[Solution]]:\nLet's think step by step.\n\n"
EXAMPLE_SEPARATOR = "\n\n\n"

BEGIN = "<|begin_of_text|>"

ChatFormat = Literal["card", "template"]


@dataclass(frozen=True, slots=True)
class Example:
    """A worked example: the text before the final-answer block and the answer out of it, or None
    where there is none.
    """

    question: str
    reasoning: str
    answer: str | None


def question_block(question: str) -> str:
    """The question with its solution header (card)."""
    return f"[[Question]]:\n{question}\n\n{SOLUTION_HEADER}"


def example_block(example: Example) -> str:
    """A worked example as the reference code shows it; an example without an answer is shown
    without the block.
    """
    block = question_block(example.question) + example.reasoning.rstrip() + "\n"
    if example.answer is not None:
        block += f"\n[[Final Answer]]:\n${example.answer}$\n"
    return block


def final_answer_block(answer: str) -> str:
    """How a solution must end (the format that the instruction asks for)."""
    return f"'''\n[[Final Answer]]:\n${answer}$\n'''"


def question_prompt(question: str, examples: Sequence[Example] = ()) -> str:
    """Instruction, examples joined by three newlines, question: the text of the user turn."""
    shown = "".join(example_block(example) + EXAMPLE_SEPARATOR for example in examples)
    return INSTRUCTION + shown + question_block(question)


def card_chat(user: str, system: str | None = None, prefill: str = "") -> str:
    """The Llama-3 chat format as the card writes it out: one BOS, contents untrimmed, assistant
    header last.
    """
    turns = [("system", system)] if system else []
    turns.append(("user", user))
    rendered = "".join(
        f"<|start_header_id|>{role}<|end_header_id|>\n\n{content}{END_OF_TURN}"
        for role, content in turns
    )
    return f"{BEGIN}{rendered}<|start_header_id|>assistant<|end_header_id|>\n\n{prefill}"


def template_chat(tokenizer: Any, user: str, system: str | None = None, prefill: str = "") -> str:
    """The tokenizer's own chat template, needed for other model families (it may trim contents)."""
    messages = [{"role": "system", "content": system}] if system else []
    messages.append({"role": "user", "content": user})
    text: str = tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True)
    return text + prefill


@dataclass(frozen=True, slots=True)
class Renderer:
    """Renders every prompt of a run the same way; the result is a string that already holds its
    BOS token.

    ``chat`` turns (user, system, prefill) into text. With ``prefill`` everything from the solution
    header on is the start of the assistant's turn instead of the end of the user's (reference
    code). ``fixed_examples`` come before the taught one.
    """

    chat: Callable[[str, str | None, str], str] = card_chat
    system: str | None = None
    prefill: bool = False
    fixed_examples: tuple[Example, ...] = ()

    def question(self, question: str) -> str:
        """The prompt of a question without a taught example."""
        return self._render(question, self.fixed_examples)

    def one_shot(self, example: Example, question: str) -> str:
        """The student's prompt: one taught example, then the exam question."""
        return self._render(question, (*self.fixed_examples, example))

    def _render(self, question: str, examples: Sequence[Example]) -> str:
        user = question_prompt(question, examples)
        if not self.prefill:
            return self.chat(user, self.system, "")
        return self.chat(user.removesuffix(SOLUTION_HEADER), self.system, SOLUTION_HEADER)
