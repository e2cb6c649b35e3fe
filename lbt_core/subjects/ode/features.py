"""Words and formulas as tokens that carry what a problem is about: orders, exponents, operators."""

import itertools
import re
from typing import Any

_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_ORDER = {"1": "first", "2": "second", "3": "third", "4": "fourth"}
_PATTERNS: tuple[tuple[re.Pattern[str], Any], ...] = (
    (
        re.compile(r"\\frac\{(?:d|\\partial)\^\{?(\d)\}?[^{}]*\}\{(?:d|\\partial)[^{}]*\}"),
        lambda match: f" {_ORDER.get(match.group(1), 'high')}order ",
    ),
    (re.compile(r"\\frac\{\\partial[^{}]*\}\{\\partial[^{}]*\}"), " partial "),
    (re.compile(r"\\frac\{d[^{}]*\}\{d[^{}]*\}|\bd[a-zA-Z]/d[a-zA-Z]\b|\\dot\b"), " firstorder "),
    (re.compile(r"\\ddot\b"), " secondorder "),
    (re.compile(r"(?<=[A-Za-z\d})])\s*(?:''''|\^\{?\(4\)\}?)"), " fourthorder "),
    (re.compile(r"(?<=[A-Za-z\d})])\s*(?:'''|\^\{?\(3\)\}?)"), " thirdorder "),
    (re.compile(r"(?<=[A-Za-z\d})])\s*''|(?<=[A-Za-z])\s*\^\{?\\prime\\prime\}?"), " secondorder "),
    (
        re.compile(r"(?<=[A-Za-z\d})])'(?=[\s(=+\-*,.;$)\\}]|$)|(?<=[A-Za-z])\s*\^\{?\\prime\}?"),
        " firstorder ",
    ),
    (re.compile(r"\b[a-zA-Z]_\{?([xtyr]{2,4})\}?"), r" partial \1 "),
    (re.compile(r"\b[uvwyz]_\{?[xtyr]\}?(?![a-z\d])"), " partial "),
    (re.compile(r"\\mathcal\{?\s*L\}?"), " laplace "),
    (re.compile(r"\\begin\{[bpv]?matrix\}"), " matrix "),
    (re.compile(r"\be\s*\^|\\exp\b|\bexp\("), " expo "),
    (re.compile(r"\\(?:sum|infty)\b"), " series "),
    (re.compile(r"\\delta\b"), " impulse "),
    (re.compile(r"\^\{?2\}?(?!\d)"), " square "),
    (re.compile(r"\^\{?3\}?(?!\d)"), " cube "),
    (re.compile(r"\^"), " power "),
    (re.compile(r"\(\s*-?[\d.]+\s*\)\s*="), " condition "),
    (re.compile(r"=\s*0(?![\d.])"), " eqzero "),
    (
        re.compile(
            r"\\(?:left|right|bigl?|bigr?|quad|qquad|displaystyle|text|mathrm|begin|end|[,;:! ])"
        ),
        " ",
    ),
    (_NUMBER, " "),
)
_TOKEN = re.compile(r"\\?[A-Za-z]+|[+\-*/=<>|]")
_STOP = frozenset({
    "a", "an", "the", "of", "to", "in", "on", "at", "is", "are", "be", "by", "for", "with",
    "and", "or", "that", "this", "it", "as", "from", "if", "then", "so", "we", "you", "its",
    "has", "have", "was", "were", "which", "each", "all", "any", "when", "let", "given",
    "suppose", "find", "equation", "problem", "following", "your", "how", "what"
})  # fmt: skip


def math_tokens(text: str) -> list[str]:
    """Tokens of a question: words without the commonest, and the structure of its formulas.

    Single letters and numbers are left out.
    """
    for pattern, replacement in _PATTERNS:
        text = pattern.sub(replacement, text)
    tokens = []
    for token in _TOKEN.findall(text):
        name = token.lstrip("\\")
        if len(name) == 1 and name.isalpha():
            continue
        name = name.lower()
        if name not in _STOP:
            tokens.append(name)
    return tokens


def math_ngrams(text: str) -> list[str]:
    """The tokens with their pairs and triples, so that the order of a formula counts, and the
    numbers.

    Numbers tell apart the problems of one kind, whose tokens are otherwise the same.
    """
    tokens = math_tokens(text)
    pairs = [f"{a} {b}" for a, b in itertools.pairwise(tokens)]
    triples = [f"{a} {b} {c}" for a, b, c in zip(tokens, tokens[1:], tokens[2:], strict=False)]
    numbers = [f"#{number}" for number in _NUMBER.findall(text)]
    return tokens + pairs + triples + numbers
