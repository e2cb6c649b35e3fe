"""vLLM's engine arguments: all of them are known, and only harmless ones are let through."""

import ast
from importlib.util import find_spec
from pathlib import Path

import pytest

from lbt_core import UserError
from lbt_core.generation.engine_arguments import (
    OWN_FIELDS,
    REFUSED,
    ROWS,
    SPEED,
    changing_rows,
    check_extra,
)
from lbt_core.run.config import load_config
from lbt_core.run.stages import stage_values


def test_every_argument_of_the_installed_vllm_stands_under_one_heading():
    spec = find_spec("vllm")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("vLLM is not installed")
    source = Path(spec.submodule_search_locations[0]) / "engine" / "arg_utils.py"
    tree = ast.parse(source.read_text())
    found = next(n for n in tree.body if isinstance(n, ast.ClassDef) and n.name == "EngineArgs")
    fields = [n.target.id for n in found.body if isinstance(n, ast.AnnAssign)]
    headings = [*ROWS, *SPEED, *OWN_FIELDS, *REFUSED]
    assert sorted(headings) == sorted(fields)


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"quantisation": "fp8"}, "did you mean quantization?"),
        ({"no_such": 1}, "vLLM 0.32 has no such argument"),
        ({"max_num_seqs": 4}, "set engines.max_num_seqs instead"),
        ({"trust_remote_code": True}, "refused: it can name code"),
        ({"worker_cls": "a.B"}, "refused: it can name code"),
        ({"hf_overrides": {"text_config": [{"trust_remote_code": True}]}}, "refused"),
        ({"kv_transfer_config": {}}, "reach beyond the engine"),
    ],
)
def test_what_is_not_let_through_is_refused_in_a_sentence(extra, words):
    with pytest.raises(UserError, match=words.replace("?", r"\?")):
        check_extra(extra)


def test_a_configuration_names_the_argument():
    with pytest.raises(UserError, match=r"engines.extra: trust_remote_code is refused"):
        load_config("demo", ["engines.extra={trust_remote_code: true}"])
    assert load_config("demo", ["engines.extra.kv_cache_dtype=fp8"]).engines.extra == {
        "kv_cache_dtype": "fp8"
    }


def test_what_changes_rows_is_part_of_what_they_depend_on_and_speed_is_not():
    def values(*overrides):
        config = load_config("demo", ["reproducible=false", *overrides])
        return {s: stage_values(config, s) for s in ("sample", "examine", "evaluate", "train")}

    plain = values()
    assert values("engines.extra={numa_bind: true}", "engines.block_size=64") == plain
    fp8 = values("engines.extra={quantization: fp8, numa_bind: true}")
    for stage in ("sample", "examine", "evaluate"):
        assert fp8[stage] == plain[stage] | {"engines.extra.quantization": "fp8"}
    assert fp8["train"] == plain["train"]
    looped = values("engines.repetition.longest=20")
    assert looped["examine"]["engines.repetition.longest"] == 20


def test_reproducible_rows_depend_on_whatever_is_set():
    config = load_config("demo", ["engines.extra={numa_bind: true}", "engines.block_size=64"])
    values = stage_values(config, "sample")
    assert values["engines.extra.numa_bind"] is True
    assert values["engines.block_size"] == 64
    assert not any(k.startswith("engines") for k in stage_values(load_config("demo"), "sample"))


def test_arguments_that_change_rows_are_found():
    assert changing_rows({"quantization": "fp8", "numa_bind": True}) == {"quantization": "fp8"}
