"""A whole run without a model: the real planner and row types, texts made up from a seed.

How right an answer is hangs on the problem and the text alone, as in a run; texts repeat as those
of a small model do.
"""

import random
from dataclasses import dataclass
from typing import Any

from lbt_core.method.prompts import Renderer, card_chat
from lbt_core.run.config import RunConfig, load_config
from lbt_core.run.plan import Plan, arm_folder, owed, resolve_identities
from lbt_core.run.preparation import design_exams, prepare
from lbt_core.run.record import RunStore
from lbt_core.run.results import compute_pairs, compute_scores, scores_digest, stored_rationales
from lbt_core.store import Shard, read_shard, write_shard
from lbt_core.store.rows import ExamAnswer, ExamLikelihood, Problem, Rationale, text_key

SMALL = (
    "corpus.generated.train=12",
    "corpus.generated.exam=30",
    "corpus.generated.validation=4",
    "corpus.generated.test=10",
    "sampling.num_rationales=6",
    "exam.problems=3",
    "exam.repetitions=2",
    "preferences.pairs=null",
    "shards.problems=5",
    "shards.evaluation_problems=6",
)


WORDS = 1
"""How many times longer than a small model's the rationales are."""


@dataclass(frozen=True)
class Made:
    """A made run: its store and its plan."""

    store: RunStore
    plan: Plan


def config_of(profile: str = "demo", *overrides: str) -> RunConfig:
    return load_config(profile, [*SMALL, *overrides] if profile == "demo" else overrides)


def make_run(
    uri: str, config: RunConfig, distinct: int = 4, texts: dict[str, str] | None = None
) -> Made:
    """Write every table of a run. ``distinct`` texts a problem; ``texts`` replaces the text of the
    first sample of the problems that it names."""
    store = RunStore.start(uri, config)
    store.settle_identities(resolve_identities(config))
    problems = prepare(config)
    plan = Plan(store.files, config, store.identities)
    for split, shard in plan.problem_shards().items():
        write_shard(store.files, shard, problems[split])
    plan = Plan(store.files, config, store.identities)
    bank = problems[config.exam.bank]
    write_shard(store.files, plan.design_shard(), design_exams(problems["train"], bank, config))
    for index, shard in enumerate(plan.sample_shards):
        rows = [
            _rationale(p, s, distinct, (texts or {}).get(p.id) if s == 0 else None)
            for p in plan.taught(index)
            for s in range(config.sampling.num_rationales)
        ]
        write_shard(store.files, shard, rows, {"finished": 1.0, "seconds": 1.0})
        while owed_exams := owed(store.files, plan.exam_shards(index)):  # rounds, where adaptive
            for exams in owed_exams:
                write_shard(store.files, exams, _answers(exams), {"finished": 1.0, "seconds": 1.0})
    _pairs(plan)
    return Made(store, plan)


def _pairs(plan: Plan) -> None:
    rationales = stored_rationales(plan)
    scores = compute_scores(plan, rationales)
    digest = scores_digest(scores)
    write_shard(plan.files, plan.score_shard(digest), scores)
    sets = compute_pairs(plan, Renderer(card_chat), rationales, scores)
    shard = plan.preference_shard(digest)
    write_shard(plan.files, shard, [pair for found in sets for pair in found.pairs])
    pairs = read_shard(plan.files, shard)
    arms = [None, *plan.config.arms]
    for arm in arms:
        mine = [p for p in pairs if p.arm == arm]
        mark = plan.training_fingerprint(mine) if arm else ""
        for index, one in enumerate(plan.evaluation_shards(arm, mark)):
            folder = arm_folder(arm) if arm else "base"
            rows = [_test(p, folder) for p in plan.tested(index)]
            write_shard(plan.files, one, rows, {"finished": 1.0, "seconds": 1.0})


def _draw(*key: object) -> random.Random:
    return random.Random("/".join(map(str, key)))


def _text(problem: Problem, draw: random.Random, right: bool) -> tuple[str, str]:
    """A text of a small model's length, and its answer."""
    answer = problem.answer if right else f"y = {draw.randint(2, 99)}*x"
    steps = " ".join(
        f"Step {i}: ${draw.randint(2, 9)} y + {draw.randint(2, 99)} = "
        f"\\frac{{{draw.randint(1, 9)}}}{{{draw.randint(2, 9)}}}$."
        for i in range(WORDS * draw.randint(3, 9))
    )
    return f"{steps}\n\n'''\n[[Final Answer]]:\n${answer}$\n'''", answer


def _rationale(problem: Problem, sample: int, distinct: int, given: str | None) -> Rationale:
    draw = _draw(problem.id, sample % distinct)
    right = draw.random() < 0.5
    text, answer = _text(problem, draw, right)
    return Rationale(
        problem_id=problem.id,
        sample=sample,
        text=given or text,
        text_key=text_key(given or text),
        finish_reason="length" if draw.random() < 0.05 else "stop",
        prompt_tokens=100,
        tokens=len(text) // 4,
        verdict="correct" if right else "incorrect",
        method="substitution",
        answer=answer,
        correct=right,
    )


def _answers(shard: Shard[Any]) -> list[Any]:
    if shard.row_type is ExamLikelihood:
        draws = [(key, _draw(*key)) for key in shard.keys or ()]
        return [
            ExamLikelihood(*key, "stop", 300, 40, -50 * draw.random(), -60 * draw.random())
            for key, draw in draws
        ]
    rows = []
    for key in shard.keys or ():
        problem, rationale, student, asked, repetition = key
        draw = _draw(*key)
        right = draw.random() < _draw(problem, rationale).random()
        text = f"By analogy, step {draw.randint(1, 999)}: [[Final Answer]]: ${draw.random():.6f}$"
        rows.append(
            ExamAnswer(
                problem_id=problem,
                rationale_key=rationale,
                student=student,
                exam_problem_id=asked,
                repetition=repetition,
                text=text,
                finish_reason="stop",
                prompt_tokens=300,
                tokens=40,
                verdict="correct" if right else "incorrect",
                method="numeric",
                answer=f"{draw.random():.6f}",
                correct=right,
            )
        )
    return rows


def _test(problem: Problem, arm: str) -> Rationale:
    row = _rationale(problem, 0, 1, f"{arm} answers: ${problem.answer}$")
    right = _draw(problem.id, arm).random() < (0.3 if arm == "base" else 0.6)
    verdict = "correct" if right else "incorrect"
    return Rationale(
        **{name: getattr(row, name) for name in row.__slots__}
        | {"verdict": verdict, "correct": right}
    )
