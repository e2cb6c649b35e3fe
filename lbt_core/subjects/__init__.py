"""Fields of problems that plug into the method: finding them, and grading in isolated workers."""

from lbt_core.subjects.pool import GradePool
from lbt_core.subjects.registry import load_subject, subject_names

__all__ = ["GradePool", "load_subject", "subject_names"]
