"""The grade of a short answer: as a choice, as words, as a plain number, else by math-verify."""

import re
import unicodedata

from lbt_core.subjects.math import numbers, verification

Outcome = tuple[str, str, str]

CHOICES = "ABCDEFGHIJ"
_LETTER = re.compile(rf"\(?([{CHOICES}])\)?\.?")
_CHOSEN = re.compile(
    rf"(?:(?:the )?(?:answer|option|choice)(?: is)?:? )?"
    rf"(?:\(([{CHOICES}])\)|([{CHOICES}])(?:[.):]| -|$))(?:\s.*)?",
    re.IGNORECASE | re.DOTALL,
)
_ASSIGNED = re.compile(r"^\\?[A-Za-z](?:_\{?\w\}?)?\s*=\s*(?=\S)")
_WORDS = re.compile(r"[^\W\d_]+(?:[\s'-]+[^\W\d_]+)*")
_FORMULA_WORDS = frozenset(
    (
        *("sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh"),
        *("tanh", "arcsin", "arccos", "arctan", "log", "ln", "exp", "sqrt"),
        *("max", "min", "lim", "gcd", "lcm", "det", "mod", "pi"),
        *("infty", "alpha", "beta", "gamma", "delta", "epsilon", "theta", "lambda"),
        *("sigma", "omega"),
    )
)
_SHORT_WORDS = frozenset(("yes", "no", "true", "none", "odd"))
_LONG_WORD = 4


def grade_answer(reference: str, answer: str) -> Outcome:
    """(verdict, method, detail) of an answer against a reference. May raise or take for ever on
    hostile text: it belongs into an isolated worker.
    """
    wanted, given = numbers.plain(reference), numbers.plain(answer)
    if not given:
        return "unparsable", "empty", ""
    if wanted == given:
        return "correct", "identical", ""
    if letter := _LETTER.fullmatch(wanted):
        return _choice(letter[1], given)
    if _is_words(reference, wanted):
        same = _folded(wanted) == _folded(given)
        return ("correct" if same else "incorrect"), "words", ""
    number = numbers.read_number(_without_name(wanted))
    found = numbers.read_number(_without_name(given))
    if number is not None and found is not None:
        return _number(number, found)
    return _expression(reference, answer)


def _choice(letter: str, given: str) -> Outcome:
    chosen = _CHOSEN.fullmatch(given)
    if chosen is None:
        return "unparsable", "choice", "no single choice can be read"
    same = (chosen[1] or chosen[2]).upper() == letter
    return ("correct" if same else "incorrect"), "choice", ""


def _number(reference: numbers.Number, answer: numbers.Number) -> Outcome:
    if not numbers.same_number(reference, answer):
        return "incorrect", "number", ""
    if reference.unit and answer.unit and _singular(reference.unit) != _singular(answer.unit):
        return "undecided", "number", f"{answer.unit}, where the reference has {reference.unit}"
    return "correct", "number", ""


def _expression(reference: str, answer: str) -> Outcome:
    try:
        same = verification.same_expression(reference, answer)
    except verification.UnreadableError as error:
        return "unparsable", "math-verify", str(error)
    return ("correct" if same else "incorrect"), "math-verify", ""


def _is_words(reference: str, wanted: str) -> bool:
    """Whether a reference is words and not letters of a formula."""
    if not _WORDS.fullmatch(wanted):
        return False
    words = re.split(r"[\s'-]+", wanted)
    if _FORMULA_WORDS.intersection(w.lower() for w in words):
        return False
    marked = re.match(r"\s*\\(?:text|textbf|mathrm|textrm|mbox)\s*\{", reference) is not None
    known = wanted.lower() in _SHORT_WORDS
    return known or (marked and len(wanted) > 1) or any(len(w) >= _LONG_WORD for w in words)


def _folded(text: str) -> str:
    text = unicodedata.normalize("NFKD", text).casefold().strip(" .!'\"")
    return " ".join(re.sub(r"[^\w\s]", " ", text).split())


def _singular(unit: str) -> str:
    return unit[:-1] if len(unit) > 2 and unit.endswith("s") else unit


def _without_name(text: str) -> str:
    """x = 3 as 3."""
    return _ASSIGNED.sub("", text.strip().rstrip("."))
