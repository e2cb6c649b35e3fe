"""Answers that are one number: with a unit, in percent or degrees, in a sentence, rounded or exact."""

# Patterns read better in one line.
# ruff: noqa: E501

import re
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice

import numpy as np

from lbt_core.subjects.ode.answers.equations import is_value
from lbt_core.subjects.ode.answers.expr import Node, ParseError, num, symbols
from lbt_core.subjects.ode.answers.numbers import Names, equal_values
from lbt_core.subjects.ode.answers.parser import Context, parse
from lbt_core.subjects.ode.answers.statements import HEDGES
from lbt_core.subjects.ode.answers.unit_phrases import Unit, angle_of, plain_phrase, units_of
from lbt_core.subjects.ode.answers.vocabulary import FUNCTIONS

TOLERANCE = 0.01
_MAX_NUMBERS = 16
_NO_NAMES = Names(frozenset(), frozenset(), frozenset())
_PERCENT = re.compile(r"\s*(?:\\?%|per\s?cent\b|percent\b)", re.I)
_APPROXIMATE = re.compile(
    r"\\approx|\\simeq|\\sim(?![a-z])|≈|~=|\b(?:about|approximately|approx|roughly|around|nearly|almost|"
    r"circa|rounded|close to)\b", re.I
)  # fmt: skip
_DECIMAL = re.compile(
    r"\d\.\d|(?<!\d)\.\d|\d[eE][-+]?\d|\\times\s*10\s*\^|(?:\\cdot|\*)\s*10\s*\^|×\s*10"
)
_ASKED_PERCENT = re.compile(
    r"\b(?:what|which|how many|in|as a|find the|give the)\s+(?:a\s+)?percent(?:age)?", re.I
)
_HOW_MANY = re.compile(r"how\s+many\s+([A-Za-z]+(?:\s+per\s+[A-Za-z]+)?)", re.I)
_IN_UNITS = re.compile(
    r"(?<!\$)(?<! is)(?<!measured)\s\(?in\s+([A-Za-z]+(?:/[A-Za-z^0-9]+|\s+per\s+[A-Za-z]+)?)\)?\s*[.?!)]*\s*$",
    re.I,
)
TEXT_GROUP = re.compile(
    r"\\(?:text|mathrm|mbox|textrm|textbf|operatorname|textnormal)\s*\{([^{}]*(?:\{[^{}]*\})?[^{}]*)\}"
)
_NUMBER = (
    r"(?:(?<![\w.)}])[-+−]\s?)?(?:\d{1,3}(?:(?:,|\{,\}|\\,)\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+)"
    r"(?:\s*(?:\\times|\\cdot|×|\*)\s*10\s*\^\s*(?:\{\s*[-+]?\d+\s*\}|[-+]?\d+)|[eE][-+]?\d+)?"
    r"(?:\s*/\s*\d+|\s+\d+\s*/\s*\d+)?"
)
_QUANTITY = re.compile(rf"({_NUMBER}|-?\\[dt]?frac\{{\d+\}}\{{\d+\}})((?:\s|\\[,; ]|~|\$)*)", re.S)
_WORD_NUMBERS = {w: k for k, w in enumerate(
    ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
)}  # fmt: skip
_LABEL = re.compile(r"[A-Za-z]\w*'*\([^()]*\)|\\?[A-Za-z]+'*(?:_\{?\w+\}?)?")


@dataclass(frozen=True, slots=True)
class Quantity:
    """A number, its text, the readings of its unit, whether it is in percent, and whether it is
    rounded (a decimal, or said to be approximate).
    """

    value: Node
    units: tuple[Unit, ...] = ()
    percent: bool = False
    rounded: bool = False


def by_quantity(question: str, reference: str, answer: str) -> tuple[str, str, str] | None:
    """The verdict where the reference is one number; None where it is something else, or where the
    answer cannot be read as one.
    """
    wanted = _reference(reference)
    if wanted is None:
        return None
    if not re.search(r"\d", answer) and (spelled := _spelled(answer)) is not None:
        answer = spelled
    if re.search(r"(?<![\\A-Za-z])(?:or)(?![A-Za-z])|\\text\s*\{\s*or", answer):
        return None
    if HEDGES & set(re.findall(r"[a-z]+", answer.lower())):
        return None
    links = _links(answer)
    if not links:
        return None
    approximate = bool(_APPROXIMATE.search(answer))
    read = [read_quantity(link) for link in links]
    given = read[-1] if read[-1] is not None else _only_one(links[-1], wanted)
    if given is None:
        return None
    if len(links) > 1 and not _label_fits(links[0], question):
        return "incorrect", "form", "a value of something else"
    numbers = [q for q in read[:-1] if q is not None]
    given = _rounded(given, approximate)
    for other in numbers:
        if not agree(other, given, question, within=True):
            return "incorrect", "units", "the links of the chain differ"
    if approximate and numbers:
        given = numbers[-1]
    if agree(wanted, given, question):
        return "correct", "units", ""
    if wanted.units and given.units and not _matching(wanted, given):
        return "incorrect", "units", "different dimensions"
    return "incorrect", "units", "differs from the reference"


def _links(text: str) -> list[str]:
    """The links of a chain of equalities, empty ones left out."""
    text = re.sub(r"(?<=[\s$])(?:equals|is equal to)(?=[\s$])", "=", text)
    return [k for k in re.split(r"=|\\approx|≈|\\simeq|\\sim(?![a-z])", text) if k.strip(" $\\()")]


def _reference(text: str) -> Quantity | None:
    """The reference as one number: the first number of a chain ("10 ln 2 ≈ 6.93 years"), with the
    unit that stands anywhere in it.
    """
    links = _links(text)
    if len(links) < 2 or len(links) > 6:
        return read_quantity(text)
    read = [read_quantity(k) for k in links]
    if read[-1] is None or any(q is None for q in read[1:]):
        return None
    if read[0] is None and not _label_fits(links[0], ""):
        return None
    first = next(q for q in read if q is not None)
    units = next((q.units for q in read if q is not None and q.units), ())
    return Quantity(first.value, units, first.percent, first.rounded)


def _rounded(quantity: Quantity, rounded: bool) -> Quantity:
    return Quantity(quantity.value, quantity.units, quantity.percent, quantity.rounded or rounded)


def _spelled(answer: str) -> str | None:
    every = re.findall(r"[a-z]+", plain_phrase(answer).lower())
    if {"infinite", "infinity"} & set(every):
        return "\\infty"
    words = [w for w in every if w in _WORD_NUMBERS]
    return str(_WORD_NUMBERS[words[0]]) if len(words) == 1 else None


def read_quantity(text: str) -> Quantity | None:
    """A text that is one number with words or a unit around it; None where it is anything else."""
    text = without_dollars(text).strip().strip(",;:").rstrip(".").strip()
    if not text or len(text) > 400:
        return None
    rounded = bool(_DECIMAL.search(text) or _APPROXIMATE.search(text))
    text = _APPROXIMATE.sub(" ", text).strip()
    percent = False
    if (node := _value(text)) is not None:
        return Quantity(node, (), False, rounded)
    body = _without_lead(TEXT_GROUP.sub(lambda m: f" {m.group(1)} ", text))
    if (node := _value(body)) is not None:
        return Quantity(node, (), False, rounded)
    for match in re.finditer(r"(?<=[\d)}!\s%°A-Za-z])(?=\s*(?:[A-Za-z%°^/$]|\\[%dftmc]))", body):
        head, tail = body[: match.start()], body[match.start() :]
        if not head.strip() or (re.search(r"[A-Za-z]$", head) and re.match(r"[A-Za-z]", tail)):
            continue
        node = _value(head)
        if node is None:
            continue
        if cut := _PERCENT.match(tail):
            percent, tail = True, tail[cut.end() :]
        if re.search(r"\d", re.sub(r"\^\s*\{?\s*[-+]?\d|\b(?:m|s|cm|ft|km)\d", "", tail)):
            continue
        units = tuple(units_of(tail))
        if not percent and not units and not _is_noun(tail):
            continue
        return Quantity(node, units, percent, rounded)
    return None


def without_dollars(text: str) -> str:
    text = text.replace("$", " ").replace("\\(", " ").replace("\\)", " ").replace("\\ ", " ")
    text = re.sub(r"\\,(?!\d{3}(?!\d))", " ", text)
    return re.sub(r"\\displaystyle|\\[;:!]|\\left(?![a-z])|\\right(?![a-z])|~", " ", text)


def _is_noun(tail: str) -> bool:
    """Whether what follows a number are only words: "cells", "fish are left"."""
    words = plain_phrase(tail)
    found = re.findall(r"[A-Za-z]+", words)
    return bool(re.fullmatch(r"[A-Za-z][A-Za-z' ,.-]+", words)) and (
        len(found[0]) > 2
        and found[0] not in FUNCTIONS
        and all(len(w) > 1 or w in "aI" for w in found)
    )


def _without_lead(text: str) -> str:
    """A sentence from its first number or formula on: "the tank then holds 72 grams"."""
    at = cut = 0
    for match in re.finditer(r"\s*([A-Za-z][A-Za-z'’-]*)([,:]?)(?=\s|$)", text):
        word = match.group(1)
        if match.start() != at or word in FUNCTIONS or word in ("pi", "e", "i"):
            break
        at = match.end()
        cut = at if len(word) > 1 or match.group(2) else cut
    return text[cut:].strip()


def _value(text: str) -> Node | None:
    """A number without names in it; None where the text is anything else."""
    try:
        node = parse(text, Context())
    except (ParseError, RecursionError):
        return None
    return node if is_value(node) and not symbols(node) and node.op != "set" else None


def _only_one(text: str, wanted: Quantity) -> Quantity | None:
    """The one quantity of a sentence that has the dimension asked for, where there is just one."""
    found = quantities(text)
    if wanted.units:
        if (total := _compound(text, found)) is not None:
            return total
        fitting = [q for q in found if q.units and _matching(wanted, q)]
    else:
        fitting = found if len(found) == 1 else [q for q in found if not q.units]
    return fitting[0] if len(fitting) == 1 else None


def _compound(text: str, found: list[Quantity]) -> Quantity | None:
    """ "2 hours 30 minutes" as one quantity; None where the text is nothing of the kind."""
    if len(found) != 2 or not _matching(*found):
        return None
    if not re.fullmatch(
        r"\s*[\d.]+\s*[A-Za-z]+\s*(?:and|,)?\s*[\d.]+\s*[A-Za-z]+\s*", without_dollars(text)
    ):
        return None
    large, small = _matching(*found) or (found[0].units[0], found[1].units[0])
    if large.factor <= small.factor or large.offset or small.offset:
        return None
    share = Node("mul", (found[1].value, num(small.factor / large.factor)))
    rounded = any(q.rounded for q in found)
    return Quantity(Node("add", (found[0].value, share)), (large,), False, rounded)


def quantities(text: str) -> list[Quantity]:
    """Every plain number of a text with the unit right after it."""
    plain = TEXT_GROUP.sub(lambda m: f" {m.group(1)} ", without_dollars(text))
    found = []
    matches = list(islice(_QUANTITY.finditer(plain), _MAX_NUMBERS + 1))
    if len(matches) > _MAX_NUMBERS:
        return []  # no sentence about an amount
    for k, match in enumerate(matches):
        end = matches[k + 1].start() if k + 1 < len(matches) else len(plain)
        tail = plain[match.end() : end]
        node = _value(match.group(1).replace("−", "-"))
        if node is None:
            continue
        cut = _PERCENT.match(tail)
        units = tuple(units_of(tail[cut.end() :] if cut else tail))
        rounded = bool(_DECIMAL.search(match.group(1)) or _APPROXIMATE.search(text))
        found.append(Quantity(node, units, cut is not None, rounded))
    return found


def _matching(a: Quantity, b: Quantity) -> tuple[Unit, Unit] | None:
    """Readings of two units with one dimension."""
    return next(((u, v) for u in a.units for v in b.units if u.dimension == v.dimension), None)


def asked_unit(question: str) -> list[Unit]:
    """The unit that a question asks for: "how many grams", "… in kg?"; empty without one."""
    if match := _HOW_MANY.search(question):
        return units_of(match.group(1))
    last = re.split(r"(?<=[.?!])\s+", question.strip())[-1]
    match = _IN_UNITS.search(last)
    return units_of(match.group(1)) if match else []


def agree(wanted: Quantity, given: Quantity, question: str, within: bool = False) -> bool:
    """Whether two quantities are the same; ``within`` a chain a unit may stand at its end only."""
    if wanted.percent or given.percent:
        return _agree_percent(wanted, given, question)
    if not wanted.units and given.units and not within:
        asked = asked_unit(question)
        angle = angle_of(list(given.units))
        if asked:
            wanted = Quantity(wanted.value, tuple(asked), False, wanted.rounded)
        elif angle is not None and not any(u.dimension != angle.dimension for u in given.units[:1]):
            radians = Unit(angle.dimension, Fraction(1))
            wanted = Quantity(wanted.value, (radians,), False, wanted.rounded)
    if wanted.units and given.units:
        pair = _matching(wanted, given)
        if pair is None:
            return False
        same = pair if pair[0] == pair[1] else None
        exact = wanted.units == given.units or same is not None
        return any(
            _same(wanted, given, (u, v))
            for u in wanted.units
            for v in given.units
            if u.dimension == v.dimension and (u == v or not exact)
        )
    if _same(wanted, given, None):
        return True
    turned = angle_of(list(wanted.units)) if wanted.units else None
    if turned is not None and turned.factor != 1 and _has_pi(given.value):
        return _same(wanted, given, (turned, Unit(turned.dimension, Fraction(1))))
    return False


def _has_pi(node: Node) -> bool:
    return (node.op == "const" and node.val == "pi") or any(_has_pi(a) for a in node.args)


def _agree_percent(wanted: Quantity, given: Quantity, question: str) -> bool:
    if wanted.units or given.units:
        return False
    factors = [Fraction(1, 100) if q.percent else Fraction(1) for q in (wanted, given)]
    scales = [tuple(factors)]
    if wanted.percent != given.percent and _ASKED_PERCENT.search(question):
        scales.append((Fraction(1), Fraction(1)))
    return any(_close(wanted, given, float(a), float(b), 0.0, 0.0) for a, b in scales)


def _same(wanted: Quantity, given: Quantity, units: tuple[Unit, Unit] | None) -> bool:
    if units is None or units[0] == units[1]:
        return _close(wanted, given, 1.0, 1.0, 0.0, 0.0)
    u, v = units
    offset = float((v.offset - u.offset) / u.factor)
    return _close(wanted, given, 1.0, float(v.factor / u.factor), 0.0, offset)


def _close(
    wanted: Quantity, given: Quantity, a: float, b: float, shift_a: float, shift_b: float
) -> bool:
    """Whether ``a·wanted + shift`` and ``b·given + shift`` are the same: exactly between exact
    forms, within 1 % where one of them is rounded.
    """
    rounded = wanted.rounded or given.rounded
    if (a, b, shift_a, shift_b) == (1.0, 1.0, 0.0, 0.0) and not rounded:
        return equal_values(wanted.value, given.value, _NO_NAMES)
    tolerance = TOLERANCE if rounded else 1e-13
    if shift_a or shift_b:
        left, right = _number(wanted.value), _number(given.value)
        if left is None or right is None:
            return False
        x, y = a * left + shift_a, b * right + shift_b
        return bool(abs(x - y) <= tolerance * abs(x) + 1e-3 * tolerance)
    return equal_values(wanted.value, given.value, _NO_NAMES, tolerance, (a, b))


def _number(node: Node) -> complex | None:
    from lbt_core.subjects.ode.answers.arithmetic import DOUBLES  # noqa: PLC0415
    from lbt_core.subjects.ode.answers.taylor import Evaluator  # noqa: PLC0415

    value = complex(np.ravel(Evaluator(DOUBLES, 0, {}).value(node))[0])
    return value if np.isfinite(value) else None


def _label_fits(label: str, question: str) -> bool:
    """Whether the left side of ``label = value`` may name what was asked: a number or a name, and
    not a value at another point than the one asked for.
    """
    text = re.sub(r"\s|\\[,;:! ]|\$|\\left|\\right|\\displaystyle|\\d?t?frac", "", label)
    if len(text) > 1 and text in re.sub(r"\s|\\[,;:! ]|\$|\\left|\\right", "", question):
        return True
    if re.match(r"\\(?:lim|int|sum)|.*\\(?:lim|int)_", text):
        return True
    if read_quantity(label) is not None:
        return True
    tail = re.search(r"([A-Za-z]'*)(\([^()]*(?:\([^()]*\))?[^()]*\))$", text)
    if tail:
        asked = re.sub(r"\\[,;:! ]|\$|\\left|\\right|\\d?t?frac", "", question)
        wanted = re.findall(
            r"(?<![A-Za-z\\])[A-Za-z]'*\([^()]*(?:\([^()]*\))?[^()]*\)(?!\s*=)", asked
        )
        wanted = [re.sub(r"\s", "", w) for w in wanted]
        wanted = [w for w in wanted if not re.search(r"\([a-z](?:,[a-z])*\)$", w)]
        mine = tail.group(1) + tail.group(2)
        if re.search(r"\([a-z]\)$", mine):
            return True
        return not wanted or mine in wanted
    words = re.findall(r"[A-Za-z]{2,}", re.sub(r"\\[A-Za-z]+", "", text))
    if words and not re.search(r"[-+*/^]", text):
        return True
    return bool(
        re.fullmatch(r".*?\\?[A-Za-z]+'*(?:_(?:\{[^{}]*\}|\\?\w+))?(?:\^\*)?", text)
    ) and not re.search(r"[-+*/^]|\d[A-Za-z]", re.sub(r"_\{[^{}]*\}", "", text).removesuffix("^*"))


__all__ = ["TOLERANCE", "Quantity", "agree", "by_quantity", "quantities", "read_quantity"]
