"""Both engines on a random Llama: the same tokens, nothing lost, nobody else's answers."""

import threading
import time
from dataclasses import replace

import pytest

from lbt_core.generation import EngineDied, EngineSpec, Request, Settings, build_engine
from lbt_core.generation.vllm_engine import prepare_environment

CONTEXT = 256
WINDOW = 8
GREEDY = Settings(temperature=0.0, top_k=0, top_p=1.0, max_new_tokens=24)
LONG = Settings(temperature=0.0, top_k=0, top_p=1.0, max_new_tokens=200)
SAMPLED = Settings(temperature=1.0, top_k=20, top_p=0.9, max_new_tokens=12)
PROMPTS = [f"<|begin_of_text|>Solve y' + {i}*y = {'x' * i}." for i in range(20)]


def spec(model: str, kind: str) -> EngineSpec:
    return EngineSpec(
        kind=kind,
        model=model,
        revision=None,
        dtype="float32",  # bfloat16 leaves equal logits to the order of additions
        max_model_len=CONTEXT,
        device="cpu",
        tensor_parallel=1,
        max_num_seqs=16,
        window=WINDOW,
        kv_cache_gib=1,
        gpu_memory_utilization=0.9,
        enforce_eager=True,
        load_format="safetensors",
        seed=0,
    )


def requests(prompts, settings=GREEDY, prefix="r"):
    return [Request(f"{prefix}{i}", p, i, settings) for i, p in enumerate(prompts)]


@pytest.fixture(scope="module")
def vllm(random_llama):
    with pytest.MonkeyPatch.context() as patch:
        # what prepare_environment sets stays in this module
        for name in ("OMP_NUM_THREADS", "CUDA_VISIBLE_DEVICES", "VLLM_ENABLE_V1_MULTIPROCESSING"):
            patch.setenv(name, "")
        prepare_environment(spec(random_llama, "vllm"), core=None)
        engine = build_engine(spec(random_llama, "vllm"))
        yield engine
        engine.close()


@pytest.fixture(scope="module")
def reference(random_llama):
    engine = build_engine(spec(random_llama, "transformers"))
    yield engine
    engine.close()


@pytest.fixture(params=["vllm", "reference"])
def engine(request):
    return request.getfixturevalue(request.param)


def whole(text: str) -> str:
    """A text without the half character that a limit on its tokens may leave at its end: vLLM does
    not show it, transformers shows a replacement character."""
    return text.rstrip("\ufffd")


def test_both_engines_choose_the_same_tokens(vllm, reference):
    ours, theirs = vllm.generate(requests(PROMPTS)), reference.generate(requests(PROMPTS))
    assert [whole(c.text) for c in ours] == [whole(c.text) for c in theirs]
    assert [(c.prompt_tokens, c.tokens) for c in ours] == [
        (c.prompt_tokens, c.tokens) for c in theirs
    ]
    assert [c.finish_reason for c in ours] == [c.finish_reason for c in theirs]
    assert len({c.text for c in ours}) > len(PROMPTS) // 2  # the model does read its prompts


def test_completions_come_in_the_order_of_the_requests(engine):
    asked = requests(PROMPTS)
    found = {c.id: c.text for c in engine.generate(asked)}
    again = engine.generate(asked[::-1])
    assert [c.id for c in again] == [r.id for r in asked[::-1]]
    assert {c.id: c.text for c in again} == found


def test_no_requests_give_no_completions(engine):
    assert engine.generate([]) == []


def test_requests_of_a_call_may_differ_in_their_settings(engine):
    short = Settings(temperature=0.0, top_k=0, top_p=1.0, max_new_tokens=3)
    asked = [Request("a", PROMPTS[0], 0, GREEDY), Request("b", PROMPTS[0], 0, short)]
    long_one, short_one = engine.generate(asked)
    assert short_one.tokens == 3
    assert long_one.tokens > 3
    assert long_one.text.startswith(whole(short_one.text))


def test_prompt_too_long_is_said_and_the_others_go_on(engine):
    asked = requests([PROMPTS[0], "<|begin_of_text|>" + "abc " * CONTEXT, PROMPTS[1]])
    first, long_one, last = engine.generate(asked)
    assert long_one.finish_reason.startswith("error:prompt of ")
    assert f"context of {CONTEXT}" in long_one.finish_reason
    assert (long_one.text, long_one.tokens) == ("", 0)
    alone = [engine.generate([asked[i]])[0].text for i in (0, 2)]
    assert [first.text, last.text] == alone


def test_prompt_that_no_tokenizer_can_read_fails_alone(engine):
    good, bad, other = engine.generate(requests([PROMPTS[0], "a\ud800b", PROMPTS[1]]))
    assert bad.finish_reason.startswith("error:")
    assert (good.finish_reason[:6], other.finish_reason[:6]) != ("error:", "error:")
    assert engine.generate(requests(PROMPTS[:1]))[0].text == good.text


def test_long_prompt_shortens_its_own_answer_only(engine):
    """A prompt that nearly fills the context has room for a few tokens, its neighbours for all."""
    full = "<|begin_of_text|>" + "z" * (CONTEXT - 4)
    short, long_one = engine.generate(requests([PROMPTS[0], full], LONG))
    assert long_one.prompt_tokens + long_one.tokens <= CONTEXT
    assert long_one.tokens <= 3
    assert short == engine.generate(requests([PROMPTS[0]], LONG))[0]


def test_one_bos_token_per_prompt(engine, llama3_tokenizer):
    (found,) = engine.generate(requests(PROMPTS[:1]))
    expected = llama3_tokenizer.encode(PROMPTS[0], add_special_tokens=False)
    assert expected.count(llama3_tokenizer.bos_token_id) == 1
    assert found.prompt_tokens == len(expected)


def test_callers_side_by_side_get_their_own_answers(engine):
    alone = [c.text for c in engine.generate(requests(PROMPTS))]
    found = {}

    def call(name):
        found[name] = engine.generate(requests(PROMPTS, prefix=f"{name}-"))

    threads = [threading.Thread(target=call, args=(n,)) for n in ("a", "b", "c")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {n: [c.text for c in cs] for n, cs in found.items()} == dict.fromkeys("abc", alone)
    assert all(c.id.startswith(f"{n}-") for n, cs in found.items() for c in cs)


def test_sampling_draws_within_its_limits(engine):
    found = engine.generate(requests([PROMPTS[0]] * 16, SAMPLED))
    assert all(0 < c.tokens <= 12 for c in found)
    assert {c.finish_reason for c in found if c.tokens < 12} <= {"stop"}


def test_vllm_samples_of_one_prompt_differ(vllm):
    assert len({c.text for c in vllm.generate(requests([PROMPTS[0]] * 16, SAMPLED))}) > 4


def test_counters_add_up(engine):
    before = engine.stats()
    found = engine.generate(requests(PROMPTS))
    after = engine.stats()
    assert after.requests - before.requests == len(PROMPTS)
    assert after.tokens - before.tokens == sum(c.tokens for c in found)
    assert after.prompt_tokens - before.prompt_tokens == sum(c.prompt_tokens for c in found)
    assert after.busy_seconds > before.busy_seconds
    assert (after.running, after.waiting) == (0, 0)


def test_vllm_holds_no_more_requests_than_its_window(vllm):
    seen = []
    many = requests(PROMPTS * 2, LONG)
    caller = threading.Thread(target=vllm.generate, args=(many,))
    caller.start()
    while caller.is_alive():
        stats = vllm.stats()
        seen.append((stats.running, stats.waiting))
        time.sleep(0.001)
    caller.join()
    assert max(running for running, _ in seen) <= WINDOW
    assert max(waiting for _, waiting in seen) >= len(many) - 2 * WINDOW


def test_an_answer_that_goes_round_in_circles_is_ended(vllm):
    whole = {c.id: c for c in vllm.generate(requests(PROMPTS, LONG))}
    plain, vllm._spec = vllm._spec, replace(vllm._spec, repetition=(8, 4))
    try:
        found = vllm.generate(requests(PROMPTS, LONG))
    finally:
        vllm._spec = plain
    ended = [c for c in found if c.finish_reason == "repetition"]
    assert ended  # a random model writes the same few tokens again and again
    for one in ended:
        assert one.tokens < whole[one.id].tokens
        assert whole[one.id].text.startswith(one.text)


# Last, for it ends the engine that the tests above share: vLLM keeps one engine per process.
def test_closing_fails_the_calls_in_progress_and_later_ones(engine):
    failed = []

    def call():
        try:
            engine.generate(requests(PROMPTS * 40, GREEDY))
        except EngineDied as error:
            failed.append(error)

    caller = threading.Thread(target=call)
    caller.start()
    while not engine.stats().running:
        time.sleep(0.001)
    answered = engine.stats().requests
    engine.close()
    caller.join(timeout=60)
    assert len(failed) == 1
    # what was running may end, the queue is not waited for
    assert engine.stats().requests - answered < len(PROMPTS) * 10
    with pytest.raises(EngineDied, match="closed"):
        engine.generate(requests(PROMPTS[:1]))
