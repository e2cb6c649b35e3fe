"""Sets of real numbers in any notation: unions of intervals, inequalities, exceptions, words."""

# Patterns read better in one line.
# ruff: noqa: E501

import math
import re
from dataclasses import dataclass

import numpy as np

from lbt_core.subjects.ode.answers.arithmetic import DOUBLES
from lbt_core.subjects.ode.answers.equations import is_value
from lbt_core.subjects.ode.answers.expr import Node, ParseError, signs, symbols
from lbt_core.subjects.ode.answers.grammar import EMPTY
from lbt_core.subjects.ode.answers.parser import parse
from lbt_core.subjects.ode.answers.taylor import Evaluator

_ASKED = re.compile(
    r"\binterval|\bdomain\b|\bconverge|\bdefined\b|\bcontinuous\b|for\s+(?:what|which)\b|\bwhere\s+is\b|\bvalid\b|"
    r"\binequality|\bset\s+of\b", re.I
)  # fmt: skip
_REALS = re.compile(
    r"\\(?:mathbb|mathbf|mathrm|Bbb)\s*\{?\s*R\s*\}?|ℝ|\\R(?![A-Za-z])|(?<![A-Za-z\\])R(?![A-Za-z(_])"
)
_ALL = re.compile(
    r"(?:^|\b(?:on|for|at|is|are|of)\s+|^\s*)(?:the\s+)?(?:set\s+of\s+)?(?:(?:all|every|any)\s+(?:the\s+)?(?:real|x\b|t\b|values?\b|points?\b)|"
    r"(?:whole|entire)\s+(?:real\s+)?(?:line|axis)|everywhere|reals?\b)", re.I
)  # fmt: skip
_EXCEPT = re.compile(
    r"\b(?:except|excluding|other\s+than|but\s+not|without|apart\s+from)\b|\\setminus|\\backslash",
    re.I,
)
_FILLER = re.compile(
    r"\b(?:the|solution|set|interval|is|are|on|for|all|every|any|real|numbers?|values?|points?|at|of|in|where|"
    r"it|exists?|defined|continuous|with|such|that|line|whole|entire|everywhere|axis|except|x|t|y|s)\b", re.I
)  # fmt: skip
_INTERVAL = re.compile(
    r"([(\[\]])\s*([^()\[\],;]*(?:\([^()]*\)[^()\[\],;]*)*)\s*[,;]\s*([^()\[\],;]*(?:\([^()]*\)[^()\[\],;]*)*)\s*([)\[\]])"
)
_OPERATOR = re.compile(r"(<=|>=|!=|<|>)")


@dataclass(frozen=True, slots=True)
class Piece:
    """One interval; an end that is infinite is open."""

    low: float
    high: float
    low_closed: bool = False
    high_closed: bool = False


Pieces = tuple[Piece, ...]
LINE: Pieces = (Piece(-math.inf, math.inf),)


def asks_for_set(question: str) -> bool:
    """Whether a question asks for an interval, a domain or the like."""
    return bool(_ASKED.search(question))


def by_set(question: str, reference: str, answer: str) -> tuple[str, str, str] | None:
    """The verdict where the reference is a set of real numbers; None where it is something else,
    or where the answer cannot be read as a set.
    """
    if not (_says_set(reference) or (asks_for_set(question) and _INTERVAL.search(reference))):
        return None
    wanted = read_set(reference)
    if wanted is None:
        return None
    given = read_set(answer)
    if given is None:
        if "\\cup" in reference or "∪" in reference:
            return "incorrect", "sets", "no set of numbers can be read"
        return None
    same = same_sets(wanted, given)
    return ("correct" if same else "incorrect"), "sets", "" if same else "another set"


def _says_set(text: str) -> bool:
    return bool(
        re.search(
            r"\\cup|∪|\\infty|∞|\\setminus|[<>≤≥≠]|\\(?:le|ge|ne|lt|gt|leq|geq|neq|in)(?![a-z])|\boo\b",
            text,
        )
        or _REALS.search(text)
        or _ALL.search(text)
    )


def same_sets(a: Pieces, b: Pieces) -> bool:
    """Whether two sets in normal form are the same."""
    return len(a) == len(b) and all(
        _same_end(p.low, q.low)
        and _same_end(p.high, q.high)
        and (p.low_closed, p.high_closed) == (q.low_closed, q.high_closed)
        for p, q in zip(a, b, strict=True)
    )


def _same_end(a: float, b: float) -> bool:
    if math.isinf(a) or math.isinf(b):
        return a == b
    return abs(a - b) <= 1e-13 * max(abs(a), abs(b))


def read_set(text: str) -> Pieces | None:
    """A text as a set of real numbers in normal form (disjoint pieces in order), or None."""
    try:
        found = _read(_plain(text))
    except (ParseError, ArithmeticError, ValueError, TypeError, RecursionError):
        return None
    return None if found is None else normal(found)


def _plain(text: str) -> str:
    text = text[:2000].replace("−", "-").replace("–", "-")
    text = re.sub(r"\\(?:text|mbox|textrm|mathrm(?=\{[a-z ]{2,}\}))\s*\{([^{}]*)\}", r" \1 ", text)
    text = re.sub(
        r"\\left(?![a-z])|\\right(?![a-z])|\\[,;:! ]|\$|\\\(|\\\)|\\displaystyle|~|\\q?quad",
        " ",
        text,
    )
    text = text.replace("∪", " \\cup ").replace("∞", " \\infty ").replace("∈", " \\in ")
    for latex, plain in (
        (r"\\(?:leqslant|leq|le)(?![a-z])|≤", "<="), (r"\\(?:geqslant|geq|ge)(?![a-z])|≥", ">="),
        (r"\\(?:neq|ne)(?![a-z])|\\not\s*=|≠", "!="), (r"\\lt(?![a-z])", "<"), (r"\\gt(?![a-z])", ">"),
    ):  # fmt: skip
        text = re.sub(latex, plain, text)
    text = re.sub(r"(?<=[)\]])\s*U\s*(?=[(\[])", r" \\cup ", text)
    return re.sub(r"\s+", " ", text).strip().rstrip(".").strip()


def _read(text: str) -> list[Piece] | None:
    if re.search(r"\\cap|∩|\bnot\b(?!\s+equal)|\bif\b|\bmaybe\b", text):
        return None
    if "positive" in text or "negative" in text:
        return _signed(text)
    if split := _EXCEPT.search(text):
        head, tail = text[: split.start()], text[split.end() :]
        base = LINE if _is_line(head) else read_set(head)
        if base is None and not head.strip():
            return None
        holes = _numbers(tail)
        return None if holes is None or base is None else _without(base, holes)
    if match := re.fullmatch(r"(.*?)([A-Za-z])\s*\\in\s*(.+)", text):
        rest = match.group(3)
        if not _INTERVAL.search(match.group(1)):
            parts = re.split(r"\bor\b|\\cup", rest)
            return _union([re.sub(r"^\s*[A-Za-z]\s*\\in\s*", "", p) for p in parts])
    if match := re.fullmatch(
        r"\\\{\s*[A-Za-z](?:\s*\\in\s*\S+(?:\{R\})?)?\s*(?::|\||\\mid)\s*(.*?)\s*\\\}", text
    ):
        return _read(match.group(1))
    if _is_line(text):
        return list(LINE)
    if "\\cup" in text or re.search(r"\bor\b", text):
        return _union(re.split(r"\\cup|\bor\b,?", text))
    if _OPERATOR.search(text):
        return _conditions(text)
    found = _INTERVAL.findall(text)
    if not found:
        return None
    if re.search(
        r"[A-Za-z0-9\\]", _FILLER.sub("", re.sub(r"\band\b", "", _INTERVAL.sub("", text)))
    ):
        return None
    return [_interval(*f) for f in found]


def _is_line(text: str) -> bool:
    """Whether a text says "all real numbers" and nothing else."""
    found = bool(_REALS.search(text)) or bool(_ALL.search(text))
    rest = _FILLER.sub("", re.sub(r"\breals?\b", "", _REALS.sub("", text)))
    rest = re.sub(r"\\in\b", "", rest)
    return found and not re.search(r"[A-Za-z0-9\\^<>=!+]", rest)


def _signed(text: str) -> list[Piece] | None:
    closed = bool(re.search(r"\bnon-?(?:negative|positive)", text))
    positive = bool(re.search(r"non-?negative|(?<!non)(?<!non-)positive", text))
    rest = re.sub(r"\b(?:non-?)?(?:negative|positive)", "", text)
    if not _is_line(rest) and not re.fullmatch(
        r"\s*(?:all|every|any)?\s*(?:real)?\s*(?:numbers?|reals|x|t)?\s*", rest
    ):
        return None
    return [Piece(0.0, math.inf, closed) if positive else Piece(-math.inf, 0.0, False, closed)]


def _union(parts: list[str]) -> list[Piece] | None:
    out: list[Piece] = []
    for part in parts:
        found = _read(part.strip().strip(",;"))
        if found is None:
            return None
        out += found
    return out


def _interval(left: str, low: str, high: str, right: str) -> Piece:
    a, b = _end(low), _end(high)
    if not a < b:
        raise ParseError("empty interval")
    return Piece(a, b, left == "[" and a > -math.inf, right == "]" and b < math.inf)


def _end(text: str) -> float:
    text = text.strip().replace("+\\infty", "\\infty").replace("+ \\infty", "\\infty")
    node = parse(text, EMPTY)
    value = _number(node)
    if value is None:
        raise ParseError("an end that is no number")
    return value


def _number(node: Node) -> float | None:
    if not is_value(node) or symbols(node):
        return None
    if node.op == "neg" and node.args[0].op == "const" and node.args[0].val == "inf":
        return -math.inf
    value = complex(np.ravel(Evaluator(DOUBLES, 0, {}).value(node))[0])
    if math.isinf(value.real):
        return value.real
    return value.real if abs(value.imag) <= 1e-12 * abs(value) or value == 0 else None


def _numbers(text: str) -> list[float] | None:
    """The numbers of a list of exceptions: "x = \\pm 5", "-5 and 5", "{5}"."""
    text = re.sub(
        r"\\[{}]|[{}]",
        " ",
        re.sub(r"\\d?t?frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}", r"((\1)/(\2))", text),
    )
    text = re.sub(r"\b(?:at|for|the|points?|values?|number|numbers|where|when)\b", " ", text)
    out: list[float] = []
    for part in re.split(r",|;|\band\b|\bor\b", text):
        part = re.sub(r"^\s*(?:[A-Za-z]\s*(?:!=|=))?", "", part).strip()
        if not part:
            continue
        for choice in signs(parse(part, EMPTY)):
            value = _number(choice)
            if value is None:
                return None
            out.append(value)
    return out or None


def _conditions(text: str) -> list[Piece] | None:
    """Inequalities about one name, all of which hold: joined by "and" or commas."""
    found: Pieces = LINE
    read = False
    for part in re.split(r",|;|\band\b", text):
        part = _FILLER_WORDS.sub(" ", part).strip()
        if not part:
            continue
        pieces = _one_condition(part)
        if pieces is None:
            return None
        found, read = normal(_intersection(found, pieces)), True
    return list(found) if read else None


_FILLER_WORDS = re.compile(
    r"\b(?:for|all|every|real|where|when|the|interval|on|is|solution|exists|defined|numbers|values|of)\b",
    re.I,
)


def _one_condition(text: str) -> Pieces | None:
    pieces = _OPERATOR.split(text)
    sides, ops = [p.strip() for p in pieces[::2]], pieces[1::2]
    if not ops or any(not s for s in sides):
        return None
    nodes = [parse(s, EMPTY) for s in sides]
    names = set().union(*(symbols(n) for n in nodes))
    if len(names) != 1:
        return None
    if ops == ["!="]:
        left, right = nodes
        if left.op != "sym":
            return None
        holes = [_number(c) for c in signs(right)]
        return None if None in holes else tuple(_without(LINE, [h for h in holes if h is not None]))
    found: Pieces = LINE
    for left, op, right in zip(nodes, ops, nodes[1:], strict=False):
        single = _half_line(left, op, right)
        if single is None:
            return None
        found = normal(_intersection(found, single))
    return found


def _half_line(left: Node, op: str, right: Node) -> Pieces | None:
    turned = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}
    if op not in turned:
        return None
    if not symbols(left):
        left, op, right = right, turned[op], left
    end = _number(right)
    if end is None:
        return None
    closed = "=" in op
    if left.op == "fn" and left.val == "abs" and left.args[0].op == "sym":
        if end < 0:
            return None
        if op[0] == "<":
            return (Piece(-end, end, closed, closed),)
        return (Piece(-math.inf, -end, False, closed), Piece(end, math.inf, closed, False))
    if left.op != "sym":
        return None
    if op[0] == "<":
        return (Piece(-math.inf, end, False, closed and end < math.inf),)
    return (Piece(end, math.inf, closed and end > -math.inf, False),)


def _intersection(a: Pieces, b: Pieces) -> list[Piece]:
    out = []
    for p in a:
        for q in b:
            low, high = max(p.low, q.low), min(p.high, q.high)
            low_closed = all(s.low < low or s.low_closed for s in (p, q))
            high_closed = all(s.high > high or s.high_closed for s in (p, q))
            if low < high or (low == high and low_closed and high_closed):
                out.append(Piece(low, high, low_closed, high_closed))
    return out


def _without(base: Pieces, holes: list[float]) -> list[Piece]:
    out = list(base)
    for hole in holes:
        cut: list[Piece] = []
        for p in out:
            if not p.low < hole < p.high:
                cut.append(p)
                continue
            cut += [
                Piece(p.low, hole, p.low_closed, False),
                Piece(hole, p.high, False, p.high_closed),
            ]
        out = cut
    return out


def normal(pieces: list[Piece] | Pieces) -> Pieces:
    """Pieces in order, overlapping and touching ones joined."""
    out: list[Piece] = []
    for p in sorted(pieces, key=lambda q: (q.low, not q.low_closed)):
        if out:
            last = out[-1]
            if p.low < last.high or (p.low == last.high and (p.low_closed or last.high_closed)):
                high = max(last.high, p.high)
                closed = any(q.high == high and q.high_closed for q in (last, p))
                out[-1] = Piece(
                    last.low, high, last.low_closed or (p.low == last.low and p.low_closed), closed
                )
                continue
        out.append(p)
    return tuple(out)
