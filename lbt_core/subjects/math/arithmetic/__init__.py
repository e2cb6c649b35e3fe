"""The built-in corpus ``arithmetic``: word problems of graded difficulty, every answer computed."""

from lbt_core.subjects.math.arithmetic.corpus import SIZES, VERSION, corpus
from lbt_core.subjects.math.arithmetic.options import Options, read_options

__all__ = ["SIZES", "VERSION", "Options", "corpus", "read_options"]
