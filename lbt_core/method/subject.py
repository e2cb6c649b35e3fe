"""The subject protocol: what a field of problems brings to the method, and nothing else.

The method asks a subject where problems come from, what the final answer in a text is, whether it
is right, when two problems are the same or near, and what may be claimed about an answer. It knows
no mathematics itself. ``docs/subjects.md`` says what each promise is worth and shows a subject in
one file.
"""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, Literal

from lbt_core import UserError
from lbt_core.method.extraction import Extraction, extract
from lbt_core.method.sameness import question_key, text_keys
from lbt_core.store.rows import Problem

Purpose = Literal["merge", "leak", "duplicate"]
Standing = Literal["proven", "unproven", "wrong", "none"]

TIME_LIMIT = "time limit"
"""The ``method`` of a grade that was not there in time, whatever the subject."""


@dataclass(frozen=True, slots=True)
class Grade:
    """``verdict``: correct, incorrect, undecided or unparsable. ``method``: how it was reached.
    ``answer``: the extracted text.

    ``seconds`` is the time it took, ``detail`` a residual or the reason.
    """

    verdict: str
    method: str
    answer: str | None
    seconds: float
    detail: str = ""


@dataclass(frozen=True, slots=True)
class CorpusRequest:
    """What is asked of a built-in corpus that is generated: problems by split, the share of lucky
    ones by split (problems on which a wrong method happens to give the right answer, for generators
    that know such), and options of its own. Empty mappings leave the corpus its defaults.
    """

    seed: int = 0
    sizes: Mapping[str, int] = field(default_factory=dict)
    lucky: Mapping[str, float] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Completed:
    """An imported problem with the fields that its subject could read out of it.

    ``standing``: whether its reference answer was "proven", could not be ("unproven"), proved
    "wrong" (``detail`` says by how much), or there was nothing to prove ("none").
    """

    problem: Problem
    standing: Standing = "none"
    detail: str = ""


class Subject:
    """A field of problems. Subclass it and override what the field knows better.

    ``grade`` must be written; everything else has a default that works on the texts alone.
    ``extract`` and ``grade`` see text from models: they run in isolated workers with a time and a
    memory limit and may do as they like there (raise, hang, grow), which makes an answer
    ``undecided``. The other methods see the user's own problems and run in the caller's process:
    what they raise stops the run before anything is generated.
    """

    name: ClassVar[str] = ""
    """How a configuration names it; part of every fingerprint, with ``version``."""
    version: ClassVar[str] = "1"
    """To be raised when the same text would be graded otherwise, or the same corpus be another."""
    title: ClassVar[str] = ""
    """The field in words, as reports and model cards name it."""
    problem_type: ClassVar[type[Problem]] = Problem
    """The row type of its problems: ``Problem`` or a frozen, slotted dataclass derived from it."""
    sources: ClassVar[Mapping[str, str]] = {}
    """Built-in corpora by name, each with a line that says what it is."""
    claim: ClassVar[str] = ""
    """What a checked answer without a reference has been through, "verified by substitution"; empty
    where ``checkable`` never gives anything."""
    refutation: ClassVar[str] = ""
    """What is said of an answer that failed that check."""

    @property
    def identity(self) -> str:
        """Name and version; fingerprints add where a subject that is not built in was found."""
        return f"{self.name}@{self.version}"

    # --- problems -------------------------------------------------------------------------------

    def problems(self, source: str, request: CorpusRequest) -> Sequence[Problem]:
        """The problems of one of ``sources``; every split of it, ids unique.

        Raises UserError where the request cannot be met.
        """
        raise UserError(f"subject {self.name} has no built-in corpus {source}")

    def check_request(self, source: str, request: CorpusRequest) -> None:
        """Raises UserError, naming ``corpus.generated.options.NAME`` and what is allowed, where
        ``problems`` could not meet a request. Called before anything of a run starts; by default
        a built-in corpus takes no options.
        """
        for name in request.options:
            raise UserError(
                f"corpus.generated.options.{name}: the corpus {source} takes no options"
            )

    def source_version(self, source: str) -> str:
        """What changes when a built-in corpus gives other problems for the same request."""
        return self.version

    def reshape(self, record: Mapping[str, Any]) -> Mapping[str, Any]:
        """A raw record of an imported file, or of one that ``lbt evaluate`` reads, with the fields
        question, answer, solution, topic and family where this subject knows its shape; else the
        record itself. Fields that a user maps by hand are taken from its other names."""
        return record

    def stated(self, attributes: Mapping[str, Any]) -> dict[str, Any]:
        """Fields of ``problem_type`` as an imported record states them under other names or in
        other forms; what is not valid is left out."""
        return {}

    def complete(self, problem: Any, *, prove: bool = True) -> Completed:
        """An imported problem with what can be read out of its texts, and, with ``prove``, whether
        its reference answer stands."""
        return Completed(problem)

    def from_record(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """Fields of ``problem_type`` out of one line of a file for ``lbt grade``, beside question
        and reference. Raises ValueError or TypeError saying what is wrong with the line."""
        return {}

    def keys(self, problem: Any, purpose: Purpose) -> Sequence[str]:
        """Keys by which problems are the same; two that share one are.

        "merge": two items of an import are one question. "leak": two problems must not stand on
        different sides of a split. "duplicate": a problem must not be in the other's exam.
        """
        if purpose == "merge":
            return ("q:" + question_key(problem.question),)
        return text_keys(problem.question)

    def features(self, question: str) -> list[str]:
        """What makes two questions near, as tokens whose frequencies are compared (exams)."""
        return words_and_numbers(question)

    # --- answers --------------------------------------------------------------------------------

    def warm_up(self) -> None:
        """Load what ``extract`` and ``grade`` need. Each isolated worker calls it once, before any
        text's time limit runs; what it loads does not count as the worker's memory."""

    def extract(self, text: str) -> Extraction:
        """The final answer out of a text, and the reasoning before it. Runs isolated."""
        return extract(text)

    def grade(self, problem: Any, answer: str) -> tuple[str, str, str]:
        """(verdict, method, detail) of an extracted answer: "correct", "incorrect", "undecided" or
        "unparsable"; how that was reached; a residual or reason. Runs isolated."""
        raise NotImplementedError(f"subject {self.name} does not grade")

    def with_answer(self, problem: Any, answer: str) -> Problem:
        """The problem as if this answer were its reference: two wrong answers are the same answer
        where one is right against the other as reference (votes)."""
        changed: Problem = replace(problem, answer=answer)
        return changed

    def checkable(self, question: str) -> Problem | None:
        """A question as a problem whose answers ``grade`` can check without a reference, or None
        where it cannot (``lbt solve``)."""
        return None

    # --- reports --------------------------------------------------------------------------------

    def facts(self, problem: Any) -> dict[str, str]:
        """What a report shows of a problem beside its texts, by label."""
        return {}

    # --- command line ---------------------------------------------------------------------------

    def add_commands(self, app: Any, corpus_app: Any) -> None:
        """Add commands of the subject's own to ``lbt`` and ``lbt corpus`` (typer applications)."""


def words_and_numbers(question: str) -> list[str]:
    """Words of two letters and more, their pairs, and the numbers, each marked as one."""
    words, numbers = [], []
    for piece in "".join(c if c.isalnum() or c in ".\\" else " " for c in question.lower()).split():
        piece = piece.strip(".")
        if piece[:1].isdigit():
            numbers.append(f"#{piece}")
        elif len(piece) > 1:
            words.append(piece)
    pairs = [f"{one} {two}" for one, two in itertools.pairwise(words)]
    return words + pairs + numbers
