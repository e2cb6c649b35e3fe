"""Two texts side by side: which pieces of each are not in the other (difflib)."""

import re
from dataclasses import dataclass
from difflib import SequenceMatcher

MAX_PIECES = 3000
_PIECES = re.compile(r"\s+|\w+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text, and whether the other text lacks it."""

    text: str
    differs: bool


def marked(first: str, second: str) -> tuple[list[Piece], list[Piece]]:
    """Both texts in pieces. Words, numbers and signs are compared; texts of more than MAX_PIECES
    of them are not (a matter of quadratic time), and come back in one piece each."""
    words = [_PIECES.findall(text) for text in (first, second)]
    if max(map(len, words)) > MAX_PIECES:
        return [Piece(first, False)], [Piece(second, False)]
    out: tuple[list[Piece], list[Piece]] = ([], [])
    matcher = SequenceMatcher(None, words[0], words[1])
    for kind, *bounds in matcher.get_opcodes():
        for side, (start, end) in enumerate((bounds[:2], bounds[2:])):
            text = "".join(words[side][start:end])
            if text:
                out[side].append(Piece(text, kind != "equal"))
    return out
