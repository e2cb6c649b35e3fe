"""Subjects by name, by entry point and by module; what is said of a wrong one; identities."""

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

from lbt_core import UserError
from lbt_core.method.subject import Subject
from lbt_core.run.config import load_config
from lbt_core.run.plan import resolve_identities
from lbt_core.subjects import load_subject, registry

ROOT = Path(__file__).parents[2]
OWN = """
from lbt_core.method.subject import Subject
class Own(Subject):
    name = "own"
    def grade(self, problem, answer):
        return "correct", "mine", ""
subject = Own()
other = Own()
number = 3
class Nameless(Own):
    name = ""
nameless = Nameless()
"""


@pytest.fixture
def own(tmp_path, monkeypatch):
    """Modules of a user in the current folder, which is not on Python's path."""
    (tmp_path / "own_one.py").write_text(OWN)
    (tmp_path / "own_two.py").write_text(OWN)
    (tmp_path / "own_raises.py").write_text("raise ValueError('two\\nlines')")
    (tmp_path / "own_exits.py").write_text("import sys; sys.exit(4)")
    (tmp_path / "own_needs.py").write_text("import no_such_library")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p])
    registry.load_subject.cache_clear()
    yield tmp_path
    registry.load_subject.cache_clear()


def refusal(name: str) -> str:
    with pytest.raises(UserError) as found:
        load_subject(name)
    message = str(found.value)
    assert "\n" not in message
    return message


def test_built_in_names():
    assert load_subject("ode").identity.startswith("ode@")
    assert load_subject("math").identity.startswith("math@")
    assert {"ode", "math"} <= set(registry.subject_names())


@pytest.mark.parametrize("name", ["mtah", "", "own_one", ":subject", "own_one:"])
def test_a_wrong_name_says_what_is_there(name):
    message = refusal(name)
    assert "math, ode" in message
    assert "my_package.my_module:subject" in message


def test_a_module_in_the_current_folder(own):
    assert load_subject("own_one:subject").name == "own"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("own_none:subject", "no module own_none"),
        ("own_one:objective", "own_one has no objective"),
        ("own_one:number", "is a int, not an instance of a class derived from"),
        ("own_one:Own", "is a type, not an instance"),
        ("own_one:nameless", "has no name"),
        ("own_raises:subject", "importing it failed (ValueError("),
        ("own_exits:subject", "importing it failed (SystemExit(4))"),
        ("own_needs:subject", "no module no_such_library"),
    ],
)
def test_a_module_that_holds_no_subject(own, name, words):
    assert words in refusal(name)


def test_an_entry_point(own, monkeypatch):
    installed = importlib.metadata.EntryPoint("mine", "own_one:subject", registry.GROUP)
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [installed])
    sys.path.insert(0, str(own))
    assert load_subject("mine").name == "own"
    assert "mine" in registry.subject_names()
    assert registry.subject_identity("mine") == registry.subject_identity("own_one:subject")


def test_two_modules_of_one_name_are_two_subjects(own):
    names = ("own_one:subject", "own_one:other", "own_two:subject")
    identities = {registry.subject_identity(name) for name in names}
    assert len(identities) == 3
    assert {i.partition(" from ")[0] for i in identities} == {"own@1"}
    assert registry.subject_identity("ode") == load_subject("ode").identity


def test_the_identity_is_the_runs(own):
    found = resolve_identities(load_config("demo", ["subject=own_one:subject"]))
    assert found["subject"] == "own@1 from own_one:subject"


def test_a_subject_that_does_not_grade_says_so():
    with pytest.raises(NotImplementedError, match="does not grade"):
        Subject().grade(None, "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["run", "--set", "subject=mtah"],
        ["grade", "--subject", "mtah", "answers.jsonl"],
        ["evaluate", "--subject", "mtah", "--problems", "tiny"],
        ["solve", "--subject", "mtah", "What is 3 + 4?"],
        ["corpus", "import", "file.json", "--to", "folder", "--subject", "mtah"],
    ],
)
def test_commands_refuse_a_wrong_name_before_anything_starts(arguments, tmp_path):
    program = (
        "import sys\nfrom flows.cli import main\n"
        "try:\n    main()\n"
        "finally:\n"
        "    heavy = [m for m in ('prefect', 'torch', 'transformers') if m in sys.modules]\n"
        "    print(heavy)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == "[]\n"
    assert done.stderr.startswith("lbt: subject: 'mtah' is unknown; there are math, ode, or ")
    assert done.stderr.count("\n") == 1
