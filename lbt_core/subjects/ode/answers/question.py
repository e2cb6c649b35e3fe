"""The differential equation out of a question's text, as machine-readable fields."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from lbt_core.subjects.ode.answers.expr import (
    ONE,
    Node,
    ParseError,
    has_op,
    rebuild,
    sub,
    substitute,
    symbols,
    walk,
)
from lbt_core.subjects.ode.answers.parser import Context, parse_tokens
from lbt_core.subjects.ode.answers.printing import to_sympy
from lbt_core.subjects.ode.answers.statements import pieces_of
from lbt_core.subjects.ode.answers.tokens import Token, tokenize
from lbt_core.subjects.ode.problem import Condition

_MATH = re.compile(
    r"\$\$(.+?)\$\$|\$([^$]+)\$|\\\[(.+?)\\\]|\\\((.+?)\\\)|\\begin\{(?:equation|align|gather)\*?\}(.+?)\\end\{",
    re.S,
)
_MAX_QUESTION = 5000


class ReadOde(NamedTuple):
    """The fields of ``Problem`` that a question gives: ``ode`` and ``func`` in sympy syntax,
    ``ics``, ``kind``.
    """

    ode: str
    ics: tuple[Condition, ...]
    func: str
    kind: str


def read_ode(question: str, answer: str = "") -> ReadOde | None:
    """Reads the equation to be solved, its conditions and its unknowns out of a question.

    Understands primes, dots, Leibniz and differential form (``M dx + N dy = 0``), systems, and
    conditions such as "with
    y(0) = 3". ``answer`` is the printed answer, which settles the independent variable where the
    equation does not name it.
    Returns None where the question is not one such problem. It reads what is written, not what is
    asked: use ``prove`` to see
    that the printed answer solves what was read.
    """
    try:
        return _read(question[:_MAX_QUESTION], answer[:_MAX_QUESTION])
    except (ParseError, RecursionError):
        return None


@lru_cache(maxsize=4096)
def _read(question: str, answer: str) -> ReadOde | None:
    runs = token_runs(question)
    unknowns, variables = _names(runs)
    if (
        not unknowns
        or len(unknowns) > 4
        or re.search(r"\\partial|_\{?[xyt]{1,2}\}?\s*(?:=|\+|-)", question)
    ):
        return None
    variable = _variable(unknowns, variables, runs, answer)
    if variable is None or variable in unknowns:
        return None
    context = Context(tuple(unknowns), (variable,))
    equations, conditions = _relations(runs, context)
    if len(equations) != len(unknowns):
        return None
    given = _conditions(conditions, unknowns, variable)
    if given is None:
        return None
    ode = [f"Eq({to_sympy(e, variable, unknowns)}, 0)" for e in equations]
    func = ", ".join(f"{u}({variable})" for u in unknowns)
    text = ode[0] if len(ode) == 1 else f"[{', '.join(ode)}]"
    return ReadOde(text, given, func, _kind(question, unknowns, given))


def token_runs(question: str) -> list[list[Token]]:
    """Tokens of each piece of mathematics (of the whole text where none is marked), unreadable ones
    left out.
    """
    segments = [next(g for g in m.groups() if g is not None) for m in _MATH.finditer(question)]
    runs = []
    for segment in segments or [question]:
        segment = re.sub(
            r"\\(begin|end)\{(aligned?|split|gathered|equation|gather)\*?\}|\\label\{[^}]*\}",
            " ; ",
            segment,
        )
        try:
            runs.append(tokenize(segment))
        except ParseError:
            continue
    return runs


def _names(runs: Sequence[Sequence[Token]]) -> tuple[list[str], list[str]]:
    """Unknown functions and independent variables that derivatives or differentials name."""
    unknowns: dict[str, None] = {}
    variables: dict[str, None] = {}
    differentials: dict[str, None] = {}
    for run in runs:
        for k, token in enumerate(run):
            after = run[k + 1] if k + 1 < len(run) else Token("end", "")
            if token.kind == "s" and token.val != "d" and _starts_prime(run, k + 1):
                unknowns[token.val] = None
            elif token.kind == "k" and token.val in ("dot", "ddot"):
                inner = next((t for t in run[k + 1 : k + 3] if t.kind == "s"), None)
                if inner:
                    unknowns[inner.val] = None
            elif token.val == "d" and token.kind == "s":
                quotient = _leibniz(run, k)
                if quotient:
                    if quotient[0]:
                        unknowns[quotient[0]] = None
                    variables[quotient[1]] = None
                elif after.kind == "s" and after.glued and not _below(run, k):
                    differentials[after.val] = None
    if not unknowns and len(differentials) == 2:
        pair = set(differentials)
        for unknown, variable in (
            ("y", "x"),
            ("x", "t"),
            ("y", "t"),
            ("u", "x"),
            ("v", "u"),
            ("r", "theta"),
        ):
            if pair == {unknown, variable}:
                return [unknown], [variable]
    return sorted(unknowns), list(variables)


def _starts_prime(run: Sequence[Token], k: int) -> bool:
    texts = [t.val for t in run[k : k + 5]]
    if texts[:1] == ["'"] or texts[:2] == ["^", "'"] or texts[:3] == ["^", "{", "'"]:
        return True
    return (
        texts[:3] == ["^", "{", "("]
        and len(texts) == 5
        and run[k + 3].kind == "n"
        and texts[4] == ")"
    )


def _leibniz(run: Sequence[Token], k: int) -> tuple[str, str] | None:
    """``dy/dx`` or the inside of ``\\frac{dy}{dx}`` that starts at ``k``: names of unknown ("" for
    an operator) and variable.
    """
    text = " ".join(t.val for t in run[k : k + 18])
    name = r"([A-Za-z]+(?:_\w+)?)"
    power = r"(?: \^ (?:\{ )?\d+(?: \})?)?"
    match = re.match(rf"d{power} (?:{name} )?(?:\( {name} \) )?(?:\}} \{{|/) d {name}", text)
    if not match:
        return None
    return (match.group(1) or "").strip(), match.group(3)


def _below(run: Sequence[Token], k: int) -> bool:
    return k > 0 and run[k - 1].val in ("/", "{")


def _variable(
    unknowns: Sequence[str], variables: Sequence[str], runs: Sequence[Sequence[Token]], answer: str
) -> str | None:
    if variables:
        return variables[0] if len(set(variables)) == 1 else None
    names = {t.val for run in runs for t in run if t.kind == "s"} - set(unknowns)
    for run in runs:
        for k, token in enumerate(run[:-2]):
            called = token.val in unknowns or token.val == "'"
            if (
                called
                and run[k + 1].val == "("
                and run[k + 2].kind == "s"
                and run[k + 3 : k + 4]
                and run[k + 3].val == ")"
                and run[k + 2].val in "xtszr"
            ):
                return run[k + 2].val
    preferred = ["t", "x"] if set(unknowns) & {"x", "x_1"} else ["x", "t"]
    found = [v for v in (*preferred, "s", "z", "r", "theta") if v in names and v not in unknowns]
    if len(found) > 1:
        told = [v for v in found if re.search(rf"(?<![A-Za-z\\]){v}(?![A-Za-z])", answer)]
        found = told or found
    if found:
        return found[0]
    told = [
        v
        for v in preferred
        if v not in unknowns and re.search(rf"(?<![A-Za-z\\]){v}(?![A-Za-z])", answer)
    ]
    return (told or [v for v in preferred if v not in unknowns])[0]


def _relations(runs: Sequence[Sequence[Token]], context: Context) -> tuple[list[Node], list[Node]]:
    """Residuals of the equations with derivatives, and the relations that give values at points;
    in both, parameters that the question gives a value to ("with A = 6") have that value.
    """
    equations: list[Node] = []
    conditions: list[Node] = []
    values: dict[str, Node] = {}
    for run in runs:
        for tokens in pieces_of(run):
            try:
                node = parse_tokens(tokens, context)
            except ParseError:
                continue
            if node.op != "rel" or set(node.val) != {"="}:
                continue
            if has_op(node, "at"):
                conditions.append(node)
            elif has_op(node, "deriv", "differential") and len(node.args) == 2:
                residual = _without_differentials(sub(*node.args), context)
                if residual not in equations:
                    equations.append(residual)
            elif (name := _parameter(node, context)) is not None:
                values.setdefault(name, node.args[1])
    return [substitute(e, values) for e in equations], [substitute(c, values) for c in conditions]


def _parameter(node: Node, context: Context) -> str | None:
    """The name on the left of ``name = value`` with a value that nothing varies; else None."""
    left, right = node.args[0], node.args[-1]
    if len(node.args) != 2 or left.op != "sym":
        return None
    taken = {*context.unknowns, *context.variables}
    name: str = left.val
    return None if name in taken or symbols(right) & {name, *taken} else name


def _without_differentials(node: Node, context: Context) -> Node:
    """``M dx + N dy`` as ``M + N y'``."""
    variable = context.variables[0]

    def change(n: Node) -> Node | None:
        if n.op != "differential":
            return None
        return ONE if n.val == variable else Node("deriv", (), (n.val, ((variable, 1),)))

    return rebuild(node, change)


def _conditions(
    nodes: Sequence[Node], unknowns: Sequence[str], variable: str
) -> tuple[Condition, ...] | None:
    """Conditions as fields; None where one of them is of another form."""
    found: dict[tuple[int, str], dict[str, str]] = {}
    for node in nodes:
        value = node.args[-1]
        for side in node.args[:-1]:
            if (
                side.op != "at"
                or len(side.args) != 1
                or has_op(value, "at", "deriv")
                or symbols(value) & {*unknowns, variable}
            ):
                return None
            name, order = side.val
            found.setdefault((order, to_sympy(side.args[0], variable, ())), {})[name] = to_sympy(
                value, variable, ()
            )
    out = []
    for (order, at), values in sorted(found.items()):
        if set(values) != set(unknowns):
            return None
        listed = [values[u] for u in unknowns]
        out.append(
            Condition(order, at, listed[0] if len(listed) == 1 else f"[{', '.join(listed)}]")
        )
    return tuple(out)


def _kind(question: str, unknowns: Sequence[str], conditions: Sequence[Condition]) -> str:
    if len(unknowns) > 1:
        return "system"
    if re.search(r"implicit", question, re.I):
        return "implicit"
    if conditions:
        return "ivp" if len({c.at for c in conditions}) == 1 else "boundary"
    if re.search(r"particular\s+solution", question, re.I):
        return "particular"
    return "general"


def highest_order(node: Node) -> int:
    """The highest derivative in a tree."""
    return max((o for n in walk(node) if n.op == "deriv" for _, o in n.val[1]), default=0)
