"""Plain numbers in answers, read exactly: whole numbers, decimals, fractions, mixed numbers,
thousands separators, percent, a currency sign, a unit in words. Whatever is not plainly one of
these is left to math-verify.
"""

import re
import unicodedata
from dataclasses import dataclass
from fractions import Fraction

MAX_DIGITS = 400
SIGNIFICANT = 6
"""Digits from which on a decimal may stand for a fraction that it does not equal."""

_LATEX_SPACE = re.compile(r"\\[,;:! ]|\\q?quad(?![A-Za-z])|~|[\u2009\u202f\u00a0]")
_TEXT = re.compile(r"\\(?:text|mathrm|textrm|mbox|textbf|mathbf|operatorname)\s*\{([^{}]*)\}")
_FRACTION = re.compile(r"\\[dtc]?frac\s*(?:\{\s*(-?\d+)\s*\}|(\d))\s*(?:\{\s*(-?\d+)\s*\}|(\d))")
_GROUPED = re.compile(r"(?<![\d.,])\d{1,3}(?:(?:,|\{,\})\d{3})+(?![\d,])")
_CURRENCY = re.compile(r"^([-+]?)\s*(?:\\?\$|€|£|¥|₹)\s*(?=[\d.])")
_PERCENT = re.compile(r"\s*(?:\\?%|percent\b|per cent\b)\s*$", re.IGNORECASE)
_WHOLE = r"\d+"
_DECIMAL = r"\d+\.\d*|\.\d+"
_NUMBER = re.compile(rf"([-+]?)\s*(?:({_DECIMAL})|({_WHOLE})(?:\s*/\s*({_WHOLE}))?)")
_MIXED = re.compile(rf"([-+]?)\s*({_WHOLE})\s+({_WHOLE})\s*/\s*({_WHOLE})")
_UNIT = re.compile(r"[A-Za-z]{2,}(?:[ -][A-Za-z]{2,}){0,3}")
_LEADING = re.compile(
    rf"^([-+]?\s*(?:{_DECIMAL}|{_WHOLE}\s+{_WHOLE}\s*/\s*{_WHOLE}|{_WHOLE}(?:\s*/\s*{_WHOLE})?))"
    r"\s*([A-Za-z][A-Za-z -]*)$"
)
_LETTER_UNITS = frozenset("mgshl")
_NO_UNIT = frozenset(
    (
        *(
            "hundred",
            "thousand",
            "million",
            "billion",
            "trillion",
            "hundreds",
            "thousands",
            "millions",
        ),
        *("billions", "trillions", "dozen", "dozens", "score", "scores", "half", "halves"),
        *("quarter", "quarters", "third", "thirds", "fifth", "fifths", "tenth", "tenths"),
        *("hundredth", "hundredths", "percent", "per", "cent", "percentage", "pi", "tau"),
        *("squared", "cubed", "square", "cube", "root", "minus", "plus", "times"),
        *("over", "and", "or", "not", "to", "by", "divided", "multiplied"),
        *("mod", "choose", "factorial", "sin", "cos", "tan", "log", "ln"),
        *("exp", "sqrt", "inf", "infinity", "pair", "pairs", "remainder", "nd"),
        *("rd", "th", "st", "base", "ab", "abc", "xy", "xyz"),
        *("negative", "more", "less"),
    )
)
"""Words after a number that say another number, or that something is left to compute."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number as it is written: its value, whether in percent (the value is that before the
    sign), its unit in words, and how many significant digits a decimal shows (0: it is none).
    """

    value: Fraction
    percent: bool = False
    unit: str = ""
    digits: int = 0


def plain(text: str) -> str:
    """An answer with Unicode and LaTeX ways of writing the same made one: signs, spaces, text in
    macros, degree signs, simple fractions."""
    text = unicodedata.normalize("NFKC", text.replace("½", " 1/2"))
    text = text.replace("−", "-").replace("–", "-").replace("⁄", "/").replace("÷", "/")
    text = text.replace("\\left", "").replace("\\right", "").replace("\\$", "$")
    text = _LATEX_SPACE.sub(" ", text)
    text = _TEXT.sub(r" \1 ", text)
    text = _FRACTION.sub(lambda m: f" {m[1] or m[2]}/{m[3] or m[4]} ", text)
    return " ".join(text.split())


def read_number(text: str) -> Number | None:
    """The number that an answer (as ``plain`` gives it) plainly is, or None."""
    if len(text) > MAX_DIGITS:
        return None
    text = _GROUPED.sub(lambda m: m[0].replace("{,}", "").replace(",", ""), text.strip())
    text = _CURRENCY.sub(r"\1", text)
    percent = _PERCENT.search(text) is not None
    text = _PERCENT.sub("", text).strip()
    unit = ""
    if not percent and (found := _LEADING.match(text)):
        unit = found[2].strip()
        if unit in _LETTER_UNITS and text[found.end(1)] == " ":
            pass  # "5 m", while "5m" may be a product
        elif not _is_unit(unit):
            return None
        text, unit = found[1], unit.lower()
    return _value(text, percent, unit)


def _is_unit(words: str) -> bool:
    parts = re.split(r"[ -]+", words.lower())
    return bool(_UNIT.fullmatch(words)) and not _NO_UNIT.intersection(parts)


def _value(text: str, percent: bool, unit: str) -> Number | None:
    if mixed := _MIXED.fullmatch(text):
        sign, whole, top, bottom = mixed.groups()
        if int(bottom) == 0:
            return None
        value = int(whole) + Fraction(int(top), int(bottom))
        return Number(-value if sign == "-" else value, percent, unit)
    match = _NUMBER.fullmatch(text)
    if match is None:
        return None
    sign, decimal, whole, bottom = match.groups()
    if decimal is not None:
        value = Fraction(decimal.rstrip(".") if decimal.endswith(".") else f"0{decimal}")
        digits = len(decimal.replace(".", "").lstrip("0")) if "." in decimal.rstrip(".") else 0
        return Number(-value if sign == "-" else value, percent, unit, digits)
    if bottom is not None and int(bottom) == 0:
        return None
    value = Fraction(int(whole), int(bottom or 1))
    return Number(-value if sign == "-" else value, percent, unit)


def same_number(reference: Number, answer: Number) -> bool:
    """Whether two numbers are the same by the conventions of ``docs/subjects.md``: exactly, or a
    decimal of SIGNIFICANT digits or more for a fraction that no decimal equals; "10 %" is 0.1 as
    well as 10, but 0.1 is never "0.1 %".
    """
    if reference.percent == answer.percent:
        return _close(reference, answer)
    scaled = [
        Number(n.value / 100 if n.percent else n.value, digits=n.digits)
        for n in (reference, answer)
    ]
    bare = answer if reference.percent else reference
    return _close(*scaled) or (abs(bare.value) >= 1 and _close(reference, answer))


def _close(reference: Number, answer: Number) -> bool:
    if reference.value == answer.value:
        return True
    decimal, fraction = (answer, reference) if answer.digits else (reference, answer)
    if decimal.digits < SIGNIFICANT or fraction.digits or _terminates(fraction.value):
        return False
    # a rounded or a truncated decimal differs by less than one unit in its last place
    return abs(decimal.value - fraction.value) < _last_place(decimal)


def _terminates(value: Fraction) -> bool:
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    return rest == 1


def _last_place(decimal: Number) -> Fraction:
    size = abs(decimal.value)
    place = Fraction(1)
    while place * 10 <= size:
        place *= 10
    while place > size:
        place /= 10
    return place / Fraction(10) ** (decimal.digits - 1)
