"""An answer ends where training ends one, whatever the weights say an end is."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from lbt_core import DataError
from lbt_core.embedded import embedded_model_path
from lbt_core.generation import EngineSpec, Request, Settings, build_engine
from lbt_core.generation.turns import end_token_id, stop_token_ids
from lbt_core.generation.vllm_engine import prepare_environment
from lbt_core.method.prompts import BEGIN, END_OF_TURN, Renderer

LIMIT = 160
CHATML = (
    "{%- for m in messages %}{{ '<|im_start|>' + m['role'] + '\n' + m['content'] }}"
    "{{ '<|im_end|>\n' }}"
    "{%- endfor %}{%- if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{%- endif %}"
)


@pytest.fixture(scope="module")
def base_weights(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The embedded model as base weights are published: its end of turn is no EOS, and nothing
    says how to generate with it."""
    folder = tmp_path_factory.mktemp("base") / "model"
    shutil.copytree(embedded_model_path(), folder)
    (folder / "generation_config.json").unlink()
    for name, key, value in (
        ("config.json", "eos_token_id", 1),
        ("tokenizer_config.json", "eos_token", "<|end_of_text|>"),
    ):
        values = json.loads((folder / name).read_text())
        (folder / name).write_text(json.dumps(values | {key: value}))
    return str(folder)


@pytest.mark.parametrize("kind", ["transformers", "vllm"])
def test_engines_stop_at_the_end_of_a_turn_that_is_no_eos(
    kind: Any, base_weights: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert AutoTokenizer.from_pretrained(base_weights).eos_token != END_OF_TURN
    spec = EngineSpec(
        kind=kind,
        model=base_weights,
        revision=None,
        dtype="bfloat16",
        max_model_len=None,
        device="cpu",
        tensor_parallel=1,
        max_num_seqs=4,
        window=4,
        kv_cache_gib=1,
        gpu_memory_utilization=0.9,
        enforce_eager=True,
        load_format="safetensors",
        seed=0,
    )
    if kind == "vllm":
        spec = replace(spec, core="process")  # this process may have had an engine inline
        for name in ("OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "VLLM_ENABLE_V1_MULTIPROCESSING"):
            monkeypatch.setenv(name, "")
        prepare_environment(spec, core=None)
    prompt = Renderer().question("Solve y' + 2y = 0 with y(0) = 3.")
    engine = build_engine(spec)
    try:
        (answer,) = engine.generate([Request("r", prompt, 0, Settings(0.0, 0, 1.0, LIMIT))])
    finally:
        engine.close()
    assert answer.finish_reason == "stop"
    assert answer.tokens < LIMIT
    assert END_OF_TURN not in answer.text
    assert answer.text.rstrip().endswith("$\n'''")


def tokenizer_with(special: list[str], template: str | None, eos: str | None) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers  # noqa: PLC0415
    from transformers import PreTrainedTokenizerFast  # noqa: PLC0415

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    core = Tokenizer(models.BPE({c: i for i, c in enumerate(alphabet)}, []))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    core.add_special_tokens(special)
    made = PreTrainedTokenizerFast(tokenizer_object=core, eos_token=eos)
    made.chat_template = template
    return made


def test_chat_template_says_what_ends_a_turn() -> None:
    chatml = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokenizer = tokenizer_with(chatml, CHATML, "<|endoftext|>")
    assert end_token_id(tokenizer) == tokenizer.convert_tokens_to_ids("<|im_end|>")


def test_llama_3_s_end_of_turn_comes_before_its_eos() -> None:
    tokenizer = tokenizer_with([BEGIN, "<|end_of_text|>", END_OF_TURN], None, "<|end_of_text|>")
    assert end_token_id(tokenizer) == tokenizer.convert_tokens_to_ids(END_OF_TURN)


def test_eos_ends_a_turn_where_nothing_else_does() -> None:
    refusing = "{{ raise_exception('no') }}"
    for template in (None, refusing, "{{ messages[-1]['content'] }}"):
        tokenizer = tokenizer_with(["</s>"], template, "</s>")
        assert end_token_id(tokenizer) == tokenizer.eos_token_id


def test_tokenizer_that_ends_nothing_is_refused_in_training_only() -> None:
    tokenizer = tokenizer_with([], None, None)
    assert stop_token_ids(tokenizer) == []
    with pytest.raises(DataError, match="nothing can end a turn"):
        end_token_id(tokenizer)


def test_embedded_model_s_is_its_eos() -> None:
    tokenizer = AutoTokenizer.from_pretrained(Path(embedded_model_path()))
    assert end_token_id(tokenizer) == tokenizer.eos_token_id
