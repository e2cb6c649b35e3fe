"""Units of measure as people write them: ``m/s``, ``meters per second``, ``\\mathrm{m\\,s^{-1}}``."""

# ruff: noqa: E501

import re
from dataclasses import dataclass
from fractions import Fraction
from itertools import product

Dimension = tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Unit:
    """``dimension``: powers of base dimensions; ``factor``: to base units (m, kg, s, A, K, rad);
    ``offset``: added after the factor (of temperatures); ``angle``: whether it says degrees.
    """

    dimension: Dimension
    factor: Fraction
    offset: Fraction = Fraction(0)


_BASE: dict[str, dict[str, str]] = {
    # dimension: name -> factor
    "L": {"m": "1", "meter": "1", "metre": "1", "km": "1000", "kilometer": "1000", "kilometre": "1000", "cm": "0.01", "centimeter": "0.01",
          "centimetre": "0.01", "mm": "0.001", "millimeter": "0.001", "millimetre": "0.001", "mile": "1609.344", "mi": "1609.344",
          "ft": "0.3048", "foot": "0.3048", "feet": "0.3048", "inch": "0.0254", "inches": "0.0254", "in": "0.0254", "yard": "0.9144", "yd": "0.9144",
          "nm": "1e-9", "dm": "0.1"},
    "M": {"kg": "1", "kilogram": "1", "kilo": "1", "g": "0.001", "gram": "0.001", "gramme": "0.001", "mg": "1e-6", "milligram": "1e-6", "lb": "0.45359237", "lbs": "0.45359237",
          "pound": "0.45359237", "oz": "0.028349523125", "ounce": "0.028349523125", "ton": "1000", "tonne": "1000", "slug": "14.5939"},
    "T": {"s": "1", "sec": "1", "second": "1", "ms": "0.001", "millisecond": "0.001", "min": "60", "minute": "60", "h": "3600", "hr": "3600",
          "hour": "3600", "day": "86400", "d": "86400", "week": "604800", "month": "2629800", "year": "31557600", "yr": "31557600"},
    "I": {"A": "1", "amp": "1", "ampere": "1", "mA": "0.001", "milliampere": "0.001"},
    "N": {"mol": "1", "mole": "1"},
    "$": {"dollar": "1", "usd": "1", "cent": "0.01"},
    "angle": {"rad": "1", "radian": "1"},
}  # fmt: skip
_DERIVED: dict[str, tuple[str, dict[str, int]]] = {
    "l": ("0.001", {"L": 3}), "L": ("0.001", {"L": 3}), "liter": ("0.001", {"L": 3}), "litre": ("0.001", {"L": 3}), "ml": ("1e-6", {"L": 3}),
    "mL": ("1e-6", {"L": 3}), "milliliter": ("1e-6", {"L": 3}), "millilitre": ("1e-6", {"L": 3}), "gal": ("0.003785411784", {"L": 3}), "gallon": ("0.003785411784", {"L": 3}),
    "mph": ("0.44704", {"L": 1, "T": -1}), "kph": ("0.277777777777777778", {"L": 1, "T": -1}), "Hz": ("1", {"T": -1}), "hertz": ("1", {"T": -1}),
    "khz": ("1000", {"T": -1}), "n": ("1", {"M": 1, "L": 1, "T": -2}), "N": ("1", {"M": 1, "L": 1, "T": -2}), "newton": ("1", {"M": 1, "L": 1, "T": -2}),
    "kN": ("1000", {"M": 1, "L": 1, "T": -2}), "J": ("1", {"M": 1, "L": 2, "T": -2}), "joule": ("1", {"M": 1, "L": 2, "T": -2}), "kJ": ("1000", {"M": 1, "L": 2, "T": -2}),
    "W": ("1", {"M": 1, "L": 2, "T": -3}), "watt": ("1", {"M": 1, "L": 2, "T": -3}), "kW": ("1000", {"M": 1, "L": 2, "T": -3}),
    "Pa": ("1", {"M": 1, "L": -1, "T": -2}), "pascal": ("1", {"M": 1, "L": -1, "T": -2}), "V": ("1", {"M": 1, "L": 2, "T": -3, "I": -1}),
    "volt": ("1", {"M": 1, "L": 2, "T": -3, "I": -1}), "mV": ("0.001", {"M": 1, "L": 2, "T": -3, "I": -1}), "kV": ("1000", {"M": 1, "L": 2, "T": -3, "I": -1}),
    "ohm": ("1", {"M": 1, "L": 2, "T": -3, "I": -2}), "coulomb": ("1", {"I": 1, "T": 1}), "C": ("1", {"I": 1, "T": 1}), "mC": ("0.001", {"I": 1, "T": 1}),
    "farad": ("1", {"I": 2, "T": 4, "M": -1, "L": -2}), "F": ("1", {"I": 2, "T": 4, "M": -1, "L": -2}), "henry": ("1", {"M": 1, "L": 2, "T": -2, "I": -2}),
    "H": ("1", {"M": 1, "L": 2, "T": -2, "I": -2}), "acre": ("4046.8564224", {"L": 2}), "hectare": ("10000", {"L": 2}),
}  # fmt: skip
_DEGREE = Fraction("0.017453292519943295769")
_KELVIN = (("K", 1),)
_TEMPERATURES = {
    "celsius": Unit(_KELVIN, Fraction(1), Fraction("273.15")),
    "fahrenheit": Unit(_KELVIN, Fraction(5, 9), Fraction("459.67") * 5 / 9),
    "kelvin": Unit(_KELVIN, Fraction(1)),
}
_ANGLE = (("angle", 1),)


def _table() -> dict[str, list[Unit]]:
    out: dict[str, list[Unit]] = {}
    for dimension, names in _BASE.items():
        for name, factor in names.items():
            out.setdefault(name, []).append(Unit(((dimension, 1),), Fraction(factor)))
    for name, (factor, powers) in _DERIVED.items():
        out.setdefault(name, []).append(Unit(tuple(sorted(powers.items())), Fraction(factor)))
    degrees = Unit(_ANGLE, _DEGREE)
    for name in ("degree", "deg"):
        out[name] = [degrees, _TEMPERATURES["celsius"], _TEMPERATURES["fahrenheit"]]
    for name, scale in (("C", "celsius"), ("F", "fahrenheit"), ("K", "kelvin")):
        out.setdefault(name, []).append(_TEMPERATURES[scale])
        out[scale] = [_TEMPERATURES[scale]]
        out[f"degree{name}"] = [_TEMPERATURES[scale]]
        out[f"degree{scale}"] = [_TEMPERATURES[scale]]
    return out


_UNITS = _table()
_WORDS = {"square": 2, "sq": 2, "cubic": 3, "cu": 3}
_AFTER = {"squared": 2, "cubed": 3}
_TOKEN = re.compile(r"\s*(\^\s*\{?\s*\(?[-+]?\d\)?\s*\}?|\*\*\s*-?\d|/|\*|[A-Za-z]+|[()]|$)")
MAX_PHRASE = 120


def units_of(phrase: str) -> list[Unit]:
    """The units that a phrase may mean (``C`` is a degree or a coulomb), from its first word on;
    what follows a unit in words ("of salt", "are left") is passed over. Empty where it starts with
    no unit.
    """
    text = plain_phrase(phrase[:MAX_PHRASE])
    readings: list[list[tuple[Unit, int]]] = [[]]
    sign, power_ahead, at, after_slash = 1, 1, 0, False
    while at < len(text):
        match = _TOKEN.match(text, at)
        if not match or not match.group(1):
            break
        token, at = match.group(1), match.end()
        if token in ("/", "per"):
            sign, after_slash = -1, True
        elif token in ("*", "(", ")"):
            continue
        elif token[0] in "^*":
            digits = int(re.sub(r"[^-\d]", "", token))
            readings = [[*r[:-1], (r[-1][0], r[-1][1] * digits)] if r else r for r in readings]
        elif token.lower() in _WORDS:
            power_ahead = _WORDS[token.lower()]
        elif token.lower() in _AFTER and readings[0]:
            times = _AFTER[token.lower()]
            readings = [[*r[:-1], (r[-1][0], r[-1][1] * times)] for r in readings]
        else:
            found = _named(token)
            if not found:
                if after_slash and token not in ("of",):
                    return []  # per something that is no unit
                break
            if token in ("in", "a", "d") and readings[0]:
                break
            readings = [[*r, (u, sign * power_ahead)] for r, u in product(readings, found)][:12]
            power_ahead, after_slash = 1, False
    return [_combined(r) for r in readings if r]


def _named(token: str) -> list[Unit]:
    for name in (token, token.lower()):
        for form in (name, name.removesuffix("s"), name.removesuffix("es")):
            if form in _UNITS and (len(form) > 1 or form == token):
                return _UNITS[form]
    return []


def _combined(parts: list[tuple[Unit, int]]) -> Unit:
    if len(parts) == 1 and parts[0][1] == 1:
        return parts[0][0]
    powers: dict[str, int] = {}
    factor = Fraction(1)
    for unit, times in parts:
        for name, power in unit.dimension:
            powers[name] = powers.get(name, 0) + power * times
        factor *= unit.factor**times
    return Unit(tuple(sorted((n, p) for n, p in powers.items() if p)), factor)


def plain_phrase(phrase: str) -> str:
    """A unit phrase without LaTeX around it: ``\\mathrm{m\\,s^{-1}}`` as ``m s^{-1}``."""
    text = re.sub(
        r"\\frac\s*\{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}\s*\{([^{}]*(?:\{[^{}]*\}[^{}]*)*)\}",
        r" \1 / \2 ",
        phrase,
    )
    for _ in range(3):
        text = re.sub(
            r"\\(?:text|mathrm|mathit|mbox|textrm|rm|operatorname|unit|textnormal|si)\s*\{([^{}]*(?:\{[^{}]*\})?[^{}]*)\}",
            r" \1 ",
            text,
        )
    text = re.sub(r"\^?\s*\{?\s*\\circ\s*\}?|°|\\degree\b|º", " degree ", text)
    text = text.replace("²", "^2").replace("³", "^3").replace("⁻¹", "^{-1}").replace("⁻²", "^{-2}")
    text = re.sub(r"\\(?:rm|cdot|times)\b|[·⋅]", " * ", text.replace("\\rm", " "))
    text = re.sub(r"\\[,;:! ]|~|\$|\\(?:quad|qquad|left|right)\b", " ", text)
    text = re.sub(r"\bdegrees?\s+(C|F|K)\b", r"degree\1", text)
    text = re.sub(r"\bdegrees?\s+(celsius|fahrenheit|kelvin)\b", r"degree\1", text, flags=re.I)
    return text.replace("Ω", "ohm").strip().strip(".,;")


def angle_of(units: list[Unit]) -> Unit | None:
    """The angle among the readings of a unit."""
    return next((u for u in units if u.dimension == _ANGLE), None)


DEGREES = Unit(_ANGLE, _DEGREE)
