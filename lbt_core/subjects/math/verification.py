"""Expressions compared by the library math-verify, which reads LaTeX with a grammar and compares
with sympy.

Only its LaTeX reader is used: its other one (``ExprExtractionConfig``) hands the answer's text to
``parse_expr``. Its timeouts are switched off: they are alarms of the same process that the grading
worker's own would be lost to, and the pool ends a worker that takes too long.
"""

import logging
import re
from functools import lru_cache
from typing import Any

from lbt_core.subjects.math.guard import no_effects

MAX_LENGTH = 500
"""Characters of an expression; short answers are shorter."""

_FOREIGN = re.compile(r"__|[`\"@#?\x00-\x08]|\b(?:import|lambda|exec|eval|open|os\.|sys\.)")
"""What no short answer holds; such text is not handed on."""


class UnreadableError(ValueError):
    """An answer in which no expression can be read."""


def refusal(expression: str) -> str | None:
    """Why an expression is not handed to the library, or None."""
    if len(expression) > MAX_LENGTH:
        return f"longer than {MAX_LENGTH} characters"
    if found := _FOREIGN.search(expression):
        return f"{found[0].strip()!r} is no mathematics"
    return None


def same_expression(reference: str, answer: str) -> bool:
    """Whether an answer is mathematically the reference.

    Raises UnreadableError where the answer holds no expression, ValueError where the reference
    holds none, and whatever else the library raises; it may also take for ever.
    """
    if reason := refusal(answer):
        raise UnreadableError(reason)
    if reason := refusal(reference):
        raise ValueError(f"the reference answer cannot be read: {reason}")
    library = _library()
    with no_effects():
        gold = _parsed(library, reference)
        if gold is None:
            raise ValueError("the reference answer cannot be read as an expression")
        found = _parsed(library, answer)
        if found is None:
            raise UnreadableError("no expression can be read")
        same: bool = library.verify(gold, found, timeout_seconds=None, raise_on_error=True)
        return same


def warm_up() -> None:
    """Load the library and what it loads at its first use (seconds)."""
    for reference, answer in (("(x+1)^2", "x^2+2x+1"), ("[0,1)", "\\frac{1}{2}"), ("2,1", "x=3")):
        same_expression(reference, answer)


@lru_cache(maxsize=1)
def _library() -> Any:
    import math_verify  # noqa: PLC0415 - heavy import (sympy), only where used

    logging.getLogger("math_verify").setLevel(logging.ERROR)  # it warns of the missing timeouts
    return math_verify


def _parsed(library: Any, expression: str) -> Any:
    """The expression as sympy's, None where it cannot be read."""
    found = library.parse(
        f"${expression}$",
        [library.LatexExtractionConfig(boxed_match_priority=-1)],
        fallback_mode="no_fallback",
        parsing_timeout=None,
        raise_on_error=True,
    )
    return found[0] if found else None
