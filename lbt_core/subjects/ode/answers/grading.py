"""One verdict for one answer: extract, parse, then substitute into the equations or compare with
the reference.
"""

import re
import time
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise

from lbt_core.method.extraction import Extraction, extract, strip_dollars
from lbt_core.method.subject import Grade
from lbt_core.subjects.ode.answers.compare import by_reference, euler_for_e
from lbt_core.subjects.ode.answers.equations import Equations, compile_equations
from lbt_core.subjects.ode.answers.expr import (
    Node,
    ParseError,
    components,
    has_op,
    signs,
    symbols,
    walk,
)
from lbt_core.subjects.ode.answers.implicit import check_implicit
from lbt_core.subjects.ode.answers.numbers import Names, equal_values
from lbt_core.subjects.ode.answers.parser import EMPTY
from lbt_core.subjects.ode.answers.question import read_ode
from lbt_core.subjects.ode.answers.solutions import Check, check_explicit, exact_rank, initial_point
from lbt_core.subjects.ode.answers.statements import (
    Answer,
    Statement,
    read_answer,
    relation_sides,
    resolve,
)
from lbt_core.subjects.ode.problem import OdeProblem

Outcome = tuple[str, str, str]  # verdict, method, detail


def grade(problem: OdeProblem, text: str) -> Grade:
    """Grades a rationale or bare answer text against a problem, in this process.

    Never raises on any text. It has no time limit of its own: text from models goes through
    ``GradePool``.
    """
    start = time.perf_counter()
    found = grade_extraction(problem, extract(text))
    return replace(found, seconds=time.perf_counter() - start)


def grade_extraction(problem: OdeProblem, extraction: Extraction) -> Grade:
    """As ``grade``, from an extraction that was already made."""
    start = time.perf_counter()
    answer = extraction.answer
    outcome = (
        ("unparsable", "extract", extraction.reason)
        if answer is None
        else outcome_of(problem, answer)
    )
    return Grade(outcome[0], outcome[1], answer, time.perf_counter() - start, outcome[2])


def outcome_of(problem: OdeProblem, answer: str) -> Outcome:
    """The verdict on an extracted answer; never raises on any text."""
    try:
        return judge_answer(problem, answer)
    except ParseError as error:
        return "unparsable", "parse", str(error)
    except RecursionError:
        return "unparsable", "parse", "nested too deep"
    except MemoryError:
        return "undecided", "memory", "memory limit"
    except (ArithmeticError, ValueError, TypeError, LookupError, AttributeError) as error:
        return "undecided", "error", f"{type(error).__name__}: {error}"[:200]


def prove(problem: OdeProblem) -> Grade:
    """Checks a problem's own reference answer by substitution alone.

    ``undecided`` where the problem has no equation or the reference cannot be substituted;
    ``incorrect`` with the residual in
    ``detail`` where it does not solve the equation or its conditions.
    """
    start = time.perf_counter()
    outcome: Outcome
    try:
        equations = equations_of(problem)
        if equations is None:
            outcome = ("undecided", "no equation", "")
        else:
            outcome = by_equations(problem, equations, problem.answer, reference=True)
            if outcome[0] == "unparsable":
                outcome = ("undecided", *outcome[1:])
    except (ParseError, ArithmeticError, ValueError, RecursionError) as error:
        outcome = ("undecided", "error", str(error)[:200])
    return Grade(outcome[0], outcome[1], problem.answer, time.perf_counter() - start, outcome[2])


def judge_answer(problem: OdeProblem, answer: str) -> Outcome:
    """The verdict on an extracted answer; raises ParseError where it cannot be read."""
    if strip_dollars(problem.answer) == answer and answer:
        return "correct", "identical", ""
    equations = equations_of(problem)
    if equations is not None:
        return by_equations(problem, equations, answer)
    read = _from_question(problem.question, problem.answer, problem.kind)
    if read is not None:
        outcome = by_equations(*read, answer)
        if outcome[0] == "correct":
            return outcome
    return by_reference(problem, answer)


@lru_cache(maxsize=4096)
def _from_question(question: str, reference: str, kind: str) -> tuple[OdeProblem, Equations] | None:
    """The equation read out of the question, where the printed answer is proven to solve it and
    nothing else is asked.
    """
    if kind == "numeric":
        return None
    found = read_ode(question, reference)
    if found is None:
        return None
    problem = OdeProblem(
        "", question, reference, kind=found.kind, ode=found.ode, ics=found.ics, func=found.func
    )
    if prove(problem).verdict != "correct":
        return None
    equations = equations_of(problem)
    if equations is None:
        return None
    read = read_answer(strip_dollars(reference), equations.context)
    if len(read.statements) != len(equations.unknowns) or read.failed:
        return None
    return problem, equations


def equations_of(problem: OdeProblem) -> Equations | None:
    """The problem's compiled equations, None where it has none that can be read."""
    if not problem.ode or not problem.func:
        return None
    ics = tuple((c.order, c.at, c.value) for c in problem.ics)
    try:
        return compile_equations(problem.ode, ics, problem.func)
    except ParseError:
        return None


def by_equations(
    problem: OdeProblem, equations: Equations, answer: str, reference: bool = False
) -> Outcome:
    """The verdict by substitution into the problem's equations."""
    read = resolve(_without_notes(read_answer(answer, equations.context), equations))
    several = read.alternatives and not re.search(r"\bor\b", problem.answer)
    if not reference and (read.hedged or several):
        return "incorrect", "hedge", "several answers or a condition"
    needed = 0 if reference else required_rank(problem, equations)
    outcome = _attempt(problem, equations, read, needed, reference)
    if outcome[0] == "incorrect" and "E" not in equations.parameters:
        euler = euler_for_e(read)
        if euler is not None:
            second = _attempt(problem, equations, euler, needed, reference)
            outcome = second if second[0] == "correct" else outcome
    return outcome


def _without_notes(read: Answer, equations: Equations) -> Answer:
    """Statements that only remark something dropped: values at a point (``y_0 = y(0)``), counts of
    constants.
    """
    kept: list[Statement] = []
    at_point = False
    for statement in read.statements:
        node = statement.node
        if has_op(node, "at"):
            at_point = True
            continue
        if at_point and kept and node.op == "num":
            continue
        if node.op == "sym" and any(
            node.val in symbols(s.node)
            for s in read.statements
            if s is not statement and s.node.op != "sym"
        ):
            continue  # "k_1, k_2 real"
        if node.op == "num" and any(w.startswith("constant") for w in statement.units):
            continue
        kept.append(statement)
    return replace(read, statements=tuple(kept))


def _attempt(
    problem: OdeProblem, equations: Equations, read: Answer, needed: int, reference: bool
) -> Outcome:
    if len(equations.unknowns) > 1:
        return _system(problem, equations, read, needed, reference)
    unknown = equations.unknowns[0]
    exact = not re.search(r"\d\.\d{6}", problem.answer) and not reference
    checks: list[tuple[str, Check]] = []
    for statement in read.statements:
        checks += _checks_of(equations, statement.node, unknown, exact)
    if read.failed and not reference:
        return "unparsable", "parse", read.failed[0]
    if not checks:
        return "incorrect", "form", "no statement about the unknown"
    if equations.conditions and not reference and _has_steps(equations, read):
        return _as_reference(problem, equations, checks)
    verdict: Outcome = ("correct", checks[0][0], checks[0][1].detail)
    for method, check in checks:
        outcome = _verdict(problem, equations, method, check, needed, reference)
        if outcome[0] != "correct":
            return outcome
        verdict = outcome
    return verdict


def _has_steps(equations: Equations, read: Answer) -> bool:
    """Whether pieces must be matched: substitution sees each piece of a solution, but not how the
    pieces join.
    """
    nodes = [s.node for s in read.statements]
    return any(
        n.op == "cases" or (n.op == "fn" and n.val in ("Heaviside", "sign"))
        for root in (*nodes, *equations.residuals)
        for n in walk(root)
    )


def _as_reference(
    problem: OdeProblem, equations: Equations, checks: list[tuple[str, Check]]
) -> Outcome:
    """With step functions: the solution is unique, so that it must agree with the reference on
    every piece.
    """
    for method, check in checks:
        if check.node is None or not check.solves:
            return "incorrect", method, check.detail
    try:
        read = resolve(
            _without_notes(read_answer(strip_dollars(problem.answer), equations.context), equations)
        )
        unknown = equations.unknowns[0]
        wanted = [
            c.node
            for s in read.statements
            for _, c in _checks_of(equations, s.node, unknown)
            if c.node is not None
        ]
    except ParseError:
        wanted = []
    if len(wanted) != 1:
        return "undecided", "steps", "the reference cannot be compared"
    known = frozenset({equations.variable, *equations.parameters})
    names = Names(known, frozenset(), frozenset())
    start = initial_point(equations) or 0.0
    same = all(
        c.node is not None and equal_values(wanted[0], c.node, names, after=start)
        for _, c in checks
    )
    return (
        ("correct", "steps", "")
        if same
        else ("incorrect", "steps", "differs from the reference on a piece")
    )


def _checks_of(
    equations: Equations, node: Node, unknown: str, exact: bool = False
) -> list[tuple[str, Check]]:
    """The checks that one statement asks for, each with the name of its method."""
    if has_op(node, "deriv", "differential"):
        return [("derivative left", Check(False, detail="a derivative is left in the answer"))]
    sides = relation_sides(node)
    if sides is None:
        if node.op in ("rel", "set", "tuple", "vec"):
            return [("form", Check(False, detail=f"{node.op} is no solution"))]
        if unknown in symbols(node):
            return [("form", Check(False, detail="the unknown in its own value"))]
        return [
            ("substitution", check_explicit(equations, {unknown: s}, exact)) for s in signs(node)
        ]
    if _names_unknown(sides[0], unknown) and not any(unknown in symbols(s) for s in sides[1:]):
        return [
            ("substitution", check_explicit(equations, {unknown: v}, exact))
            for s in sides[1:]
            for v in signs(s)
        ]
    if len(sides) == 2 and _names_unknown(sides[1], unknown) and unknown not in symbols(sides[0]):
        return [
            ("substitution", check_explicit(equations, {unknown: v}, exact))
            for v in signs(sides[0])
        ]
    if not any(unknown in symbols(s) for s in sides):
        return [("form", Check(False, detail="no statement about the unknown"))]
    out = []
    for left, right in pairwise(sides):
        for variant in signs(Node("rel", (left, right), ("=",))):
            out.append(("implicit", check_implicit(equations, variant.args[0], variant.args[1])))
    return out


def _names_unknown(node: Node, unknown: str) -> bool:
    """Whether a left side is the unknown itself, also as y_p, y_g, y_h."""
    if node.op != "sym":
        return False
    name: str = node.val
    return name == unknown or name in {
        f"{unknown}_{s}"
        for s in ("p", "g", "h", "c", "general", "gen", "sol", "part", "particular")
    }


def _verdict(
    problem: OdeProblem,
    equations: Equations,
    method: str,
    check: Check,
    needed: int,
    reference: bool,
) -> Outcome:
    if check.solves is None or check.fits is None:
        return "undecided", method, check.detail
    if not check.solves or not check.fits:
        return "incorrect", method, check.detail
    if reference:
        if (
            problem.kind in ("general", "system")
            and not equations.conditions
            and check.rank < equations.order
        ):
            return "incorrect", method, f"{check.rank} of {equations.order} constants"
        return "correct", method, check.detail
    if check.rank < needed and _rank(equations, check) < needed:
        return "incorrect", method, f"{check.rank} of {needed} constants"
    if needed == 0 and check.rank > 0 and (equations.conditions or problem.kind == "particular"):
        return "incorrect", method, "a constant is left"
    return "correct", method, check.detail


def _rank(equations: Equations, check: Check) -> int:
    """The rank of a check, with many digits where doubles found fewer than the order."""
    if (
        check.node is None
        or not check.constants
        or check.rank >= min(equations.order, check.constants)
    ):
        return check.rank
    return max(check.rank, exact_rank(equations, {equations.unknowns[0]: check.node}))


def _system(
    problem: OdeProblem, equations: Equations, read: Answer, needed: int, reference: bool
) -> Outcome:
    candidate = _components_of(equations, read)
    if candidate is None:
        return "incorrect", "form", "a component is missing or given twice"
    check = check_explicit(equations, candidate)
    return _verdict(problem, equations, "substitution", check, needed, reference)


def _components_of(equations: Equations, read: Answer) -> dict[str, Node] | None:
    """One expression for each unknown of a system out of assignments, vectors or bare components in
    order.
    """
    found: dict[str, Node] = {}
    bare: list[Node] = []
    for statement in read.statements:
        sides = relation_sides(statement.node)
        if sides is None:
            parts = components(statement.node)
            bare += list(parts) if parts else [statement.node]
            continue
        right = components(sides[-1])
        if right is not None:
            left = components(sides[0])
            names = [n.val for n in left if n.op == "sym"] if left else list(equations.unknowns)
        else:
            names, right = [sides[0].val if sides[0].op == "sym" else ""], (sides[-1],)
        if len(names) != len(right):
            return None
        for name, value in zip(names, right, strict=True):
            if name not in equations.unknowns or name in found:
                return None
            found[name] = value
    if not found and len(bare) == len(equations.unknowns):
        found = dict(zip(equations.unknowns, bare, strict=True))
    elif bare:
        return None
    return found if len(found) == len(equations.unknowns) else None


def required_rank(problem: OdeProblem, equations: Equations) -> int:
    """Independent constants that an answer must hold: none with conditions, else those of the
    reference (or the order).
    """
    return _required_rank(problem.kind, problem.answer, equations)


@lru_cache(maxsize=4096)
def _required_rank(kind: str, reference: str, equations: Equations) -> int:
    if kind == "particular":
        return 0
    default = 0 if equations.conditions else equations.order
    try:
        read = resolve(
            _without_notes(read_answer(strip_dollars(reference), equations.context), equations)
        )
        if len(equations.unknowns) > 1:
            candidate = _components_of(equations, read)
            checks = [] if candidate is None else [("", check_explicit(equations, candidate))]
        else:
            checks = [
                c
                for s in read.statements
                for c in _checks_of(equations, s.node, equations.unknowns[0])
            ]
    except (ParseError, ArithmeticError, ValueError, RecursionError):
        return default
    good = [_rank(equations, c) for _, c in checks if c.solves and c.fits]
    return min(max(good), equations.order) if good else default


def statements_without_units(read: Answer) -> Sequence[Node]:
    """The nodes of an answer's statements."""
    return [s.node for s in read.statements]


__all__ = ["EMPTY", "Grade", "by_equations", "equations_of", "grade", "judge_answer", "prove"]
