"""A tuned model evaluated as base plus adapter in one engine (vLLM's LoRA) against its merged form
in an engine of its own: time to load, tokens a second, and how many greedy answers are equal.

    python benchmarks/adapters.py RUN [--problems 120] [--only merged adapter]

RUN is the folder of a finished run (its base, adapter and merged model are taken). Each layout has
a process of its own, one after the other.
"""

import argparse
import json
import multiprocessing
import os
import time
from pathlib import Path
from typing import Any

from lbt_core.run.config import RunConfig, read_environment
from lbt_core.run.plan import model_path
from lbt_core.run.record import RunStore
from lbt_core.run.status import open_plan

LAYOUTS = ("base", "base beside adapter", "merged", "adapter")
RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""What vLLM takes as the largest rank of an adapter."""


def prompts_of(run: Path, count: int) -> tuple[RunConfig, list[str]]:
    """The run's configuration, and rendered test problems."""
    from lbt_core.run.rendering import build_renderer  # noqa: PLC0415 - heavy

    plan = open_plan(RunStore.open(str(run)))
    teacher = plan.pinned(plan.config.teacher)
    renderer = build_renderer(plan.config.prompt, model_path(teacher), teacher.revision)
    asked = plan.problems["test"][:count]
    return plan.config, [renderer.question(p.question) for p in asked]


def measure(layout: str, run: Path, config: RunConfig, prompts: list[str], results: Any) -> None:
    """One layout, in this process: "merged", "base", "adapter" (base plus adapter), or "base beside
    adapter" (the base in an engine that could take one)."""
    from lbt_core.generation.models import model_folder  # noqa: PLC0415 - heavy
    from lbt_core.generation.vllm_engine import prepare_environment  # noqa: PLC0415 - heavy
    from lbt_core.run.engine_spec import engine_spec, machine_device  # noqa: PLC0415 - heavy

    spec = engine_spec(config.teacher, config.engines, machine_device(config.engines), config.seed)
    prepare_environment(spec, None)
    os.environ["OMP_NUM_THREADS"] = str(len(os.sched_getaffinity(0)))
    from vllm import LLM, SamplingParams  # noqa: PLC0415 - heavy
    from vllm.lora.request import LoRARequest  # noqa: PLC0415 - heavy

    merged = run / "model/tuned/merged"
    base = str(model_folder(spec.model, spec.revision))
    lora = "adapter" in layout
    rank = next(r for r in RANKS if r >= config.training.lora_r)
    began = time.perf_counter()
    engine = LLM(
        model=str(merged) if layout == "merged" else base,
        dtype=spec.dtype,
        max_model_len=spec.max_model_len,
        max_num_seqs=spec.max_num_seqs,
        enforce_eager=spec.enforce_eager or spec.device == "cpu",
        seed=config.seed,
        **({"enable_lora": True, "max_lora_rank": rank} if lora else {}),
    )
    loaded = time.perf_counter() - began
    adapter = LoRARequest("tuned", 1, str(run / "training/tuned/weights"))
    drawing = SamplingParams(temperature=0, max_tokens=config.evaluation.max_new_tokens)
    given = {"lora_request": adapter} if layout == "adapter" else {}
    engine.generate(prompts[:2], drawing, use_tqdm=False, **given)  # the first call loads it
    began = time.perf_counter()
    answers = [a.outputs[0] for a in engine.generate(prompts, drawing, use_tqdm=False, **given)]
    seconds = time.perf_counter() - began
    tokens = sum(len(a.token_ids) for a in answers)
    figures = {"load_s": round(loaded, 1), "tokens": tokens, "seconds": round(seconds, 1)}
    figures["tokens_per_s"] = round(tokens / seconds, 1)
    results.put((figures, [a.text for a in answers]))


def main() -> None:
    """Every layout, then the figures as a line of JSON each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--problems", type=int, default=120)
    parser.add_argument("--only", nargs="+", choices=LAYOUTS, default=LAYOUTS)
    given = parser.parse_args()
    read_environment()
    config, prompts = prompts_of(given.run, given.problems)
    spawn = multiprocessing.get_context("spawn")
    texts: dict[str, list[str]] = {}
    for layout in given.only:
        results = spawn.Queue()
        child = spawn.Process(target=measure, args=(layout, given.run, config, prompts, results))
        child.start()
        figures, texts[layout] = results.get(timeout=900)
        child.join()
        print(json.dumps({"layout": layout, **figures}), flush=True)
    for one, other in ((LAYOUTS[0], LAYOUTS[1]), (LAYOUTS[2], LAYOUTS[3])):
        if not {one, other} <= set(texts):
            continue
        same = sum(a == b for a, b in zip(texts[one], texts[other], strict=True))
        print(json.dumps({"equal answers": f"{one}, {other}", "same": same, "of": len(prompts)}))


if __name__ == "__main__":
    main()
