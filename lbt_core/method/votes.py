"""Which answers to a problem are the same answer, so that votes are counted by meaning.

Right answers are one answer, by what "right" means. Wrong ones are compared with each other by the
grader, each taken as the reference in turn; an answer that it cannot judge is only the same as its
own text. Where no answer to a problem is right, no vote can be, and nothing is compared.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from lbt_core.method.prompts import final_answer_block
from lbt_core.method.sampling import GradeMany
from lbt_core.method.subject import Subject
from lbt_core.store.rows import Problem, Rationale

Equivalent = Callable[[str, str], bool]
"""Whether two answers to a problem are the same answer."""

_RIGHT = "correct"
_COMPARED = "incorrect"


@dataclass(frozen=True, slots=True)
class Voter:
    """One sampled rationale as a voter: its final answer (or None), its verdict, its LbT score."""

    answer: str | None
    correct: bool
    lbt: float = 0.0


@dataclass(frozen=True, slots=True)
class Ballot:
    """One problem's voters, in order of their samples, and which of their answers are the same."""

    problem_id: str
    voters: tuple[Voter, ...]
    same: Equivalent


def ballots(
    problems: Mapping[str, Problem],
    rationales: Sequence[Rationale],
    subject: Subject,
    grade: GradeMany,
    lbt: Mapping[tuple[str, int], float] | None = None,
    compared: int | None = None,
) -> list[Ballot]:
    """A ballot for each problem that has rationales, in order of appearance.

    ``lbt`` gives LbT scores by (problem id, sample); 0 where there is none. ``compared`` bounds how
    many wrong answers of a problem are compared, the most frequent first; the others are only the
    same as their own text. ``grade`` is called a few times with many items. Raises whatever it
    raises.
    """
    rows: dict[str, list[Rationale]] = {}
    for row in rationales:
        rows.setdefault(row.problem_id, []).append(row)
    answers = {p: _answers(of) for p, of in rows.items()}
    wrong = {p: frequent_wrong(of)[:compared] for p, of in rows.items()}
    labels = _labels(problems, answers, wrong, subject, grade)
    found = []
    for problem_id, of in rows.items():
        voters = tuple(
            Voter(_shown(r.answer), r.correct, (lbt or {}).get((problem_id, r.sample), 0.0))
            for r in sorted(of, key=lambda r: r.sample)
        )
        found.append(Ballot(problem_id, voters, _equivalence(labels[problem_id])))
    return found


def _shown(answer: str | None) -> str | None:
    return None if answer is None else " ".join(answer.split())


def _answers(rows: Sequence[Rationale]) -> dict[str, str]:
    """Verdict of each distinct answer, in order of appearance."""
    return {a: r.verdict for r in rows if (a := _shown(r.answer)) is not None}


def _equivalence(labels: Mapping[str, str]) -> Equivalent:
    return lambda first, second: labels[first] == labels[second]


def frequent_wrong(rows: Sequence[Rationale]) -> list[str]:
    """The distinct wrong answers that are worth comparing, the most frequent first; none where no
    answer is right."""
    if not any(r.verdict == _RIGHT for r in rows):
        return []
    counts = Counter(a for r in rows if r.verdict == _COMPARED and (a := _shown(r.answer)))
    return [answer for answer, _ in counts.most_common()]


def _labels(
    problems: Mapping[str, Problem],
    answers: Mapping[str, Mapping[str, str]],
    wrong: Mapping[str, Sequence[str]],
    subject: Subject,
    grade: GradeMany,
) -> dict[str, dict[str, str]]:
    """Each answer's representative: the first answer that it equals.

    Every round takes the first wrong answer of each problem that has no representative yet, and
    compares it with the others left of that problem, all problems at once.
    """
    labels = {
        problem_id: {a: _RIGHT if v == _RIGHT else f"wrong: {a}" for a, v in verdicts.items()}
        for problem_id, verdicts in answers.items()
    }
    left = {problem_id: list(of) for problem_id, of in wrong.items()}
    while left := {p: of for p, of in left.items() if len(of) > 1}:
        pairs = [(p, of[0], other) for p, of in left.items() for other in of[1:]]
        grades = grade(
            [
                (subject.with_answer(problems[p], one), final_answer_block(two))
                for p, one, two in pairs
            ]
        )
        left = {p: [] for p in left}
        for (problem_id, one, two), graded in zip(pairs, grades, strict=True):
            if graded.verdict == _RIGHT:
                labels[problem_id][two] = labels[problem_id][one]
            else:
                left[problem_id].append(two)
    return labels
