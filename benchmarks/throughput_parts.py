"""The parts of ``benchmarks/throughput.py``, each in a process of its own: the pipeline on a store,
and on the same prompts bare vLLM, a drain per shard, and transformers."""

import argparse
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from lbt_core.generation import EngineSpec, Request
from lbt_core.method.exams import examine, set_exams
from lbt_core.method.sampling import sample
from lbt_core.run.config import RunConfig, load_config
from lbt_core.run.engine_rule import longest_tokens
from lbt_core.run.engine_spec import engine_spec
from lbt_core.run.plan import Plan, model_path, student_labels
from lbt_core.run.record import RunStore
from lbt_core.run.rendering import build_renderer
from lbt_core.store import Files, read_shard

READING_S = 1.0
PAPER_BATCH = 8
OVERRIDES = ("reproducible=false", "controls=[]", "engines.device=cpu", "engines.count=1")
DEFAULTS = ("engines.block_size=128", "engines.max_num_seqs=256")
"""Before the settings followed from the work: vLLM's block on a CPU, and half as many sequences."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A reading of an engine: the machine's clock, and what it had done by then; tokens are those
    of finished requests, so that in steady state as many are left out at the end as come in from
    before the beginning."""

    at: float
    tokens: int
    finished: int
    cached: int = 0
    prompt_tokens: int = 0


def steady(marks: Sequence[Mark], first: int, total: int, running: int) -> tuple[Mark, Mark]:
    """The readings between which an engine is in steady state: from the first by which as many
    requests had finished as the first shard has, to the last by which enough were unfinished to
    keep every place in the engine taken. The first and the last reading where there are none."""
    inside = [m for m in marks if m.finished >= first and total - m.finished >= running]
    return (inside[0], inside[-1]) if len(inside) > 1 else (marks[0], marks[-1])


def rate(begin: Mark, end: Mark) -> float:
    """Output tokens a second between two readings."""
    return (end.tokens - begin.tokens) / max(1e-9, end.at - begin.at)


# --- the prompts --------------------------------------------------------------------------------


def configuration(problems: int, more: Sequence[str] = ()) -> RunConfig:
    """The demo's with so many teaching problems, in the fast mode, one engine on a CPU."""
    return load_config("demo", (*OVERRIDES, f"corpus.generated.train={problems}", *more))


def shards_of(uri: str, stage: str) -> list[list[Request]]:
    """The requests of every shard of a stage of a stored run, as the pipeline made them."""
    store = RunStore.open(uri)
    plan, config = Plan(store.files, store.config, store.identities), store.config
    renderer = build_renderer(config.prompt, model_path(config.teacher), None)
    asked: list[list[Request]] = []

    class Taken(Exception):
        """The requests are known; nothing is generated."""

    def take(requests: Sequence[Request]) -> Any:
        asked.append(list(requests))
        raise Taken

    from lbt_core.run.grade_pool import grade_pool  # noqa: PLC0415 - starts processes
    from tasks.context import exam_settings, sampling_settings  # noqa: PLC0415 - imports Ray

    with grade_pool(config) as graders:
        for index, shard in enumerate(plan.sample_shards):
            common: dict[str, Any] = {
                "renderer": renderer,
                "seed": config.seed,
                "generate": take,
                "grade": graders.grade_many,
            }
            try:
                if stage == "sample":
                    drawn, n = sampling_settings(config), config.sampling.num_rationales
                    sample(plan.taught(index), samples=n, settings=drawn, **common)
                else:
                    rows = read_shard(store.files, shard)
                    exams = set_exams(
                        rows, plan.problem_by_id, plan.design, config.exam.deduplicate
                    )
                    examine(
                        exams,
                        student=student_labels(config)[0],
                        repetitions=config.exam.repetitions,
                        settings=exam_settings(config),
                        extract=graders.extract_many,
                        **common,
                    )
            except Taken:
                continue
    return asked


# --- ours ---------------------------------------------------------------------------------------


def pipeline(uri: str, problems: int, began: float) -> dict[str, Any]:
    """Sampling and exams through the flow's services, tasks, store and graders: readings of the
    engine by stage, the seconds until it could work, and CPU seconds by process in steady state."""
    from flows.local import services  # noqa: PLC0415 - heavy

    said: dict[str, Any] = {}
    with services(Path(uri).parent / ".prefect", "ERROR"):
        said["services_s"] = time.monotonic() - began
        from prefect import flow  # noqa: PLC0415 - reads its settings when it is imported

        from flows.pipeline import RUNNER  # noqa: PLC0415 - the same
        from tasks.context import open_run  # noqa: PLC0415 - the same
        from tasks.publishing import Publisher  # noqa: PLC0415 - the same
        from tasks.steps import generate_step, prepare_step  # noqa: PLC0415 - the same

        @flow(name="lbt-throughput", task_runner=RUNNER, persist_result=False)
        def measured() -> None:
            store = RunStore.start(Files(uri), configuration(problems))
            with open_run(store, keep_warm=False) as context, Publisher(context).reporting():
                prepare_step(context)
                engines = context.engines(store.config.teacher)
                engines.start()
                said["engine_s"] = time.monotonic() - began
                said["max_num_seqs"] = engines.spec.max_num_seqs
                for stage in ("sample", "examine"):
                    with _read(engines.stats) as readings:
                        generate_step(context, (stage,))  # type: ignore[arg-type]
                    said[stage] = readings

        measured()
    return said


@contextmanager
def _read(stats: Callable[[], Any]) -> Iterator[list[dict[str, Any]]]:
    """Readings of the engine and of the CPU seconds of all processes, one a second."""
    readings: list[dict[str, Any]] = []
    done = threading.Event()

    def read() -> None:
        for one in stats().values():
            readings.append(asdict(one) | {"cpu": cpu_seconds()})

    def keep_reading() -> None:
        while not done.wait(READING_S):
            read()

    read()
    thread = threading.Thread(target=keep_reading, daemon=True)
    thread.start()
    try:
        yield readings
    finally:
        done.set()
        thread.join()
        read()


def cpu_seconds(pid: int | None = None) -> dict[str, float]:
    """CPU seconds so far of the flow's process (by default this one) and its descendants, by what
    they are."""
    import psutil  # noqa: PLC0415 - comes with Ray

    found: dict[str, float] = {}
    me = psutil.Process(pid)
    for process in (me, *me.children(recursive=True)):
        try:
            times, words = process.cpu_times(), " ".join(process.cmdline())
        except psutil.Error:
            continue
        kind = "Ray"
        if process == me:
            kind = "flow"
        elif "EngineActor" in words:
            kind = "engine"
        elif "GradingActor" in words or "subjects.worker" in words:
            kind = "graders"
        elif "server_process" in words or "prefect" in words:
            kind = "Prefect server"
        found[kind] = found.get(kind, 0.0) + times.user + times.system
    return found


# --- what it is compared with -------------------------------------------------------------------


class Bare:
    """vLLM's own loop on an engine of the same arguments, pinned to the same core: every prompt
    added at once, tokenised before, nothing written, nothing graded. Its text is made as vLLM makes
    it; its statistics are off, as ``LLM`` has them."""

    def __init__(self, spec: EngineSpec, **changes: Any) -> None:
        from lbt_core.generation import vllm_engine as ours  # noqa: PLC0415 - heavy

        ours.prepare_environment(spec, core=min(os.sched_getaffinity(0)))
        from vllm.engine.arg_utils import EngineArgs  # noqa: PLC0415 - heavy
        from vllm.v1.engine.llm_engine import LLMEngine  # noqa: PLC0415 - heavy

        arguments = ours._engine_arguments(spec) | {"disable_log_stats": True} | changes
        self.engine: Any = LLMEngine.from_engine_args(EngineArgs(**arguments))
        self._tokenizer = self.engine.get_tokenizer()
        self._ends = ours.stop_token_ids(self._tokenizer)
        self._number = 0

    def run(self, requests: Sequence[Request]) -> list[Mark]:
        """Answer them all at once; readings about every half second."""
        from vllm import SamplingParams  # noqa: PLC0415 - heavy
        from vllm.inputs.engine import tokens_input  # noqa: PLC0415 - heavy
        from vllm.sampling_params import RequestOutputKind  # noqa: PLC0415 - heavy

        ids = [self._tokenizer.encode(r.prompt, add_special_tokens=False) for r in requests]
        self.engine.reset_prefix_cache()
        for request, prompt in zip(requests, ids, strict=True):
            drawn = request.settings
            parameters = SamplingParams(
                temperature=drawn.temperature,
                top_k=drawn.top_k,
                top_p=drawn.top_p,
                stop_token_ids=self._ends,
                max_tokens=drawn.max_new_tokens,
                output_kind=RequestOutputKind.FINAL_ONLY,
            )
            self._number += 1
            self.engine.add_request(str(self._number), tokens_input(prompt), parameters)
        tokens = finished = cached = read = 0
        marks = [Mark(time.monotonic(), 0, 0)]
        while self.engine.has_unfinished_requests():
            for output in self.engine.step():
                finished += 1
                tokens += len(output.outputs[0].token_ids)
                cached += output.num_cached_tokens or 0
                read += len(output.prompt_token_ids)
            if time.monotonic() - marks[-1].at > READING_S / 4:
                marks.append(Mark(time.monotonic(), tokens, finished, cached, read))
        return [*marks, Mark(time.monotonic(), tokens, finished, cached, read)]


def spec_for(config: RunConfig) -> EngineSpec:
    """The engine that the pipeline builds for a configuration."""
    longest = longest_tokens(config)
    return engine_spec(config.teacher, config.engines, "cpu", config.seed, False, longest)


def limits(uri: str, problems: int) -> dict[str, Any]:
    """Bare vLLM on the run's prompts, all at once, then one shard after the other."""
    asked = {stage: shards_of(uri, stage) for stage in ("sample", "examine")}
    bare = Bare(spec_for(configuration(problems)))
    bare.run(asked["sample"][0][:64])
    said: dict[str, Any] = {}
    for stage, shards in asked.items():
        said[stage] = [asdict(m) for m in bare.run([r for shard in shards for r in shard])]
        drained = shards[: max(2, len(shards) // 3)]
        runs = [bare.run(shard) for shard in drained]
        tokens = sum(marks[-1].tokens for marks in runs)
        said[f"{stage}_drain"] = tokens / sum(marks[-1].at - marks[0].at for marks in runs)
        said[f"{stage}_shards"] = list(map(len, shards))
    return said


def exams_with(uri: str, problems: int, changes: dict[str, Any], shards: int) -> dict[str, Any]:
    """Bare vLLM on the first exam shards, with other arguments or settings."""
    more = changes.pop("settings", ())
    asked = [r for shard in shards_of(uri, "examine")[:shards] for r in shard]
    bare = Bare(spec_for(configuration(problems, more)), **changes)
    bare.run(asked[:64])
    return {"marks": [asdict(m) for m in bare.run(asked)], "requests": len(asked)}


def paper(uri: str, batches: int) -> dict[str, Any]:
    """transformers' generate in batches of eight on the same core, sampling and exams: output
    tokens a second, an answer's tokens counted up to its end."""
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    import torch  # noqa: PLC0415 - heavy
    from transformers import AutoModelForCausalLM, AutoTokenizer  # noqa: PLC0415 - heavy

    from lbt_core.generation.turns import stop_token_ids  # noqa: PLC0415 - heavy

    torch.set_num_threads(1)
    folder = model_path(load_config("demo").teacher)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16).eval()
    tokenizer = AutoTokenizer.from_pretrained(folder, padding_side="left")
    ends = set(stop_token_ids(tokenizer))
    said: dict[str, Any] = {}
    for stage in ("sample", "examine"):
        asked = [r for shard in shards_of(uri, stage) for r in shard][: PAPER_BATCH * batches]
        tokens, began = 0, time.monotonic()
        for start in range(0, len(asked), PAPER_BATCH):
            part = asked[start : start + PAPER_BATCH]
            prompts = [r.prompt for r in part]
            inputs = tokenizer(prompts, return_tensors="pt", padding=True, add_special_tokens=False)
            drawn = part[0].settings
            sampling = {"temperature": drawn.temperature, "top_k": drawn.top_k or 0}
            with torch.inference_mode():
                out = model.generate(
                    **inputs,
                    do_sample=drawn.temperature > 0,
                    max_new_tokens=drawn.max_new_tokens,
                    eos_token_id=sorted(ends),
                    pad_token_id=tokenizer.pad_token_id,
                    **(sampling if drawn.temperature > 0 else {}),
                )
            for row in out[:, inputs["input_ids"].shape[1] :].tolist():
                tokens += next((i + 1 for i, t in enumerate(row) if t in ends), len(row))
        said[stage] = tokens / (time.monotonic() - began)
    return said


def main() -> None:
    """One part; its result is the last line of stdout."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("part", choices=("pipeline", "limits", "exams", "paper", "ray-data"))
    parser.add_argument("uri")
    parser.add_argument("--problems", type=int, default=120)
    parser.add_argument("--began", type=float, default=0.0)
    parser.add_argument("--changes", default="{}")
    parser.add_argument("--shards", type=int, default=3)
    parser.add_argument("--batches", type=int, default=4)
    given = parser.parse_args()
    said: dict[str, Any]
    if given.part == "pipeline":
        said = pipeline(given.uri, given.problems, given.began)
    elif given.part == "limits":
        said = limits(given.uri, given.problems)
    elif given.part == "exams":
        said = exams_with(given.uri, given.problems, json.loads(given.changes), given.shards)
    elif given.part == "ray-data":
        from benchmarks.ray_data import ray_data  # noqa: PLC0415 - imports this module

        said = ray_data(given.uri, given.problems)
    else:
        said = paper(given.uri, given.batches)
    print(json.dumps(said))


if __name__ == "__main__":
    main()
