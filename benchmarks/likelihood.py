"""How likelihood scores go with sampled ones: the same rationales, scored both ways.

    python benchmarks/likelihood.py runs/demo runs/likelihood

Both runs must have the same rationales: the second can be made from a copy of the first's
problems, rationales, run.json and exams/design.parquet, with ``--set exam.scorer=likelihood``.
Prints Spearman's rank correlation over all texts, the mean of those within problems, the share of
pairs of texts of one problem that are ordered alike, how far each score tells right from wrong
rationales within problems (area under the ROC curve), and the pairs that both make. Last line JSON.
"""

import argparse
import json
from collections import defaultdict
from collections.abc import Sequence
from itertools import combinations
from statistics import fmean

from scipy.stats import spearmanr

from lbt_core.run.plan import Plan
from lbt_core.run.record import RunStore
from lbt_core.run.results import compute_scores, stored_rationales
from lbt_core.run.status import open_plan
from lbt_core.store.rows import Preference, Score, from_table
from lbt_core.store.shards import read_table

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


def pairs(plan: Plan) -> set[tuple[str, int, int]]:
    """The combined arm's stored pairs."""
    rows = from_table(read_table(plan.files, "preferences.parquet"), Preference)
    return {(r.problem_id, r.chosen_sample, r.rejected_sample) for r in rows if r.arm == "combined"}


def main() -> None:
    """Compare two runs and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sampled")
    parser.add_argument("likelihood")
    asked = parser.parse_args()
    plans = [open_plan(RunStore.open(uri)) for uri in (asked.sampled, asked.likelihood)]
    rows = [compute_scores(plan, stored_rationales(plan)) for plan in plans]
    problems = {p.id for p in plans[0].problems["train"]}
    found = compare(*(texts(scores, problems) for scores in rows))
    both, other = (pairs(plan) for plan in plans)
    found["pairs_alike"] = round(len(both & other) / len(both), 4)
    for name, value in found.items():
        print(f"{name:18} {value}")
    print(json.dumps(found))


if __name__ == "__main__":
    main()
