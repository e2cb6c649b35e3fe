"""Grading: extract the final answer, parse it over a whitelist, compare it numerically; isolated
workers around that.
"""

from lbt_core.answers.extraction import Extraction, extract
from lbt_core.answers.grading import Grade, grade, prove
from lbt_core.answers.pool import GradePool
from lbt_core.answers.question import read_ode

__all__ = ["Extraction", "Grade", "GradePool", "extract", "grade", "prove", "read_ode"]
