"""The built-in problem families and the demonstration corpus made of them."""

from lbt_core.subjects.ode.tiny.demonstration import LUCKY_SHARES, SIZES, SPLITS, corpus, method_of
from lbt_core.subjects.ode.tiny.pools import FAMILIES, held_out
from lbt_core.subjects.ode.tiny.text import METHODS

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
