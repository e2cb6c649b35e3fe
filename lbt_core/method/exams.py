"""Exams: a student reads one rationale as its only example and answers similar problems.

LbT score of a rationale = the student's accuracy over its exam, averaged over students (arXiv
2406.14629, section 3). Which problems make the exam is the design, chosen once per run by
similarity (``lbt_core.method.similarity``); a problem and its duplicates are never in their own
exam.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from lbt_core.generation import Request, Settings
from lbt_core.generation.engine import ERROR
from lbt_core.method.extraction import Extraction
from lbt_core.method.preferences import PreferenceSpec, combined_score
from lbt_core.method.prompts import Example, Renderer
from lbt_core.method.sampling import ExtractMany, Generate, GradeMany
from lbt_core.method.seeds import derive_seed
from lbt_core.store.rows import ExamAnswer, Problem, Rationale, Score

AnswerKey: TypeAlias = tuple[str, str, str, str, int]
"""Problem, rationale key, student, exam problem, repetition."""


@dataclass(frozen=True, slots=True)
class Exam:
    """The exam of one text: the taught problem, the rationale that is shown, the problems asked."""

    problem: Problem
    rationale_key: str
    text: str
    questions: tuple[Problem, ...]


def rationale_key(rationale: Rationale, deduplicate: bool) -> str:
    """What exam answers name their rationale by: its text, or text and sample where each has its
    own."""
    return rationale.text_key if deduplicate else f"{rationale.text_key}-{rationale.sample}"


def shown_example(problem: Problem, found: Extraction) -> Example:
    """A rationale as the student sees it: its final-answer block once, or not at all where it has
    none.

    What the grader makes out in a text without a marked answer is a guess at its last line: shown
    in a block, it would teach an answer that the teacher never gave.
    """
    return Example(problem.question, found.reasoning, found.answer if found.marked else None)


def set_exams(
    rationales: Sequence[Rationale],
    problems: Mapping[str, Problem],
    design: Mapping[str, Sequence[Problem]],
    deduplicate: bool,
) -> list[Exam]:
    """One exam per distinct text of each problem (or per rationale), in order of appearance.

    ``design`` maps a problem id to its exam problems. Rationales whose prompt could not be run
    taught nothing and get no exam.
    """
    exams: dict[tuple[str, str], Exam] = {}
    for rationale in rationales:
        key = (rationale.problem_id, rationale_key(rationale, deduplicate))
        if key in exams or rationale.finish_reason.startswith(ERROR):
            continue
        problem = problems[rationale.problem_id]
        exams[key] = Exam(problem, key[1], rationale.text, tuple(design[rationale.problem_id]))
    return list(exams.values())


@dataclass(frozen=True, slots=True)
class Place:
    """One answer of an exam: which problem it asks, and which of its repetitions this is."""

    exam: Exam
    question: Problem
    repetition: int

    def key(self, student: str) -> AnswerKey:
        """The key of the answer that this student gives."""
        exam = self.exam
        return (exam.problem.id, exam.rationale_key, student, self.question.id, self.repetition)


def exam_places(exams: Iterable[Exam], repetitions: int) -> list[Place]:
    """Every answer of the exams, in the order in which they are asked."""
    return [
        Place(exam, question, repetition)
        for exam in exams
        for question in exam.questions
        for repetition in range(repetitions)
    ]


def exam_keys(exams: Iterable[Exam], student: str, repetitions: int) -> list[AnswerKey]:
    """Keys of the answers that the exams will give, in the order in which they are asked."""
    return [place.key(student) for place in exam_places(exams, repetitions)]


def examine(
    exams: Sequence[Exam],
    *,
    student: str,
    repetitions: int,
    settings: Settings,
    renderer: Renderer,
    seed: int,
    generate: Generate,
    grade: GradeMany,
    extract: ExtractMany,
) -> list[ExamAnswer]:
    """Every exam answered in full by one student and graded (``answer``)."""
    return answer(
        exam_places(exams, repetitions),
        student=student,
        settings=settings,
        renderer=renderer,
        seed=seed,
        generate=generate,
        grade=grade,
        extract=extract,
    )


def answer(
    places: Sequence[Place],
    *,
    student: str,
    settings: Settings,
    renderer: Renderer,
    seed: int,
    generate: Generate,
    grade: GradeMany,
    extract: ExtractMany,
) -> list[ExamAnswer]:
    """These answers of one student, graded; ``extract`` splits the texts that are shown into
    reasoning and answer.

    Prompts of one rationale follow each other where its places do, so that an engine reuses their
    common prefix. Raises whatever ``generate``, ``grade`` and ``extract`` raise.
    """
    exams = list({(p.exam.problem.id, p.exam.rationale_key): p.exam for p in places}.values())
    found = extract([exam.text for exam in exams])
    examples = {
        (e.problem.id, e.rationale_key): shown_example(e.problem, f)
        for e, f in zip(exams, found, strict=True)
    }
    keys = [place.key(student) for place in places]
    requests = [
        Request(
            id="/".join(map(str, key)),
            prompt=renderer.one_shot(examples[key[:2]], place.question.question),
            seed=derive_seed(seed, *key),
            settings=settings,
        )
        for key, place in zip(keys, places, strict=True)
    ]
    completions = generate(requests)
    grades = grade([(p.question, c.text) for p, c in zip(places, completions, strict=True)])
    return [
        ExamAnswer(
            *key,
            text=completion.text,
            finish_reason=completion.finish_reason,
            prompt_tokens=completion.prompt_tokens,
            tokens=completion.tokens,
            verdict=graded.verdict,
            method=graded.method,
            answer=graded.answer,
            correct=graded.verdict == "correct",
        )
        for key, completion, graded in zip(keys, completions, grades, strict=True)
    ]


def score(
    rationales: Iterable[Rationale],
    results: Iterable[tuple[str, str, str, bool]],
    *,
    students: Sequence[str],
    deduplicate: bool,
    spec: PreferenceSpec,
) -> list[Score]:
    """Scores of the rationales from the results of their exams.

    ``results`` are (problem id, rationale key, student, correct), one per exam answer, without the
    prompts that could not be run. The score is the mean over the students that answered; without
    any (the rationale's own prompt, or all of its exam's, could not be run) it is 0 and
    ``exam_answers`` says so.
    """
    tally: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0, 0])
    for problem_id, key, student, correct in results:
        counts = tally[problem_id, key, student]
        counts[0] += correct
        counts[1] += 1
    scores = []
    for rationale in rationales:
        key = rationale_key(rationale, deduplicate)
        counted = [tally.get((rationale.problem_id, key, s), [0, 0]) for s in students]
        marks = [right / asked if asked else None for right, asked in counted]
        scores.append(scored(rationale, marks, sum(asked for _, asked in counted), spec))
    return scores


def scored(
    rationale: Rationale, marks: Sequence[float | None], exam_answers: int, spec: PreferenceSpec
) -> Score:
    """A rationale's score from one mark in [0, 1] a student, None where that one did not answer."""
    answered = [mark for mark in marks if mark is not None]
    lbt = sum(answered) / len(answered) if answered else 0.0
    return Score(
        problem_id=rationale.problem_id,
        sample=rationale.sample,
        text_key=rationale.text_key,
        verdict=rationale.verdict,
        correct=rationale.correct,
        lbt=lbt,
        score=combined_score(rationale.correct, lbt, spec),
        exam_answers=exam_answers,
        lbt_by_student=tuple(mark or 0.0 for mark in marks),
    )
