"""What a run will cost, before anything starts: tokens, shards, bytes, hours on a named GPU.

Prompts are counted with the teacher's tokenizer. How long answers will be is not known before: it
is an assumption that the estimate states. Times are a roofline: reading prompts is bound by
arithmetic (2 FLOPs per parameter and token), writing by memory bandwidth (all weights once per step
of a batch), each at the stated share of the device's peak.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from lbt_core import UserError
from lbt_core.method.exams import shown_example
from lbt_core.method.extraction import Extraction
from lbt_core.method.prompts import Renderer
from lbt_core.run.config import RunConfig
from lbt_core.run.engine_rule import GPU_SEQS
from lbt_core.run.plan import arm_folder
from lbt_core.store.rows import Problem

CHARACTERS_PER_TOKEN = 3.5
ANSWER_SHARE = 0.4
# Assumptions, as the module's docstring says: shares of the vendor's peaks, how well texts compress
COMPUTE_SHARE = 0.4
BANDWIDTH_SHARE = 0.6
TRAINING_SHARE = 0.25
BYTES_PER_TOKEN = 4.0
COMPRESSION = 3.0
ROW_BYTES = 60.0
SAMPLE_OF_PROBLEMS = 50


@dataclass(frozen=True, slots=True)
class Gpu:
    """Vendor's peaks: dense bf16 TFLOP/s, memory bandwidth in GB/s, memory in GiB."""

    name: str
    tflops: float
    bandwidth: float
    memory: float


GPUS = {
    g.name: g
    for g in (
        Gpu("A6000", 155, 768, 48),
        Gpu("L40S", 362, 864, 48),
        Gpu("4090", 165, 1008, 24),
        Gpu("A100-40", 312, 1555, 40),
        Gpu("A100", 312, 2039, 80),
        Gpu("H100", 989, 3350, 80),
        Gpu("H200", 989, 4800, 141),
    )
}


@dataclass(frozen=True, slots=True)
class StageEstimate:
    """One stage: shards, rows, tokens read and written, bytes stored, hours on one GPU."""

    stage: str
    shards: int
    rows: int
    prompt_tokens: int
    tokens: int
    bytes: int
    hours: float


def gpu_named(name: str) -> Gpu:
    """A known GPU. Raises UserError listing them."""
    for known, gpu in GPUS.items():
        if known.lower() == name.lower():
            return gpu
    raise UserError(f"--gpu {name}: not known; known: {', '.join(GPUS)}")


def parameters_of(config: RunConfig, counted: int | None) -> float:
    """Parameters of the teacher: counted from its configuration, or read off its name (…-8B-…).

    Raises UserError where neither tells.
    """
    if counted:
        return float(counted)
    found = re.search(r"(\d+(?:\.\d+)?)[bB]\b", config.teacher.path)
    if found is None:
        raise UserError(
            f"teacher.path {config.teacher.path}: its size is not known here; give --parameters 8e9"
        )
    return float(found[1]) * 1e9


def estimate(
    config: RunConfig,
    problems: dict[str, list[Problem]],
    renderer: Renderer,
    count: Callable[[str], int],
    *,
    answer_tokens: int,
    parameters: float,
    gpu: Gpu,
    gpus: int,
) -> list[StageEstimate]:
    """Every stage that costs something. ``count`` tokenises; ``answer_tokens`` is the assumed mean
    length of an answer."""
    taught, tested = problems["train"], problems["test"]
    samples, exam = config.sampling.num_rationales, config.exam
    zero_shot = _mean(taught, lambda p: count(renderer.question(p.question)))
    test_shot = _mean(tested, lambda p: count(renderer.question(p.question)))
    one_shot = _mean(taught, lambda p: _one_shot(p, renderer, count)) + answer_tokens
    rationales = len(taught) * samples
    answers = rationales * exam.problems * exam.answers_each * len(config.student_models())
    weighed = exam.scorer == "likelihood"  # the reference is read, a token written
    shot, written_each = one_shot + weighed * answer_tokens, 1 if weighed else answer_tokens
    exam_shards = -(-len(taught) // config.shards.problems) * len(config.student_models())
    pairs = config.preferences.pairs or len(taught) * config.preferences.max_pairs_per_problem
    arms = len(config.arms)

    def stage(name: str, shards: int, rows: int, prompt: float, written: float) -> StageEstimate:
        read, made = round(rows * prompt), round(rows * written)
        size = rows * (ROW_BYTES + written * BYTES_PER_TOKEN / COMPRESSION)
        reading = read * 2 * parameters / (gpu.tflops * 1e12 * COMPUTE_SHARE)
        batch = config.engines.max_num_seqs or GPU_SEQS
        steps = made / batch
        writing = steps * 2 * parameters / (gpu.bandwidth * 1e9 * BANDWIDTH_SHARE)
        hours = (reading + writing) / 3600 / gpus
        return StageEstimate(name, shards, rows, read, made, round(size), hours)

    test_shards = -(-len(tested) // config.shards.evaluation_problems)
    sample_shards = -(-len(taught) // config.shards.problems)
    trained = round(arms * pairs * config.training.epochs * 2 * (zero_shot + answer_tokens))
    # forward and backward through adapter and base, and the reference's forward: 8 FLOPs
    training = trained * 8 * parameters / (gpu.tflops * 1e12 * TRAINING_SHARE) / 3600
    return [
        stage("sample", sample_shards, rationales, zero_shot, answer_tokens),
        stage("examine", exam_shards, answers, shot, written_each),
        StageEstimate("train (at most)", arms, arms * pairs, trained, 0, 0, training),
        stage(
            "evaluate", test_shards * (1 + arms), len(tested) * (1 + arms), test_shot, answer_tokens
        ),
    ]


def rough_count(text: str) -> int:
    """Tokens by a rule of thumb, where no tokenizer is at hand."""
    return round(len(text) / CHARACTERS_PER_TOKEN)


def token_forecast(
    config: RunConfig,
    problems: dict[str, list[Problem]],
    renderer: Renderer,
    count: Callable[[str], int],
) -> dict[str, int]:
    """Tokens, read and written, that `lbt plan` expects of every stage of a run; of evaluations by
    the model that is evaluated. Answers are taken to have ANSWER_SHARE of the longest's length."""
    stages = estimate(
        config,
        problems,
        renderer,
        count,
        answer_tokens=round(ANSWER_SHARE * config.sampling.max_new_tokens),
        parameters=1.0,
        gpu=GPUS["H100"],
        gpus=1,
    )
    found = {s.stage: s.prompt_tokens + s.tokens for s in stages if s.tokens}
    each = found.pop("evaluate") // (1 + len(config.arms))
    models = ["base", *map(arm_folder, config.arms)]
    return found | {f"evaluate/{name}": each for name in models}


def _one_shot(problem: Problem, renderer: Renderer, count: Callable[[str], int]) -> int:
    """Tokens of a one-shot prompt apart from the rationale that it shows."""
    example = shown_example(problem, Extraction("x", "", "final answer block"))
    return count(renderer.one_shot(example, problem.question))


def _mean(problems: Sequence[Problem], measure: Callable[[Problem], int]) -> float:
    """Mean over evenly spaced problems, at most SAMPLE_OF_PROBLEMS of them."""
    step = max(1, len(problems) // SAMPLE_OF_PROBLEMS)
    chosen = problems[::step]
    return sum(map(measure, chosen)) / len(chosen)
