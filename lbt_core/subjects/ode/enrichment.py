"""The machine-readable side of a question: equation, conditions, unknown, kind, and the proof of
the reference answer.
"""

import ast
import json
import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from lbt_core.corpora.importing import latex
from lbt_core.corpora.importing.fields import as_text, is_empty
from lbt_core.method.subject import Completed
from lbt_core.subjects.ode.problem import KINDS, Condition, OdeProblem

_NUMBER = re.compile(
    r"^\$?\s*[-+]?\s*(?:\d[\d,]*\.?\d*|\.\d+|\\frac\{\d+\}\{\d+\}|\d+/\d+)\s*\$?\s*[A-Za-z%]*$"
)
_ASKS_TO_SOLVE = re.compile(
    r"\bsolve\b|\bfind (?:the|a|an|all)?\s*(?:[a-z-]+ ){0,3}solutions?\b|\bsolution (?:of|to)\b",
    re.IGNORECASE,
)
_ASKS_MORE = re.compile(
    r"\b(?:euler|approximat|classif|critical|limit|series|laplace transform of"
    r"|transfer|integrating factor for|error|linear\?|"
    r"how (?:many|much|long|far|fast)|what|when|which|where|why|is it|verify|show"
    r"|set up|write|rewrite|convert|steady|stationary|equilibri|eigenval|"
    r"describe|behavio|sketch|draw|interval|numerical|initial condition|for all"
    r"|positive integer|cases?)",
    re.IGNORECASE,
)
_OTHER_TASK = re.compile(
    r"\b(?:approximat|euler|runge|errors?\b|classif|critical|equilibri|stationary"
    r"|limit|integrating factor for|eigenvalues)",
    re.IGNORECASE,
)
_GIVEN_ANSWER = re.compile(r"(?<=\n)Its answer: (?:.|\n)*?\n(?=Part \(|[A-Z]|\$)")
_ANY_SOLUTION = re.compile(
    r"\b(?:a|any|one|some|particular|polynomial|constant) (?:\w+ )?solution\b|\bguess\b",
    re.IGNORECASE,
)
_CONDITION_WORDS = re.compile(
    r"\b(?:initial|condition|at time|starts?|initially|satisf\w+)\b", re.IGNORECASE
)
_NO_CLOSED_FORM = re.compile(
    r"\\(?:sum|int|prod|cdots|ldots|dots|vec|begin)|\bif\b|\bfor\b|\.\.\.|\bor\b", re.IGNORECASE
)
_RESIDUAL = re.compile(r"residual|differs|constants")
PLAIN_ANSWER_WORDS = 4
SOLVED_KINDS = frozenset({"general", "ivp", "particular", "implicit", "system", "boundary"})


def stated_fields(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Kind, equation, conditions and unknown as the source states them, as arguments of OdeProblem;
    what is not valid is left out.
    """
    out: dict[str, Any] = {}
    kind = as_text(attributes.get("kind")).strip().lower()
    if kind in KINDS:
        out["kind"] = kind
    lucky = attributes.get("lucky")
    if isinstance(lucky, bool):
        out["lucky"] = lucky
    ode = attributes.get("ode")
    if isinstance(ode, list):
        ode = "[" + ", ".join(as_text(item) for item in ode) + "]"
    if isinstance(ode, str) and ode.strip():
        out["ode"] = ode.strip()
        out["func"] = as_text(attributes.get("func")).strip() or None
        out["ics"] = conditions_of(attributes.get("ics"))
    return out


def conditions_of(value: Any) -> tuple[Condition, ...]:
    """Conditions from ``[[order, at, value], …]`` or ``[{"order", "at", "value"}, …]``, also as
    JSON text; others are dropped.
    """
    if isinstance(value, str):
        value = _parsed(value)
    if not isinstance(value, list | tuple):
        return ()
    out = []
    for item in value:
        if isinstance(item, Mapping):
            parts = [item.get("order", 0), item.get("at"), item.get("value")]
        elif isinstance(item, list | tuple) and len(item) == 3:
            parts = list(item)
        else:
            continue
        order = as_text(parts[0])
        if order.isdigit() and not is_empty(parts[1]) and not is_empty(parts[2]):
            out.append(Condition(int(order), _expression(parts[1]), _expression(parts[2])))
    return tuple(out)


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        pass
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def _expression(value: Any) -> str:
    if isinstance(value, list | tuple):
        return "[" + ", ".join(as_text(item) for item in value) + "]"
    return as_text(value)


def enrich(problem: OdeProblem) -> Completed:
    """The problem with equation, conditions, unknown and kind where the reference answer is proven
    against them.

    Fields that the source states are kept unless they prove wrong; fields read from the question
    are kept only when proven. A reference read from a question counts as wrong only where the
    question plainly asks to solve the equation and the answer is plainly a solution: a number, a
    classification or an answer by cases contradicts nothing when substituted.
    """
    from lbt_core.subjects.ode.answers import (  # noqa: PLC0415 - loads numpy and mpmath, only where answers are proven
        prove,
        read_ode,
    )

    if problem.ode is not None:
        proof = prove(problem)
        if proof.verdict == "correct":
            return Completed(problem, "proven")
        wrong = proof.verdict == "incorrect" and problem.kind in SOLVED_KINDS
        return Completed(problem, "wrong" if wrong else "unproven", proof.detail)
    asked = _GIVEN_ANSWER.sub("", problem.question)
    task = latex.without_math(
        asked[asked.rfind("\n") + 1 :] if asked != problem.question else asked
    )
    read = None
    if not _OTHER_TASK.search(task):
        read = read_ode(asked, problem.answer) or read_ode(problem.question, problem.answer)
    if read is None:
        return Completed(with_plain_kind(problem), "none")
    kind = "general" if read.kind == "particular" and "general" in task else read.kind
    candidate = replace(problem, ode=read.ode, ics=read.ics, func=read.func, kind=kind)
    proof = prove(candidate)
    if proof.verdict == "correct":
        return Completed(candidate, "proven")
    if proof.verdict == "incorrect" and _asks_for_any_solution(problem.question):
        particular = replace(candidate, kind="particular")
        if prove(particular).verdict == "correct":
            return Completed(particular, "proven")
    if proof.verdict == "incorrect" and _contradicts(problem, proof.detail):
        return Completed(candidate, "wrong", proof.detail)
    return Completed(with_plain_kind(problem), "unproven")


def _asks_for_any_solution(question: str) -> bool:
    prose = latex.without_math(question)
    return bool(_ANY_SOLUTION.search(prose)) and not _CONDITION_WORDS.search(prose)


def _contradicts(problem: OdeProblem, detail: str) -> bool:
    """Whether a failed proof shows a wrong reference rather than an equation or a task that was
    misread.
    """
    prose = latex.without_math(problem.question)
    words = latex.without_math(problem.answer).split()
    return (
        bool(_ASKS_TO_SOLVE.search(prose))
        and not _ASKS_MORE.search(prose)
        and len(words) <= PLAIN_ANSWER_WORDS
        and "=" in problem.answer
        and not _NO_CLOSED_FORM.search(problem.answer)
        and bool(_RESIDUAL.search(detail))
    )


def with_plain_kind(problem: OdeProblem) -> OdeProblem:
    """Kind "numeric" where none is known and the answer is a number."""
    if problem.kind == "other" and _NUMBER.match(problem.answer):
        return replace(problem, kind="numeric")
    return problem
