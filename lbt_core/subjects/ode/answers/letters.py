"""Which letters of a question and its answers are unknown functions, variables, constants."""

import re
from collections.abc import Sequence

from lbt_core.subjects.ode.answers.expr import Node, symbols
from lbt_core.subjects.ode.answers.hints import LEIBNIZ, differentials
from lbt_core.subjects.ode.answers.numbers import Names
from lbt_core.subjects.ode.answers.parser import Context
from lbt_core.subjects.ode.answers.question import token_runs

_PRIMED = re.compile(
    r"(?<![A-Za-z\\])([A-Za-z](?:_\{?\w+\}?)?)\s*(?:'+|\^\{?\\prime)|\\d+ot\{\s*([A-Za-z])\s*\}"
)
_FACTOR_PRIMED = re.compile(r"(?<![A-Za-z\\])[A-Za-z]([yuvwz])'")
_PARTIAL = re.compile(r"\b([uvwyz])_\{?([xyzt]{1,2})\}?")
_CONSTANT = re.compile(r"(?:[CcKk](?:_\w+)?|[ABDE])$")


def context_of(*texts: str) -> Context:
    """Names of unknown functions that occur with derivatives, out of question, reference and
    answer.
    """
    unknowns: dict[str, None] = {}
    variables: dict[str, None] = {}
    for text in texts:
        text = text[:4000]
        for match in _PRIMED.finditer(text):
            unknowns[re.sub(r"[{}]", "", match.group(1) or match.group(2))] = None
        for match in _FACTOR_PRIMED.finditer(text):
            unknowns[match.group(1)] = None
        for match in LEIBNIZ.finditer(text):
            unknowns[match.group(1)] = None
            variables[match.group(2)] = None
        for match in _PARTIAL.finditer(text):
            unknowns[match.group(1)] = None
    for name in ("f", "g", "F", "X", "Y"):
        unknowns.pop(name, None)
    forms = {v for t in texts[1:] for v in differentials(t[:4000])}
    if len(forms) == 2:  # the answer is a differential form
        return Context(tuple(sorted(forms & set(unknowns) or forms - {"x", "t"})),
                       tuple(sorted(forms - set(unknowns)) or ("x",)), frozenset())  # fmt: skip
    return Context(tuple(unknowns), (), frozenset())


def names_of(question: str, nodes: Sequence[Node]) -> Names:
    """Which symbols of the reference are variables and which are arbitrary constants (constant-like
    and not in the question).
    """
    every = set().union(*(symbols(n) for n in nodes)) if nodes else set()
    in_question = {t.val for run in token_runs(question) for t in run if t.kind == "s"}
    if re.search(r"trajector|famil(?:y|ies)\b", question, re.I):
        in_question -= {n for n in in_question if _CONSTANT.match(n)}
    constants = {n for n in every if _CONSTANT.match(n) and n not in in_question}
    return Names(frozenset(every - constants), frozenset(constants), frozenset(in_question))
