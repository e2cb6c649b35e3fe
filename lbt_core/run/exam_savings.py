"""What adaptive exams saved, and what share of pairs they kept where exams were asked in full."""

from collections.abc import Sequence
from dataclasses import dataclass

from lbt_core.method.exams import score
from lbt_core.method.preferences import build_pairs
from lbt_core.run.exam_rounds import Answers, absorb, replayed
from lbt_core.run.plan import Plan, student_labels
from lbt_core.store.rows import Rationale


@dataclass(frozen=True, slots=True)
class Savings:
    """Exam answers asked, and of full exams; on the sample of ``problems`` asked in full, how many
    of the answers rounds would have asked, how many pairs of the combined arm the full exams make
    (of as many as the sample's share of the run's), and how many of these rounds would have kept.
    """

    asked: int
    full: int
    problems: int
    sample_asked: int
    sample_full: int
    sample_pairs: int
    sample_kept: int


def savings(plan: Plan, rationales: Sequence[Rationale]) -> Savings:
    """Count them, from the store. Raises OSError where a round is not stored."""
    answers: Answers = {}
    told: Answers = {}
    asked = full = 0
    each = plan.config.exam.problems * plan.config.exam.repetitions
    for index in range(len(plan.sample_shards)):
        planner = plan.round_planner(index)
        here: Answers = {}
        for path in plan.exam_paths(index):
            absorb(here, plan.files, path)
        asked += sum(map(len, here.values()))
        full += each * len(planner.exams)
        answers |= {k: of for k, of in here.items() if k[0] in plan.in_full}
        told |= replayed(planner, here)
    mine = [r for r in rationales if r.problem_id in plan.in_full]
    whole, part = _pairs(plan, mine, answers), _pairs(plan, mine, told)
    return Savings(
        asked=asked,
        full=full,
        problems=len(plan.in_full),
        sample_asked=sum(map(len, told.values())),
        sample_full=sum(map(len, answers.values())),
        sample_pairs=len(whole),
        sample_kept=len(whole & part),
    )


def _pairs(
    plan: Plan, rationales: Sequence[Rationale], answers: Answers
) -> set[tuple[str, int, int]]:
    """The combined arm's pairs of some problems, were these the answers."""
    (student,) = student_labels(plan.config)
    results = [
        (problem, key, student, right)
        for (problem, key), of in answers.items()
        for right in of.values()
        if right is not None
    ]
    spec, share = plan.pair_spec, len(plan.in_full) / len(plan.problems["train"])
    if spec.pairs is not None:
        spec = spec.model_copy(update={"pairs": max(1, round(share * spec.pairs))})
    scores = score(rationales, results, students=[student], deduplicate=True, spec=spec)
    prompts = dict.fromkeys(plan.in_full, "")
    found = build_pairs(scores, rationales, prompts, spec).pairs
    return {(p.problem_id, p.chosen_sample, p.rejected_sample) for p in found}
