"""Grading: extract the final answer, parse it over a whitelist, compare it numerically; isolated workers around that."""

from lbt_core.answers.extraction import Extraction, extract
from lbt_core.answers.grading import Grade, grade, prove

__all__ = ["Extraction", "Grade", "extract", "grade", "prove"]
