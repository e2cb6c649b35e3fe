"""Adaptive exams in rounds: which answers the next round asks, from the rows of those before.

Planning is pure: the same stored rows give the same rounds. A round is a shard of the rationale
shard it examines, so that no round waits for other rationales' exams; what it asks is part of its
fingerprint.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import pyarrow.parquet as pq

from lbt_core.generation.engine import ERROR
from lbt_core.method.adaptive import Sitting, ask_further
from lbt_core.method.exams import Exam, Place
from lbt_core.method.preferences import PreferenceSpec
from lbt_core.method.seeds import derive_seed
from lbt_core.run.exam_config import ExamConfig
from lbt_core.store import Files, Shard, inspect_shard
from lbt_core.store.read_errors import opened
from lbt_core.store.rows import ExamAnswer, Problem, Rationale

_COLUMNS = ["problem_id", "rationale_key", "exam_problem_id", "repetition"]

Answers: TypeAlias = dict[tuple[str, str], dict[tuple[str, int], bool | None]]
"""By problem and rationale key: by exam problem and repetition, right or wrong, or None where the
prompt could not be run."""


def asked_in_full(problems: Sequence[Problem], share: float, seed: int) -> frozenset[str]:
    """The teaching problems whose exams are asked in full: this share of them, at least one, in an
    order that the seed draws."""
    order = sorted(problems, key=lambda p: derive_seed(seed, "in full", p.id))
    return frozenset(p.id for p in order[: max(1, math.ceil(share * len(order)))])


def in_order(exam: Exam, repetitions: int) -> list[Place]:
    """An exam's answers in the order in which rounds ask them: every problem once, then again."""
    return [Place(exam, question, r) for r in range(repetitions) for question in exam.questions]


def round_of(number: int, exam: ExamConfig) -> tuple[int, int]:
    """Which answers of an exam's order a round asks, from and up to; empty past the last."""
    total = exam.problems * exam.repetitions
    start = exam.first_round + (number - 1) * exam.later_rounds if number else 0
    end = exam.first_round + number * exam.later_rounds
    return min(start, total), min(end, total)


@dataclass(frozen=True)
class RoundPlanner:
    """What decides on the rounds of one rationale shard.

    ``exams`` are those of the shard's texts, ``rationales`` its rows; ``spec`` carries the seed
    that pairs are drawn with.
    """

    exams: Sequence[Exam]
    rationales: Sequence[Rationale]
    exam: ExamConfig
    spec: PreferenceSpec
    in_full: frozenset[str]
    _exam_of: dict[tuple[str, str], Exam] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._exam_of.update({(e.problem.id, e.rationale_key): e for e in self.exams})

    def round(self, number: int, answers: Answers) -> list[Place]:
        """What round ``number`` asks, given the answers of the rounds before."""
        start, end = round_of(number, self.exam)
        if start == end:
            return []
        wanted = self._wanted(number, answers)
        places: list[Place] = []
        for key, exam in self._exam_of.items():
            order = in_order(exam, self.exam.repetitions)
            if exam.problem.id in self.in_full:
                places += order if number == 0 else []
            elif key in wanted:
                places += order[start:end]
        return places

    def replay(self, number: int, answers: Answers) -> list[Place]:
        """What round ``number`` would ask of the problems that are asked in full, were they not."""
        start, end = round_of(number, self.exam)
        wanted = self._wanted(number, answers, self.in_full)
        keys = [k for k in self._exam_of if k in wanted]
        order = {k: in_order(self._exam_of[k], self.exam.repetitions) for k in keys}
        return [place for k in keys for place in order[k][start:end]]

    def _wanted(
        self, number: int, answers: Answers, of: Iterable[str] | None = None
    ) -> set[tuple[str, str]]:
        start, _ = round_of(number, self.exam)
        total = self.exam.problems * self.exam.repetitions
        wanted: set[tuple[str, str]] = set()
        for problem, sittings in self._sittings(answers).items():
            if (problem in self.in_full) if of is None else (problem not in of):
                continue
            # one that was left out once has fewer answers, and stays out
            asked = {s.key for s in sittings if len(s.answers) == start}
            further = ask_further(problem, sittings, self.spec, total, self.exam.error)
            wanted |= {(problem, key) for key in further & asked}
        return wanted

    def _sittings(self, answers: Answers) -> dict[str, list[Sitting]]:
        """Of each problem, the texts that can be part of a pair, with their exams so far."""
        counts: dict[tuple[str, str], int] = defaultdict(int)
        first: dict[tuple[str, str], Rationale] = {}
        for rationale in sorted(self.rationales, key=lambda r: (r.problem_id, r.sample)):
            key = (rationale.problem_id, rationale.text_key)
            if rationale.finish_reason == "stop" and key in self._exam_of:
                counts[key] += 1
                first.setdefault(key, rationale)
        found: dict[str, list[Sitting]] = defaultdict(list)
        for key, rationale in first.items():
            given = answers.get(key, {})
            order = in_order(self._exam_of[key], self.exam.repetitions)
            places = [(place.question.id, place.repetition) for place in order]
            told = tuple(given[place] for place in places if place in given)
            found[key[0]].append(Sitting(key[1], rationale.correct, counts[key], told))
        return found


def absorb(answers: Answers, files: Files, path: str) -> None:
    """Add a stored round's answers. Raises OSError where it is damaged."""
    with opened(files, path) as file:
        parquet = pq.ParquetFile(file, page_checksum_verification=True)
        table = parquet.read(columns=[*_COLUMNS, "correct", "finish_reason"])
    rows = zip(*(table[name].to_pylist() for name in table.column_names), strict=True)
    for problem, key, question, repetition, correct, reason in rows:
        told = None if reason.startswith(ERROR) else bool(correct)
        answers.setdefault((problem, key), {})[question, repetition] = told


Make = Callable[[int, list[Place]], Shard[ExamAnswer]]


def rounds_so_far(planner: RoundPlanner, files: Files, make: Make) -> list[Shard[ExamAnswer]]:
    """The shards of the rounds that can be planned: those stored, and the one that is owed next.

    ``make`` gives the shard of a round and its places.
    """
    answers: Answers = {}
    shards: list[Shard[ExamAnswer]] = []
    while places := planner.round(len(shards), answers):
        shards.append(make(len(shards), places))
        try:
            if inspect_shard(files, shards[-1]).state != "whole":
                break
            absorb(answers, files, shards[-1].path)
        except OSError:  # whole by its footer, damaged within: it is made again first
            break
    return shards


def replayed(planner: RoundPlanner, answers: Answers) -> Answers:
    """Of the problems that were asked in full, the answers that rounds would have asked for."""
    told: Answers = {}
    number = 0
    while places := planner.replay(number, told):
        for place in places:
            key = (place.exam.problem.id, place.exam.rationale_key)
            asked = (place.question.id, place.repetition)
            told.setdefault(key, {})[asked] = answers[key][asked]
        number += 1
    return told
