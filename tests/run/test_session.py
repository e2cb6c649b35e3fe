"""The README's lines of Python, run as they stand there, with the embedded model and no vLLM."""

import re
from pathlib import Path

import pytest

README = Path(__file__).parents[2] / "README.md"


def python_of_the_readme() -> str:
    """The one Python block of the README."""
    (block,) = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), flags=re.S)
    return block


def test_the_lines_are_eight():
    lines = [line for line in python_of_the_readme().splitlines() if line.strip()]
    assert len(lines) == 8


@pytest.mark.slow
def test_the_lines_end_in_preference_pairs(capsys):
    names: dict[str, object] = {}
    exec(compile(python_of_the_readme(), str(README), "exec"), names)  # our own text, not a model's
    pairs = names["pairs"]
    assert pairs
    assert all(p.chosen_score > p.rejected_score for p in pairs)
    assert f"{len(pairs)} pairs" in capsys.readouterr().out
