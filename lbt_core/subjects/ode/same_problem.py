"""When two differential-equation problems are the same: their text, or their equation.

``ode_key`` (of the machine-readable equation) ignores wording altogether. Importing merges by the
text and by the equation with its conditions; splits and exams keep apart by the text up to letters
and the equation up to renaming.
"""

from lbt_core.method.sameness import question_key, text_keys
from lbt_core.subjects.ode.equation_key import exact_ode_key, ode_key
from lbt_core.subjects.ode.problem import OdeProblem


def duplicate_keys(problem: OdeProblem) -> tuple[str, ...]:
    """Keys of which two duplicates share at least one: text up to letters, equation with conditions
    up to renaming.
    """
    keys = text_keys(problem.question)
    if problem.ode is not None:
        key = ode_key(problem.ode, problem.ics)
        if key is not None:
            keys.append("c:" + key)
    return tuple(keys)


def leak_keys(problem: OdeProblem) -> tuple[str, ...]:
    """Keys of which two problems must share none to be on different sides of a split: conditions do
    not count.
    """
    keys = text_keys(problem.question)
    if problem.ode is not None:
        key = ode_key(problem.ode)
        if key is not None:
            keys.append("o:" + key)
    return tuple(keys)


def merge_keys(problem: OdeProblem) -> tuple[str, ...]:
    """Keys of which two items share at least one when importing merges them: same text, or same
    equation and conditions.

    The equation counts only with the same kind of task: solving an equation and classifying it are
    two questions.
    """
    keys = ["q:" + question_key(problem.question)]
    if problem.ode is not None:
        key = exact_ode_key(problem.ode, problem.ics, problem.func)
        if key is not None:
            keys.append(f"e:{problem.kind}:{key}")
    return tuple(keys)
