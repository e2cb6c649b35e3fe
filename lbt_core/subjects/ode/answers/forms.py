"""Equations as answers: the same equation in another form, recurrences with shifted indices,
families of curves.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from lbt_core.subjects.ode.answers.arithmetic import DIGITS, DOUBLES, Array
from lbt_core.subjects.ode.answers.expr import (
    Node,
    ParseError,
    has_op,
    num,
    rebuild,
    signs,
    sub,
    sym,
    symbols,
)
from lbt_core.subjects.ode.answers.points import constant_values, evaluator, parameter_values, widen
from lbt_core.subjects.ode.answers.statements import Answer
from lbt_core.subjects.ode.answers.taylor import Evaluator, Series
from lbt_core.subjects.ode.answers.visibility import settled_by_digits

_INDEXED = re.compile(r"([A-Za-z]+)_([nkmj])([+-]\d+)?$")
_COUNT = 16
INDICES = ("n", "k", "m", "j")


# indices


def indices_of(nodes: Sequence[Node]) -> set[str]:
    """Names that index sequences: the n of ``a_n`` and ``a_{n+2}``."""
    found = set()
    for node in nodes:
        for name in symbols(node):
            if match := _INDEXED.match(name):
                found.add(match.group(2))
    return found


def unshifted(node: Node) -> Node:
    """A statement about ``a_{n+2}, a_n, …`` with its highest index called n: ``a_{n+1} = f(n)`` and
    ``a_k = f(k-1)`` become the same.
    """
    found = [m for m in map(_INDEXED.match, symbols(node)) if m]
    letters = {m.group(2) for m in found}
    if len(letters) != 1:
        return node
    letter = letters.pop()
    highest = max(int(m.group(3) or 0) for m in found)
    if highest == 0 and letter == "n":
        return node
    moved = sub(sym("n"), num(highest)) if highest > 0 else _plus(sym("n"), -highest)

    def change(n: Node) -> Node | None:
        if n.op != "sym":
            return None
        if n.val == letter:
            return moved
        match = _INDEXED.match(n.val)
        if not match:
            return None
        shift = int(match.group(3) or 0) - highest
        return sym(f"{match.group(1)}_n" + (f"{shift:+d}" if shift else ""))

    return rebuild(node, change)


def _plus(node: Node, amount: int) -> Node:
    return node if amount == 0 else Node("add", (node, num(amount)))


def unshifted_answer(answer: Answer) -> Answer:
    """An answer with every statement ``unshifted``."""
    return replace(
        answer, statements=tuple(replace(s, node=unshifted(s.node)) for s in answer.statements)
    )


# equations solved for what they are about


def plain_residual(left: Node, right: Node) -> Node:
    """left - right with derivatives and differentials as symbols ``y@1``, ``y@d``."""

    def change(n: Node) -> Node | None:
        if n.op == "deriv":
            return sym(n.val[0] + "@" + ",".join(f"{v}{o}" for v, o in n.val[1]))
        if n.op == "differential":
            return sym(f"{n.val}@d")
        return None

    return rebuild(sub(left, right), change)


def same_when_solved(a: Node, b: Node) -> bool:
    """Whether two residuals say the same when they are solved for the highest derivative, the
    differential or the term of the highest index, in which both must be linear.
    """
    a, b = _with_differentials(a, b), _with_differentials(b, a)
    target = _target(a)
    if target is None or target != _target(b) or symbols(a) - {target} != symbols(b) - {target}:
        return _same_slope(a, b)
    names = sorted(symbols(a) | symbols(b))
    p, q = _solved_for(a, target, names), _solved_for(b, target, names)
    return p is not None and q is not None and _agree(p, q)


def _same_slope(a: Node, b: Node) -> bool:
    """As above where a factor brings or cancels a name: ``x dy = y dx`` and ``dy/y = dx/x``."""
    target = _target(a)
    if target is None or target != _target(b):
        return False
    names = sorted(symbols(a) | symbols(b))
    p, q = _solved_for(a, target, names), _solved_for(b, target, names)
    return p is not None and q is not None and _agree(p, q)


def _agree(p: Array, q: Array) -> bool:
    """Whether values agree wherever both exist, as exactly as their kind of number shows."""
    backend = DIGITS if np.asarray(p).dtype == object else DOUBLES
    exact = 1e-20 if backend is DIGITS else 1e-9
    with np.errstate(all="ignore"):
        good = backend.finite(p) & backend.finite(q)
        size = np.maximum(backend.magnitude(p), backend.magnitude(q))
        same = backend.magnitude(p - q) <= exact * size
    return int(np.sum(good)) >= 4 and bool(np.all(same[good]))


def _with_differentials(node: Node, other: Node) -> Node:
    """Where the other equation has differentials, ``y'`` as ``dy/dx``."""
    pairs = [n[:-2] for n in symbols(other) if n.endswith("@d")]
    if len(pairs) != 2:
        return node

    def change(n: Node) -> Node | None:
        if (
            n.op == "sym"
            and (match := re.fullmatch(r"(\w+)@(\w)1", n.val))
            and match.group(1) in pairs
        ):
            variable = next(p for p in pairs if p != match.group(1))
            return Node("div", (sym(f"{match.group(1)}@d"), sym(f"{variable}@d")))
        return None

    return rebuild(node, change)


def _target(node: Node) -> str | None:
    names = symbols(node)
    differentials = sorted(n for n in names if n.endswith("@d"))
    if differentials:
        return next((n for n in ("y@d", "u@d", "v@d") if n in differentials), differentials[-1])
    derivatives = [(int(m.group(1)), n) for n in names if (m := re.search(r"@[a-z]*(\d+)$", n))]
    if derivatives:
        return max(derivatives)[1]
    indexed = [n for n in names if _INDEXED.match(n)]
    top = [n for n in indexed if re.search(r"_n$", n)]
    return top[0] if len(indexed) > 1 and len(top) == 1 else None


def _columns(names: Sequence[str]) -> dict[str, Series]:
    return {name: [parameter_values(row + 3, _COUNT)] for row, name in enumerate(names)}


def _solved_for(node: Node, target: str, names: Sequence[str]) -> Array | None:
    """The value of ``target`` where the residual vanishes; None where it is not linear in it."""
    backend = DIGITS if settled_by_digits((node,)) else DOUBLES
    plain = _columns(names)
    like = backend.array(np.zeros(_COUNT))
    values = []
    try:
        with np.errstate(all="ignore"):
            for at in (0.0, 1.0, 2.0):
                env = {**plain, target: [np.full(_COUNT, at + 0j)]}
                values.append(widen([evaluator(backend, 0, env).value(node)], like)[0])
            slope = values[1] - values[0]
            bend = values[2] - values[1]
            size = backend.magnitude(slope) + backend.magnitude(bend)
            gap = backend.magnitude(slope - bend)
            if not np.all((gap <= 1e-9 * size) | ~np.isfinite(size)):
                return None
            return np.asarray(-values[0] / slope)
    except (ParseError, ArithmeticError, ValueError):
        return None


# families of curves


def same_curves(left: Sequence[Node], right: Sequence[Node], constants: frozenset[str]) -> bool:
    """Whether two equations with one arbitrary constant each have the same curves: through every
    point, with the same slope.
    """
    residuals = [sub(*sides) for sides in (left, right) if len(sides) == 2]
    if len(residuals) != 2 or any(has_op(r, "deriv", "at", "differential") for r in residuals):
        return False
    own = symbols(residuals[0]) & constants
    variables = symbols(residuals[0]) - constants
    other = symbols(residuals[1]) - variables
    if len(own) != 1 or len(variables) != 2 or len(other) != 1:
        return False
    if symbols(residuals[1]) & variables != variables:
        return False
    names = sorted(variables)
    choices = [_slopes(r, c.pop(), names) for r, c in zip(residuals, (own, other), strict=True)]
    (first, second) = choices
    if first is None or second is None:
        return False
    return all(any(_agree(p, q) for q in second) for p in first) and all(
        any(_agree(p, q) for p in first) for q in second
    )


def _slopes(residual: Node, constant: str, names: list[str]) -> list[Array] | None:
    """The gradient's direction at sample points, for each choice of its sign: the constant is
    solved for at each of them.
    """
    out = []
    for choice in signs(residual):
        env: dict[str, Series] = {
            n: [constant_values(row + 3, _COUNT, True)] for row, n in enumerate(names)
        }
        env = {n: [np.abs(s[0]) + 0j] for n, s in env.items()}
        found = _solve_constant(choice, constant, env)
        if found is None:  # this sign has no real curve through these points
            continue
        backend = DIGITS if settled_by_digits((choice,)) else DOUBLES
        if backend is DIGITS:
            found = _polished(choice, constant, env, found)
        parts = []
        with np.errstate(all="ignore"):
            for name in names:
                ev = evaluator(
                    backend, 1, {**env, name: [env[name][0], np.ones(_COUNT, dtype=complex)]}
                )
                ev.env[constant] = [found]
                series = ev.series(choice)
                parts.append(series[1] if len(series) > 1 else 0 * found)
            out.append(np.asarray(-parts[0] / parts[1]))
    return out or None


def _polished(residual: Node, constant: str, env: dict[str, Series], found: Array) -> Array:
    """The constants of ``_solve_constant`` with many digits."""
    ev = evaluator(DIGITS, 1, env)
    values = DIGITS.array(found)
    with np.errstate(all="ignore"):
        for _ in range(3):
            ev.env[constant] = [values, 0 * values + 1]
            series = ev.series(residual)
            values = values - series[0] / series[1]
    return values


def _solve_constant(residual: Node, constant: str, env: dict[str, Series]) -> Array | None:
    """The constant of the curve through each point, by Newton's method from several starts."""
    found = np.full(_COUNT, np.nan + 0j)
    with np.errstate(all="ignore"):
        for start in (0.9, 3.0, 9.0, 0.2 + 0.4j, -1.5):
            values = np.full(_COUNT, start + 0.03j)
            for _ in range(50):
                at = {**env, constant: [values, np.ones_like(values)]}
                series = Evaluator(DOUBLES, 1, at).series(residual)
                if len(series) < 2:
                    return None
                step = series[0] / series[1]
                values = values - np.where(np.isfinite(step), step, 0.37)
            good = np.abs(step) <= 1e-9 * (1 + np.abs(values))
            found = np.where(good & np.isnan(found), values, found)
            if not np.any(np.isnan(found)):
                break
    return found if int(np.sum(~np.isnan(found))) >= _COUNT // 2 else None
