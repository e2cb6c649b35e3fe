"""Short final answers: numbers, fractions, expressions, choices, graded by math-verify."""

from lbt_core.subjects.math.subject import MathSubject

subject = MathSubject()

__all__ = ["MathSubject", "subject"]
