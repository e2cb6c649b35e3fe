"""Expressions and equations as a textbook prints them: ``3x^2e^{-2x}``, never ``1x``, ``+ -3`` or
``0y``.

sympy's own LaTeX printer is made for output cells, not for prose; this one fixes the order of terms
and factors and the
look of coefficients, and is a pure function of the expression.
"""

from collections.abc import Sequence

import sympy as sp

GREEK = frozenset(
    {"theta", "alpha", "beta", "lambda", "omega", "varphi", "phi", "xi", "rho", "mu", "tau"}
)
_VARIABLES = "tsx"  # in products these come before other letters, which are unknowns
_FUNCTIONS = {
    sp.sin: "\\sin",
    sp.cos: "\\cos",
    sp.tan: "\\tan",
    sp.sec: "\\sec",
    sp.csc: "\\csc",
    sp.cot: "\\cot",
    sp.atan: "\\arctan",
    sp.asin: "\\arcsin",
    sp.sinh: "\\sinh",
    sp.cosh: "\\cosh",
    sp.log: "\\ln",
    sp.Heaviside: "u",
    sp.DiracDelta: "\\delta",
}


def name(letter: str) -> str:
    """A symbol's name in LaTeX: ``theta`` to ``\\theta``, ``C1`` to ``C_1``, ``x_1`` as it is."""
    if letter in GREEK:
        return "\\" + letter
    if len(letter) == 2 and letter[1].isdigit():
        return f"{letter[0]}_{letter[1]}"
    return letter


def tex(expression: sp.Expr | int, inline: bool = False) -> str:
    """LaTeX of an expression; ``inline`` writes fractions with a slash, as in exponents."""
    expr = sp.sympify(expression, strict=True)
    if isinstance(expr, sp.Add):
        return _add(expr, inline)
    if isinstance(expr, sp.Rational):
        return _rational(expr, inline)
    if isinstance(expr, (sp.Mul, sp.Pow, sp.exp)):
        return _product(expr, inline)
    return _atom(expr, inline)


def _rational(value: sp.Rational, inline: bool) -> str:
    if value.q == 1:
        return str(value.p)
    sign = "-" if value.p < 0 else ""
    if inline:
        return f"{sign}{abs(value.p)}/{value.q}"
    return f"{sign}\\frac{{{abs(value.p)}}}{{{value.q}}}"


def _constant_index(term: sp.Expr) -> int:
    """Terms with constants of integration come first, in the order of the constants."""
    indices = [
        int(s.name[1:] or 0)
        for s in term.free_symbols
        if s.name[0] == "C" and (s.name[1:] or "0").isdigit()
    ]
    return min(indices, default=99)


def _degree(term: sp.Expr) -> sp.Expr:
    powers = term.as_powers_dict()
    return sum(
        (
            e
            for b, e in powers.items()
            if e.is_number and ((b.is_Symbol and b.name[0] != "C") or (b.is_Add and b.free_symbols))
        ),
        sp.S(0),
    )


def _term_key(term: sp.Expr) -> tuple[object, ...]:
    trig = term.has(sp.sin, sp.cos, sp.tan, sp.sinh, sp.cosh)
    sine = term.has(sp.sin, sp.sinh)
    exponents = [float(e.subs({s: 1 for s in e.free_symbols})) for e in _exponents(term)]
    letters = "".join(sorted(str(s) for s in term.free_symbols))
    return (
        _constant_index(term),
        not exponents,
        [-e for e in exponents],
        not trig,
        -float(_degree(term)),
        letters,
        sine,
        str(term),
    )


def _exponents(term: sp.Expr) -> list[sp.Expr]:
    return sorted((e.args[0] for e in term.atoms(sp.exp)), key=str)


def _add(expr: sp.Expr, inline: bool) -> str:
    terms = sorted(expr.args, key=_term_key)
    if (
        len(terms) == 2
        and terms[1].is_positive
        and terms[0].has(sp.exp)
        and _constant_index(expr) == 99
    ):
        terms.reverse()
    if terms[0].could_extract_minus_sign():
        first = next((t for t in terms if not t.could_extract_minus_sign()), None)
        if first is not None:
            terms.remove(first)
            terms.insert(0, first)
    return join([tex(term, inline) for term in terms])


def join(terms: Sequence[str]) -> str:
    """Terms with their signs, joined: ``["2x", "-3"]`` to ``2x - 3``."""
    out = ""
    for term in terms:
        if not out:
            out = term
        elif term.startswith("-"):
            out += " - " + term[1:]
        else:
            out += " + " + term
    return out or "0"


def _factor_key(factor: sp.Expr) -> tuple[object, ...]:
    base, exponent = factor.as_base_exp()
    if factor.is_number:
        rank = 0
    elif base.is_Symbol:
        rank = 1 if _constant_index(base) < 99 or base.name == "c" else 2
    elif isinstance(factor, sp.exp):
        rank = 4
    elif base.is_Add:
        rank = 5 if base.has(sp.sin, sp.cos) else 3
    else:
        rank = 6
    return (rank, _VARIABLES.find(str(base)) % 9, str(base), str(exponent))


def _product(expr: sp.Expr, inline: bool) -> str:
    coefficient, rest = expr.as_coeff_Mul()
    sign = "-" if coefficient < 0 else ""
    coefficient = abs(coefficient)
    upper: list[sp.Expr] = []
    lower: list[sp.Expr] = []
    for factor in sorted(sp.Mul.make_args(rest), key=_factor_key):
        exponent = factor.as_base_exp()[1]
        below = (
            not isinstance(factor, sp.exp)
            and factor is not sp.E
            and exponent.could_extract_minus_sign()
        )
        (lower if below else upper).append(1 / factor if below else factor)
    upper = [factor for factor in upper if factor != 1]
    for i, factor in enumerate(upper):
        if factor.is_Add and all(a.could_extract_minus_sign() for a in factor.args):
            upper[i], sign = sp.expand(-factor), "" if sign else "-"
    p, q = coefficient.p, coefficient.q
    if (
        sign
        and len(lower) == 1
        and lower[0].is_Add
        and any(a.could_extract_minus_sign() for a in lower[0].args)
    ):
        sign, lower = "", [sp.expand(-lower[0])]
    if lower:
        if q != 1:
            lower.insert(0, sp.Integer(q))
        if p != 1:
            upper.insert(0, sp.Integer(p))
        return sign + _fraction(_factors(upper, inline), _factors(lower, inline), lower, inline)
    if q == 1:
        return sign + _factors(([sp.Integer(p)] if p != 1 else []) + upper, inline)
    numbers = [factor for factor in upper if factor.is_number]
    others = [factor for factor in upper if not factor.is_number]
    if inline or not others or (len(others) == 1 and _is_power(others[0])):
        numbers, others = upper, []
    top = _factors(([sp.Integer(p)] if p != 1 else []) + numbers, inline)
    shown = _fraction(top, str(q), [sp.Integer(q)], inline)
    return sign + shown + _factors(others, inline, lead=False)


def _may_turn(denominator: sp.Expr) -> bool:
    """Whether a minus sign before the fraction is better spent on the denominator (not in Laplace
    transforms, of s)."""
    if not denominator.is_Add or sp.Symbol("s") in denominator.free_symbols:
        return False
    return any(a.could_extract_minus_sign() for a in denominator.args)


def _is_power(factor: sp.Expr) -> bool:
    """Whether a factor is a letter or a power of one."""
    return bool(factor.as_base_exp()[0].is_Symbol) and not isinstance(factor, sp.exp)


def _fraction(top: str, bottom: str, lower: list[sp.Expr], inline: bool) -> str:
    top = top or "1"
    if not inline:
        return f"\\frac{{{top}}}{{{bottom}}}"
    return f"{top}/{bottom}" if len(lower) == 1 and not lower[0].is_Add else f"{top}/({bottom})"


def _factors(factors: list[sp.Expr], inline: bool, lead: bool = True) -> str:
    alone = len(factors) == 1 and lead
    out = ""
    for factor in factors:
        text = _power(factor, inline)
        if factor.is_Add and not alone:
            text = f"\\left({text}\\right)" if "\\frac" in text else f"({text})"
        if out and text[0].isdigit() and (out[-1].isdigit()):
            out += " \\cdot "
        elif out and text[0].isalpha() and _ends_in_command(out):
            out += " "
        out += text
    return out


def _ends_in_command(text: str) -> bool:
    """Whether a letter appended to the text would lengthen a LaTeX command such as ``\\pi``."""
    tail = text.rsplit("\\", 1)
    return len(tail) == 2 and tail[1].isalpha()


def _power(expr: sp.Expr, inline: bool) -> str:
    if isinstance(expr, sp.exp):
        exponent = tex(expr.args[0], inline=True)
        return "e" if exponent == "1" else f"e^{_braced(exponent)}"
    if not isinstance(expr, sp.Pow):
        return tex(expr, inline)
    base, exponent = expr.args
    if exponent == sp.Rational(1, 2):
        return f"\\sqrt{{{tex(base)}}}"
    if exponent.could_extract_minus_sign():
        return _product(expr, inline)
    power = _braced(tex(exponent, inline=True))
    if isinstance(base, sp.Function) and type(base) in _FUNCTIONS:
        return f"{_FUNCTIONS[type(base)]}^{power}{_argument(base)}"
    text = tex(base)
    if not (base.is_Symbol or base is sp.pi or (base.is_Integer and base >= 0) or base.is_Function):
        text = f"\\left({text}\\right)" if "\\frac" in text else f"({text})"
    return f"{text}^{power}"


def _braced(text: str) -> str:
    return text if len(text) == 1 else f"{{{text}}}"


def _argument(expr: sp.Expr) -> str:
    inner = expr.args[0]
    text = tex(inner)
    if inner.is_Symbol and isinstance(
        expr, (sp.log, sp.sin, sp.cos, sp.tan, sp.sec, sp.csc, sp.cot)
    ):
        return text if text.startswith("\\") else " " + text
    return f"\\left({text}\\right)" if "\\frac" in text else f"({text})"


def _atom(expr: sp.Expr, inline: bool) -> str:
    if expr.is_Symbol:
        return name(expr.name)
    if expr is sp.pi:
        return "\\pi"
    if expr is sp.E:
        return "e"
    if expr is sp.I:
        return "i"
    if isinstance(expr, sp.Abs):
        return f"|{tex(expr.args[0])}|"
    if isinstance(expr, sp.Function) and type(expr) in _FUNCTIONS:
        return _FUNCTIONS[type(expr)] + _argument(expr)
    if isinstance(expr, sp.core.function.AppliedUndef):
        return name(expr.func.__name__)
    raise TypeError(f"no textbook form for {type(expr).__name__}: {expr}")


def term(coefficient: sp.Expr | int, text: str) -> str:
    """Coefficient times a printed factor: ``(1, "y'")`` to ``y'``, ``(-3, "y")`` to ``-3y``, ``(0,
    …)`` to nothing."""
    value = sp.sympify(coefficient, strict=True)
    if value == 0:
        return ""
    if value in (1, -1):
        return ("-" if value == -1 else "") + text
    if value.is_Add and all(a.could_extract_minus_sign() for a in value.args):
        return "-" + term(sp.expand(-value), text)
    shown = tex(value)
    functions = value.has(sp.sin, sp.cos, sp.tan, sp.cot, sp.sec, sp.log)
    if functions and not value.is_Add and shown.endswith(")"):
        return f"{shown}\\,{text}"
    if value.is_Add or functions:
        shown = f"({shown})"
    return shown + (" " if value.has(sp.exp) or _ends_in_command(shown) else "") + text


def differential(expression: sp.Expr | int, variable: str) -> str:
    """An integrand with its differential: ``3x\\,dx``, ``dx``, ``(x + 1)\\,dx``."""
    expr = sp.sympify(expression, strict=True)
    if expr == 1:
        return f"d{variable}"
    return (f"({tex(expr)})" if expr.is_Add else tex(expr)) + f"\\,d{variable}"


def combination(*terms: tuple[sp.Expr | int, str]) -> str:
    """A linear combination of printed factors; zero coefficients vanish: ``((1, "y''"), (-3,
    "y'"))``."""
    return join([shown for c, text in terms if (shown := term(c, text))])


def prime(unknown: str, order: int) -> str:
    """The derivative of an unknown in Lagrange's notation."""
    letter = name(unknown)
    return letter + "'" * order if order <= 3 else f"{letter}^{{({order})}}"


def leibniz(unknown: str, variable: str, order: int = 1) -> str:
    """The derivative of an unknown in Leibniz's notation."""
    u, v = name(unknown), name(variable)
    if order == 0:
        return u
    if order == 1:
        return f"\\frac{{d{u}}}{{d{v}}}"
    return f"\\frac{{d^{order}{u}}}{{d{v}^{order}}}"


def decimal(value: sp.Expr, digits: int = 4) -> str:
    """A number to the given significant digits, plainly written: ``6.313``, ``1250``."""
    number = float(value)
    text = f"{number:.{digits}g}"
    if "e" in text:
        return f"{number:.0f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
