"""What a question and the shape of a text say about what its symbols and words mean."""

import re
from collections.abc import Sequence

from lbt_core.subjects.ode.answers.expr import Node
from lbt_core.subjects.ode.answers.forms import INDICES, indices_of
from lbt_core.subjects.ode.answers.vocabulary import FUNCTIONS, GREEK

YES_OR_NO = frozenset({"yes", "no", "true", "false"})
LEIBNIZ = re.compile(
    r"(?:d|\\partial)\s*(?:\^\{?\d\}?)?\s*([A-Za-z])\s*(?:\([^)]*\))?\s*\}?\s*(?:/|\{)\s*(?:d|\\partial)\s*([A-Za-z])"
)


def is_prose(text: str) -> bool:
    """Whether a text is words and nothing that could be mathematics."""
    if not re.fullmatch(r"[A-Za-z ,;.'()-]+", text):
        return False
    words = re.findall(r"[A-Za-z]+", text)
    return any(len(w) > 3 and w not in FUNCTIONS and w not in GREEK for w in words)


def integers(question: str, nodes: Sequence[Node]) -> frozenset[str]:
    """Names that count: indices of sequences, and those that the question says to be integers."""
    found = indices_of(nodes)
    for name in INDICES:
        if re.search(
            rf"(?<![A-Za-z\\])_\{{?{name}(?![A-Za-z])|(?<![A-Za-z\\]){name}\s*=\s*-?\d+\s*,\s*\d|"
            rf"integers?\s+\$?{name}(?![A-Za-z])|(?<![A-Za-z\\]){name}\$?\s+(?:is\s+)?an?\s+(?:positive\s+)?integer|"
            rf"\(-1\)\^\{{?{name}(?![A-Za-z])|{name}\s*\\in\s*\\mathbb\{{?\s*[NZ]",
            question,
        ):
            found.add(name)
    return frozenset(found)


def first_word(text: str) -> str:
    """The first word of a text, lower case; empty without one."""
    found = re.search(r"[a-z]+", re.sub(r"\\[a-z]+", " ", text.lower()))
    return found.group() if found else ""


def differentials(text: str) -> set[str]:
    """Names of the differentials of an equation between them, ``M dx + N dy = 0``."""
    if "=" not in text or "\\int" in text:
        return set()
    text = LEIBNIZ.sub(" ", text)
    return set(re.findall(r"(?<![A-Za-z\\])d([xyzuvt])(?![A-Za-z])", text))
