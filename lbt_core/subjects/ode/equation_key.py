"""A key of an equation that does not depend on the names in it: the same for y' = a y and P'(t) - r
P(t) = 0.

Equations are sympy-syntax strings. They are read with ``ast`` (nothing is evaluated), written as
sums of products with exact coefficients, collected on one side and divided by their leading
coefficient. The key is the least text over the renamings of unknowns, variables and parameters that
could matter, so it needs no computer algebra and takes about a millisecond.
"""

import ast
from collections.abc import Callable, Iterable, Mapping, Sequence
from fractions import Fraction
from itertools import permutations, product
from math import factorial, prod

from lbt_core.store.rows import text_key
from lbt_core.subjects.ode.problem import Condition

FIXED_NAMES = frozenset({"pi", "oo", "EulerGamma"})
FUNCTIONS = frozenset(
    [
        "sin",
        "cos",
        "tan",
        "cot",
        "sec",
        "csc",
        "asin",
        "acos",
        "atan",
        "acot",
        "sinh",
        "cosh",
        "tanh",
        "coth",
        "asinh",
        "acosh",
        "atanh",
        "exp",
        "log",
        "ln",
        "sqrt",
        "Abs",
        "sign",
        "Heaviside",
        "DiracDelta",
        "erf",
        "erfc",
        "gamma",
        "besselj",
        "bessely",
        "Piecewise",
        "Integral",
        "Sum",
        "Max",
        "Min",
    ]
)
SYNTAX = frozenset({"Eq", "Derivative", "Symbol", "Function", "Rational", "Integer", "Float"})
MAX_RENAMINGS = 720
MAX_TERMS = 64
MAX_BITS = 4_096
MAX_SOURCE = 4_000

Factors = tuple[tuple[str, Fraction], ...]
Sum = dict[Factors, Fraction]


class UnreadableEquationError(ValueError):
    """The text is not an equation in sympy syntax; the message says what was met."""


def ode_key(ode: str, conditions: Sequence[Condition] | None = None) -> str | None:
    """Key of an equation or system up to renaming, or None where it cannot be read.

    With ``conditions`` (also the empty sequence) they are part of the key; with None only the
    equation counts.
    """
    try:
        equations, points = _read(ode, conditions or ())
        names = _names([*equations, *points])
        texts = [
            _write(equations, points, renaming) for renaming in _renamings(names, equations, points)
        ]
    except (ValueError, RecursionError, OverflowError, ZeroDivisionError):
        return None
    return text_key(min(texts) + ("" if conditions is None else "|c"))


def exact_ode_key(ode: str, conditions: Sequence[Condition], func: str | None) -> str | None:
    """Key of the same equation, conditions and names: rearranging the terms does not change it,
    renaming does.
    """
    try:
        equations, points = _read(ode, conditions)
        text = _write(equations, points, {})
    except (ValueError, RecursionError, OverflowError, ZeroDivisionError):
        return None
    return text_key(f"{text}|{''.join((func or '').split())}")


def _read(ode: str, conditions: Sequence[Condition]) -> tuple[list[ast.expr], list[ast.expr]]:
    """Left minus right side of each equation, and (order, point, value) of each condition as a
    tuple expression.
    """
    tree = _parse(ode)
    items = tree.elts if isinstance(tree, ast.List | ast.Tuple) else [tree]
    equations = [_one_side(item) for item in items]
    points = [_parse(f"({c.order}, {c.at}, {c.value})") for c in conditions]
    return equations, points


def _parse(source: str) -> ast.expr:
    if len(source) > MAX_SOURCE:
        raise UnreadableEquationError("too long")
    try:
        return ast.parse(source.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError) as error:
        raise UnreadableEquationError(str(error)) from error


def _one_side(item: ast.expr) -> ast.expr:
    if isinstance(item, ast.Call) and isinstance(item.func, ast.Name) and item.func.id == "Eq":
        if len(item.args) != 2:
            raise UnreadableEquationError("Eq needs two sides")
        return ast.BinOp(item.args[0], ast.Sub(), item.args[1])
    return item


def _names(trees: Iterable[ast.expr]) -> tuple[list[str], list[str]]:
    """Names that are called as functions and are not known ones, and all other renamable names,
    each sorted.
    """
    called: set[str] = set()
    plain: set[str] = set()
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                called.add(node.func.id)
            elif isinstance(node, ast.Name):
                plain.add(node.id)
    plain -= called | FIXED_NAMES
    return sorted(called - FUNCTIONS - SYNTAX), sorted(plain)


def _renamings(
    names: tuple[list[str], list[str]], equations: list[ast.expr], points: list[ast.expr]
) -> Iterable[Mapping[str, str]]:
    functions, plain = names
    if len(functions) < 2 and len(plain) < 2:
        yield _numbered(functions, plain)
        return

    def look(name: str) -> str:
        blind = dict.fromkeys([*functions, *plain], "o") | {name: "m"}
        return _write(equations, points, blind)

    # Names are ordered by how the equations look when only one is marked, which does not depend on
    # names; only those that look alike have to be tried in every order.
    alike = [_by_look(names, look) for names in (functions, plain)]
    if prod(factorial(len(group)) for groups in alike for group in groups) > MAX_RENAMINGS:
        yield _numbered(*([n for group in groups for n in group] for groups in alike))
        return
    orders = (
        [[n for group in choice for n in group] for choice in product(*map(permutations, groups))]
        for groups in alike
    )
    for function_order, plain_order in product(*orders):
        yield _numbered(function_order, plain_order)


def _by_look(names: Sequence[str], look: Callable[[str], str]) -> list[list[str]]:
    """Names grouped by their look, groups in the order of the looks."""
    if len(names) < 2:
        return [list(names)]
    looks: dict[str, list[str]] = {}
    for name in names:
        looks.setdefault(look(name), []).append(name)
    return [looks[text] for text in sorted(looks)]


def _numbered(functions: Sequence[str], plain: Sequence[str]) -> Mapping[str, str]:
    """The renaming that numbers names in this order."""
    renaming = {name: f"f{i}" for i, name in enumerate(functions)}
    return renaming | {name: f"v{i}" for i, name in enumerate(plain)}


def _write(equations: list[ast.expr], points: list[ast.expr], renaming: Mapping[str, str]) -> str:
    sides = sorted(_text(_monic(_sum(equation, renaming))) for equation in equations)
    given = sorted(_text(_sum(point, renaming)) for point in points)
    return ";".join(sides) + "@" + ";".join(given)


def _monic(terms: Sum) -> Sum:
    """The sum divided by the coefficient of its first term in the fixed order; equations are equal
    up to a factor.
    """
    if not terms:
        return terms
    lead = terms[min(terms)]
    return {factors: value / lead for factors, value in terms.items()}


def _text(terms: Sum) -> str:
    def product_text(factors: Factors) -> str:
        return "*".join(f"{base}^{power}" for base, power in factors)

    return "+".join(f"{terms[factors]}*{product_text(factors)}" for factors in sorted(terms)) or "0"


def _atom(text: str, power: Fraction = Fraction(1)) -> Sum:
    return {((text, power),): Fraction(1)}


def _sum(node: ast.expr, renaming: Mapping[str, str]) -> Sum:
    """The expression as a sum of products of atoms; what is not a sum or product becomes an atom by
    its own text.
    """
    match node:
        case ast.Constant(value=bool()) | ast.Constant(value=str()):
            raise UnreadableEquationError(f"unexpected {node.value!r}")
        case ast.Constant(value=int() | float() as value):
            number = Fraction(str(value))
            return {(): number} if number else {}
        case ast.Name(id=name):
            return _atom(renaming.get(name, name))
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return {factors: -value for factors, value in _sum(operand, renaming).items()}
        case ast.UnaryOp(op=ast.UAdd(), operand=operand):
            return _sum(operand, renaming)
        case ast.BinOp(left=left, op=ast.Add() | ast.Sub() as op, right=right):
            sign = 1 if isinstance(op, ast.Add) else -1
            return _add(_sum(left, renaming), _sum(right, renaming), sign)
        case ast.BinOp(left=left, op=ast.Mult(), right=right):
            return _times(_sum(left, renaming), _sum(right, renaming))
        case ast.BinOp(left=left, op=ast.Div(), right=right):
            return _times(_sum(left, renaming), _power(_sum(right, renaming), Fraction(-1)))
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            return _raise(_sum(left, renaming), _sum(right, renaming))
        case ast.Call(func=ast.Name(id=name), args=args) if not node.keywords:
            return _call(name, args, renaming)
        case ast.Tuple(elts=items) | ast.List(elts=items):
            return _atom("(" + ",".join(_text(_sum(item, renaming)) for item in items) + ")")
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            sides = (
                f"{_text(_sum(left, renaming))}{type(op).__name__}{_text(_sum(right, renaming))}"
            )
            return _atom(f"({sides})")
        case _:
            raise UnreadableEquationError(f"unexpected {type(node).__name__}")


def _call(name: str, args: list[ast.expr], renaming: Mapping[str, str]) -> Sum:
    if name in {"Rational", "Integer", "Float"} and args:
        values = [_sum(arg, renaming) for arg in args]
        return values[0] if len(values) == 1 else _times(values[0], _power(values[1], Fraction(-1)))
    if name == "sqrt" and len(args) == 1:
        return _power(_sum(args[0], renaming), Fraction(1, 2))
    if name in {"Symbol", "Function"}:
        raise UnreadableEquationError(f"unexpected {name}")
    if name == "Derivative" and args:
        return _atom(_derivative(args, renaming))
    inner = ",".join(_text(_sum(arg, renaming)) for arg in args)
    return _atom(f"{'log' if name == 'ln' else renaming.get(name, name)}({inner})")


def _derivative(args: list[ast.expr], renaming: Mapping[str, str]) -> str:
    """Derivative(y(x), x, x) and Derivative(y(x), (x, 2)) alike, by variable and order; highest
    orders sort first.
    """
    orders: dict[str, int] = {}
    for arg in args[1:]:
        if (
            isinstance(arg, ast.Tuple)
            and len(arg.elts) == 2
            and isinstance(arg.elts[1], ast.Constant)
        ):
            count = arg.elts[1].value
            variable = arg.elts[0]
            if not isinstance(count, int):
                raise UnreadableEquationError("order of a derivative is not a whole number")
        else:
            count, variable = 1, arg
        text = _text(_sum(variable, renaming))
        orders[text] = orders.get(text, 0) + count
    by = ",".join(f"{text}:{count}" for text, count in sorted(orders.items()))
    return f"!{99 - sum(orders.values()):02d}d[{_text(_sum(args[0], renaming))};{by}]"


def _add(left: Sum, right: Sum, sign: int) -> Sum:
    out = dict(left)
    for factors, value in right.items():
        total = out.pop(factors, Fraction(0)) + sign * value
        if total:
            out[factors] = total
    return out


def _times(left: Sum, right: Sum) -> Sum:
    if len(left) * len(right) > MAX_TERMS:
        left = left if len(left) == 1 else _atom(f"({_text(left)})")
        right = right if len(right) == 1 else _atom(f"({_text(right)})")
    out: Sum = {}
    for a, x in left.items():
        for b, y in right.items():
            powers = dict(a)
            for base, power in b:
                powers[base] = powers.get(base, Fraction(0)) + power
            factors = tuple(sorted((base, power) for base, power in powers.items() if power))
            out = _add(out, {factors: x * y}, 1)
    return out


def _raise(base: Sum, exponent: Sum) -> Sum:
    if not exponent:
        return {(): Fraction(1)}
    if set(exponent) == {()}:
        return _power(base, exponent[()])
    return _atom(f"({_text(base)})**({_text(exponent)})")


def _bits(value: Fraction) -> int:
    return max(value.numerator.bit_length(), value.denominator.bit_length())


def _power(base: Sum, power: Fraction) -> Sum:
    if not base:
        if power <= 0:
            raise UnreadableEquationError("division by zero")
        return {}
    if len(base) == 1:
        (factors, value) = next(iter(base.items()))
        raised: Sum = {tuple((b, p * power) for b, p in factors): Fraction(1)}
        if power.denominator == 1 and abs(power) * _bits(value) <= MAX_BITS:
            return {next(iter(raised)): value ** int(power)}
        return raised if value == 1 else _times(raised, _atom(f"({value})", power))
    if power.denominator == 1 and 1 < power <= 4:
        out = base
        for _ in range(int(power) - 1):
            out = _times(out, base)
        return out
    return _atom(f"({_text(base)})", power)
