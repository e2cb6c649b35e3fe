"""The grammar of expressions: a precedence parser with caps on depth, which evaluates nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from lbt_core.subjects.ode.answers.expr import Node, ParseError, fn, num, sym
from lbt_core.subjects.ode.answers.tokens import Token

MAX_DEPTH = 50
RELATIONS = frozenset({"=", "<", ">", "<=", ">=", "!=", "~", "->", "in", "=>"})
_END = Token("end", "")
EULER = Node("const", (), "e")


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


class Grammar:
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

    def after_short_fraction(self) -> bool:
        """Whether a number with an exponent follows ``\\frac43``, so that it is a factor."""
        head = self.tokens[max(self.pos - 3, 0)]
        power = self.tokens[self.pos + 1 : self.pos + 2]
        return head.val.endswith("frac") and bool(power) and power[0].val == "^"

    def product(self) -> Node:
        left = self.factor()
        while True:
            if self.is_op("*", "/"):
                op = self.next().val
                left = Node("mul" if op == "*" else "div", (left, self.factor()))
            elif self.starts_atom():
                beside = self.peek().kind == "n" and self.tokens[self.pos - 1].kind == "n"
                if beside and not self.after_short_fraction():
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
        base = self.mixed_number() or self.postfix()
        while self.is_op("^"):
            self.next()
            if self.is_op("'") or (self.is_op("{") and self.is_op("'", ahead=1)):
                base = self.primes_in_exponent(base)
                continue
            bare = self.is_op("-")
            exponent = self.exponent()
            if bare and base == EULER and exponent.op == "neg" and exponent.args[0].op == "num":
                while self.peek().kind == "s" and self.peek().glued:  # "e^-3x" means e^{-3x}
                    exponent = Node("mul", (exponent, self.postfix()))
            base = self.raised(base, exponent)
            if self.is_op("!"):
                self.next()
                base = fn("factorial", base)
        self.depth -= 1
        return base

    def mixed_number(self) -> Node | None:
        r"""``2\frac{2}{3}`` and ``2 2/3`` as 8/3: a whole number beside a proper fraction of
        digits; None (and no progress) where something else stands here.
        """
        whole = self.peek()
        if whole.kind != "n" or not whole.val.isdigit() or self.context.sympy:
            return None
        texts = [t.val for t in self.tokens[self.pos + 1 : self.pos + 8]]
        if texts[:1] == ["frac"]:
            digits = [t for t in texts[1:] if t not in "{}"][:2]
            length = 1 + len(texts[1:]) if len(digits) < 2 else _length_of_fraction(texts)
        elif len(texts) > 2 and texts[1] == "/" and not self.peek(1).glued:
            digits, length = [texts[0], texts[2]], 3
            if texts[3:4] in (["^"], ["!"]):
                return None
        else:
            return None
        if len(digits) < 2 or not length or not all(d.isdigit() and len(d) < 10 for d in digits):
            return None
        top, bottom = int(digits[0]), int(digits[1])
        if not 0 < top < bottom:
            return None
        self.pos += 1 + length
        return num(Fraction(int(whole.val)) + Fraction(top, bottom))

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

    def piece(self) -> Node:
        """One argument of a command: a group or a single token."""
        if self.is_op("{"):
            return self.group()
        return self.atom()

    # what a symbol, a function and a command mean is said by the classes below this one

    def symbol(self) -> Node:
        """A symbol with what belongs to it."""
        raise NotImplementedError

    def function(self) -> Node:
        """A function with its argument."""
        raise NotImplementedError

    def command(self) -> Node:
        """A LaTeX command with its arguments."""
        raise NotImplementedError


def _length_of_fraction(texts: Sequence[str]) -> int:
    """Tokens of ``frac`` with two arguments that are one number each, braced or not; 0 where they
    are anything else.
    """
    at = 1
    for _ in range(2):
        if texts[at : at + 1] == ["{"]:
            if texts[at + 2 : at + 3] != ["}"]:
                return 0
            at += 3
        else:
            at += 1
    return at if at <= len(texts) else 0
