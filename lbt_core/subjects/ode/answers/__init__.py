"""Grading differential-equation answers: parse over a whitelist, decide by substitution, compare
numerically. Text is never evaluated.
"""

from lbt_core.method.extraction import Extraction, extract
from lbt_core.method.subject import Grade
from lbt_core.subjects.ode.answers.grading import grade, prove
from lbt_core.subjects.ode.answers.question import read_ode

__all__ = ["Extraction", "Grade", "extract", "grade", "prove", "read_ode"]
