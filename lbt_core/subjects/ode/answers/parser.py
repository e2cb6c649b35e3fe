"""Tokens to expression trees: LaTeX commands, and the entry points of the parser."""

import re
from collections.abc import Sequence

from lbt_core.subjects.ode.answers.expr import ONE, Node, ParseError, fn, num
from lbt_core.subjects.ode.answers.grammar import EMPTY, RELATIONS, Context
from lbt_core.subjects.ode.answers.names import NameGrammar
from lbt_core.subjects.ode.answers.tokens import Token, tokenize
from lbt_core.subjects.ode.answers.vocabulary import FUNCTIONS, SYMPY_ONLY

__all__ = ["EMPTY", "RELATIONS", "Context", "Parser", "parse", "parse_sympy", "parse_tokens"]

_ENVIRONMENTS = {
    "pmatrix",
    "bmatrix",
    "smallmatrix",
    "matrix",
    "vmatrix",
    "Bmatrix",
    "array",
    "psmallmatrix",
    "bsmallmatrix",
}


def parse(text: str, context: Context = EMPTY) -> Node:
    """One expression or relation chain; raises ParseError where the text is anything else."""
    return parse_tokens(tokenize(text, context.multi | _sympy_names(text, context)), context)


def parse_sympy(text: str, unknowns: Sequence[str] = (), variables: Sequence[str] = ()) -> Node:
    """A trusted field in the sympy dialect; raises ParseError."""
    return parse(text, Context(tuple(unknowns), tuple(variables), frozenset(), True))


def _sympy_names(text: str, context: Context) -> frozenset[str]:
    if not context.sympy:
        return frozenset()
    return frozenset(
        w
        for w in re.findall(r"[A-Za-z]+", text)
        if w not in FUNCTIONS and w not in SYMPY_ONLY and w not in ("pi", "oo")
    )


def parse_tokens(tokens: Sequence[Token], context: Context = EMPTY) -> Node:
    """As ``parse``, from tokens."""
    parser = Parser(tokens, context)
    node = parser.relation()
    if parser.pos != len(parser.tokens):
        raise ParseError(f"unexpected {parser.peek().val[:20]!r}")
    return node


class Parser(NameGrammar):
    """The whole grammar: names and LaTeX commands."""

    def command(self) -> Node:
        token = self.next()
        self.deeper()
        handler = {
            "frac": self.fraction,
            "sqrt": self.root,
            "usqrt": self.root,
            "ucbrt": self.cube_root,
            "begin": self.environment,
            "int": self.integral,
            "sum": self.series,
            "prod": self.series,
            "binom": self.binomial,
            "dot": self.dots,
            "ddot": self.dots,
            "dddot": self.dots,
        }.get(token.val)
        if handler is None:
            raise ParseError(f"command \\{token.val}")
        node = handler(token.val)
        self.depth -= 1
        return node

    def raw_group(self) -> list[Token] | None:
        """The tokens of a braced group, without moving past them; None where none starts here."""
        if not self.is_op("{"):
            return None
        out: list[Token] = []
        level, at = 0, self.pos
        while at < len(self.tokens):
            token = self.tokens[at]
            if token.kind == "o" and token.val == "{":
                level += 1
            elif token.kind == "o" and token.val == "}":
                level -= 1
                if level == 0:
                    return out
            if level > 1 or at > self.pos:
                out.append(token)
            at += 1
        return None

    def fraction(self, _name: str) -> Node:
        start = self.pos
        if (node := self.leibniz_fraction()) is not None:
            return node
        self.pos = start
        top = self.piece()
        return Node("div", (top, self.piece()))

    def leibniz_fraction(self) -> Node | None:
        r"""``\frac{d^2y}{dx^2}``, ``\frac{\partial u}{\partial t}``, ``\frac{d}{dx} y``; None where
        it is an ordinary fraction.
        """
        top = self.raw_group()
        if not top or top[0].val not in ("d", "partial"):
            return None
        self.pos += len(top) + 2
        bottom = self.raw_group()
        if not bottom or bottom[0].val not in ("d", "partial"):
            return None
        self.pos += len(bottom) + 2
        rest = Parser(top[1:], self.context)
        order = rest.small_power()
        name = rest.next().val if rest.peek().kind == "s" else ""
        rest.argument_of_unknown() if name else None
        orders = _denominator(Parser(bottom, self.context))
        if orders is None or rest.pos < len(rest.tokens) or sum(o for _, o in orders) != order:
            return None
        if not name:
            inner = self.power()
            if inner.op == "deriv":
                merged = dict(inner.val[1])
                for variable, extra in orders:
                    merged[variable] = merged.get(variable, 0) + extra
                return Node("deriv", (), (inner.val[0], tuple(merged.items())))
            if inner.op != "sym":
                raise ParseError("derivative of an expression")
            name = inner.val
        else:
            self.argument_of_unknown()
        return Node("deriv", (), (name, tuple(orders)))

    def root(self, _name: str) -> Node:
        degree = None
        if self.is_op("["):
            self.next()
            degree = self.sum()
            self.expect("]")
        inner = self.piece()
        if degree is None:
            return fn("sqrt", inner)
        return Node("pow", (inner, Node("div", (num(1), degree))))

    def cube_root(self, _name: str) -> Node:
        return fn("cbrt", self.piece())

    def binomial(self, _name: str) -> Node:
        n, k = self.piece(), self.piece()
        if len(self.context.unknowns) > 1:  # two functions over each other: a vector
            return Node("vec", (n, k))
        below = Node(
            "mul", (fn("factorial", k), fn("factorial", Node("add", (n, Node("neg", (k,))))))
        )
        return Node("div", (fn("factorial", n), below))

    def dots(self, name: str) -> Node:
        inner = self.piece()
        if inner.op != "sym" or (self.context.unknowns and inner.val not in self.context.unknowns):
            raise ParseError("derivative of an expression")
        return self.applied(inner.val, {"dot": 1, "ddot": 2, "dddot": 3}[name])

    def limits(self) -> tuple[Node | None, Node | None]:
        lower = upper = None
        for _ in range(2):
            if self.is_op("_"):
                self.next()
                lower = self.piece()
            elif self.is_op("^"):
                self.next()
                upper = self.exponent()
        return lower, upper

    def integral(self, _name: str) -> Node:
        lower, upper = self.limits()
        if lower is None and upper is None:
            return self.antiderivative()
        if lower is None or upper is None:
            raise ParseError("integral with one limit")
        self.in_integral += 1
        inner = self.sum()
        self.in_integral -= 1
        if not self.at_differential():
            raise ParseError("integral without its variable")
        self.next()
        return Node("int", (inner, lower, upper), self.next().val)

    def antiderivative(self) -> Node:
        """An indefinite integral, which has no value: a link that a chain may begin with."""
        self.in_integral += 1
        inner = ONE if self.at_differential() else self.sum()
        self.in_integral -= 1
        if self.at_differential():
            self.pos += 2
        return Node("antiderivative", (inner,))

    def series(self, name: str) -> Node:
        if name == "prod":
            raise ParseError("product sign")
        lower, upper = self.limits()
        if lower is None or lower.op != "rel" or lower.args[0].op != "sym":
            raise ParseError("sum without its index")
        upper = upper or Node("const", (), "inf")
        return Node("sum", (self.product(), lower.args[1], upper), lower.args[0].val)

    def environment(self, _name: str) -> Node:
        name = self.environment_name()
        if name == "array" and self.is_op("{"):
            self.pos += len(self.raw_group() or []) + 2
        if name == "cases":
            return self.cases()
        if name not in _ENVIRONMENTS:
            raise ParseError(f"environment {name[:20]}")
        rows: list[list[Node]] = [[]]
        while not (self.peek().kind == "k" and self.peek().val == "end"):
            if self.is_op("\\\\"):
                self.next()
                rows.append([])
            elif self.is_op("&", "quad"):
                self.next()
            else:
                rows[-1].append(self.sum())
        self.next()
        self.environment_name()
        rows = [r for r in rows if r]
        if not rows or len({len(r) for r in rows}) != 1:
            raise ParseError("ragged matrix")
        if len(rows) == 1 or len(rows[0]) == 1:
            return Node("vec", tuple(cell for row in rows for cell in row))
        return Node("matrix", tuple(Node("vec", tuple(row)) for row in rows))

    def environment_name(self) -> str:
        token = self.next()
        if token.kind != "env":
            raise ParseError("environment")
        return token.val

    def cases(self) -> Node:
        parts: list[Node] = []
        while True:
            while self.is_op("\\\\", "quad", ","):
                self.next()
            if self.peek().kind == "k" and self.peek().val == "end":
                break
            parts.append(self.sum())
            if self.is_op("=") or (self.is_op("&") and self.is_op("=", ahead=1)):
                return self.equations(parts)
            while self.is_op("&", ",", "quad", ";") or self.peek().kind == "w":
                self.next()
            if self.is_op("\\\\") or self.peek().kind in ("k", "end"):
                parts.append(Node("const", (), "true"))
            else:
                parts.append(self.relation())
            while self.is_op(",", "quad", ".", ";"):
                self.next()
        self.next()
        self.environment_name()
        return Node("cases", tuple(parts))

    def equations(self, parts: list[Node]) -> Node:
        """The rows of ``cases`` that are equations, not pieces: a list of statements."""
        if len(parts) != 1:
            raise ParseError("pieces and equations in one list")
        rows: list[Node] = []
        left = parts[0]
        while True:
            while self.is_op("&"):
                self.next()
            if not self.is_op("="):
                raise ParseError("pieces and equations in one list")
            sides = [left]
            while self.is_op("="):
                self.next()
                if self.is_op("&"):
                    self.next()
                sides.append(self.sum())
            rows.append(Node("rel", tuple(sides), ("=",) * (len(sides) - 1)))
            while self.is_op("\\\\", "quad", ",", ";", "."):
                self.next()
            if self.peek().kind == "k" and self.peek().val == "end":
                break
            left = self.sum()
        self.next()
        self.environment_name()
        return Node("list", tuple(rows))


def _denominator(rest: Parser) -> list[tuple[str, int]] | None:
    orders: list[tuple[str, int]] = []
    while rest.peek().val in ("d", "partial"):
        rest.next()
        if rest.peek().kind != "s":
            return None
        variable = rest.next().val
        orders.append((variable, rest.small_power()))
    return orders if orders and rest.pos == len(rest.tokens) else None
