"""Proof by substitution for generated problems: exact, with sympy, on text that only this package
writes.
"""

from functools import cache, lru_cache, partial
from typing import Any

from lbt_core.subjects.ode.tiny.text import Draft


@cache
def _names() -> dict[str, Any]:
    import sympy  # noqa: PLC0415 heavy import, only where used

    names = {name: sympy.Symbol(name) for name in ("x", "t", "C")}
    names |= {name: sympy.Function(name) for name in ("y", "u")}
    used = ("Derivative", "exp", "sin", "cos", "Integer", "Symbol", "Function")
    names |= {name: getattr(sympy, name) for name in used}
    # Nothing is gained by deciding here whether the two sides are equal, and it is slow.
    return names | {"Eq": partial(sympy.Eq, evaluate=False)}


@lru_cache(maxsize=4096)
def _read(text: str) -> Any:
    from sympy.parsing.sympy_parser import parse_expr  # noqa: PLC0415 heavy import

    # Without a dictionary of its own, every call imports all of sympy's names anew.
    return parse_expr(text, local_dict={}, global_dict=_names())


def solves(draft: Draft, method: str) -> bool:
    """Whether the answer of a way satisfies the equation and its initial conditions."""
    solution = draft.ways[method].solution
    unknown = _read(draft.func)
    variable = unknown.args[0]
    equation = _read(draft.ode)
    formula = _read(solution)
    residual = (equation.lhs - equation.rhs).subs(unknown, formula).doit()
    if not _zero(residual):
        return False
    for condition in draft.ics:
        value = formula.diff(variable, condition.order).subs(variable, _read(condition.at))
        if not _zero(value - _read(condition.value)):
            return False
    return True


def _zero(expression: Any) -> bool:
    """Whether an expression is identically zero: expanded, over a common denominator if need be."""
    import sympy  # noqa: PLC0415 heavy import, only where used

    expanded = sympy.expand(expression)
    return bool(expanded == 0 or sympy.expand(sympy.numer(sympy.together(expanded))) == 0)
