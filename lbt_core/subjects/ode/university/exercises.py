"""The corpus: exercises drawn from all families in turn, proven, without duplicates, split without
leaks, to an exact size."""

import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from lbt_core.corpora.importing.tree import latex_join
from lbt_core.subjects.ode.problem import OdeProblem
from lbt_core.subjects.ode.same_problem import duplicate_keys, leak_keys
from lbt_core.subjects.ode.university.families import FAMILIES
from lbt_core.subjects.ode.university.family import Exercise, Family, Question, identity

PROBLEMS, TEST = 1505, 305
NAME, LICENSE = "university", "Apache-2.0"
ATTEMPTS = 60
MAX_PER_EQUATION = 3


@dataclass(frozen=True, slots=True)
class Placed:
    """An exercise of the corpus with its family and number in it, flattened: the stem in front of
    each part."""

    family: Family
    number: int
    exercise: Exercise
    problems: tuple[OdeProblem, ...]
    split: str = "train"

    @property
    def id(self) -> str:
        """Identity in the corpus: family and number."""
        return _id(self.family, self.number)

    @property
    def identities(self) -> list[str]:
        """What each question is about, whatever its notation."""
        return [identity(q.claim) for q in self.exercise.questions]


def place(family: Family, number: int, exercise: Exercise) -> Placed:
    """An exercise with its questions as problems."""
    parent = _id(family, number)
    alone = not exercise.stem
    problems = tuple(
        OdeProblem(
            id=parent if alone else parent + _label(i),
            question=question.text if alone else latex_join([exercise.stem, question.text]),
            answer=question.answer,
            topic=family.topic,
            family=family.name,
            kind=question.kind,
            ode=question.ode,
            ics=question.ics,
            func=question.func,
            solution=question.solution,
            parent=None if alone else parent,
        )
        for i, question in enumerate(exercise.questions)
    )
    return Placed(family, number, exercise, problems)


def _id(family: Family, number: int) -> str:
    return f"{family.name}-{number:03d}"


def _label(i: int) -> str:
    return "abcdefgh"[i]


class _Shelf:
    """What has been accepted so far: texts and equations with conditions, and how often an equation
    came."""

    def __init__(self) -> None:
        self.seen: set[str] = set()
        self.equations: Counter[str] = Counter()

    def takes(self, placed: Placed) -> bool:
        """Accept an exercise that is new; one with several equations must bring only equations not
        met before."""
        identities = set(placed.identities)
        limit = MAX_PER_EQUATION if len(identities) == 1 else 1
        if any(self.equations[i] >= limit for i in identities):
            return False
        own: set[str] = set()
        for problem, question in zip(placed.problems, placed.exercise.questions, strict=True):
            keys = {*duplicate_keys(problem), _content(question)}
            if keys & self.seen or keys & own:
                return False
            own |= keys
        if not all(q.claim.holds() for q in placed.exercise.questions):
            raise AssertionError(f"{placed.id}: an answer is not proven")
        self.seen |= own
        self.equations.update(identities)
        return True


def _content(question: Question) -> str:
    """What is asked and answered, without wording and letters: the same problem told differently is
    a duplicate."""
    claim = question.claim
    conditions = [
        (order, str(at), str(value)) for order, at, value in getattr(claim, "conditions", ())
    ]
    shown = "" if question.ode is not None else question.answer
    return f"x:{question.kind}:{identity(claim)}:{conditions}:{shown}"


def exercises(seed: int = 0, problems: int = PROBLEMS, test: int = TEST) -> list[Placed]:
    """Exercises of exactly that many questions, a part of them for the test; the same for the same
    arguments.

    The families take turns, each with its own random numbers, so that all come out about equally
    often.
    """
    shelf, placed, total = _Shelf(), [], 0
    streams = {f.name: random.Random(f"{seed}/{f.name}") for f in FAMILIES}
    numbers: Counter[str] = Counter()
    active = list(FAMILIES)
    while total < problems and active:
        for family in list(active):
            found = _next(family, streams[family.name], numbers, shelf, problems - total)
            if found is None:
                active.remove(family)
                continue
            placed.append(found)
            total += len(found.exercise.questions)
            if total == problems:
                break
    if total != problems:
        raise AssertionError(f"the families gave {total} of {problems} questions")
    order = {family.name: i for i, family in enumerate(FAMILIES)}
    placed.sort(key=lambda p: (order[p.family.name], p.number))
    return _split(placed, random.Random(f"{seed}/split"), problems, test)


def _next(
    family: Family, rng: random.Random, numbers: Counter[str], shelf: _Shelf, room: int
) -> Placed | None:
    for _ in range(ATTEMPTS):
        exercise = family.build(rng)
        if len(exercise.questions) > room:
            continue
        candidate = place(family, numbers[family.name] + 1, exercise)
        if shelf.takes(candidate):
            numbers[family.name] += 1
            return candidate
    return None


def _split(placed: Sequence[Placed], rng: random.Random, problems: int, test: int) -> list[Placed]:
    """Exactly ``test`` questions of the topics in proportion; exercises that share a text or an
    equation stay together."""
    groups = _groups(placed)
    size = {
        key: sum(len(placed[i].exercise.questions) for i in members)
        for key, members in groups.items()
    }
    topic = {key: placed[members[0]].family.topic for key, members in groups.items()}
    totals: Counter[str] = Counter()
    for key in groups:
        totals[topic[key]] += size[key]
    order = list(groups)
    rng.shuffle(order)
    room = {name: round(count * test / problems) for name, count in totals.items()}
    chosen: set[int] = set()
    left = test
    for strict in (True, False):
        for key in order:
            fits = size[key] <= (min(room[topic[key]], left) if strict else left)
            if key not in chosen and fits:
                chosen.add(key)
                room[topic[key]] -= size[key]
                left -= size[key]
    if left:
        raise AssertionError(f"the test set is {left} questions short")
    inside = {i for key in chosen for i in groups[key]}
    return [replace(p, split="test" if i in inside else "train") for i, p in enumerate(placed)]


def _groups(placed: Sequence[Placed]) -> dict[int, list[int]]:
    """Connected groups of exercises that share a key, by their first member."""
    root = list(range(len(placed)))

    def find(i: int) -> int:
        while root[i] != i:
            i = root[i]
        return i

    owner: dict[str, int] = {}
    for i, item in enumerate(placed):
        keys = {key for problem in item.problems for key in leak_keys(problem)}
        keys |= set(item.identities)
        for key in sorted(keys):
            a, b = sorted((find(owner.setdefault(key, i)), find(i)))
            root[b] = a
    groups: dict[int, list[int]] = defaultdict(list)
    for i in range(len(placed)):
        groups[find(i)].append(i)
    return dict(groups)


def raw(placed: Sequence[Placed]) -> dict[str, Any]:
    """The corpus as a textbook has it: chapters, sections, exercises with parts; what ``lbt corpus
    import`` reads."""
    chapters: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for item in placed:
        sections = chapters.setdefault(item.family.chapter, {})
        sections.setdefault(item.family.topic, []).append(_raw_exercise(item))
    return {
        "name": NAME,
        "license": LICENSE,
        "chapters": [
            {
                "title": chapter,
                "sections": [
                    {"title": title, "exercises": rows} for title, rows in sections.items()
                ],
            }
            for chapter, sections in chapters.items()
        ],
    }


def _raw_exercise(item: Placed) -> dict[str, Any]:
    problems = item.problems
    out: dict[str, Any] = {
        "id": item.id,
        "topic": item.family.topic,
        "family": item.family.name,
        "split": item.split,
    }
    if not item.exercise.stem:
        return out | {"stem": problems[0].question, "parts": []} | _raw_answer(problems[0])
    parts = [
        {"label": _label(i), "text": question.text} | _raw_answer(problem)
        for i, (question, problem) in enumerate(zip(item.exercise.questions, problems, strict=True))
    ]
    return out | {"stem": item.exercise.stem, "parts": parts}


def _raw_answer(problem: OdeProblem) -> dict[str, Any]:
    out: dict[str, Any] = {
        "answer": problem.answer,
        "solution": problem.solution,
        "kind": problem.kind,
    }
    if problem.ode is not None:
        out |= {"ode": problem.ode, "func": problem.func}
        out["ics"] = [[c.order, c.at, c.value] for c in problem.ics]
    return out
