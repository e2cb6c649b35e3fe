"""What names mean: symbols, unknowns and their derivatives, functions, the sympy dialect."""

import re

from lbt_core.subjects.ode.answers.expr import Node, ParseError, differentiate, fn, num, sub, sym
from lbt_core.subjects.ode.answers.grammar import Grammar

_CONSTANT_LIKE = re.compile(r"[CcKk](_\w+)?$")
_FUNCTION_NAMES = {"f", "g", "h", "F", "G", "Q", "q", "phi", "psi"}
_COMPARISONS = {"Ne": "!=", "Gt": ">", "Lt": "<", "Ge": ">=", "Le": "<="}
_STEPS = {"u", "H", "U", "theta", "Theta", "sigma"}


class NameGrammar(Grammar):
    """Expressions with names: symbols and functions."""

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
        if (step := self.named_step(name)) is not None:
            return step
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

    def named_step(self, name: str) -> Node | None:
        r"""``u_2(t)``, ``u_\pi(t)``: the unit step at 2 or at pi; None (and no progress) where the
        symbol is something else.
        """
        start = self.pos
        letter, _, at = name.partition("_")
        if letter not in ("u", "U", "H") or letter in self.context.names | {*self.context.unknowns}:
            return None
        if at.isdigit():
            point = num(int(at))
        elif not at and self.is_op("_"):
            self.next()
            point = self.piece()
        else:
            return None
        if self.is_op("(") and self.peek(1).kind == "s" and self.is_op(")", ahead=2):
            argument = self.group()
            if not self.is_op("="):
                return fn("Heaviside", sub(argument, point))
        self.pos = start
        return None

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
        if self.is_op("\\{"):
            node = self.group()
            return node.args
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
