"""How likelihood scores go with sampled ones: the same rationales, scored both ways.

    python benchmarks/likelihood.py runs/demo [--problems 24] [--worked]
    python benchmarks/likelihood.py runs/demo --against runs/likelihood

A finished run with sampled exams is read, and the references of its first problems' exams are
weighed here (transformers, one thread), or read from another run on the same rationales.
``--worked`` takes the demo corpus's worked solutions as references (benchmarks/worked_corpus.py).
Prints Spearman's rank correlation over all texts, the mean of those within problems, the share of
pairs of texts of one problem that are ordered alike, and how far each score tells right from wrong
texts within problems (area under the ROC curve). Last line JSON.
"""

import argparse
import json
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from statistics import fmean

from scipy.stats import spearmanr
from worked_corpus import worked  # beside this file

from lbt_core.generation import build_engine
from lbt_core.method.exams import exam_places, set_exams
from lbt_core.method.likelihood import score_likelihoods, weigh
from lbt_core.run.engine_config import EngineConfig
from lbt_core.run.engine_spec import engine_spec
from lbt_core.run.plan import Plan, model_path
from lbt_core.run.record import RunStore
from lbt_core.run.rendering import build_renderer
from lbt_core.run.results import compute_scores, stored_rationales
from lbt_core.run.status import open_plan
from lbt_core.store.rows import Rationale, Score

By = dict[str, dict[str, Score]]


def texts(scores: Sequence[Score], problems: set[str]) -> By:
    """Of each problem, one score for each distinct text that was examined."""
    found: By = defaultdict(dict)
    for score in scores:
        if score.exam_answers and score.problem_id in problems:
            found[score.problem_id].setdefault(score.text_key, score)
    return found


def compare(sampled: By, weighed: By) -> dict[str, float]:
    """The figures, over the texts that both have."""
    both = [
        (p, sampled[p][k], weighed[p][k]) for p in sampled for k in sampled[p] if k in weighed[p]
    ]
    overall = spearmanr([a.lbt for _, a, _ in both], [b.lbt for _, _, b in both]).statistic
    of: dict[str, list[tuple[Score, Score]]] = defaultdict(list)
    for problem, a, b in both:
        of[problem].append((a, b))
    within, alike = [], []
    for rows in of.values():
        x, y = [a.lbt for a, _ in rows], [b.lbt for _, b in rows]
        if len(set(x)) > 1 and len(set(y)) > 1:
            within.append(float(spearmanr(x, y).statistic))
        for (a, c), (b, d) in combinations(rows, 2):
            if a.lbt != b.lbt:
                alike.append((a.lbt - b.lbt) * (c.lbt - d.lbt) > 0)
    return {
        "texts": len(both),
        "spearman": round(float(overall), 4),
        "spearman_within": round(fmean(within), 4),
        "ordered_alike": round(fmean(alike), 4),
        "auc_sampled": round(_auc([[a for a, _ in rows] for rows in of.values()]), 4),
        "auc_likelihood": round(_auc([[b for _, b in rows] for rows in of.values()]), 4),
    }


def _auc(problems: Sequence[Sequence[Score]]) -> float:
    """Share of right and wrong texts of one problem of which the right one scores higher, ties
    counted by half."""
    won = [
        (a.lbt > b.lbt) + 0.5 * (a.lbt == b.lbt)
        for rows in problems
        for a in rows
        for b in rows
        if a.correct and not b.correct
    ]
    return fmean(won)


def weighed(plan: Plan, rationales: Sequence[Rationale], by_solution: bool) -> list[Score]:
    """Likelihood scores of these rationales by the run's own student."""
    import torch  # noqa: PLC0415 - heavy

    torch.set_num_threads(1)
    student = plan.config.student_models()[0]
    engine = build_engine(engine_spec(student, EngineConfig(kind="transformers"), "cpu", 0))
    exams = set_exams(rationales, plan.problem_by_id, plan.design, deduplicate=True)
    if by_solution:
        known = {p.id: p for p in worked(plan.config.seed)["exam"]}
        solved = {p: known.get(p, q) for p, q in plan.problem_by_id.items()}
        exams = [replace(e, questions=tuple(solved[q.id] for q in e.questions)) for e in exams]
    subject = plan.subject
    started = time.monotonic()
    rows = weigh(
        exam_places(exams, 1),
        student="s",
        reference="solution" if by_solution else "answer",
        renderer=build_renderer(plan.config.prompt, model_path(student), student.revision),
        generate=engine.generate,
        extract=lambda found: [subject.extract(text) for text in found],
    )
    print(f"{len(rows):,} references weighed in {time.monotonic() - started:.1f} s")
    gains = [
        (r.problem_id, r.rationale_key, "s", (r.logprob - r.unaided) / r.tokens)
        for r in rows
        if r.tokens
    ]
    spec = plan.config.preferences
    return score_likelihoods(rationales, gains, students=["s"], deduplicate=True, spec=spec)


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run")
    parser.add_argument("--problems", type=int, default=24)
    parser.add_argument("--worked", action="store_true")
    parser.add_argument("--against")
    asked = parser.parse_args()
    plan = open_plan(RunStore.open(asked.run))
    rationales = stored_rationales(plan)
    sampled = compute_scores(plan, rationales)
    problems = {p.id for p in plan.problems["train"]}
    if asked.against:
        other = open_plan(RunStore.open(asked.against))
        scores = compute_scores(other, stored_rationales(other))
    else:
        problems = {p.id for p in plan.problems["train"][: asked.problems]}
        mine = [r for r in rationales if r.problem_id in problems]
        scores = weighed(plan, mine, asked.worked)
    found = compare(texts(sampled, problems), texts(scores, problems))
    for name, value in found.items():
        print(f"{name:18} {value}")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
