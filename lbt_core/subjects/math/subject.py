"""What problems with short final answers promise the method."""

from typing import Any

from lbt_core.method.subject import Subject


class MathSubject(Subject):
    """Problems whose answer is a number, a fraction, an expression or a choice."""

    name = "math"
    title = "mathematics with short answers"

    def grade(self, problem: Any, answer: str) -> tuple[str, str, str]:
        right = problem.answer.strip() == answer.strip()
        return ("correct" if right else "incorrect"), "identical", ""
