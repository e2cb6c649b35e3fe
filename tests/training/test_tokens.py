"""Every prompt form under real tokenizers: golden token ids, one BOS, and training on the ids that
generation sees and stops at."""

import hashlib
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from small_training import make_pair
from transformers import AutoTokenizer

from lbt_core import DataError
from lbt_core.embedded import embedded_model_path
from lbt_core.embedded.smollm2 import FOLDER
from lbt_core.generation.turns import end_token_id
from lbt_core.method.prompts import (
    END_OF_TURN,
    Example,
    Renderer,
    final_answer_block,
    template_chat,
)
from lbt_core.training.data import Generated, encode_pairs

LLAMA3 = Path(__file__).parents[3] / "shared/data/llama3-tokenizer"
SMOLLM2 = Path(__file__).parents[2] / FOLDER
QUESTION = "Solve y' + 2y = 0 with y(0) = 3."
EXAMPLE = Example("Solve y' = y.", "It is $e^x$.", "C e^x")
FORMS = ("question", "one-shot", "prefill", "system", "template", "template prefill")
CHATML = (
    "{%- for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] }}"
    "{{ '<|im_end|>\n' }}"
    "{%- endfor %}{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{%- endif %}"
)
# tokens, the first six, the last eight, and a hash of all
Golden = tuple[int, list[int], list[int], str]
_CARD = [128000, 128006, 882, 128007, 271, 7927]
_TURN = [128009, 128006, 78191, 128007, 271]
_LATER = [84420, 10267, 596, 1781, 3094, 555, 3094, 382]
_OURS, _OUR_TURN = [0, 2, 90, 487, 3, 262], [4, 2, 70, 486, 500, 3, 262]
GOLDEN: dict[tuple[str, str], Golden] = {
    ("llama3", "question"): (90, _CARD, [555, 3094, 382, *_TURN], "8020868988b11b7e"),
    ("llama3", "one-shot"): (129, _CARD, [555, 3094, 382, *_TURN], "7a22e5cd2e33b102"),
    ("llama3", "prefill"): (90, _CARD, _LATER, "cd7aa0d35b82c4f3"),
    ("llama3", "system"): (
        101,
        [128000, 128006, 9125, 128007, 271, 2675],
        [555, 3094, 382, *_TURN],
        "95d56291cec49abf",
    ),
    ("llama3", "template"): (90, _CARD, [555, 3094, 13, *_TURN], "818c9c54b0e09d16"),
    ("llama3", "template prefill"): (90, _CARD, _LATER, "ffef3be36ff69c39"),
    ("smollm2", "template"): (
        120,
        [1, 9690, 198, 2683, 359, 253],
        [30, 1116, 2, 198, 1, 520, 9531, 198],
        "57063f6d8739fc58",
    ),
    ("smollm2", "template prefill"): (
        119,
        [1, 9690, 198, 2683, 359, 253],
        [4239, 506, 1510, 1833, 411, 1833, 30, 1116],
        "f88105de02ccde35",
    ),
    ("embedded", "question"): (89, _OURS, [262, *_OUR_TURN], "9539bb35c94dbba4"),
    ("embedded", "one-shot"): (128, _OURS, [262, *_OUR_TURN], "174da38466fcac94"),
    ("embedded", "prefill"): (
        89,
        _OURS,
        [314, 88, 312, 277, 294, 277, 19, 262],
        "e897295313a77a08",
    ),
    ("embedded", "system"): (
        113,
        [0, 2, 88, 94, 264, 74],
        [262, *_OUR_TURN],
        "894ad46b226cc319",
    ),
    ("embedded", "template"): (88, _OURS, [19, *_OUR_TURN], "a744638e67db1127"),
    ("embedded", "template prefill"): (
        88,
        _OURS,
        [314, 88, 312, 277, 294, 277, 19, 262],
        "bedf49a06b33f89f",
    ),
}


def chatml_tokenizer() -> Any:
    """Bytes as tokens, ChatML's special tokens, an EOS that ends documents and no BOS."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers  # noqa: PLC0415
    from transformers import PreTrainedTokenizerFast  # noqa: PLC0415

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    core = Tokenizer(models.BPE({c: i for i, c in enumerate(alphabet)}, []))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    core.add_special_tokens(["<|endoftext|>", "<|im_start|>", "<|im_end|>"])
    made = PreTrainedTokenizerFast(tokenizer_object=core, eos_token="<|endoftext|>")
    made.chat_template = CHATML
    return made


@pytest.fixture(scope="module")
def tokenizer_of() -> Callable[[str], Any]:
    def load(name: str) -> Any:
        if name == "chatml":
            return chatml_tokenizer()
        if name == "llama3" and not LLAMA3.is_dir():
            pytest.skip(f"Llama-3's own tokenizer is not at {LLAMA3}")
        if name == "smollm2":
            if not SMOLLM2.is_dir():
                pytest.skip("SmolLM2 is not in models/smollm2: make real-model")
            return AutoTokenizer.from_pretrained(SMOLLM2)
        return AutoTokenizer.from_pretrained(LLAMA3 if name == "llama3" else embedded_model_path())

    return load


def prompt_of(tokenizer: Any, form: str) -> str:
    chat = partial(template_chat, tokenizer)
    renderer = {
        "prefill": Renderer(prefill=True),
        "system": Renderer(system="You are a helpful assistant."),
        "template": Renderer(chat),
        "template prefill": Renderer(chat, prefill=True),
    }.get(form, Renderer())
    return (
        renderer.one_shot(EXAMPLE, QUESTION) if form == "one-shot" else renderer.question(QUESTION)
    )


def sent(tokenizer: Any, prompt: str) -> list[int]:
    """What the engines send: the rendered prompt, no special token added."""
    ids: list[int] = tokenizer.encode(prompt, add_special_tokens=False)
    return ids


@pytest.mark.parametrize(("name", "form"), GOLDEN)
def test_golden_token_ids(name: str, form: str, tokenizer_of: Callable[[str], Any]) -> None:
    tokenizer = tokenizer_of(name)
    ids = sent(tokenizer, prompt_of(tokenizer, form))
    digest = hashlib.sha256(repr(ids).encode()).hexdigest()[:16]
    assert (len(ids), ids[:6], ids[-8:], digest) == GOLDEN[name, form]
    # SmolLM2's BOS begins every turn: the system's, the user's, the assistant's
    assert ids.count(tokenizer.bos_token_id) == (3 if name == "smollm2" else 1)
    assert ids[1] != tokenizer.bos_token_id


def test_chatml_prompt_is_the_template_s_text_byte_for_byte() -> None:
    tokenizer = chatml_tokenizer()
    prompt = prompt_of(tokenizer, "template")
    start, end = (tokenizer.convert_tokens_to_ids(f"<|im_{w}|>") for w in ("start", "end"))
    text = prompt.removeprefix("<|im_start|>").removesuffix("<|im_start|>assistant\n")
    body, newline = text.removesuffix("<|im_end|>\n"), sent(tokenizer, "\n")
    expected = [start, *sent(tokenizer, body), end, *newline, start]
    assert sent(tokenizer, prompt) == [*expected, *sent(tokenizer, "assistant\n")]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["llama3", "chatml", "smollm2", "embedded"])
def test_training_is_on_the_ids_that_generation_sees(
    name: str, form: str, tokenizer_of: Callable[[str], Any]
) -> None:
    tokenizer = tokenizer_of(name)
    prompt, answer = prompt_of(tokenizer, form), f"So it is.\n{final_answer_block('3 e^{-2x}')}"
    pair = make_pair(1, chosen=answer)
    pair = type(pair)(**{f: getattr(pair, f) for f in pair.__slots__} | {"prompt": prompt})
    end = end_token_id(tokenizer)
    generated = [*sent(tokenizer, answer), end]  # as sampled token by token, the end included
    counts = [Generated(len(sent(tokenizer, prompt)), len(generated), 0)]
    encoded = encode_pairs(tokenizer, [pair], 2048, counts)
    assert encoded.rows[0]["prompt_ids"] == sent(tokenizer, prompt)
    assert encoded.rows[0]["chosen_ids"] == generated
    assert encoded.retokenised == 1  # the rejected one's count is none that it can have
    assert tokenizer.decode(generated, skip_special_tokens=True) == answer
    ends = {"llama3": END_OF_TURN, "embedded": END_OF_TURN, "chatml": "<|im_end|>"}
    ends["smollm2"] = ends["chatml"]
    assert tokenizer.convert_ids_to_tokens(end) == ends[name]


def test_text_that_is_tokenised_otherwise_than_it_was_sampled_is_counted(
    tokenizer_of: Callable[[str], Any],
) -> None:
    """A model may write "the" as "t" and "he": the text is the same, the tokens are not."""
    tokenizer = tokenizer_of("embedded")
    pair = make_pair(1, chosen="Then the answer is 2.")
    prompt = len(sent(tokenizer, pair.prompt))
    chosen, rejected = (len(sent(tokenizer, t)) + 1 for t in (pair.chosen, pair.rejected))
    as_it_is = Generated(prompt, chosen, rejected)
    assert encode_pairs(tokenizer, [pair], 2048, [as_it_is]).retokenised == 0
    longer = Generated(prompt, chosen + 1, rejected)
    assert encode_pairs(tokenizer, [pair, pair], 2048, [longer, as_it_is]).retokenised == 1
    assert encode_pairs(tokenizer, [pair], 2048).retokenised is None


def test_prompt_of_another_tokenizer_is_refused(tokenizer_of: Callable[[str], Any]) -> None:
    tokenizer = tokenizer_of("embedded")
    pair = make_pair(1)
    with pytest.raises(DataError, match=r"p1 has \d+ tokens in training and had 7 in generation"):
        encode_pairs(tokenizer, [pair], 2048, [Generated(7, 1, 1)])
