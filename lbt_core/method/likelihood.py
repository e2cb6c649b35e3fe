"""Exams without answers: how much a rationale raises the log-probability of what is right.

Of every exam problem the student's log-probability of the reference is taken with the rationale
shown, minus that without, per token of the reference: one reading, nothing written
(``exam.scorer: likelihood``). Sources of the idea: arXiv 2506.08388, 2601.14249.

The reference is the exam problem's answer after the header of the final-answer block, so that every
corpus has one; or its worked solution with that block after it.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lbt_core.generation import Request, Settings
from lbt_core.generation.engine import ERROR
from lbt_core.method.exams import Place, rationale_key, scored, shown_example
from lbt_core.method.preferences import PreferenceSpec
from lbt_core.method.prompts import Renderer, final_answer_block
from lbt_core.method.sampling import ExtractMany, Generate
from lbt_core.store.rows import ExamLikelihood, Problem, Rationale, Score

Reference = Literal["answer", "solution"]
UNAIDED = "unaided"
_ONE_READING = Settings(temperature=0.0, top_k=0, top_p=1.0, max_new_tokens=1)


def reference_of(problem: Problem, reference: Reference) -> tuple[str, str]:
    """What is read before the reference, and the reference itself.

    Raises ValueError where a solution is wanted and the problem has none.
    """
    block = final_answer_block(problem.answer)
    if reference == "answer":
        lead, _, _ = block.partition(problem.answer)
        return lead, block.removeprefix(lead)
    if not (problem.solution or "").strip():
        raise ValueError(f"problem {problem.id} has no worked solution")
    return "", f"{(problem.solution or '').strip()}\n\n{block}"


def weigh(
    places: Sequence[Place],
    *,
    student: str,
    reference: Reference,
    renderer: Renderer,
    generate: Generate,
    extract: ExtractMany,
) -> list[ExamLikelihood]:
    """The exams' references weighed by one student, with each rationale and without any.

    ``generate`` must understand requests with a continuation. Raises what it and ``extract`` raise.
    """
    exams = list({(p.exam.problem.id, p.exam.rationale_key): p.exam for p in places}.values())
    found = extract([exam.text for exam in exams])
    examples = {
        (e.problem.id, e.rationale_key): shown_example(e.problem, f)
        for e, f in zip(exams, found, strict=True)
    }
    questions = {place.question.id: place.question for place in places}
    requests = [
        _request(f"{UNAIDED}/{q.id}", renderer.question(q.question), q, reference)
        for q in questions.values()
    ]
    keys = [place.key(student) for place in places]
    requests += [
        _request(
            "/".join(map(str, key)),
            renderer.one_shot(examples[key[:2]], place.question.question),
            place.question,
            reference,
        )
        for key, place in zip(keys, places, strict=True)
    ]
    read = generate(requests)
    unaided = dict(zip(questions, read, strict=False))
    rows = []
    for key, one in zip(keys, read[len(questions) :], strict=True):
        alone = unaided[key[3]]
        failed = next((c for c in (one, alone) if c.logprob is None or not c.tokens), None)
        rows.append(
            ExamLikelihood(
                *key,
                finish_reason=one.finish_reason if failed is None else _why(failed.finish_reason),
                prompt_tokens=one.prompt_tokens,
                tokens=one.tokens,
                logprob=0.0 if failed is not None else (one.logprob or 0.0),
                unaided=0.0 if failed is not None else (alone.logprob or 0.0),
            )
        )
    return rows


def _why(reason: str) -> str:
    return reason if reason.startswith(ERROR) else f"{ERROR}no log-probability came back"


def _request(name: str, prompt: str, question: Problem, reference: Reference) -> Request:
    lead, wanted = reference_of(question, reference)
    return Request(name, prompt + lead, 0, _ONE_READING, continuation=wanted)


def score_likelihoods(
    rationales: Iterable[Rationale],
    gains: Iterable[tuple[str, str, str, float]],
    *,
    students: Sequence[str],
    deduplicate: bool,
    spec: PreferenceSpec,
) -> list[Score]:
    """Scores of the rationales from the gains of their exams.

    ``gains`` are (problem id, rationale key, student, nats per token), one for each reference. A
    text's gain is the mean over its exam. Its LbT score is the share of all texts whose gain, less
    the mean of their problem's, is lower, ties counted by half: in [0, 1] as an accuracy is, with
    large gaps only between gains that are far apart among those of the run. A problem's texts that
    are all alike score alike. Texts without a gain score 0, and ``exam_answers`` says so.
    """
    found: dict[tuple[str, str, str], list[float]] = defaultdict(list)
    for problem_id, key, student, gain in gains:
        found[problem_id, key, student].append(gain)
    placed = {student: _placed(found, student) for student in students}
    scores = []
    for rationale in rationales:
        text = (rationale.problem_id, rationale_key(rationale, deduplicate))
        marks = [placed[s].get(text) for s in students]
        answers = sum(len(found.get((*text, s), ())) for s in students)
        scores.append(scored(rationale, marks, answers, spec))
    return scores


def _placed(
    found: Mapping[tuple[str, str, str], Sequence[float]], student: str
) -> dict[tuple[str, str], float]:
    """Of each text that a student has weighed, its place among all of them, in [0, 1]."""
    means = {(p, k): fmean(of) for (p, k, s), of in found.items() if s == student}
    by_problem: dict[str, list[float]] = defaultdict(list)
    for (problem_id, _), mean in means.items():
        by_problem[problem_id].append(mean)
    centre = {problem_id: fmean(of) for problem_id, of in by_problem.items()}
    # Rounded: what differs in the last digits alone is the same
    gains = {key: round(mean - centre[key[0]], 9) for key, mean in means.items()}
    ordered: NDArray[np.float64] = np.sort(np.array(list(gains.values())))
    below = {k: int(np.searchsorted(ordered, g, side="left")) for k, g in gains.items()}
    upto = {k: int(np.searchsorted(ordered, g, side="right")) for k, g in gains.items()}
    return {k: (below[k] + upto[k]) / (2 * len(ordered)) for k in gains}
