"""From the prompt section of a configuration to the renderer that everything of a run uses."""

import json
from pathlib import Path
from typing import Any

from lbt_core import UserError
from lbt_core.generation.models import model_folder
from lbt_core.method.prompts import Example, Renderer, card_chat, template_chat
from lbt_core.run.config import PromptConfig


def build_renderer(config: PromptConfig, model: str, revision: str | None) -> Renderer:
    """The renderer of a run. Loads the model's tokenizer only for ``chat: template``.

    Raises UserError where the examples' file cannot be read, naming its line, where there is no
    such model, and where its tokenizer has no chat template.
    """
    chat = card_chat
    if config.chat == "template":
        from transformers import AutoTokenizer  # noqa: PLC0415 - heavy

        tokenizer: Any = AutoTokenizer.from_pretrained(model_folder(model, revision, weights=False))
        if tokenizer.chat_template is None:
            raise UserError(f"prompt.chat=template: {model} has no chat template; use card")

        def chat(user: str, system: str | None = None, prefill: str = "") -> str:
            return template_chat(tokenizer, user, system, prefill)

    examples = _read_examples(config.fixed_examples) if config.fixed_examples else ()
    return Renderer(chat, config.system, config.prefill, examples)


def _read_examples(path: str) -> tuple[Example, ...]:
    try:
        # not splitlines: JSON strings may hold other characters that it breaks lines at
        lines = Path(path).read_text("utf-8").rstrip().split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"prompt.fixed_examples {path}: cannot be read ({error})") from None
    examples = []
    for number, line in enumerate(lines, start=1):
        try:
            record = json.loads(line)
            question, reasoning, answer = (record[k] for k in ("question", "reasoning", "answer"))
            if not isinstance(question, str) or not isinstance(reasoning, str):
                raise TypeError("question and reasoning are texts")
            if not isinstance(answer, str | None):
                raise TypeError("answer is a text or null")
            examples.append(Example(question, reasoning, answer))
        except (ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"prompt.fixed_examples {path}, line {number}: expected a JSON object with "
                f"question, reasoning and answer ({error})"
            ) from None
    return tuple(examples)
