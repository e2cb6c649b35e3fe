"""Infinite lists of values: ``n^2, n = 1, 2, ...``, ``1, 4, 9, ...``, ``k pi with k an integer``."""

# Patterns read better in one line.
# ruff: noqa: E501

import re
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from lbt_core.method.extraction import strip_dollars
from lbt_core.subjects.ode.answers.arithmetic import DOUBLES
from lbt_core.subjects.ode.answers.equations import is_value
from lbt_core.subjects.ode.answers.expr import Node, ParseError, num, signs, substitute, symbols
from lbt_core.subjects.ode.answers.grammar import EMPTY
from lbt_core.subjects.ode.answers.parser import parse
from lbt_core.subjects.ode.answers.points import constant_values
from lbt_core.subjects.ode.answers.taylor import Evaluator

_DOTS = r"(?:\\[lcd]?dots[bcmio]?|\.\.\.|…)"
_NAME = r"(?P<name>[A-Za-z])"
_COUNTED = re.compile(
    rf"(?<![A-Za-z\\_{{]){_NAME}\s*(?:=|\\in\s*\\\{{)\s*(?P<first>-?\d+)\s*,\s*(?P<second>\\pm\s*\d+|-?\d+)\s*,"
    rf"(?:\s*(?:\\pm\s*)?-?\d+\s*,)*\s*{_DOTS}\s*(?:\\\}})?"
)
_CLAUSE = re.compile(
    r"(?:[,;]\s*)?(?:\\[ ,;:!]|\\q?quad|\s)*(?:\b(?:for|with|where)\s+)?\$?\s*" + _COUNTED.pattern
)
_BLACKBOARD = re.compile(
    rf"(?<![A-Za-z\\_{{]){_NAME}\s*\\in\s*(?:\\(?:mathbb|mathbf|Bbb)\s*\{{?\s*(?P<set>[NZ])\s*\}}?|(?P<plain>[ℕℤ]))\s*"
    r"(?P<rest>(?:[_^]\s*\{?\s*(?:\\g[et]q?\s*[01]|[>≥]=?\s*[01]|\+|\*|\\ast|0|1)\s*\}?)*)"
    r"(?P<holes>\s*\\setminus\s*\\\{\s*0\s*\\\})?"
)
_AT_LEAST = re.compile(
    rf"(?<![A-Za-z\\_{{]){_NAME}\s*(?P<op>\\geqslant|\\geq|\\ge|>=|≥|>|\\gt)\s*(?P<low>-?\d+)(?!\s*[\d.])"
)
_IN_WORDS = re.compile(
    r"(?:for\s+)?(?:(?:all|any|every|each|where|with|an?|is|are|the)\s+)*(?P<before>[A-Za-z]\s+(?:is\s+)?(?:an?y?\s+)?)?"
    r"(?P<sign>positive|non-?negative|natural|negative)?\s*(?P<kind>integers?|numbers?|naturals)\s*(?P<name>[A-Za-z](?![A-Za-z]))?",
    re.I,
)
_LISTED = re.compile(rf"(?P<items>.+?),\s*{_DOTS}\s*(?:\\\}})?\s*\.?$", re.S)
_INDEX = re.compile(r"[A-Za-z]+_(\w)$")
_COUNT, _MORE = 7, 24


@dataclass(frozen=True, slots=True)
class Family:
    """Values of ``term`` where ``index`` runs over ``first, first + step, …`` (both ways where
    ``both``), or the ``listed`` beginning of them. ``ambiguous``: N may start at 0 or at 1.
    """

    term: Node | None
    index: str
    first: int = 1
    step: int = 1
    both: bool = False
    ambiguous: bool = False
    listed: tuple[Node, ...] = ()
    open: bool = False  # no domain is given


def by_family(question: str, reference: str, answer: str) -> tuple[str, str, str] | None:
    """The verdict where the reference is an infinite list of values; None where it is something
    else, or where the answer cannot be read as one.
    """
    wanted = read_family(reference)
    if wanted is None or wanted.open:
        return None
    given = read_family(answer)
    if given is None:
        finite = _finite(answer)
        return ("incorrect", "family", "not the whole list") if finite else None
    for start in (0, 1) if wanted.ambiguous else (wanted.first,):
        for own in (0, 1) if given.ambiguous else (given.first,):
            if _same(wanted, start, given, own):
                return "correct", "family", ""
    return "incorrect", "family", "other values"


def _finite(text: str) -> bool:
    """Whether an answer lists plain numbers only."""
    text = strip_dollars(_plain(text))
    text = re.sub(r"^\s*\\?[A-Za-z]+(?:_\{?\w\}?)?\s*=", "", text)
    try:
        nodes = [parse(part, EMPTY) for part in text.split(",")]
    except (ParseError, RecursionError):
        return False
    return all(is_value(n) and not symbols(n) for n in nodes)


def _plain(text: str) -> str:
    text = re.sub(r"\\(?:text|mbox|textrm)\s*\{([^{}]*)\}", r" \1 ", text[:2000])
    return re.sub(
        r"\$|\\\(|\\\)|\\[,;:! ]|\\q?quad|\\left(?![a-z])|\\right(?![a-z])|~", " ", text
    ).strip()


def read_family(text: str) -> Family | None:
    """A text as an infinite list of values, or None. Without a domain (``lambda_n = n^2``) it is
    ``open``.
    """
    plain = _plain(text)
    rest, domain = _domain(plain)
    try:
        if domain is None:
            return _listed(plain) or _indexed(plain)
        rest = re.sub(r"\b(?:for|where|with|and|all|when|each|every|any|integer)\b", " ", rest)
        rest = re.sub(r"\(\s*\)", " ", rest).strip().strip(",;:.").strip()
        if not rest or rest == domain.index:
            return Family(Node("sym", (), domain.index), domain.index, domain.first, domain.step,
                          domain.both, domain.ambiguous)  # fmt: skip
        term = _term(rest)
    except (ParseError, RecursionError, ValueError):
        return None
    if term is None:
        return None
    index = domain.index
    if index == "":
        loose = [n for n in ("n", "k", "m", "j") if n in symbols(term)]
        if len(loose) != 1:
            return None
        index = loose[0]
    if index not in symbols(term):
        return None
    return Family(term, index, domain.first, domain.step, domain.both, domain.ambiguous)


def without_domain(text: str) -> str:
    """The text without what says over which numbers an index runs."""
    return _CLAUSE.sub(" ", text) if re.search(_DOTS, text) else text


def _domain(text: str) -> tuple[str, Family | None]:
    if match := _COUNTED.search(text):
        first = int(match.group("first"))
        both = "\\pm" in match.group("second")
        step = 1 if both else int(match.group("second")) - first
        found = Family(None, match.group("name"), first, step, both)
    elif match := _BLACKBOARD.search(text):
        letter = {"ℕ": "N", "ℤ": "Z"}.get(match.group("plain") or "", match.group("set"))
        rest = match.group("rest") or ""
        name = match.group("name")
        if match.group("holes") and letter == "Z":
            return text, None
        if letter == "Z" and not rest:
            found = Family(None, name, 0, 1, True)
        elif letter == "N" and not rest:
            found = Family(None, name, 1, 1, False, not match.group("holes"))
        else:
            zero = "0" in rest and not re.search(r"\\gt?(?![eq])|>(?!=)", rest)
            found = Family(None, name, 0 if zero else 1)
    elif match := _AT_LEAST.search(text):
        low = int(match.group("low"))
        strict = match.group("op") in (">", "\\gt")
        found = Family(None, match.group("name"), low + strict)
    elif (match := _IN_WORDS.search(text)) and (
        match.group("sign") or "integer" in match.group("kind").lower()
    ):
        sign = (match.group("sign") or "").lower()
        name = (match.group("name") or (match.group("before") or "").split(" ")[0] or "").strip()
        if sign == "negative":
            return text, None
        first = 0 if sign.startswith("non") else 1
        found = Family(None, name, first if sign else 0, 1, not sign, sign == "natural")
    else:
        return text, None
    return text[: match.start()] + " " + text[match.end() :], found


def _term(text: str) -> Node | None:
    node = parse(text.strip().strip(",;"), EMPTY)
    if node.op == "rel" and set(node.val) == {"="}:
        node = node.args[-1]
    return node if all(is_value(s) for s in signs(node)) else None


def _listed(text: str) -> Family | None:
    match = _LISTED.fullmatch(text.strip())
    if not match:
        return None
    items = re.sub(
        r"^\s*\\?[A-Za-z]+(?:_\{?\w\}?)?\s*(?:=|\\in)\s*", "", match.group("items")
    ).replace("\\{", " ")
    nodes = tuple(parse(part, EMPTY) for part in items.split(","))
    if len(nodes) < 2 or not all(is_value(v) for n in nodes for v in signs(n)):
        return None
    return Family(None, "", both="\\pm" in items, listed=nodes)


def _indexed(text: str) -> Family | None:
    """``lambda_n = n^2``: a term whose index only its name gives."""
    if "=" not in text or "," in text:
        return None
    node = parse(text, EMPTY)
    if node.op != "rel" or set(node.val) != {"="} or node.args[0].op != "sym":
        return None
    match = _INDEX.match(node.args[0].val)
    term = node.args[-1]
    if not match or match.group(1) not in symbols(term) or not is_value(term):
        return None
    return Family(term, match.group(1), open=True)


def _values(family: Family, first: int, count: int) -> list[complex]:
    """The first ``count`` values (around 0 where the index runs both ways)."""
    if family.listed:
        return [_number(v) for n in family.listed for v in signs(n)]
    assert family.term is not None
    reach = range(-count // 2 + 1, count // 2) if family.both else range(count)
    out = []
    for k in reach:
        at = num(Fraction(k if family.both else first + k * family.step))
        for choice in signs(substitute(family.term, {family.index: at})):
            out.append(_number(choice))
    return out


def _number(node: Node) -> complex:
    env = {n: [constant_values(5 + sum(map(ord, n)) % 60, 1)] for n in symbols(node)}
    with np.errstate(all="ignore"):
        return complex(np.ravel(Evaluator(DOUBLES, 0, env).value(node))[0])


def _same(wanted: Family, start: int, given: Family, own: int) -> bool:
    try:
        if given.open:
            given = Family(given.term, given.index, start, wanted.step, wanted.both)
            own = start
            if wanted.listed:
                own = 1
        if wanted.listed and given.listed:
            pairs = zip(_values(wanted, 0, 0), _values(given, 0, 0), strict=False)
            return len(given.listed) >= 2 and all(_close(a, b) for a, b in pairs)
        if given.listed or wanted.listed:
            listed, other, at = (given, wanted, start) if given.listed else (wanted, given, own)
            if listed.both and other.both:
                known = _values(listed, 0, 0)
                return _within(known, _values(other, 0, 2 * _MORE)) and _within(
                    _values(other, 0, 4), known
                )
            if other.both or listed.both or (given.listed and len(given.listed) < 3):
                return False
            first = _values(other, at, _MORE)
            return all(_close(a, b) for a, b in zip(_values(listed, 0, 0), first, strict=False))
        few = [
            (_values(f, k, 2 * _COUNT if f.both else _COUNT))
            for f, k in ((wanted, start), (given, own))
        ]
        many = [
            (_values(f, k, 2 * _MORE if f.both else _MORE))
            for f, k in ((wanted, start), (given, own))
        ]
    except (ParseError, ArithmeticError, ValueError, LookupError):
        return False
    return _within(few[0], many[1]) and _within(few[1], many[0])


def _within(values: list[complex], others: list[complex]) -> bool:
    return all(any(_close(v, w) for w in others) for v in values)


def _close(a: complex, b: complex) -> bool:
    return a == b or bool(np.isfinite(a) and abs(a - b) <= 1e-12 * max(abs(a), abs(b), 1e-9))
