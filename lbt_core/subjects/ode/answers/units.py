"""Units of measure in numeric answers: which dimension, and the factor to its base unit."""

# ruff: noqa: E501

import re

_TABLE: dict[str, dict[str, float]] = {
    "length": {"m": 1, "meter": 1, "metre": 1, "km": 1000, "kilometer": 1000, "kilometre": 1000, "cm": 0.01, "centimeter": 0.01, "mm": 0.001,
               "mile": 1609.344, "mi": 1609.344, "ft": 0.3048, "foot": 0.3048, "feet": 0.3048, "inch": 0.0254, "inches": 0.0254, "yard": 0.9144},
    "mass": {"kg": 1000, "kilogram": 1000, "g": 1, "gram": 1, "mg": 0.001, "milligram": 0.001, "lb": 453.59237, "pound": 453.59237, "ton": 1e6, "tonne": 1e6},
    "time": {"s": 1, "sec": 1, "second": 1, "ms": 0.001, "min": 60, "minute": 60, "h": 3600, "hr": 3600, "hour": 3600, "day": 86400, "week": 604800,
             "month": 2629800, "year": 31557600, "yr": 31557600},
    "volume": {"l": 1, "liter": 1, "litre": 1, "ml": 0.001, "milliliter": 0.001, "gal": 3.785411784, "gallon": 3.785411784},
    "speed": {"m/s": 1, "km/h": 1 / 3.6, "km/hr": 1 / 3.6, "mph": 0.44704, "ft/s": 0.3048, "miles per hour": 0.44704, "meters per second": 1},
    "concentration": {"g/l": 1, "kg/l": 1000, "mg/l": 0.001},
    "angle": {"rad": 1, "radian": 1, "degree": 0.017453292519943295, "deg": 0.017453292519943295},
    "current": {"a": 1, "amp": 1, "ampere": 1, "ma": 0.001},
    "voltage": {"v": 1, "volt": 1, "kv": 1000, "mv": 0.001},
    "force": {"n": 1, "newton": 1, "kn": 1000},
    "energy": {"j": 1, "joule": 1, "kj": 1000},
    "charge": {"coulomb": 1},
    "frequency": {"hz": 1, "hertz": 1, "khz": 1000},
    "temperature": {"c": 1, "celsius": 1, "degrees celsius": 1, "f": 2, "fahrenheit": 2, "k": 3, "kelvin": 3},
    "share": {"percent": 0.01, "%": 0.01},
}  # fmt: skip
_UNITS = {
    name: (dimension, float(factor))
    for dimension, names in _TABLE.items()
    for name, factor in names.items()
}
_TEXT = re.compile(r"\\(?:text|mathrm|mbox|textrm|rm|operatorname|unit)\s*\{([^{}]*)\}")
_UNIT_MACRO = re.compile(r"\\unit(?:frac)?\[([^\[\]]*)\]\{([^{}]*)\}(?:\{([^{}]*)\})?")
_TRAILING = re.compile(
    r"^(?P<value>.*?(?:[\d)}!]|(?<![A-Za-z])e|\\pi))\s*(?P<unit>[A-Za-z%][A-Za-z%/ ]*)\s*\.?$", re.S
)


def unit_of(phrase: str) -> tuple[str, float] | None:
    """Dimension and factor of a unit, singular or plural, or None."""
    name = re.sub(r"\s*/\s*", "/", phrase.strip().lower())
    for form in (name, name.removesuffix("s"), name.removesuffix("es")):
        if form in _UNITS:
            return _UNITS[form]
    return None


def split_unit(text: str) -> tuple[str, tuple[str, float] | None]:
    """A numeric answer without its trailing unit, and the unit where it is known."""
    plain = (
        _TEXT.sub(lambda m: f" {m.group(1)} ", text)
        .replace("$", " ")
        .replace("~", " ")
        .replace("\\,", " ")
        .replace("\\ ", " ")
    )
    plain = plain.replace("\\%", "%").replace("°", " degrees").replace("\\unitfrac", "")
    match = _TRAILING.match(plain.strip())
    if not match:
        return text, None
    unit = unit_of(match.group("unit"))
    first = unit_of(match.group("unit").split()[0]) if unit is None else unit
    if first is None:
        return text, None
    return match.group("value"), first
