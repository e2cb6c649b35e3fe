"""Expression trees: what the parser makes and everything else reads. Plain data, no evaluation."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

MAX_NODES = 4000


class ParseError(Exception):
    """The text is not an expression that the grammar and its caps allow; the message says why."""


class Node(NamedTuple):
    """One node: ``op`` names it, ``args`` are its children, ``val`` its payload.

    Leaves: ``num`` (Fraction), ``sym`` (name), ``const`` (pi, e, i, inf). Arithmetic: ``add``,
    ``mul``, ``div``, ``pow``, ``neg``.
    ``fn`` (name), ``deriv`` (unknown, ((variable, order), …)), ``at`` (unknown, order; the point is
    the child), ``pm`` (+1 or -1),
    ``rel`` (operator), ``vec`` (components), ``tuple``, ``set``, ``interval`` (brackets), ``cases``
    (value, condition, …),
    ``int`` (variable; integrand, lower, upper), ``sum`` (variable; term, lower, upper),
    ``differential`` (name).
    """

    op: str
    args: tuple["Node", ...] = ()
    val: Any = None


ZERO = Node("num", (), Fraction(0))
ONE = Node("num", (), Fraction(1))
I = Node("const", (), "i")  # noqa: E741 - the name of the imaginary unit


def num(value: int | Fraction) -> Node:
    """A number leaf."""
    return Node("num", (), Fraction(value))


def sym(name: str) -> Node:
    """A symbol leaf."""
    return Node("sym", (), name)


def fn(name: str, *args: Node) -> Node:
    """A function application."""
    return Node("fn", args, name)


def add(a: Node, b: Node) -> Node:
    """a + b."""
    return Node("add", (a, b))


def sub(a: Node, b: Node) -> Node:
    """a - b, folding a zero right side so that residuals of ``F = 0`` stay small."""
    return a if b == ZERO else Node("add", (a, Node("neg", (b,))))


def walk(node: Node) -> Iterator[Node]:
    """All nodes, parents first; raises ParseError beyond MAX_NODES (shared subtrees count every
    time).
    """
    stack, seen = [node], 0
    while stack:
        top = stack.pop()
        seen += 1
        if seen > MAX_NODES:
            raise ParseError("expression too large")
        yield top
        stack.extend(reversed(top.args))


def symbols(node: Node) -> set[str]:
    """Names of the free symbols (bound variables of sums and integrals are not free)."""
    if node.op == "sym":
        return {node.val}
    found: set[str] = set()
    for arg in node.args:
        found |= symbols(arg)
    if node.op in ("sum", "int"):
        own = symbols(node.args[0]) - {node.val}
        found = own.union(*(symbols(a) for a in node.args[1:]))
    return found


def has(node: Node, test: Callable[[Node], bool]) -> bool:
    """Whether any node passes the test."""
    return any(test(n) for n in walk(node))


def has_op(node: Node, *ops: str) -> bool:
    """Whether a node with one of these ops occurs."""
    return any(n.op in ops for n in walk(node))


def rebuild(node: Node, change: Callable[[Node], Node | None]) -> Node:
    """The tree with ``change`` applied top down; where it returns None the children are visited."""
    new = change(node)
    if new is not None:
        return new
    if not node.args:
        return node
    args = tuple(rebuild(a, change) for a in node.args)
    return node._replace(args=args)


def substitute(node: Node, values: Mapping[str, Node]) -> Node:
    """Symbols replaced by expressions; raises ParseError where the result is too large."""
    if not values:
        return node
    out = rebuild(node, lambda n: values.get(n.val) if n.op == "sym" else None)
    for _ in walk(out):
        pass
    return out


def components(node: Node) -> tuple[Node, ...] | None:
    """A vector-valued expression as its components, or None where it is scalar.

    Sums, negation and products with one vector factor are distributed; raises ParseError where
    sizes differ.
    """
    if node.op in ("vec", "tuple"):
        return node.args
    if node.op in ("add", "mul", "div", "neg"):
        parts = [components(a) for a in node.args]
        if all(p is None for p in parts):
            return None
        return _combine(node, parts)
    return None


def _combine(node: Node, parts: list[tuple[Node, ...] | None]) -> tuple[Node, ...]:
    sizes = {len(p) for p in parts if p is not None}
    if len(sizes) != 1:
        raise ParseError("vectors of different sizes")
    size = sizes.pop()
    if node.op == "mul" and all(p is not None for p in parts):
        raise ParseError("product of two vectors")
    if node.op == "div" and parts[1] is not None:
        raise ParseError("division by a vector")
    if node.op == "add" and any(
        p is None and a != ZERO for p, a in zip(parts, node.args, strict=True)
    ):
        raise ParseError("sum of a vector and a number")
    rows = []
    for k in range(size):
        args = tuple(a if p is None else p[k] for p, a in zip(parts, node.args, strict=True))
        rows.append(node._replace(args=args))
    return tuple(rows)


def signs(node: Node) -> list[Node]:
    """The expression for each choice of its plus-minus sign (all of them tied together), one entry
    if it has none.
    """
    if not has_op(node, "pm"):
        return [node]

    def choose(sign: int) -> Node:
        def change(n: Node) -> Node | None:
            if n.op != "pm":
                return None
            inner = rebuild(n.args[0], change)
            return inner if n.val * sign > 0 else Node("neg", (inner,))

        return rebuild(node, change)

    return [choose(1), choose(-1)]


def differentiate(node: Node, variable: str, unknowns: Sequence[str]) -> Node:
    """The derivative of sums, products and powers of the variable and of unknowns; raises
    ParseError for anything else.
    """
    op = node.op
    if op in ("num", "const"):
        return ZERO
    if op == "sym":
        if node.val in unknowns:
            return Node("deriv", (), (node.val, ((variable, 1),)))
        return ONE if node.val == variable else ZERO
    if op == "deriv":
        name, ((own, order), *more) = node.val
        if more or own != variable:
            raise ParseError("partial derivative")
        return Node("deriv", (), (name, ((variable, order + 1),)))
    if op in ("add", "neg"):
        return node._replace(args=tuple(differentiate(a, variable, unknowns) for a in node.args))
    if op == "mul":
        a, b = node.args
        da, db = (differentiate(n, variable, unknowns) for n in node.args)
        return add(Node("mul", (da, b)), Node("mul", (a, db)))
    if op == "pow" and node.args[1].op == "num":
        base, power = node.args
        lowered = Node("mul", (power, Node("pow", (base, num(power.val - 1)))))
        return Node("mul", (lowered, differentiate(base, variable, unknowns)))
    raise ParseError("derivative of an expression")
