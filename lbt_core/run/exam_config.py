"""The section of a configuration that says what exams are (docs/exams.md)."""

from typing import Literal

from pydantic import Field

from lbt_core.method.section import Section


class ExamConfig(Section):
    """The exam a student takes after each rationale."""

    problems: int = Field(3, ge=1, title="Exam problems")
    """Exam problems per rationale."""
    repetitions: int = Field(3, ge=1, title="Repetitions")
    """Answers per exam problem."""
    bank: Literal["train", "exam"] = Field("train", title="Exam problems come from")
    """"train": the other teaching problems (card); "exam": the corpus's own exam bank."""
    selection: Literal["nearest", "spread"] = Field("nearest", title="Selection")
    """"nearest": the most similar problems; "spread": spread over a wider neighbourhood, which
    makes exams more varied."""
    similarity: str = Field("tfidf", title="Similarity")
    """"tfidf" (offline, math-aware tokens) or a sentence-transformers model, folder or hub id."""
    deduplicate: bool = Field(True, title="Identical rationales share an exam")
    """Rationales of one problem with the same text share one exam instead of each taking its
    own."""
    temperature: float = Field(0.7, ge=0, le=5, title="Temperature")
    """Softmax temperature of the student; 0 is greedy."""
    top_k: int = Field(20, ge=0, title="Top-k")
    """Keep the k likeliest tokens; 0 keeps all."""
    top_p: float = Field(1.0, gt=0, le=1, title="Top-p")
    """Keep the likeliest tokens that hold this share of the probability."""
    max_new_tokens: int = Field(1024, ge=1, title="Longest exam answer, tokens")
    """Longest exam answer, in tokens."""
    adaptive: bool = Field(False, title="Adaptive exams")
    """Ask exams in rounds, and a rationale no further once its pairs are decided or can no longer
    be formed (docs/exams.md)."""
    first_round: int = Field(3, ge=1, title="Answers of the first round")
    """Adaptive: exam answers of each rationale before any is left out."""
    later_rounds: int = Field(1, ge=1, title="Answers of a later round")
    """Adaptive: exam answers of each rationale in every round after the first."""
    error: float = Field(0.05, ge=0, lt=0.5, title="Error of a decision")
    """Adaptive: chance, under the rule's model, that a look at a pair decides it wrongly on either
    side; 0 decides only what no further answer can change, and keeps every pair."""
    in_full: float = Field(0.02, gt=0, le=1, title="Share asked in full")
    """Adaptive: share of teaching problems whose exams are asked in full, which the report's
    figures on LbT scores and on the pairs kept are made of."""
    scorer: Literal["sampled", "likelihood"] = Field("sampled", title="What scores an exam")
    """"sampled": the student answers and is graded; "likelihood": how much the rationale raises the
    student's log-probability of the exam problems' worked solutions, without an answer
    (docs/exams.md)."""
    reference: Literal["solution", "answer"] = Field("solution", title="Reference")
    """Likelihood: the exam problem's worked "solution" and the final-answer block after it, which
    every problem of the bank must have; or only the "answer" in that block."""

    @property
    def answers_each(self) -> int:
        """Rows of one exam problem after one rationale: a likelihood has no chance in it."""
        return 1 if self.scorer == "likelihood" else self.repetitions
