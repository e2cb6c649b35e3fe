"""Tokens to expression trees: a precedence parser with caps on depth and size. It never evaluates
what it reads.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from lbt_core.answers.expr import Node, ParseError, differentiate, fn, num, sym
from lbt_core.answers.tokens import Token, tokenize
from lbt_core.answers.vocabulary import FUNCTIONS, SYMPY_ONLY

MAX_DEPTH = 50
RELATIONS = {"=", "<", ">", "<=", ">=", "!=", "~", "->", "in", "=>"}
_CONSTANT_LIKE = re.compile(r"[CcKk](_\w+)?$")
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
_FUNCTION_NAMES = {"f", "g", "h", "F", "G", "Q", "q", "phi", "psi"}
_COMPARISONS = {"Ne": "!=", "Gt": ">", "Lt": "<", "Ge": ">=", "Le": "<="}
_STEPS = {"u", "H", "U", "theta", "Theta", "sigma"}


@dataclass(frozen=True, slots=True)
class Context:
    """What the problem says about names: unknown functions, their variables, and the other names
    that it uses.

    ``sympy`` switches to the dialect of trusted fields, where E and I are Euler's number and the
    imaginary unit.
    """

    unknowns: tuple[str, ...] = ()
    variables: tuple[str, ...] = ()
    names: frozenset[str] = frozenset()
    sympy: bool = False

    @property
    def multi(self) -> frozenset[str]:
        """Names of several letters, which the tokenizer must not take apart."""
        every = (*self.unknowns, *self.variables, *self.names)
        return frozenset(n for n in every if len(n) > 1 and n.isalpha())


EMPTY = Context()


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


_END = Token("end", "")


class Parser:
    """Precedence parser: relation < sum < product (also by juxtaposition) < sign < power < postfix
    < atom.
    """

    def __init__(self, tokens: Sequence[Token], context: Context):
        self.tokens = list(tokens)
        self.context = context
        self.pos = 0
        self.depth = 0
        self.bars = 0
        self.in_integral = 0

    def peek(self, ahead: int = 0) -> Token:
        at = self.pos + ahead
        return self.tokens[at] if at < len(self.tokens) else _END

    def next(self) -> Token:
        token = self.peek()
        self.pos += 1
        return token

    def is_op(self, *ops: str, ahead: int = 0) -> bool:
        token = self.peek(ahead)
        return token.kind == "o" and token.val in ops

    def expect(self, *ops: str) -> str:
        if not self.is_op(*ops):
            raise ParseError(f"expected {ops[0]!r}, got {self.peek().val[:20]!r}")
        return self.next().val

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise ParseError("nested too deep")

    # relations, sums, products

    def relation(self) -> Node:
        """A sum, or a chain of sums joined by relations: Node rel with the operators in ``val``."""
        sides = [self.sum()]
        ops = []
        while self.peek().kind == "o" and self.peek().val in RELATIONS:
            ops.append(self.next().val)
            sides.append(self.sum())
        return Node("rel", tuple(sides), tuple(ops)) if ops else sides[0]

    def sum(self) -> Node:
        self.deeper()
        left = self.sign_term()
        while self.is_op("+", "-", "pm", "mp"):
            op = self.next().val
            left = Node("add", (left, self.signed(op, self.product())))
        self.depth -= 1
        return left

    def sign_term(self) -> Node:
        if self.is_op("+", "-", "pm", "mp"):
            op = self.next().val
            self.deeper()
            inner = self.sign_term() if self.is_op("+", "-", "pm", "mp") else self.product()
            self.depth -= 1
            return self.signed(op, inner)
        return self.product()

    @staticmethod
    def signed(op: str, node: Node) -> Node:
        if op == "+":
            return node
        if op == "-":
            return Node("neg", (node,))
        return Node("pm", (node,), 1 if op == "pm" else -1)

    def product(self) -> Node:
        left = self.factor()
        while True:
            if self.is_op("*", "/"):
                op = self.next().val
                left = Node("mul" if op == "*" else "div", (left, self.factor()))
            elif self.starts_atom():
                if self.peek().kind == "n" and self.tokens[self.pos - 1].kind == "n":
                    raise ParseError("two numbers side by side")
                left = Node("mul", (left, self.power()))
            else:
                return left

    def factor(self) -> Node:
        if self.is_op("+", "-", "pm", "mp"):
            op = self.next().val
            self.deeper()
            inner = self.factor()
            self.depth -= 1
            return self.signed(op, inner)
        return self.power()

    def starts_atom(self) -> bool:
        token = self.peek()
        if token.kind in "nsfc":
            return not (self.in_integral and self.at_differential())
        if token.kind == "k":
            return token.val not in ("end", "not", "partial", "nabla")
        return token.kind == "o" and (
            token.val in ("(", "[", "{", "\\{") or (token.val == "|" and not self.bars)
        )

    def at_differential(self) -> bool:
        token, after = self.peek(), self.peek(1)
        return (
            token.kind == "s"
            and token.val == "d"
            and after.kind == "s"
            and "d" not in self.context.names
        )

    # powers and postfix

    def power(self) -> Node:
        self.deeper()
        base = self.postfix()
        while self.is_op("^"):
            self.next()
            if self.is_op("'") or (self.is_op("{") and self.is_op("'", ahead=1)):
                base = self.primes_in_exponent(base)
                continue
            exponent = self.exponent()
            base = self.raised(base, exponent)
            if self.is_op("!"):
                self.next()
                base = fn("factorial", base)
        self.depth -= 1
        return base

    def raised(self, base: Node, exponent: Node) -> Node:
        if base.op in ("vec", "tuple") and exponent.op == "sym" and exponent.val in ("T", "t"):
            return base
        if (
            base.op == "sym"
            and base.val in self.context.unknowns
            and exponent.op == "tuple"
            and len(exponent.args) == 1
        ):
            inner = exponent.args[0]
            if inner.op == "num" and inner.val.denominator == 1 and 0 < inner.val <= 12:
                return self.applied(base.val, int(inner.val))
        if exponent.op == "tuple" and len(exponent.args) == 1:
            exponent = exponent.args[0]
        return Node("pow", (base, exponent))

    def exponent(self) -> Node:
        if self.is_op("+", "-", "pm", "mp"):
            op = self.next().val
            return self.signed(op, self.exponent())
        if (
            self.is_op("{")
            and self.is_op("(", ahead=1)
            and self.is_op("}", ahead=4)
            and self.peek(2).kind == "n"
        ):
            value = self.peek(2).num or Fraction(0)
            self.pos += 5
            return Node("tuple", (num(value),))
        self.deeper()
        node = self.postfix()
        if self.is_op("^"):
            self.next()
            node = Node("pow", (node, self.exponent()))
        self.depth -= 1
        return node

    def primes_in_exponent(self, base: Node) -> Node:
        braces = self.is_op("{")
        self.pos += braces
        order = 0
        while self.is_op("'"):
            self.next()
            order += 1
        if braces:
            self.expect("}")
        if base.op != "sym":
            raise ParseError("derivative of an expression")
        return self.applied(base.val, order)

    def postfix(self) -> Node:
        node = self.atom()
        while self.is_op("!"):
            self.next()
            node = fn("factorial", node)
        return node

    # atoms

    def atom(self) -> Node:
        token = self.peek()
        if token.kind == "n":
            self.next()
            return Node("num", (), token.num)
        if token.kind == "c":
            self.next()
            return Node("const", (), token.val)
        if token.kind == "s":
            return self.symbol()
        if token.kind == "f":
            return self.function()
        if token.kind == "k":
            return self.command()
        if token.kind == "o" and token.val in ("(", "[", "{", "\\{"):
            return self.group()
        if token.kind == "o" and token.val == "|":
            return self.absolute()
        raise ParseError(
            f"unexpected {token.val[:20]!r}" if token.kind != "end" else "unexpected end"
        )

    def absolute(self) -> Node:
        self.next()
        self.bars += 1
        inner = self.sum()
        self.expect("|")
        self.bars -= 1
        return fn("abs", inner)

    def group(self) -> Node:
        """Brackets: a value, a tuple, a set, or an interval (mismatched brackets)."""
        opener = self.next().val
        closers = {"(": (")", "]"), "[": ("]", ")", "["), "{": ("}",), "\\{": ("\\}",)}[opener]
        bars, self.bars = self.bars, 0
        integral, self.in_integral = self.in_integral, 0
        if self.is_op(*closers):
            raise ParseError("empty brackets")
        items = [self.relation()]
        while self.is_op(",", ";"):
            self.next()
            items.append(self.relation())
        closer = self.expect(*closers)
        self.bars, self.in_integral = bars, integral
        if len(items) == 1 and opener != "\\{" and (opener + closer) in ("()", "[]", "{}"):
            return items[0]
        if opener in ("\\{", "{"):
            return Node("set", tuple(items))
        return Node("tuple", tuple(items), opener + closer)

    def applied(self, name: str, order: int) -> Node:
        """The unknown's derivative of this order, at a point if one is given in brackets."""
        point = self.argument_of_unknown()
        if point is not None:
            return Node("at", point, (name, order))
        if order == 0:
            return sym(name)
        variable = self.context.variables[0] if self.context.variables else "x"
        return Node("deriv", (), (name, ((variable, order),)))

    def argument_of_unknown(self) -> tuple[Node, ...] | None:
        """The bracketed argument of an unknown function; None where there is none or it is just the
        variable.
        """
        start = self.pos
        brace = self.is_op("{") and self.is_op("(", ahead=1)
        if not brace and not self.is_op("("):
            return None
        self.pos += 1 + brace
        try:
            items = [self.sum()]
            while self.is_op(","):
                self.next()
                items.append(self.sum())
            self.expect(")")
            if brace:
                self.expect("}")
        except ParseError:
            self.pos = start
            return None
        plain = [i.val for i in items if i.op == "sym"]
        if len(plain) == len(items) and (
            not self.context.variables or set(plain) <= set(self.context.variables)
        ):
            return None
        if items[0].op in ("sym", "add", "mul") and len(items) == 1 and not self.is_point(items[0]):
            self.pos = start
            return None
        return tuple(items)

    def is_point(self, node: Node) -> bool:
        """Whether an argument can be a point (x0, pi/2) rather than a factor that multiplies the
        unknown.
        """
        stack = [node]
        while stack:
            n = stack.pop()
            if n.op == "sym" and (
                n.val in self.context.variables or n.val in self.context.unknowns
            ):
                return False
            stack.extend(n.args)
        return True

    def symbol(self) -> Node:
        if (node := self.leibniz()) is not None:
            return node
        if self.at_differential() and self.peek(1).glued:
            name = self.peek(1).val
            if name in self.context.variables or name in self.context.unknowns:
                self.pos += 2
                return Node("differential", (), name)
        token = self.next()
        name = token.val
        context = self.context
        if name in context.unknowns:
            order = 0
            while self.is_op("'"):
                self.next()
                order += 1
            if order == 0 and self.is_op("^") and self.is_op("{", ahead=1):
                return (
                    sym(name)
                    if self.is_op("(", ahead=2) and self.peek(3).kind == "n"
                    else self.applied(name, 0)
                )
            return self.applied(name, order)
        if self.is_op("'"):
            raise ParseError(f"derivative of {name}")
        if context.sympy:
            if name in ("E", "I"):
                return Node("const", (), "e" if name == "E" else "i")
        elif name in ("i", "I") and name not in context.names and name not in context.variables:
            return Node("const", (), "i")
        if (bessel := self.bessel(name)) is not None:
            return bessel
        if name == "W" and self.is_op("(") and "W" not in context.names:
            return fn("LambertW", self.group())
        if name == "L" and self.transform():
            return sym(name)
        if self.is_op("(") and name not in context.variables:
            return self.called(name)
        return sym(name)

    def bessel(self, name: str) -> Node | None:
        r"""``J_0(x)``, ``Y_{\sqrt 3}(x)`` and the like; None where the symbol is something else."""
        kind = {"J": "besselj", "Y": "bessely", "I": "besseli", "K": "besselk"}.get(name[:1])
        if kind is None or name in self.context.names:
            return None
        if len(name) == 1 and self.is_op("_"):
            self.next()
            order = self.piece()
        elif name[:2] in ("J_", "Y_") and name[2:].isdigit() and self.is_op("("):
            order = num(int(name[2:]))
        else:
            return None
        return fn(kind, order, self.group())

    def transform(self) -> bool:
        r"""Moves past ``\{f\}`` or ``^{-1}\{F\}`` after an L: what is transformed; False where
        nothing of the kind stands here.
        """
        ahead = 0
        if (
            self.is_op("^")
            and self.is_op("{", ahead=1)
            and self.is_op("-", ahead=2)
            and self.is_op("}", ahead=4)
        ):
            ahead = 5
        if not self.is_op("\\{", ahead=ahead):
            return False
        level, at = 0, self.pos + ahead
        while at < len(self.tokens):
            token = self.tokens[at]
            at += 1
            if token.kind == "o" and token.val in ("\\{", "\\}"):
                level += 1 if token.val == "\\{" else -1
                if not level:
                    self.pos = at
                    return True
        return False

    def called(self, name: str) -> Node:
        """A symbol before a bracket: a unit step, an impulse, ``f(x) =`` on a left side, or a
        product.
        """
        free = name not in self.context.names
        if self.skip_arguments():
            return sym(name)
        if name == "delta" and free:
            return fn("DiracDelta", self.group())
        if name in _STEPS and free:
            start = self.pos
            node = self.group()
            if node.op != "tuple" and not self.is_op("="):
                return fn("Heaviside", node)
            self.pos = start
        if self.peek(1).kind in ("s", "n", "c") and self.is_op(")", ahead=2):
            if self.is_op("=", ahead=3) and not self.bars:
                self.pos += 3
            elif self.peek(1).kind == "s" and free and name in _FUNCTION_NAMES:
                raise ParseError(f"unknown function {name}")
        return sym(name)

    def skip_arguments(self) -> bool:
        """Moves past ``(x, t)``, the arguments of a function of several variables; False where none
        stand here.
        """
        at = self.pos + 1
        count = 0
        while at + 1 < len(self.tokens) and self.tokens[at].kind == "s":
            count += 1
            if self.tokens[at + 1].val == ")" and count > 1:
                self.pos = at + 2
                return True
            if self.tokens[at + 1].val != ",":
                return False
            at += 2
        return False

    def leibniz(self) -> Node | None:
        """``dy/dx``, ``d^2y/dx^2`` in plain text; None (and no progress) where the tokens say
        something else.
        """
        if self.peek().val != "d":
            return None
        start = self.pos
        self.next()
        order = self.small_power()
        if self.peek().kind == "s" and self.peek().val in self.context.unknowns:
            name = self.next().val
            self.argument_of_unknown()
            if self.is_op("/") and self.peek(1).val == "d" and self.peek(2).kind == "s":
                self.pos += 2
                variable = self.next().val
                self.small_power()
                return Node("deriv", (), (name, ((variable, order),)))
        self.pos = start
        return None

    def small_power(self) -> int:
        """An optional ``^n`` or ``^{n}``; 1 where there is none."""
        if not self.is_op("^"):
            return 1
        braces = self.is_op("{", ahead=1)
        token = self.peek(1 + braces)
        if (
            token.kind != "n"
            or token.num is None
            or token.num.denominator != 1
            or not 0 < token.num < 13
        ):
            return 1
        self.pos += 2 + 2 * braces
        return int(token.num)

    # functions

    def function(self) -> Node:
        name = self.next().val
        if self.context.sympy or name in (
            "Eq",
            "Derivative",
            "Rational",
            "Piecewise",
            "Matrix",
            "And",
        ):
            return self.sympy_call(name)
        exponent = None
        if self.is_op("^"):
            self.next()
            exponent = self.exponent()
            if exponent.op == "tuple":
                exponent = exponent.args[0]
        args = self.arguments()
        inverse = exponent is not None and exponent in (Node("neg", (num(1),)), num(-1))
        if inverse and name in (
            "sin",
            "cos",
            "tan",
            "cot",
            "sec",
            "csc",
            "sinh",
            "cosh",
            "tanh",
            "coth",
        ):
            return fn("a" + name, *args)
        node = fn(name, *args)
        return node if exponent is None else Node("pow", (node, exponent))

    def arguments(self) -> tuple[Node, ...]:
        if self.is_op("(", "[", "{"):
            node = self.group()
            return node.args if node.op == "tuple" and node.val == "()" else (node,)
        return (self.bare_argument(),)

    def bare_argument(self) -> Node:
        """The argument of a function written without brackets: a product of simple factors, ``\\sin
        2\\pi t``.
        """
        self.deeper()
        negative = self.is_op("-")
        self.pos += negative
        node = self.power()
        if node.op == "num" and self.is_op("("):
            node = Node("mul", (node, self.power()))
        elif self.tokens[self.pos - 1].kind != "f":
            while self.simple_factor():
                node = Node("mul", (node, self.power()))
        self.depth -= 1
        return Node("neg", (node,)) if negative else node

    def simple_factor(self) -> bool:
        token = self.peek()
        if token.kind == "c":
            return token.val in ("pi", "i")
        if token.kind == "s":
            if self.at_differential() or (
                _CONSTANT_LIKE.match(token.val) and token.val not in self.context.names
            ):
                return False
            return not (self.is_op("(", ahead=1) and token.val in _STEPS)
        if token.kind == "n":
            return self.tokens[self.pos - 1].kind != "n"
        return token.kind == "k" and token.val in ("frac", "sqrt", "usqrt", "dot")

    def sympy_call(self, name: str) -> Node:
        self.expect("(")
        items = [self.relation()]
        while self.is_op(","):
            self.next()
            items.append(self.relation())
        self.expect(")")
        if name == "Eq" and len(items) == 2:
            return Node("rel", tuple(items), ("=",))
        if name in _COMPARISONS and len(items) == 2:
            return Node("rel", tuple(items), (_COMPARISONS[name],))
        if name == "Rational" and len(items) == 2:
            return Node("div", tuple(items))
        if name in ("Integer", "Float", "Rational") and len(items) == 1:
            return items[0]
        if name == "Matrix" and len(items) == 1:
            rows = [i.args[0] if i.op == "tuple" and len(i.args) == 1 else i for i in items[0].args]
            return Node("vec", tuple(rows))
        if name == "Derivative":
            return self.derivative(items)
        if name == "Piecewise":
            flat = [part for i in items if i.op == "tuple" and len(i.args) == 2 for part in i.args]
            return Node("cases", tuple(flat))
        if name in ("Integral", "Function", "Symbol", "And", "Eq"):
            raise ParseError(f"{name} is not supported")
        if name == "ln" and len(items) == 2:
            return Node("div", (fn("ln", items[0]), fn("ln", items[1])))
        return fn(name, *items)

    def derivative(self, items: list[Node]) -> Node:
        orders: dict[str, int] = {}
        last = ""
        for item in items[1:]:
            if item.op == "num" and last:
                orders[last] += int(item.val) - 1
                continue
            variable, order = (
                (item.args[0], int(item.args[1].val)) if item.op == "tuple" else (item, 1)
            )
            last = str(variable.val)
            orders[last] = orders.get(last, 0) + order
        if items[0].op == "sym":
            return Node("deriv", (), (items[0].val, tuple(orders.items())))
        node = items[0]
        for variable_name, times in orders.items():
            for _ in range(min(times, 8)):
                node = differentiate(node, variable_name, self.context.unknowns)
        return node

    # commands

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

    def piece(self) -> Node:
        """One argument of a command: a group or a single token."""
        if self.is_op("{"):
            return self.group()
        return self.atom()

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
        if lower is None or upper is None:
            raise ParseError("indefinite integral")
        self.in_integral += 1
        inner = self.sum()
        self.in_integral -= 1
        if not self.at_differential():
            raise ParseError("integral without its variable")
        self.next()
        return Node("int", (inner, lower, upper), self.next().val)

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


def _denominator(rest: Parser) -> list[tuple[str, int]] | None:
    orders: list[tuple[str, int]] = []
    while rest.peek().val in ("d", "partial"):
        rest.next()
        if rest.peek().kind != "s":
            return None
        variable = rest.next().val
        orders.append((variable, rest.small_power()))
    return orders if orders and rest.pos == len(rest.tokens) else None
