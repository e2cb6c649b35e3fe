"""When two questions are the same text: keys that ignore how it is written.

``question_key`` ignores spacing, markup and letter case of the prose; ``letters_key`` also ignores
which letters the formulas use. What a subject knows of its problems beyond their text adds keys of
its own (``Subject.keys``).
"""

import re
import unicodedata

from lbt_core.store.rows import text_key

_DELIMITERS = re.compile(
    r"\$\$|\$|\\\(|\\\)|\\\[|\\\]|\\begin\{(?:equation|align|displaymath|gather)\*?\}"
    r"|\\end\{(?:equation|align|displaymath|gather)\*?\}"
)
_SPACING = re.compile(
    r"\\[,;:!> ]|~|\\(?:quad|qquad|enspace|displaystyle|textstyle|limits|left|right"
    r"|[bB]igg?[lr]?|noindent)(?![A-Za-z])"
)
_SYNONYMS = (
    (re.compile(r"\\[dt]frac(?![A-Za-z])"), r"\\frac"),
    (re.compile(r"\\(?:text|mathrm|operatorname|emph|textbf|textit|mbox)\{([^{}]*)\}"), r"\1"),
    (re.compile(r"\^\{\\prime\\prime\}|\^\{''\}|″"), "''"),
    (re.compile(r"\^\{\\prime\}|\^\{'\}|\\prime|′|’"), "'"),
    (re.compile(r"\{([A-Za-z0-9])\}"), r"\1"),
    (re.compile(r"\\cdot(?![A-Za-z])|\\times(?![A-Za-z])|[·×]"), "*"),
    (re.compile(r"−|–|—"), "-"),
)
_PIECE = re.compile(r"\\[A-Za-z]+|[A-Za-z]+|\d+(?:\.\d+)?|\S")
_PUNCTUATION = frozenset('.,:;?!"`&')
_FUNCTION_WORDS = frozenset(
    [
        "sin",
        "cos",
        "tan",
        "cot",
        "sec",
        "csc",
        "sinh",
        "cosh",
        "tanh",
        "exp",
        "log",
        "ln",
        "arcsin",
        "arccos",
        "arctan",
        "max",
        "min",
        "lim",
        "det",
    ]
)


def pieces(text: str) -> list[str]:
    """The text as macros, words, numbers and single characters, without spacing, delimiters and
    punctuation.
    """
    text = unicodedata.normalize("NFKC", text)
    text = _DELIMITERS.sub(" ", text)
    text = _SPACING.sub(" ", text)
    for pattern, replacement in _SYNONYMS:
        text = pattern.sub(replacement, text)
    out = [p.lower() if len(p) > 1 and p.isalpha() else p for p in _PIECE.findall(text)]
    return [p for p in out if p not in _PUNCTUATION]


def normalised_text(text: str) -> str:
    """The question without spacing, markup, punctuation and letter case of its words."""
    return " ".join(pieces(text))


def question_key(question: str) -> str:
    """Identity of a question's normalised text."""
    return text_key(normalised_text(question))


def letters_key(question: str) -> str:
    """Identity of a question's text after renaming the letters of its formulas in order of
    appearance.
    """
    return _letters_key(pieces(question))


def _letters_key(parts: list[str]) -> str:
    names: dict[str, str] = {}
    out: list[str] = []
    for piece in parts:
        if piece.isalpha() and (len(piece) == 1 or _is_product(piece)) and piece not in {"a", "I"}:
            out.extend(names.setdefault(letter, f"#{len(names)}") for letter in piece)
        else:
            out.append(piece)
    return text_key(" ".join(out))


def text_keys(question: str) -> list[str]:
    """Both keys, marked with what they are."""
    parts = pieces(question)
    return ["q:" + text_key(" ".join(parts)), "l:" + _letters_key(parts)]


def _is_product(piece: str) -> bool:
    """Letter runs of a formula such as xy or dx: two letters that are no English word."""
    return (
        len(piece) == 2
        and piece not in _FUNCTION_WORDS
        and piece
        not in {"an", "as", "at", "be", "by", "do", "go", "he", "if", "in", "is", "it", "me"}
        and piece
        not in {"my", "no", "of", "on", "or", "so", "to", "up", "us", "we", "am", "cm", "kg"}
    )
