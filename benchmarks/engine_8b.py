"""Our engine against bare vLLM at Llama-3-8B's shape with random weights, on a GPU; what seeds of
single requests cost; how many exam tokens come from the prefix cache.

    python benchmarks/engine_8b.py OUT.json [--prompts 1024] [--tokens 400] [--tiny]

One LLMEngine is loaded once. "bare" adds all prompts and steps until they are done; "ours" feeds
the same engine through VllmEngine's window from three threads, as the pipeline does. The cache is
emptied before each. OUT.json is written again after every figure, the last line of stdout is the
same. ``--tiny`` tries the script out on a CPU.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from training import SHAPES  # beside this file

from lbt_core.embedded import embedded_model_path
from lbt_core.generation import EngineSpec, Request, Settings
from lbt_core.generation.turns import END_OF_TURN
from lbt_core.generation.vllm_engine import VllmEngine, prepare_environment
from lbt_core.method.prompts import BEGIN, Example, Renderer
from lbt_core.run.config import ModelConfig
from lbt_core.run.engine_config import EngineConfig
from lbt_core.run.engine_spec import engine_spec
from lbt_core.subjects.ode import tiny

CALLERS = 3
CALL = 128  # requests of one call, about a shard's
QUESTIONS = 9
EXAM = Settings(temperature=0.7, top_k=20, top_p=1.0, max_new_tokens=64)


def write_shape(folder: Path) -> None:
    """A model folder without weights: configuration and a tokenizer of one token a byte."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers  # noqa: PLC0415 - heavy
    from transformers import LlamaConfig, PreTrainedTokenizerFast  # noqa: PLC0415 - heavy

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    core = Tokenizer(models.BPE({c: i for i, c in enumerate(alphabet)}, []))
    core.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    core.decoder = decoders.ByteLevel()
    core.add_special_tokens([BEGIN, END_OF_TURN, "<|start_header_id|>", "<|end_header_id|>"])
    PreTrainedTokenizerFast(
        tokenizer_object=core, bos_token=BEGIN, eos_token=END_OF_TURN, pad_token=END_OF_TURN
    ).save_pretrained(folder)
    config = LlamaConfig(
        **SHAPES["8b"],
        max_position_embeddings=8192,
        rope_theta=500_000.0,
        architectures=["LlamaForCausalLM"],
        dtype="bfloat16",
        bos_token_id=core.token_to_id(BEGIN),
        eos_token_id=core.token_to_id(END_OF_TURN),
    )
    config.save_pretrained(folder)


def spec_of(model: str, on_cpu: bool) -> EngineSpec:
    """The engine that is measured."""
    if on_cpu:
        return engine_spec(ModelConfig(path=model), EngineConfig(), "cpu", seed=0)
    shaped = EngineConfig(load_format="dummy")
    return engine_spec(ModelConfig(path=model, max_model_len=4096), shaped, "gpu", seed=0)


def bare(engine: VllmEngine, requests: Sequence[Request], seeded: bool = True) -> int:
    """Tokens of vLLM's own loop; the feeding thread waits meanwhile and leaves the engine alone."""
    inner = engine._engine
    for number, request in enumerate(requests):
        ids = engine._tokenizer.encode(request.prompt, add_special_tokens=False)
        drawing = engine._sampling(request, request.settings.max_new_tokens)
        if not seeded:
            drawing.seed = None
        inner.add_request(f"bare-{number}", engine._input(ids), drawing)
    tokens = 0
    while inner.has_unfinished_requests():
        done = (output for output in inner.step() if output.finished)
        tokens += sum(len(output.outputs[0].token_ids) for output in done)
    return tokens


def ours(engine: VllmEngine, requests: Sequence[Request]) -> int:
    """Tokens of the same through our engine, from several callers."""
    calls = [requests[i : i + CALL] for i in range(0, len(requests), CALL)]
    with ThreadPoolExecutor(CALLERS) as pool:
        return sum(c.tokens for answers in pool.map(engine.generate, calls) for c in answers)


def exams(questions: Sequence[str], renderer: Renderer, rationales: int) -> list[Request]:
    """Exam prompts in the pipeline's order: those on one rationale after each other."""
    made = []
    for i in range(rationales):
        reasoning = f"Step by step, number {i}. " + "We separate and integrate both sides. " * 12
        example = Example(questions[i % len(questions)], reasoning, "C e^{2x}")
        for j in range(QUESTIONS):
            asked = questions[(i * 7 + j + 1) % len(questions)]
            made.append(Request(f"exam{i}-{j}", renderer.one_shot(example, asked), j, EXAM))
    return made


def hits_and_queries(engine: VllmEngine) -> tuple[float, float]:
    """Prompt tokens found in the prefix cache, and looked up, so far."""
    found = {m.name: getattr(m, "value", 0) for m in engine._engine.get_metrics()}
    return found.get("vllm:prefix_cache_hits", 0), found.get("vllm:prefix_cache_queries", 0)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--prompts", type=int, default=1024)
    parser.add_argument("--tokens", type=int, default=400)
    parser.add_argument("--rationales", type=int, default=100)
    parser.add_argument("--tiny", action="store_true")
    given = parser.parse_args()
    figures: dict[str, Any] = {"shape": "tiny" if given.tiny else "8b", "prompts": given.prompts}

    def note(**more: Any) -> None:
        figures.update(more)
        given.out.write_text(json.dumps(figures, indent=1))

    with tempfile.TemporaryDirectory() as folder:
        if not given.tiny:
            write_shape(Path(folder))
        spec = spec_of(str(embedded_model_path()) if given.tiny else folder, given.tiny)
        prepare_environment(spec, None)
        began = time.monotonic()
        engine = VllmEngine(spec)
        note(load_seconds=round(time.monotonic() - began, 1))
    renderer, drawn = Renderer(), Settings(0.7, 20, 1.0, given.tokens)
    questions = [p.question for p in tiny.corpus(0, {"train": 240})]
    asked = [
        Request(f"{i}", renderer.question(f"{i}: {questions[i % len(questions)]}"), i, drawn)
        for i in range(given.prompts)
    ]
    ours(engine, asked[:64])  # compiles what is compiled at the first use
    for name, run in (
        ("bare", lambda: bare(engine, asked)),
        ("ours", lambda: ours(engine, asked)),
        ("unseeded", lambda: bare(engine, asked, seeded=False)),
    ):
        engine._engine.reset_prefix_cache()
        began = time.monotonic()
        tokens = run()
        note(**{f"{name}_tokens_per_s": round(tokens / (time.monotonic() - began))})
    engine._engine.reset_prefix_cache()
    hits, queries = hits_and_queries(engine)
    ours(engine, exams(questions, renderer, given.rationales))
    more_hits, more_queries = hits_and_queries(engine)
    note(
        ours_vs_bare=round(figures["ours_tokens_per_s"] / figures["bare_tokens_per_s"], 3),
        seeded_vs_unseeded=round(
            figures["bare_tokens_per_s"] / figures["unseeded_tokens_per_s"], 3
        ),
        exam_prefix_hit_rate=round((more_hits - hits) / max(1, more_queries - queries), 3),
    )
    engine.close()
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
