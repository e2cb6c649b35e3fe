"""docs/subjects.md says what there is, its code runs, and the example stays one short file."""

import inspect
import re
from pathlib import Path

from lbt_core.method.subject import Subject
from lbt_core.store.rows import Problem
from lbt_core.subjects.math.arithmetic.options import LEVELS, OPERATIONS, STYLES

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "subjects.md").read_text("utf-8")


def test_every_method_has_its_line_with_its_arguments():
    for name, method in inspect.getmembers(Subject, inspect.isfunction):
        arguments = [
            f"{p.name}=" if p.kind is p.KEYWORD_ONLY else p.name
            for p in list(inspect.signature(method).parameters.values())[1:]
        ]
        assert f"\n| `{name}({', '.join(arguments)})` |" in PAGE, name


def test_levels_and_options():
    for number, level in LEVELS.items():
        factors = f"of numbers up to {level.factor}" if level.factor else "none"
        assert f"| {number} | {level.steps} | {level.within} | {factors} |" in PAGE
    assert ",".join(OPERATIONS) in PAGE
    assert all(f"`{style}`" in PAGE for style in STYLES)


def test_the_shortest_subject_works():
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict = {}
    exec(code, names)
    problem = Problem("p", "The capital of Peru?", "Lima")
    assert names["subject"].grade(problem, "lima")[0] == "correct"
    assert names["subject"].grade(problem, "Cusco")[0] == "incorrect"


def test_examples_are_short():
    examples = list((DOCS / "examples").glob("*.py"))
    assert examples
    assert all(len(e.read_text("utf-8").splitlines()) <= 60 for e in examples)
    assert all(f"examples/{e.name}" in PAGE for e in examples)
