"""The built-in problem families and the demonstration corpus made of them."""

from lbt_core.problems.tiny.corpus import LUCKY_SHARES, SIZES, SPLITS, corpus, method_of
from lbt_core.problems.tiny.families import FAMILIES, held_out
from lbt_core.problems.tiny.text import METHODS

__all__ = [
    "FAMILIES",
    "LUCKY_SHARES",
    "METHODS",
    "SIZES",
    "SPLITS",
    "corpus",
    "held_out",
    "method_of",
]
