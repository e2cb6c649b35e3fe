"""What reproducible mode costs on this CPU, and whether its completions are equal.

``python -m benchmarks.reproducible`` answers shards of sampled requests with the embedded model in
both modes, each in processes of its own pinned to one core, as a run's engines are: as one run has
them, and in another order after other shards. About two minutes on 2 quiet cores; a process that
takes longer than LIMIT_S is ended, and that is said. The last line is JSON: tokens a second in both
modes, by the clock and of processor time, what the reproducible one costs, and how many of the
completions were equal in the two orders.
"""

import argparse
import json
import multiprocessing
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from lbt_core.embedded import embedded_model_path
from lbt_core.generation import EngineSpec, Request, Settings, build_engine
from lbt_core.run.config import ModelConfig
from lbt_core.run.engine_config import EngineConfig
from lbt_core.run.engine_spec import engine_spec

SETTINGS = Settings(temperature=1.0, top_k=0, top_p=1.0, max_new_tokens=160)
IN_FLIGHT = 3
LIMIT_S = 300.0


def spec(reproducible: bool) -> EngineSpec:
    """The demonstration's engine."""
    return engine_spec(ModelConfig(), EngineConfig(), "cpu", 0, reproducible)


def shards(count: int) -> list[list[Request]]:
    """So many shards of 12 problems with 16 samples each."""
    from lbt_core.run.config import load_config  # noqa: PLC0415
    from lbt_core.run.preparation import prepare  # noqa: PLC0415
    from lbt_core.run.rendering import build_renderer  # noqa: PLC0415

    config = load_config("demo")
    problems = prepare(config)["train"][: 12 * count]
    renderer = build_renderer(config.prompt, str(embedded_model_path()), None)
    prompts = [renderer.question(p.question) for p in problems]
    return [
        [
            Request(f"{i}/{j}", prompts[i], 1000 * i + j, SETTINGS)
            for i in range(12 * shard, 12 * shard + 12)
            for j in range(16)
        ]
        for shard in range(count)
    ]


def answer(pipe: Any, reproducible: bool, asked: list[list[Request]]) -> None:
    """Answer the shards, so many in flight, and send the texts by id and the figures."""
    from lbt_core.generation.vllm_engine import prepare_environment  # noqa: PLC0415

    prepare_environment(spec(reproducible), core=max(os.sched_getaffinity(0)))
    engine = build_engine(spec(reproducible))
    engine.generate(asked[0][:1])
    used, began = time.process_time(), time.monotonic()
    with ThreadPoolExecutor(IN_FLIGHT) as pool:
        done = [c for shard in pool.map(engine.generate, asked) for c in shard]
    figures = {
        "tokens": sum(c.tokens for c in done),
        "cpu_s": time.process_time() - used,
        "wall_s": time.monotonic() - began,
    }
    pipe.send(({c.id: c.text for c in done}, figures))
    engine.close()


def in_a_process(reproducible: bool, asked: list[list[Request]]) -> Any:
    """``answer`` in a process of its own. Ends this one where that takes too long, or died."""
    here, there = multiprocessing.Pipe()
    context = multiprocessing.get_context("spawn")
    process = context.Process(target=answer, args=(there, reproducible, asked))
    process.start()
    there.close()
    try:
        if not here.poll(LIMIT_S):
            sys.exit(f"no answer within {LIMIT_S:.0f} s: ask for fewer --shards")
        found = here.recv()
    except EOFError:
        sys.exit("the engine's process died; what it said is above")
    finally:
        process.join(timeout=30)
        process.kill()
    return found


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", type=int, default=3)
    asked = shards(parser.parse_args().shards)
    told: dict[str, Any] = {"completions": sum(map(len, asked))}
    for mode, reproducible in (("fast", False), ("reproducible", True)):
        first, figures = in_a_process(reproducible, asked)
        again, more = in_a_process(reproducible, asked[::-1])
        tokens, seconds = (figures[k] + more[k] for k in ("tokens", "cpu_s"))
        told[f"{mode}_tokens_per_cpu_s"] = round(tokens / seconds)
        told[f"{mode}_tokens_per_s"] = round(tokens / (figures["wall_s"] + more["wall_s"]))
        told[f"{mode}_equal"] = sum(first[key] == again[key] for key in first)
    for unit in ("cpu_s", "s"):
        fast, slow = (told[f"{mode}_tokens_per_{unit}"] for mode in ("fast", "reproducible"))
        told["cost" if unit == "s" else "cost_cpu"] = round(1 - slow / fast, 3)
    print(json.dumps(told))


if __name__ == "__main__":
    main()
