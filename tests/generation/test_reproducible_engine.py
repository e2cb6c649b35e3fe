"""A reproducible engine gives a call the same sampled texts whatever it was asked before or beside
it; the fast one does not."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from test_engines import PROMPTS, SAMPLED, requests, spec

from lbt_core.generation import build_engine
from lbt_core.generation.vllm_engine import VllmEngine, prepare_environment

ONE = requests(PROMPTS[:12], SAMPLED, "one")
OTHER = requests(PROMPTS[4:], SAMPLED, "other")


@pytest.fixture(scope="module")
def engine(random_llama: str) -> Iterator[VllmEngine]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "VLLM_ENABLE_V1_MULTIPROCESSING"):
            patch.setenv(name, "")
        wanted = replace(spec(random_llama, "vllm"), reproducible=True)
        prepare_environment(wanted, core=None)
        built: Any = build_engine(wanted)
        yield built
        built.close()


def texts(engine: VllmEngine, asked: Any) -> list[str]:
    return [c.text for c in engine.generate(asked)]


def test_the_same_call_gives_the_same_texts_after_and_beside_others(engine: VllmEngine) -> None:
    alone = texts(engine, ONE)
    assert len(set(alone)) > 6  # they are drawn, not the likeliest
    other = texts(engine, OTHER)
    assert texts(engine, ONE) == alone
    with ThreadPoolExecutor(6) as pool:
        beside = list(pool.map(lambda asked: texts(engine, asked), [OTHER, ONE] * 3))
    assert beside == [other, alone] * 3


def test_another_seed_or_block_gives_other_texts(engine: VllmEngine) -> None:
    assert texts(engine, [replace(r, seed=r.seed + 1) for r in ONE]) != texts(engine, ONE)
    assert texts(engine, ONE[:6]) != texts(engine, ONE)[:6]  # a block is made again as a whole


def test_after_a_call_that_was_dropped_it_is_the_same_too(engine: VllmEngine) -> None:
    alone = texts(engine, ONE)
    dropped = engine.stream(OTHER)
    next(dropped)
    dropped.close()
    assert texts(engine, ONE) == alone
