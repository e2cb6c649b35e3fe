"""Expression trees as sympy-syntax text, which the parser reads back."""

from collections.abc import Callable, Sequence

from lbt_core.subjects.ode.answers.expr import Node, ParseError

_NAMES = {"ln": "log", "abs": "Abs"}
_CONSTANTS = {"e": "E", "i": "I", "inf": "oo", "pi": "pi"}


def to_sympy(node: Node, variable: str, unknowns: Sequence[str]) -> str:
    """Sympy-syntax text of an expression; raises ParseError for what has none."""

    def text(n: Node) -> str:
        op = n.op
        if op == "num":
            return str(n.val) if n.val == int(n.val) else f"({n.val})"
        if op == "sym":
            return f"{n.val}({variable})" if n.val in unknowns else str(n.val)
        if op == "const" and n.val in _CONSTANTS:
            return _CONSTANTS[n.val]
        if op == "add":
            right = n.args[1]
            if right.op == "neg":
                return f"{text(n.args[0])} - {_factor(text, right.args[0])}"
            return f"{text(n.args[0])} + {text(right)}"
        if op == "neg":
            return f"-{_factor(text, n.args[0])}"
        if op == "mul":
            return f"{_factor(text, n.args[0])}*{_factor(text, n.args[1])}"
        if op == "div":
            return f"{_factor(text, n.args[0])}/{_atom(text, n.args[1])}"
        if op == "pow":
            if n.args[0].op == "const" and n.args[0].val == "e":
                return f"exp({text(n.args[1])})"
            return f"{_atom(text, n.args[0])}**{_atom(text, n.args[1])}"
        if op == "fn":
            return f"{_NAMES.get(n.val, n.val)}({', '.join(text(a) for a in n.args)})"
        if op == "deriv":
            name, ((var, order), *more) = n.val
            if more:
                raise ParseError("partial derivative")
            return (
                f"Derivative({name}({var}), {var})"
                if order == 1
                else f"Derivative({name}({var}), ({var}, {order}))"
            )
        raise ParseError(f"{op} has no such text")

    return text(node)


def _factor(text: Callable[[Node], str], node: Node) -> str:
    return f"({text(node)})" if node.op in ("add", "neg") else text(node)


def _atom(text: Callable[[Node], str], node: Node) -> str:
    plain = node.op in ("sym", "const", "fn", "deriv") or (node.op == "num" and node.val >= 0)
    return text(node) if plain else f"({text(node)})"
