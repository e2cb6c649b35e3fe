"""Answers in words: yes, no, names, lists of them."""

import re
from collections import Counter

from lbt_core.subjects.ode.answers.hints import YES_OR_NO, first_word
from lbt_core.subjects.ode.answers.statements import HEDGES
from lbt_core.subjects.ode.answers.vocabulary import DECISIVE, FILLERS


def same_words(reference: str, answer: str) -> bool:
    """Whether an answer in words says what the reference says."""
    wanted, given = _content(reference), _content(answer)
    if len(wanted) == 1 and set(wanted) <= YES_OR_NO:
        said = [w for w in re.findall(r"[a-z]+", answer.lower()) if w in YES_OR_NO]
        return said == list(wanted) and first_word(answer) in wanted and not HEDGES & set(given)
    if wanted and all(w.isalpha() for w in wanted):
        extra = set(given) - set(wanted)
        return (
            set(wanted) <= set(given)
            and not extra & DECISIVE
            and not (HEDGES - set(wanted)) & set(words_of(answer))
        )
    return bool(wanted) and wanted == given


def _content(text: str) -> Counter[str]:
    """Words of an answer in any order; in the order given where it holds numbers or signs."""
    words = words_of(text)
    ordered = any(not w.isalpha() for w in words)
    return Counter([" ".join(words)] if ordered else words)


def words_of(text: str) -> list[str]:
    """Lower-case words, numbers and signs of a text, fillers left out."""
    text = re.sub(r"\\(?:text|mathrm|emph|textbf|mbox)\s*\{([^{}]*)\}", r" \1 ", text[:4000])
    text = re.sub(r"\b(non|under|over|semi|un)-(?=[a-z])", r"\1", text.lower())
    text = re.sub(r"(?<=[a-z])-(?=[a-z])", " ", text)
    words = re.findall(r"[a-z]+|\d+|[-+=^*/<>]", text)
    return [w for w in words if w not in FILLERS]
