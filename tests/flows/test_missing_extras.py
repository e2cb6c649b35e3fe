"""With the base installation alone commands work, or name the extra that they need."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ABSENT = (
    *("ray", "prefect", "torch", "vllm", "transformers", "trl", "peft", "bitsandbytes"),
    *("datasets", "accelerate", "sentence_transformers"),
)
PROGRAM = f"""
import sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {ABSENT!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Absent())
sys.argv = ["lbt", *sys.argv[1:]]
from flows.cli import main
main()
"""


def lbt(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A command in an interpreter that cannot find the extras."""
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, cwd=ROOT
    )


@pytest.mark.parametrize(
    "arguments", [("--help",), ("profiles",), ("plan", "--profile", "demo"), ("corpus", "--help")]
)
def test_commands_of_the_base_installation_work(arguments):
    done = lbt(*arguments)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("arguments", "missing", "extra"),
    [
        (("run", "--store", "{tmp}", "--run", "r"), "ray", "cluster"),
        (("up",), "prefect", "cluster"),
        (("solve", "Solve y' = y."), "torch", "engines"),
    ],
)
def test_missing_extra_is_one_line_that_names_the_command(tmp_path, arguments, missing, extra):
    done = lbt(*(a.format(tmp=tmp_path) for a in arguments))
    assert done.returncode == 2
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(f"lbt: {missing} is not installed")
    assert f"pip install 'lbt[{extra}]'" in last
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []  # nothing was begun
