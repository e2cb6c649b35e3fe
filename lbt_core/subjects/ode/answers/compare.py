"""Without an equation: is the answer the same as the reference? Values, functions, families, sets,
vectors, equations, words.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from lbt_core.method.extraction import strip_dollars
from lbt_core.store.rows import Problem
from lbt_core.subjects.ode.answers.amounts import by_amounts
from lbt_core.subjects.ode.answers.equations import difference, is_value, summands
from lbt_core.subjects.ode.answers.expr import (
    Node,
    ParseError,
    components,
    has,
    has_op,
    rebuild,
    signs,
    substitute,
    sym,
    symbols,
)
from lbt_core.subjects.ode.answers.forms import (
    indices_of,
    plain_residual,
    same_curves,
    same_when_solved,
    unshifted_answer,
)
from lbt_core.subjects.ode.answers.hints import (
    integers,
    is_prose,
)
from lbt_core.subjects.ode.answers.letters import context_of, names_of
from lbt_core.subjects.ode.answers.numbers import Names, equal_values, same_equation, same_family
from lbt_core.subjects.ode.answers.quantities import TOLERANCE, by_quantity
from lbt_core.subjects.ode.answers.real_sets import by_set
from lbt_core.subjects.ode.answers.sequences import by_family, without_domain
from lbt_core.subjects.ode.answers.statements import (
    Answer,
    Statement,
    read_answer,
    relation_sides,
    resolve,
)
from lbt_core.subjects.ode.answers.words import same_words, words_of

Outcome = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class _Case:
    """What comparing needs to know: the names, whether intervals are asked for, and whether a
    decimal may be rounded.
    """

    names: Names
    interval: bool = False
    rounding: bool = True


def by_reference(problem: Problem, answer: str) -> Outcome:
    """The verdict by comparison with the reference answer; raises ParseError where the answer
    cannot be read.
    """
    reference = strip_dollars(problem.answer)
    if _squeeze(reference) == _squeeze(answer):
        return "correct", "identical", ""
    for method in (by_quantity, by_amounts, by_set, by_family):
        outcome = method(problem.question, reference, answer)
        if outcome is not None:
            return outcome
    if is_prose(reference):
        return _verdict(same_words(reference, answer), "words")
    context = context_of(problem.question, reference, answer)
    reference, answer = without_domain(reference), without_domain(answer)
    try:
        wanted = unshifted_answer(resolve_values(read_answer(reference, context)))
    except ParseError:
        wanted = None
    if wanted is None or not wanted.statements:
        return _verdict(same_words(reference, answer), "words")
    nodes = [s.node for s in wanted.statements]
    names = names_of(problem.question, nodes)
    names = replace(names, integers=integers(problem.question, nodes))
    interval = re.search(
        r"interval|converge|domain|for (?:what|which) (?:values|\$)", problem.question, re.I
    )
    case = _Case(names, interval is not None)
    if len(re.findall(r"[A-Za-z]{3,}", re.sub(r"\\[A-Za-z]+", "", reference))) > 2 and words_of(
        reference
    ) == words_of(answer):
        return "correct", "words", ""
    given = unshifted_answer(resolve_values(read_answer(answer, context)))
    if given.hedged:
        return "incorrect", "hedge", "a condition or several answers"
    if given.failed:
        return "unparsable", "parse", given.failed[0]
    if not given.statements:
        return "incorrect", "words", "no mathematics in the answer"
    if given.alternatives and len(wanted.statements) == 1 and not _many(wanted.statements[0].node):
        return "incorrect", "hedge", "several answers"
    agrees = same_answer(wanted, given, case)
    if not agrees and "E" not in case.names.question and not _mentions(wanted, "E"):
        euler = euler_for_e(given)
        agrees = euler is not None and same_answer(wanted, euler, case)
    return _verdict(agrees, "reference")


def _mentions(answer: Answer, name: str) -> bool:
    return any(name in symbols(s.node) for s in answer.statements)


def euler_for_e(answer: Answer) -> Answer | None:
    """The answer with the symbol E read as Euler's number, as sympy prints it; None without E."""
    if not _mentions(answer, "E"):
        return None
    value = {"E": Node("const", (), "e")}
    return replace(
        answer,
        statements=tuple(replace(s, node=substitute(s.node, value)) for s in answer.statements),
    )


def _verdict(same: bool, method: str) -> Outcome:
    return ("correct", method, "") if same else ("incorrect", method, "differs from the reference")


def _squeeze(text: str) -> str:
    return re.sub(r"[\s$]|\\[,;:!]|\\left(?![a-z])|\\right(?![a-z])", "", text).rstrip(".")


def resolve_values(answer: Answer) -> Answer:
    """Definitions substituted only where another statement uses them: ``A = 1, B = 2`` stays two
    values.
    """
    used: set[str] = set()
    for statement in answer.statements:
        sides = relation_sides(statement.node)
        used |= (
            symbols(statement.node)
            if sides is None
            else set().union(*(symbols(s) for s in sides[1:]))
        )
    keep = frozenset(n for n in answer.definitions if n not in used)
    return resolve(answer, keep)


def same_answer(wanted: Answer, given: Answer, case: _Case) -> bool:
    """Whether two answers assert the same."""
    named = _assignments(wanted.statements)
    if named is not None and len(named) > 1:
        return _same_assignments(named, given, case)
    point = _point_of(wanted, given)
    if point is not None:
        return same_value(wanted.statements[0].node, point, case)
    left, right = _values(wanted.statements), _values(given.statements)
    if len(left) > 1 or _many(wanted.statements[0].node):
        return _same_multiset(left, right, case)
    one_curve = len(given.statements) == 1 and bool(case.names.constants)
    if len(right) != 1 and not (one_curve and has_op(given.statements[0].node, "pm")):
        return False
    return same(wanted.statements[0].node, given.statements[0].node, case)


def _point_of(wanted: Answer, given: Answer) -> Node | None:
    """``x = 2, y = -3`` as the point (2, -3), where a point is wanted; None where it is not."""
    if len(wanted.statements) != 1 or len(given.statements) < 2:
        return None
    goal, named = wanted.statements[0].node, _assignments(given.statements)
    if goal.op != "tuple" or named is None or len(named) != len(goal.args):
        return None
    order = sorted(named)
    if order not in (["x", "y"], ["x", "y", "z"], ["u", "v"], ["a", "b"]):
        return None
    return Node("tuple", tuple(named[n] for n in order), goal.val)


def _many(node: Node) -> bool:
    return has(node, lambda n: n.op in ("set", "pm")) or (node.op == "rel" and "in" in node.val)


def _assignments(statements: Sequence[Statement]) -> dict[str, Node] | None:
    """Statements ``name = value`` with different names, None where they are anything else."""
    out: dict[str, Node] = {}
    for statement in statements:
        sides = relation_sides(statement.node)
        if sides is None:
            return None
        names = components(sides[0]) or (sides[0],)
        values: tuple[Node, ...] = (sides[-1],)
        if len(names) > 1:
            values = components(sides[-1]) or ()
        if len(names) != len(values) or any(n.op != "sym" or n.val in out for n in names):
            return None
        out |= {n.val: v for n, v in zip(names, values, strict=True)}
    return out


def _same_assignments(wanted: dict[str, Node], given: Answer, case: _Case) -> bool:
    found = _assignments(given.statements)
    if found is None:
        bare = [s.node for s in given.statements]
        if len(bare) == 1 and (parts := components(bare[0])):
            bare = list(parts)
        if len(bare) != len(wanted) or not all(is_value(n) for n in bare):
            return False
        found = dict(zip(wanted, bare, strict=True))
    return found.keys() == wanted.keys() and all(
        same_value(wanted[n], found[n], case) for n in wanted
    )


def _values(statements: Sequence[Statement]) -> list[Node]:
    """Everything that a list, set or choice of values holds, each as often as its multiplicity
    says.
    """
    out: list[Node] = []
    for statement in statements:
        node = statement.node
        sides = relation_sides(node)
        if sides is not None and sides[0].op == "sym":
            node = sides[-1]
        elif node.op == "rel" and node.val == ("in",):
            node = node.args[1]
        elif sides is not None:
            out.append(node)
            continue
        parts = node.args if node.op == "set" else (node,)
        for part in parts:
            out += [v for v in signs(part) for _ in range(statement.times)]
    return out


def _same_multiset(left: list[Node], right: list[Node], case: _Case) -> bool:
    if len(left) != len(right) or len(left) > 40:
        if len(right) == 1 and right[0].op in ("tuple", "vec") and len(right[0].args) == len(left):
            return _same_multiset(left, list(right[0].args), case)
        return False
    exact = replace(case, rounding=True)
    rest = list(right)
    for value in left:
        for k, other in enumerate(rest):
            if same(value, other, exact):
                del rest[k]
                break
        else:
            return False
    return True


def same(wanted: Node, given: Node, case: _Case) -> bool:
    """Whether two statements assert the same: equations up to a factor, values as numbers or
    functions.
    """
    wanted, given = _as_interval(wanted), _as_interval(given)
    left, right = relation_sides(wanted), relation_sides(given)
    if left is None and wanted.op == "rel":
        return (
            given.op == "rel"
            and wanted.val == given.val
            and all(same_value(a, b, case) for a, b in zip(wanted.args, given.args, strict=True))
        )
    if left is not None and _collection(left[-1]):
        return same_value(left[-1], given if right is None else right[-1], case)
    if left is not None and not _solved(left):
        if right is None:
            return False
        return _same_relation(left, right, case)
    value = wanted if left is None else left[-1]
    if left and right and all(len(indices_of([n])) and _counts(n) > 1 for n in (wanted, given)):
        return _same_relation(left, right, case)
    if right is None:
        return same_value(value, given, case)
    if _solved(right):
        if left is not None and left[0] != right[0]:
            if len(left) == len(right) == 2 and same_curves(left, right, case.names.constants):
                return True
            if _misnamed(left[0], right[0], case):
                return False
        return all(same_value(value, side, case) for side in right[1:])
    if left is not None and not case.names.constants:
        return _same_relation(left, right, case)
    return left is not None and same_curves(left, right, case.names.constants)


def _counts(node: Node) -> int:
    """How many terms of a sequence a statement names."""
    return sum(1 for name in symbols(node) if indices_of([sym(name)]))


def _as_interval(node: Node) -> Node:
    """``a < x <= b`` and ``x in I`` as the interval that they say."""
    if node.op != "rel":
        return node
    if node.val == ("in",):
        return node.args[1]
    flipped = {">": "<", ">=": "<="}
    sides, ops = node.args, node.val
    if all(op in flipped for op in ops):
        sides, ops = sides[::-1], tuple(flipped[op] for op in reversed(ops))
    if not all(op in ("<", "<=") for op in ops):
        return node
    if len(sides) == 3 and sides[1].op == "sym":
        return Node(
            "tuple",
            (sides[0], sides[2]),
            ("(" if ops[0] == "<" else "[") + (")" if ops[1] == "<" else "]"),
        )
    infinite = Node("const", (), "inf")
    if len(sides) == 2 and sides[0].op == "sym":
        return Node(
            "tuple", (Node("neg", (infinite,)), sides[1]), "(" + (")" if ops[0] == "<" else "]")
        )
    if len(sides) == 2 and sides[1].op == "sym":
        return Node("tuple", (sides[0], infinite), ("(" if ops[0] == "<" else "[") + ")")
    return node


def _collection(node: Node) -> bool:
    """Whether a side is a matrix or vector, whatever name stands before it."""
    return node.op == "matrix" or components(node) is not None


def _misnamed(wanted: Node, given: Node, case: _Case) -> bool:
    """Whether a left side names something else that the question also knows."""
    return (
        wanted.op == "sym"
        and given.op == "sym"
        and given.val in case.names.question
        and given.val not in ("y", "x", "f")
    )


def _solved(sides: Sequence[Node]) -> bool:
    """``name = …`` with the name on the left only (also a vector of names)."""
    first = sides[0]
    if first.op in ("vec", "tuple"):
        return all(a.op == "sym" for a in first.args)
    if first.op == "fn" and len(first.args) == 1 and first.args[0].op == "sym":
        return True
    return (
        first.op == "sym"
        and not any(first.val in symbols(s) for s in sides[1:])
        and not any(has_op(s, "deriv") for s in sides)
    )


def _same_relation(left: Sequence[Node], right: Sequence[Node], case: _Case) -> bool:
    if len(left) != 2 or len(right) != 2:
        return False
    special = any(has_op(s, "at") for s in (*left, *right))
    a, b = (rebuild(difference(*sides), _name_derivative) for sides in (left, right))
    if not any(has_op(n, "differential", "pm") for n in (a, b)) and same_equation(
        summands(a), summands(b), case.names
    ):
        return True
    if special:
        return False
    p, q = plain_residual(*left), plain_residual(*right)
    if same_when_solved(p, q):
        return True
    return same_curves(left, right, case.names.constants)


def _name_derivative(node: Node) -> Node | None:
    if node.op == "deriv":
        return sym(node.val[0] + "@" + ",".join(f"{o}" for _, o in node.val[1]))
    if node.op == "at":
        return sym(f"{node.val[0]}@{node.val[1]}at")
    return None


def same_value(wanted: Node, given: Node, case: _Case) -> bool:
    """Whether two values are the same: numbers, functions, families, vectors, matrices, tuples,
    intervals.
    """
    parts, others = components(wanted), components(given)
    if (parts is None) != (others is None):
        return False
    if parts is not None and others is not None:
        if wanted.op == given.op == "tuple" and _brackets(wanted, case) != _brackets(given, case):
            return False
        return len(parts) == len(others) and all(
            same_value(a, b, case) for a, b in zip(parts, others, strict=True)
        )
    if wanted.op == "matrix" or given.op == "matrix":
        return (
            wanted.op == given.op
            and len(wanted.args) == len(given.args)
            and all(same_value(a, b, case) for a, b in zip(wanted.args, given.args, strict=True))
        )
    if wanted.op == "set" or given.op == "set" or has_op(wanted, "pm") or has_op(given, "pm"):
        return _same_multiset(_values([Statement(wanted)]), _values([Statement(given)]), case)
    if wanted == given:
        return True
    if not is_value(wanted) or not is_value(given):
        return False
    if not symbols(wanted) and not symbols(given):
        rounded = case.rounding and (_has_decimal(wanted) or _has_decimal(given))
        return equal_values(wanted, given, case.names, TOLERANCE if rounded else 0.0)
    if case.names.constants:
        return same_family(wanted, given, case.names)
    return equal_values(wanted, given, case.names)


def _brackets(node: Node, case: _Case) -> str:
    """The brackets where they matter: of intervals, not of points and vectors."""
    brackets: str = node.val or ""
    unbounded = has(node, lambda n: n.op == "const" and n.val == "inf")
    return brackets if unbounded or case.interval or brackets not in ("()", "[]") else ""


def _has_decimal(node: Node) -> bool:
    return has(node, lambda n: n.op == "num" and n.val.denominator != 1)
