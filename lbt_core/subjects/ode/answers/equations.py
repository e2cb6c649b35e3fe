"""A problem's differential equations, compiled once: residuals, orders, conditions and which names
are parameters.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from lbt_core.subjects.ode.answers.expr import (
    Node,
    ParseError,
    add,
    rebuild,
    sub,
    sym,
    symbols,
    walk,
)
from lbt_core.subjects.ode.answers.parser import Context, parse_sympy

_IMPULSE = "an impulse cannot be checked point by point"
_FUNC = re.compile(r"\s*([A-Za-z]+(?:_\w+)?\d*)\s*\(\s*([A-Za-z]+(?:_\w+)?)\s*\)\s*")


@dataclass(frozen=True, slots=True)
class Given:
    """One condition: the derivative of ``order`` of each unknown at ``at`` is the matching entry of
    ``values``.
    """

    order: int
    at: Node
    values: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Equations:
    """Residuals that vanish on solutions.

    In them the k-th derivative of the unknown y is the symbol ``y@k``. ``orders`` are the highest
    derivatives, in the order of
    ``unknowns``; ``parameters`` are all other names; ``terms`` are the summands of each residual,
    which give its scale.
    """

    unknowns: tuple[str, ...]
    variable: str
    residuals: tuple[Node, ...]
    terms: tuple[tuple[Node, ...], ...]
    orders: tuple[int, ...]
    conditions: tuple[Given, ...]
    parameters: frozenset[str]

    @property
    def context(self) -> Context:
        """What the answer's parser must know about names."""
        return Context(self.unknowns, (self.variable,), self.parameters)

    @property
    def order(self) -> int:
        """Constants in the general solution: the sum of the orders."""
        return sum(self.orders)


def functions_of(func: str) -> tuple[tuple[str, ...], str]:
    """``"x(t), y(t)"`` as names and their variable; raises ParseError."""
    matches = [_FUNC.fullmatch(part) for part in func.split(",")]
    if not matches or any(m is None for m in matches):
        raise ParseError(f"unknown functions {func!r}")
    names = tuple(_plain_name(m.group(1)) for m in matches if m)
    variables = {_plain_name(m.group(2)) for m in matches if m}
    if len(variables) != 1:
        raise ParseError("several variables")
    return names, variables.pop()


def is_impulse(error: ParseError) -> bool:
    """Whether equations were refused only for an impulse, so that the reference is compared with
    instead.
    """
    return str(error) == _IMPULSE


def _plain_name(name: str) -> str:
    match = re.fullmatch(r"([A-Za-z]+)(\d+)", name)
    return f"{match.group(1)}_{match.group(2)}" if match else name


@lru_cache(maxsize=4096)
def compile_equations(ode: str, ics: tuple[tuple[int, str, str], ...], func: str) -> Equations:
    """Equations from the fields of a problem (sympy syntax); raises ParseError where they cannot be
    read.
    """
    unknowns, variable = functions_of(func)
    parsed = parse_sympy(ode, unknowns, (variable,))
    relations = list(parsed.args) if parsed.op in ("tuple", "set", "vec") else [parsed]
    residuals = []
    orders = dict.fromkeys(unknowns, 0)
    for relation in relations:
        if relation.op != "rel" or relation.val != ("=",):
            raise ParseError("equation expected")
        residuals.append(sub(relation.args[0], relation.args[1]))
    for residual in residuals:
        for node in walk(residual):
            if node.op == "deriv":
                name, ((_, order), *_more) = node.val
                orders[name] = max(orders.get(name, 0), order)
            if node.op == "fn" and node.val == "DiracDelta":
                raise ParseError(_IMPULSE)
            if node.op in ("at", "differential"):
                raise ParseError(f"{node.op} in an equation")
    named = tuple(rebuild(r, _name_derivative) for r in residuals)
    conditions = tuple(_condition(c, unknowns, variable) for c in ics)
    used = set().union(*(symbols(r) for r in named)) if named else set()
    for given in conditions:
        used |= symbols(given.at).union(*(symbols(v) for v in given.values))
    parameters = {n for n in used if "@" not in n} - set(unknowns) - {variable}
    return Equations(
        unknowns,
        variable,
        named,
        tuple(tuple(summands(r)) for r in named),
        tuple(orders[u] for u in unknowns),
        conditions,
        frozenset(parameters),
    )


def _name_derivative(node: Node) -> Node | None:
    return sym(f"{node.val[0]}@{node.val[1][0][1]}") if node.op == "deriv" else None


def _condition(condition: tuple[int, str, str], unknowns: Sequence[str], variable: str) -> Given:
    order, at, value = condition
    parsed = parse_sympy(value, (), (variable,))
    values = parsed.args if parsed.op in ("tuple", "vec", "set") else (parsed,)
    if len(values) != len(unknowns):
        raise ParseError("a condition gives one value an unknown")
    return Given(order, parse_sympy(at, (), (variable,)), tuple(values))


def summands(node: Node) -> list[Node]:
    """The terms of a sum, signs kept."""
    if node.op == "add":
        return summands(node.args[0]) + summands(node.args[1])
    if node.op == "neg":
        return [Node("neg", (t,)) for t in summands(node.args[0])]
    return [node]


def difference(left: Node, right: Node) -> Node:
    """left - right with the scale-giving terms kept apart."""
    return add(left, Node("neg", (right,)))


def is_value(node: Node) -> bool:
    """Whether a tree is a plain value: no relation, collection or derivative in it."""
    if node.op in ("rel", "tuple", "set", "vec", "matrix", "deriv", "at", "differential", "pm"):
        return False
    parts = node.args[::2] if node.op == "cases" else node.args
    return all(is_value(part) for part in parts)
