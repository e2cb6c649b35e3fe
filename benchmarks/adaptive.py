"""What adaptive exams would have asked and kept, replayed on finished runs whose exams were full.

    python benchmarks/adaptive.py runs/demo [runs/rehearsal …] [--errors 0 0.05] [--rounds 3,1]
    python benchmarks/adaptive.py --profile rehearsal --problems 24 [--set seed=1]

The second samples and examines the first so many teaching problems of a profile here, in full
(transformers, one thread), and keeps nothing.

For every error and every way of cutting exams into rounds (answers of the first, of each later one)
a line: the share of exam answers, of tokens written and of tokens read that the rounds ask, and of
the pairs of the combined arm the share that is kept (95 % bootstrap interval over problems) and
that is new. Last line: JSON of the default setting, by run.
"""

import argparse
import json
import random
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from lbt_core.generation.engine import ERROR
from lbt_core.method.exams import score, set_exams
from lbt_core.method.preferences import PairSet, PreferenceSpec, build_pairs
from lbt_core.run.exam_config import ExamConfig
from lbt_core.run.exam_rounds import Answers, RoundPlanner, absorb, replayed
from lbt_core.run.preparation import design_exams
from lbt_core.run.record import RunStore
from lbt_core.run.results import exam_columns, stored_rationales
from lbt_core.run.session import Session
from lbt_core.run.status import open_plan
from lbt_core.store.rows import Problem, Rationale

DEFAULT = ExamConfig()
RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Replayed:
    """Shares of answers, tokens written and tokens read that were asked, and of pairs."""

    answers: float
    tokens: float
    prompt_tokens: float
    kept: float
    kept_low: float
    kept_high: float
    new: float
    pairs: int


@dataclass(frozen=True)
class Finished:
    """A finished run with full exams: its rows, and what each answer cost."""

    spec: PreferenceSpec
    taught: list[str]
    rationales: list[Rationale]
    planners: list[RoundPlanner]
    answers: Answers
    costs: dict[tuple[str, str, str, int], tuple[int, int]]

    def pairs_of(self, answers: Answers) -> PairSet:
        """The combined arm's pairs, were these the answers."""
        results = [
            (problem, key, "student", told)
            for (problem, key), of in answers.items()
            for told in of.values()
            if told is not None
        ]
        spec = self.spec
        scores = score(self.rationales, results, students=["student"], deduplicate=True, spec=spec)
        return build_pairs(scores, self.rationales, dict.fromkeys(self.taught, ""), spec)


def read(uri: str) -> Finished:
    """A run from its store; every problem counts as asked in full."""
    plan = open_plan(RunStore.open(uri))
    everything = frozenset(p.id for p in plan.problems["train"])
    answers: Answers = {}
    planners = []
    for index in range(len(plan.sample_shards)):
        made = plan.round_planner(index)
        planners.append(RoundPlanner(made.exams, made.rationales, made.exam, made.spec, everything))
        for path in plan.exam_paths(index):
            absorb(answers, plan.files, path)
    names = ["problem_id", "rationale_key", "exam_problem_id", "repetition"]
    rows = exam_columns(plan, [*names, "tokens", "prompt_tokens"])
    costs = {(p, k, q, r): (written, read_) for p, k, q, r, written, read_ in rows}
    return Finished(
        plan.pair_spec, sorted(everything), stored_rationales(plan), planners, answers, costs
    )


def live(profile: str, problems: int, overrides: Sequence[str] = ()) -> Finished:
    """The first problems of a profile, sampled and examined here."""
    import torch  # noqa: PLC0415 - heavy

    torch.set_num_threads(1)
    here = ["engines.kind=transformers", "engines.device=cpu"]
    with Session(profile, [*overrides, *here]) as lbt:
        config, taught = lbt.config, lbt.problems["train"][:problems]
        rationales = lbt.sample(taught)
        given = lbt.examine(rationales)
        by_id = {p.id: p for split in lbt.problems.values() for p in split}
        bank = lbt.problems[config.exam.bank]
    design: dict[str, list[Problem]] = {p.id: [] for p in taught}
    for place in design_exams(taught, bank, config):
        design[place.problem_id].append(by_id[place.exam_problem_id])
    exams = set_exams(rationales, by_id, design, deduplicate=True)
    spec = config.preferences
    spec = spec if spec.seed is not None else spec.model_copy(update={"seed": config.seed})
    everything = frozenset(design)
    planner = RoundPlanner(exams, rationales, config.exam, spec, everything)
    answers: Answers = {}
    costs = {}
    for row in given:
        key = (row.problem_id, row.rationale_key)
        told = None if row.finish_reason.startswith(ERROR) else row.correct
        answers.setdefault(key, {})[row.exam_problem_id, row.repetition] = told
        costs[(*key, row.exam_problem_id, row.repetition)] = (row.tokens, row.prompt_tokens)
    return Finished(spec, sorted(everything), rationales, [planner], answers, costs)


def replay(run: Finished, error: float, rounds: Sequence[int]) -> Replayed:
    """One setting, replayed."""
    told: Answers = {}
    changed = {"error": error, "first_round": rounds[0], "later_rounds": rounds[1]}
    for planner in run.planners:
        exam = planner.exam.model_copy(update=changed)
        again = RoundPlanner(planner.exams, planner.rationales, exam, planner.spec, planner.in_full)
        told |= replayed(again, run.answers)
    asked = [run.costs.get((p, k, q, r), (0, 0)) for (p, k), of in told.items() for q, r in of]
    full, part = run.pairs_of(run.answers), run.pairs_of(told)
    kept, new = _named(full) & _named(part), _named(part) - _named(full)
    low, high = _interval(_named(full), kept)
    return Replayed(
        answers=len(asked) / len(run.costs),
        tokens=sum(a for a, _ in asked) / sum(a for a, _ in run.costs.values()),
        prompt_tokens=sum(b for _, b in asked) / sum(b for _, b in run.costs.values()),
        kept=len(kept) / len(full.pairs),
        kept_low=low,
        kept_high=high,
        new=len(new) / max(1, len(part.pairs)),
        pairs=len(part.pairs),
    )


def _named(pairs: PairSet) -> set[tuple[str, int, int]]:
    return {(p.problem_id, p.chosen_sample, p.rejected_sample) for p in pairs.pairs}


def _interval(
    full: Iterable[tuple[str, int, int]], kept: Iterable[tuple[str, int, int]]
) -> tuple[float, float]:
    """95 % bootstrap interval over problems of the share of pairs that is kept."""
    of, still = Counter(p for p, _, _ in full), Counter(p for p, _, _ in kept)
    problems, draw = sorted(of), random.Random(0)
    shares = []
    for _ in range(RESAMPLES):
        chosen = draw.choices(problems, k=len(problems))
        shares.append(sum(still[p] for p in chosen) / sum(of[p] for p in chosen))
    shares.sort()
    return shares[round(0.025 * RESAMPLES)], shares[round(0.975 * RESAMPLES) - 1]


def main() -> None:
    """Replay the settings on the runs and print them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", nargs="*")
    parser.add_argument("--profile")
    parser.add_argument("--problems", type=int, default=24)
    parser.add_argument("--set", action="append", default=[], dest="overrides")
    errors = [0.0, 0.01, 0.02, 0.05, 0.1, 0.2]
    parser.add_argument("--errors", nargs="+", type=float, default=errors)
    cuts = [(DEFAULT.first_round, DEFAULT.later_rounds), (3, 3)]
    parser.add_argument(
        "--rounds", nargs="+", default=cuts, type=lambda t: tuple(map(int, t.split(",")))
    )
    asked = parser.parse_args()
    default = DEFAULT.error, (DEFAULT.first_round, DEFAULT.later_rounds)
    found = {}
    for uri in [*asked.runs, *([asked.profile] if asked.profile else [])]:
        run = read(uri) if uri in asked.runs else live(uri, asked.problems, asked.overrides)
        print(f"{uri}: {len(run.costs):,} answers, {len(run.pairs_of(run.answers).pairs):,} pairs")
        print("| rounds | error | answers | tokens written | read | pairs kept | new pairs |")
        print("|---|---|---|---|---|---|---|")
        for rounds in asked.rounds:
            for error in asked.errors:
                one = replay(run, error, rounds)
                print(
                    f"| {rounds[0]}, then {rounds[1]} | {error:g} | {one.answers:.1%} | "
                    f"{one.tokens:.1%} | {one.prompt_tokens:.1%} | {one.kept:.1%} "
                    f"[{one.kept_low:.1%}, {one.kept_high:.1%}] | {one.new:.1%} |",
                    flush=True,
                )
                if (error, tuple(rounds)) == default:
                    share = {"tokens": one.tokens, "pairs_kept": one.kept, "error": error}
                    found[uri] = {k: round(v, 4) for k, v in share.items()}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
