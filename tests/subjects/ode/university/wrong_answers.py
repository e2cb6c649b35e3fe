"""Wrong answers made from right ones, as students make them, each checked to be wrong by its
claim."""

import random
from collections.abc import Iterator
from typing import Any

import sympy as sp

from lbt_core.subjects.ode.proof import ValueClaim, with_answer
from lbt_core.subjects.ode.university.family import Question


def _numbers(expr: sp.Expr) -> list[sp.Rational]:
    return sorted((n for n in expr.atoms(sp.Rational) if n not in (0, -1)), key=str)


def _terms(expr: sp.Expr) -> list[sp.Expr]:
    return sorted(sp.Add.make_args(expr), key=str)


def _constants(expr: sp.Expr) -> list[sp.Symbol]:
    return sorted(
        (s for s in expr.free_symbols if s.name in {"C", "C1", "C2", "C3", "C4"}), key=str
    )


def _changes(expr: sp.Expr, rng: random.Random) -> Iterator[sp.Expr]:
    """Changed coefficients and exponents, flipped signs, dropped terms and constants, in random
    order."""
    out: list[Any] = []
    for number in _numbers(expr):
        out += [expr.xreplace({number: number + step}) for step in (1, -1)]
        out.append(expr.xreplace({number: -number}))
    terms = _terms(expr)
    for i, term in enumerate(terms):
        rest = sp.Add(*terms[:i], *terms[i + 1 :])
        out.append(rest - term)
        if len(terms) > 1:
            out.append(rest)
    for constant in _constants(expr):
        out += [expr.subs(constant, value) for value in (0, 1)]
    out += [sp.Integer(2) * expr, expr + 1]
    rng.shuffle(out)
    yield from out


def wrong_answer(question: Question, rng: random.Random) -> str | None:
    """The text of a wrong answer, or None where no change tried is wrong and different enough."""
    answer = question.claim.answer
    i = rng.randrange(len(answer))
    for changed in _changes(answer[i], rng):
        if changed.has(sp.nan, sp.zoo, sp.oo) or (changed.is_number and not changed.is_real):
            continue
        candidate = (*answer[:i], changed, *answer[i + 1 :])
        if isinstance(question.claim, ValueClaim):
            if abs(float(changed) - float(answer[i])) < 0.03 * abs(float(answer[i])) + 1e-3:
                continue
        elif _holds(with_answer(question.claim, candidate)):
            continue
        try:
            return question.written(candidate)
        except TypeError:
            continue
    return None


def _holds(claim: Any) -> bool:
    try:
        return bool(claim.holds())
    except (ZeroDivisionError, TypeError, ValueError, sp.PolynomialError):
        return False


def rewritten(question: Question, rng: random.Random) -> str:
    """The right answer as others write it: sympy's LaTeX or ASCII, constants renamed, factored or
    expanded."""
    names = rng.choice(
        [{}, {"C1": "A", "C2": "B", "C": "K"}, {"C1": "c_1", "C2": "c_2", "C": "c_1"}]
    )
    renaming = {sp.Symbol(old): sp.Symbol(new) for old, new in names.items()}
    shape = rng.choice([sp.expand, sp.factor_terms, lambda e: e])
    style = rng.choice(["latex", "ascii", "own"])
    if question.decimals or style == "own":
        return f"So the answer is {question.answer}."
    out = question.form if style == "latex" else question.form.replace("$", "")
    for i, expr in enumerate(question.claim.answer):
        expr = shape(expr).xreplace(renaming)
        shown = sp.latex(expr, ln_notation=True) if style == "latex" else str(expr)
        out = out.replace(f"<{i}>", shown)
    return f"[[Final Answer]]:\n{out}"
