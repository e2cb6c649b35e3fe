"""A made-up run of realistic shape. Its figures are invented for the tests and measure nothing."""

import random
from dataclasses import replace

import pytest

from lbt_core.reporting.inputs import Diagnostic, ExamSummary, ReportInputs, StageTiming
from lbt_core.store.rows import Preference, Problem, Rationale, Score, text_key

TOPICS = ("separable", "linear first order", "exact", "constant coefficients", "Laplace transforms")
TRAIN, TEST, SAMPLES = 60, 150, 8
ARMS = {"base": 0.34, "tuned": 0.82, "control:correctness": 0.57, "control:random": 0.36}


def made_up_problem(index: int, split: str, draw: random.Random) -> Problem:
    topic = TOPICS[index % len(TOPICS)]
    k = draw.randint(1, 9)
    return Problem(
        id=f"{split}-{index:04d}",
        question=f"Solve y' + {k} y = {draw.randint(0, 99)}, y(0) = {index}. " * draw.randint(1, 3),
        answer=f"y(x) = {index} e^{{-{k} x}}",
        topic=topic,
        family=f"{topic} family",
        kind=draw.choice(("ivp", "general", "particular")),
        lucky=draw.random() < (0.8 if split == "train" else 0.33),
        split=split,
    )


def made_up_rationale(problem: Problem, sample: int, correct: bool, seed: str) -> Rationale:
    text = f"We solve {problem.question}\nStep 1 ({seed}).\n'''\n[[Final Answer]]:\n${sample}$\n'''"
    verdict = "correct" if correct else ("unparsable" if sample % 7 == 6 else "incorrect")
    return Rationale(
        problem_id=problem.id,
        sample=sample,
        text=text,
        text_key=text_key(text),
        finish_reason="length" if verdict == "unparsable" else "stop",
        prompt_tokens=120,
        tokens=len(text),
        verdict=verdict,
        method="substitution" if correct else "numeric",
        answer=None if verdict == "unparsable" else str(sample),
        correct=correct,
    )


def made_up_score(rationale: Rationale, draw: random.Random) -> Score:
    lbt = draw.randint(0, 3) if not rationale.correct else draw.choice((0, 1, 4, 6, 8, 9))
    return Score(
        problem_id=rationale.problem_id,
        sample=rationale.sample,
        text_key=rationale.text_key,
        verdict=rationale.verdict,
        correct=rationale.correct,
        lbt=lbt / 9,
        score=0.5 * rationale.correct + 0.5 * lbt / 9,
        exam_answers=9,
        lbt_by_student=(lbt / 9,),
    )


def made_up_pair(
    arm: str, better: tuple[Rationale, Score], worse: tuple[Rationale, Score]
) -> Preference:
    return Preference(
        arm=arm,
        problem_id=better[0].problem_id,
        prompt="prompt",
        chosen=better[0].text,
        rejected=worse[0].text,
        chosen_sample=better[0].sample,
        rejected_sample=worse[0].sample,
        chosen_score=better[1].score,
        rejected_score=worse[1].score,
        chosen_lbt=better[1].lbt,
        rejected_lbt=worse[1].lbt,
        chosen_verdict=better[0].verdict,
        rejected_verdict=worse[0].verdict,
        gap=better[1].score - worse[1].score,
    )


def made_up_pairs(rationales: list[Rationale], scores: list[Score]) -> list[Preference]:
    both = list(zip(rationales, scores, strict=True))
    pairs = []
    for start in range(0, len(both), SAMPLES):
        ranked = sorted(both[start : start + SAMPLES], key=lambda pair: -pair[1].score)
        best, worst = ranked[0], ranked[-1]
        if best[1].score - worst[1].score > 0.3:
            pairs.append(made_up_pair("combined", best, worst))
        if best[0].correct and not worst[0].correct:
            pairs.append(made_up_pair("correctness", best, worst))
        pairs.append(made_up_pair("random", both[start], both[start + 1]))
    return pairs


def _checked(progress: float) -> dict[str, float]:
    return {"format_rate": 0.99, "validation_pass1": 0.3 + progress / 500}


def made_up_history(slope: float) -> list[dict[str, float]]:
    steps = range(0, 60, 5)
    return [
        {
            "step": step,
            "loss": 0.69 - slope * step / 60,
            "rewards/accuracies": 0.5 + slope * step / 60,
            "rewards/margins": 4 * slope * step / 60,
            "logps/chosen": -20 - step / 10,
            "logps/rejected": -22 - step / 3,
            "kl": 0.2 * slope * step,
        }
        | (_checked(slope * step) if step % 20 == 0 else {})
        for step in steps
    ]


def made_up_run() -> ReportInputs:
    draw = random.Random(7)
    train = [made_up_problem(i, "train", draw) for i in range(TRAIN)]
    test = [made_up_problem(i, "test", draw) for i in range(TEST)]
    rationales = [
        made_up_rationale(p, s, draw.random() < 0.4, f"sample {s}")
        for p in train
        for s in range(SAMPLES)
    ]
    scores = [made_up_score(r, draw) for r in rationales]
    exam = {p.id: (draw.randint(0, 40), 40) for p in train}
    return ReportInputs(
        run="made-up",
        base_model="example/tiny-llama",
        config={
            "seed": 0,
            "sampling": {"temperature": 0.7, "top_k": 20, "num_rationales": SAMPLES},
            "training": {"learning_rate": 2e-5, "beta": 0.1, "lora_r": 128},
        },
        problems=[*train, *test],
        rationales=rationales,
        scores=scores,
        preferences=made_up_pairs(rationales, scores),
        evaluations={
            arm: [made_up_rationale(p, 0, draw.random() < share, arm) for p in test]
            for arm, share in ARMS.items()
        },
        exams=ExamSummary(
            answers=2400,
            tokens=99_000,
            verdicts={"correct": 900, "incorrect": 1450, "undecided": 10, "unparsable": 40},
            finish_reasons={"stop": 2390, "length": 10},
            by_problem=exam,
        ),
        training_history={
            "tuned": made_up_history(0.5),
            "control:correctness": made_up_history(0.4),
            "control:random": made_up_history(0.05),
        },
        timings={
            "prepare": StageTiming(1.4, rows=210, shards=1),
            "sample": StageTiming(44.0, rows=480, tokens=61_000, shards=4),
            "examine": StageTiming(131.5, rows=2400, tokens=99_000, shards=4),
            "train/tuned": StageTiming(95.0, rows=60, shards=1),
            "evaluate": StageTiming(20.2, rows=600, tokens=50_000, shards=8),
        },
        versions={"lbt": "0.1.0", "torch": "2.13.0", "vllm": "0.32.0"},
        hardware="4 cores, 24 GiB, no GPU",
        engines=[
            {"engine": "vllm-0", "model": "tiny", "tokens": 80_500, "tokens/s": 6012.25},
            {"engine": "vllm-1", "model": "tiny", "tokens": 79_500, "tokens/s": 5988.5},
        ],
        warnings=["exams: part-00003.parquet was torn and is made again"],
        diagnostics=[Diagnostic("Exam diversity", "0.41", "Mean distance of exam problems.")],
        command="lbt run --profile demo --run made-up",
        created="2030-01-02T03:04:05+00:00",
    )


@pytest.fixture(scope="session")
def run() -> ReportInputs:
    return made_up_run()


@pytest.fixture(scope="session")
def bare(run: ReportInputs) -> ReportInputs:
    """The same run with nothing but problems."""
    return replace(
        ReportInputs(run="bare"),
        problems=run.problems,
    )
