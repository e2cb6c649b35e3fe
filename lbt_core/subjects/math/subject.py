"""What problems with short final answers promise the method."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from lbt_core.method.extraction import Extraction
from lbt_core.method.sameness import text_keys
from lbt_core.method.subject import CorpusRequest, Purpose, Subject
from lbt_core.store.rows import Problem
from lbt_core.subjects.math import arithmetic, verification
from lbt_core.subjects.math.answers import final_answer
from lbt_core.subjects.math.arithmetic.corpus import SOURCE
from lbt_core.subjects.math.grading import grade_answer
from lbt_core.subjects.math.records import known_shape

_SMALL = 20_000


class MathSubject(Subject):
    """Problems whose answer is a number, a fraction, an expression, a choice or a word."""

    name = "math"
    title = "mathematics with short answers"
    sources: ClassVar[Mapping[str, str]] = {
        "arithmetic": "word problems of graded difficulty, generated, every answer computed",
    }

    def problems(self, source: str, request: CorpusRequest) -> Sequence[Problem]:
        if source != "arithmetic":
            return super().problems(source, request)
        options = arithmetic.read_options(request.options)
        return arithmetic.corpus(request.seed, request.sizes or arithmetic.SIZES, options)

    def check_request(self, source: str, request: CorpusRequest) -> None:
        arithmetic.read_options(request.options)
        if sum(request.sizes.values()) <= _SMALL:
            self.problems(source, request)

    def source_version(self, source: str) -> str:
        return arithmetic.VERSION

    def reshape(self, record: Mapping[str, Any]) -> Mapping[str, Any]:
        return known_shape(record)

    def keys(self, problem: Any, purpose: Purpose) -> Sequence[str]:
        if purpose == "duplicate" and problem.source.startswith(SOURCE):
            # in another's exam the same computation would only ask to copy the answer
            return (*text_keys(problem.question), f"c:{problem.source}")
        return super().keys(problem, purpose)

    def warm_up(self) -> None:
        verification.warm_up()

    def extract(self, text: str) -> Extraction:
        return final_answer(text)

    def grade(self, problem: Any, answer: str) -> tuple[str, str, str]:
        return grade_answer(problem.answer, answer)
