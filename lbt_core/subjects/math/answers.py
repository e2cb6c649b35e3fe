"""The final answer out of a text, in the forms that mathematics corpora and models use."""

import re

from lbt_core.method.extraction import MAX_ANSWER, MAX_TEXT, Extraction, extract, strip_dollars
from lbt_core.subjects.math.numbers import plain, read_number

_HASHES = re.compile(r"^[ \t]*####[ \t]*(\S[^\n]*)$", re.MULTILINE)
_BLOCK_LINE = re.compile(r"\[{1,2}\s*final[\s_]*answer\s*\]{1,2}\s*:?\s*(\S[^\n]{0,80})\n", re.I)
_MARKED = "####"


def final_answer(text: str) -> Extraction:
    """As ``method.extraction.extract``; a line of ``####`` (GSM8K) is no part of the reasoning, and
    an amount of dollars in the block is one.
    """
    found = extract(text)
    if found.reason == "truncated answer" and (amount := _amount(text)) is not None:
        return Extraction(amount, found.reasoning, "final answer block")
    if found.reason not in ("label", "text", "no answer", "too long"):
        return found
    text = text[-MAX_TEXT:]
    if not (hashes := list(_HASHES.finditer(text))):
        return found
    return _taken(hashes[-1], _MARKED, text[: hashes[-1].start()].rstrip())


def _amount(text: str) -> str | None:
    """A number with a currency sign, alone on the first line of the last final-answer block: one
    dollar more than the pairs that enclose mathematics. The line must have ended, or a number
    that was cut off would pass as a whole one."""
    line = _BLOCK_LINE.findall(text)
    if not line:
        return None
    amount = line[-1].replace("\\$", "").replace("$", "").strip().rstrip(".")
    return amount if read_number(plain(amount)) is not None else None


def _taken(match: re.Match[str], reason: str, reasoning: str) -> Extraction:
    answer = strip_dollars(match[1])
    if not answer or len(answer) > MAX_ANSWER:
        return Extraction(None, reasoning, "empty answer" if not answer else "answer too long")
    return Extraction(answer, reasoning, reason)
