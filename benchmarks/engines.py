"""Engines on a CPU: one pinned engine per core against one engine on all of them, and one shard in
flight against several.

``python benchmarks/engines.py [--engines N] [--prompts M]``; a table, then one JSON line. Ratios
are between runs of this same call; above 1 means that what the pipeline does is the faster one.
"""

import argparse
import json
import multiprocessing
import os
import threading
import time
from collections.abc import Sequence
from multiprocessing.connection import Connection

from rich.console import Console
from rich.table import Table

from lbt_core.generation import EngineSpec, Request, Settings, build_engine
from lbt_core.method.prompts import Renderer
from lbt_core.run.config import ModelConfig
from lbt_core.run.engine_config import EngineConfig
from lbt_core.run.engine_spec import engine_spec
from lbt_core.subjects.ode import tiny

SETTINGS = Settings(temperature=1.0, top_k=0, top_p=1.0, max_new_tokens=128)
SIZES = {"train": 64, "exam": 1, "validation": 1, "test": 1}


def spec() -> EngineSpec:
    """The engine that the demo runs."""
    return engine_spec(ModelConfig(), EngineConfig(enforce_eager=True), "cpu", seed=0)


def serve(cores: Sequence[int], shards: int, prompts: list[str], pipe: Connection) -> None:
    """One engine on these cores: waits for a word, then answers the prompts from ``shards``
    threads, shard after shard; sends (tokens, seconds).
    """
    from lbt_core.generation.vllm_engine import prepare_environment  # noqa: PLC0415 - heavy

    os.sched_setaffinity(0, set(cores))
    prepare_environment(spec(), None)
    os.environ["OMP_NUM_THREADS"] = str(len(cores))
    engine = build_engine(spec())
    engine.generate([Request("warm", prompts[0], 0, SETTINGS)])
    pipe.send("ready")
    size = 32
    parts = [prompts[i : i + size] for i in range(0, len(prompts), size)]
    tokens: list[int] = []
    lock = threading.Lock()

    def work() -> None:
        while True:
            with lock:
                if not parts:
                    return
                part = parts.pop()
            requests = [Request(str(i), p, i, SETTINGS) for i, p in enumerate(part)]
            tokens.append(sum(c.tokens for c in engine.generate(requests)))

    pipe.recv()
    started = time.monotonic()
    threads = [threading.Thread(target=work) for _ in range(shards)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    pipe.send((sum(tokens), time.monotonic() - started))


def measure(groups: list[list[int]], shards: int, prompts: list[str]) -> float:
    """Tokens per second of one engine per group of cores, sharing the prompts evenly."""
    context = multiprocessing.get_context("spawn")
    pipes, workers = [], []
    for i, cores in enumerate(groups):
        here, there = context.Pipe()
        part = prompts[i :: len(groups)]
        worker = context.Process(target=serve, args=(cores, shards, part, there), daemon=True)
        worker.start()
        pipes.append(here)
        workers.append(worker)
    for pipe in pipes:
        pipe.recv()
    for pipe in pipes:
        pipe.send("go")
    results = [pipe.recv() for pipe in pipes]
    for worker in workers:
        worker.join()
    return sum(tokens for tokens, _ in results) / max(seconds for _, seconds in results)


def main() -> None:
    """Measure, print the table and the JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engines", type=int, default=max(1, len(os.sched_getaffinity(0)) - 1))
    parser.add_argument("--prompts", type=int, default=1024)
    given = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))[: given.engines]
    renderer = Renderer()
    problems = [p for p in tiny.corpus(0, SIZES) if p.split == "train"]
    prompts = [
        renderer.question(problems[i % len(problems)].question) for i in range(given.prompts)
    ]
    pinned = measure([[core] for core in cores], 3, prompts)
    single = measure([[core] for core in cores], 1, prompts)
    shared = measure([cores], 3, prompts)
    table = Table("set-up", "tokens/s")
    table.add_row(
        f"{len(cores)} engines, one pinned core each, 3 shards in flight", f"{pinned:,.0f}"
    )
    table.add_row(
        f"{len(cores)} engines, one pinned core each, 1 shard in flight", f"{single:,.0f}"
    )
    table.add_row(f"1 engine on {len(cores)} cores, 3 shards in flight", f"{shared:,.0f}")
    Console().print(table)
    result = {
        "engines": len(cores),
        "pinned_tokens_per_s": round(pinned),
        "pinned_vs_one_engine": round(pinned / shared, 3),
        "three_vs_one_shard_in_flight": round(pinned / single, 3),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
