"""Ray Data LLM on the pipeline's own prompts: the part (e) of ``benchmarks/throughput.py``.

Its processor on the same model, engine arguments and core: prompts tokenised before, batches of 64,
so many of them at once that twice as many requests are in it as run, its own metrics off. Ray's
extra ``llm`` pins another vLLM than ours (2.60: 0.29.0): Ray Data is measured on the vLLM that is
here.
"""

import math
import os
import time
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from benchmarks.throughput_parts import Mark, configuration, shards_of, spec_for
from lbt_core.generation import EngineSpec, Request

BATCH = 64


def ray_data(uri: str, problems: int) -> dict[str, Any]:
    """Readings of sampling and exams; each stage loads its engine anew, as Ray Data does."""
    import ray  # noqa: PLC0415 - heavy

    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    asked = {stage: shards_of(uri, stage) for stage in ("sample", "examine")}
    spec = spec_for(configuration(problems))
    ray.init(include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    said: dict[str, Any] = {}
    for stage, shards in asked.items():
        requests = [request for shard in shards for request in shard]
        said[stage] = [asdict(m) for m in _run(spec, requests)]
    ray.shutdown()
    return said


def _run(spec: EngineSpec, requests: Sequence[Request]) -> list[Mark]:
    import ray.data  # noqa: PLC0415 - heavy
    from ray.data.llm import build_processor, vLLMEngineProcessorConfig  # noqa: PLC0415 - heavy
    from transformers import AutoTokenizer  # noqa: PLC0415 - heavy

    from lbt_core.generation.turns import stop_token_ids  # noqa: PLC0415 - heavy
    from lbt_core.generation.vllm_engine import _engine_arguments  # noqa: PLC0415 - heavy

    arguments = _engine_arguments(spec) | {"disable_log_stats": True}
    folder = arguments.pop("model")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    ends = stop_token_ids(tokenizer)
    rows = [
        {
            "ids": tokenizer.encode(r.prompt, add_special_tokens=False),
            "temperature": r.settings.temperature,
            "top_k": r.settings.top_k,
            "top_p": r.settings.top_p,
            "max_tokens": r.settings.max_new_tokens,
        }
        for r in requests
    ]
    core = min(os.sched_getaffinity(0))
    environment = {
        "VLLM_LOGGING_LEVEL": "ERROR",
        "VLLM_NO_USAGE_STATS": "1",
        "VLLM_CPU_OMP_THREADS_BIND": str(core),
        "VLLM_CPU_KVCACHE_SPACE": str(spec.kv_cache_gib),
        "OMP_NUM_THREADS": "1",
        "CUDA_VISIBLE_DEVICES": "",
    }
    process = build_processor(
        vLLMEngineProcessorConfig(
            model_source=folder,
            engine_kwargs=arguments,
            batch_size=BATCH,
            max_concurrent_batches=math.ceil(2 * (spec.max_num_seqs or 256) / BATCH),
            concurrency=1,
            chat_template_stage=False,
            tokenize_stage=False,
            detokenize_stage=False,
            log_engine_metrics=False,
            placement_group_config={"bundles": [{"CPU": 1}]},
            runtime_env={"env_vars": environment},
        ),
        preprocess=lambda row: {
            "tokenized_prompt": row["ids"],
            "sampling_params": {
                "temperature": row["temperature"],
                "top_k": row["top_k"],
                "top_p": row["top_p"],
                "max_tokens": row["max_tokens"],
                "stop_token_ids": ends,
            },
        },
        postprocess=lambda row: {
            "text": row["generated_text"],
            "tokens": row["num_generated_tokens"],
        },
    )
    asked = ray.data.from_items(rows, override_num_blocks=math.ceil(len(rows) / BATCH))
    marks = [Mark(time.monotonic(), 0, 0)]
    for batch in process(asked).iter_batches(batch_size=None, prefetch_batches=0):
        last = marks[-1]
        tokens = last.tokens + int(sum(batch["tokens"]))
        marks.append(Mark(time.monotonic(), tokens, last.finished + len(batch["tokens"])))
    return marks
