"""What differential equations promise the method: built-in corpora, answers checked by
substitution, sameness by equation.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from lbt_core.method.subject import Completed, CorpusRequest, Purpose, Subject
from lbt_core.store.rows import Problem
from lbt_core.subjects.ode import enrichment
from lbt_core.subjects.ode.features import math_ngrams
from lbt_core.subjects.ode.problem import OdeProblem, as_ode
from lbt_core.subjects.ode.same_problem import duplicate_keys, leak_keys, merge_keys


class OdeSubject(Subject):
    """Ordinary differential equations and what a course on them asks besides."""

    name = "ode"
    version = "2"
    title = "differential equations"
    problem_type = OdeProblem
    sources: ClassVar[Mapping[str, str]] = {
        "tiny": "the embedded demonstration: ten families on which a misconception is sometimes "
        "right",
        "university": "1,505 problems of a university course, 71 families",
    }
    claim = "verified by substitution"
    refutation = "it does not satisfy the equation and its conditions"

    def problems(self, source: str, request: CorpusRequest) -> Sequence[Problem]:
        if source == "university":
            from lbt_core.subjects.ode import university  # noqa: PLC0415 - only where used

            return university.load()
        if source != "tiny":
            return super().problems(source, request)
        self.check_request(source, request)
        from lbt_core.subjects.ode import tiny  # noqa: PLC0415 - heavy import (sympy)

        return tiny.corpus(
            request.seed, request.sizes or tiny.SIZES, request.lucky or tiny.LUCKY_SHARES
        )

    def stated(self, attributes: Mapping[str, Any]) -> dict[str, Any]:
        return enrichment.stated_fields(attributes)

    def complete(self, problem: Any, *, prove: bool = True) -> Completed:
        if not prove:
            return Completed(enrichment.with_plain_kind(problem))
        return enrichment.enrich(problem)

    def from_record(self, record: Mapping[str, Any]) -> dict[str, Any]:
        from lbt_core.subjects.ode.lines import fields_of_line  # noqa: PLC0415 - loads numpy

        return fields_of_line(record)

    def keys(self, problem: Any, purpose: Purpose) -> Sequence[str]:
        of = {"merge": merge_keys, "leak": leak_keys, "duplicate": duplicate_keys}[purpose]
        return of(as_ode(problem))

    def features(self, question: str) -> list[str]:
        return math_ngrams(question)

    def warm_up(self) -> None:
        from lbt_core.subjects.ode.answers import grading  # noqa: F401, PLC0415 - numpy, mpmath

    def grade(self, problem: Any, answer: str) -> tuple[str, str, str]:
        from lbt_core.subjects.ode.answers.grading import (  # noqa: PLC0415 - loads numpy, mpmath
            outcome_of,
        )

        return outcome_of(as_ode(problem), answer)

    def with_answer(self, problem: Any, answer: str) -> Problem:
        # without its equation: a wrong answer does not solve it
        return replace(as_ode(problem), answer=answer, ode=None, ics=(), solution=None)

    def checkable(self, question: str) -> Problem | None:
        from lbt_core.subjects.ode.answers import read_ode  # noqa: PLC0415 - loads numpy, mpmath

        read = read_ode(question)
        if read is None:
            return None
        return OdeProblem(
            id="question",
            question=question,
            answer="",
            kind=read.kind,
            ode=read.ode,
            ics=read.ics,
            func=read.func,
        )

    def facts(self, problem: Any) -> dict[str, str]:
        equation = as_ode(problem).ode
        return {"equation": equation} if equation else {}

    def add_commands(self, app: Any, corpus_app: Any) -> None:
        from lbt_core.subjects.ode.commands import (  # noqa: PLC0415 - the command line only
            pretrain,
            university,
        )

        pretrain.register(app)
        university.register(corpus_app)
