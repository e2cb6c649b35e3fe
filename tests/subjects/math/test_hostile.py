"""Hostile answers: no effect outside, no code of theirs run, no answer that stops the others."""

import subprocess
import sys
from pathlib import Path

import pytest

from lbt_core.method.prompts import final_answer_block
from lbt_core.store.rows import Problem
from lbt_core.subjects import GradePool
from lbt_core.subjects.math import guard, verification

MARK = "/tmp/lbt-hostile-answer-was-run"
PAYLOAD = f"__import__('os').system('touch {MARK}')"
RUNS = [
    PAYLOAD,
    rf"\text{{{PAYLOAD}}}",
    rf"\mathrm{{{PAYLOAD}}} = 3",
    rf"x_{{{PAYLOAD}}}",
    f"f({PAYLOAD})",
    r"\operatorname{__import__}(x)",
    rf"\operatorname{{exec}}({PAYLOAD})",
    rf"\gcd({PAYLOAD}, 2)",
    rf"\sum_{{i=1}}^{{3}} \text{{open('{MARK}','w')}}",
    rf"\int_0^1 \text{{open('{MARK}','w')}} dx",
    r"\text{exit()}",
    r"\begin{pmatrix} \text{exit()} & 1\end{pmatrix}",
    r"\{\text{exit()},1\}",
    r"\text{exit()} < 3",
    r"x^2 + \text{exit()} x + 1 = 0",
    r"\variable{__import__('os').getpid()}",
    r"().__class__.__bases__[0].__subclasses__()",
    "lambda: 0",
]
REFERENCES = ["3", "x", "x^2=4", "\\{1,2\\}", "x<3", "[0,1]", "x^2 + a x + 1 = 0"]
SLOW = [
    "9^{9^{9^9}}",
    "10^{10^{10}}+1",
    "(10^{7})!",
    r"\prod_{i=1}^{10^9} i",
    r"\int_0^1 e^{-x^{x^{x}}} \sin(x^x) dx",
    "(" * 200 + "1" + ")" * 200,
    r"\sqrt{" * 100 + "2" + "}" * 100,
    "(x+1)^{900}(x+2)^{901}",
    r"\operatorname{eye}(100000)",
    "9" * 5000,
    "1" + ",000" * 2000,
    "-" * 3000 + "1",
    "x" * 400,
    "½" * 300,
]


def test_nothing_that_they_ask_for_happens_and_every_answer_gets_a_verdict():
    mark = Path(MARK)
    mark.unlink(missing_ok=True)
    items = [
        (Problem(f"p{i}", "q", reference), final_answer_block(answer))
        for i, reference in enumerate(REFERENCES)
        for answer in RUNS
    ]
    with GradePool(workers=2, time_limit=10.0, subject="math") as pool:
        grades = pool.grade_many(items)
    assert len(grades) == len(items)
    assert "correct" not in {g.verdict for g in grades}
    assert not mark.exists()


def test_slow_and_huge_answers_end_within_the_limit():
    items = [(Problem("p", "q", "x^2 + \\sqrt{3}"), final_answer_block(answer)) for answer in SLOW]
    items.append((Problem("p", "q", "3"), final_answer_block("3")))
    with GradePool(workers=2, time_limit=2.0, memory_mb=512, subject="math") as pool:
        pool.warm_up()
        grades = pool.grade_many(items)
    assert grades[-1].verdict == "correct"
    assert "correct" not in {g.verdict for g in grades[:-1]}
    assert max(g.seconds for g in grades) < 4.0


PROBE = f"""
import re, sys, types
from lbt_core.subjects.math import verification
verification.warm_up()
verification._FOREIGN = re.compile("(?!)")  # the library alone, without what we refuse beforehand
names, events = set(), set()
watching = False
def watch(event, arguments):
    if not watching:
        return
    if event == "exec" and getattr(arguments[0], "co_filename", "").startswith("<string"):
        names.update(arguments[0].co_names)
    elif event.startswith(("socket.", "subprocess.", "os.system", "os.remove", "os.mkdir")):
        events.add(event)
sys.addaudithook(watch)
for reference in {REFERENCES!r}:
    for answer in {RUNS!r} + ["1e5", "0x10", "1_000", "5!", "10\\\\%"]:
        watching = True
        try:
            verification.same_expression(reference, answer)
        except Exception:
            pass
        watching = False
print(*sorted(names))
print(*sorted(events))
"""
OF_SYMPY = ("sympy", "monomial_", "__create_fn__", "Integer", "Float", "Rational")


def test_the_library_itself_runs_no_text_of_an_answer():
    """It does call ``eval``: sympy reads the digits of number tokens that way, and makes helper
    functions of its own. No name out of an answer is ever in such code."""
    done = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True)
    names, events = (line.split() for line in done.stdout.split("\n")[:2])
    assert [name for name in names if not name.startswith(OF_SYMPY)] == []
    assert events == []


@pytest.mark.parametrize(
    "reach",
    [
        "open(sys.argv[1], 'w')",
        "__import__('os').remove(sys.argv[1])",
        "__import__('os').mkdir(sys.argv[1])",
        "__import__('os').system('true')",
        "__import__('subprocess').run(['true'])",
        "__import__('socket').create_connection(('127.0.0.1', 9))",
        "__import__('shutil').rmtree(sys.argv[1])",
    ],
)
def test_even_code_could_not_reach_beyond_the_process(reach, tmp_path):
    code = (
        "import sys\nfrom lbt_core.subjects.math.guard import EffectRefused, no_effects\n"
        f"with no_effects():\n    try:\n        {reach}\n"
        "    except EffectRefused:\n        sys.exit(7)\n"
    )
    target = str(tmp_path / "target")
    done = subprocess.run([sys.executable, "-c", code, target], check=False)
    assert done.returncode == 7


def test_outside_its_block_the_guard_does_nothing(tmp_path):
    with guard.no_effects():
        pass
    (tmp_path / "file").write_text("fine")
    assert (tmp_path / "file").read_text() == "fine"


def test_the_librarys_timeouts_are_off():
    """They are alarms: setting one would take away the grading worker's own."""
    import signal  # noqa: PLC0415

    before = signal.getsignal(signal.SIGALRM)
    signal.alarm(1000)
    try:
        assert verification.same_expression("(x+1)^2", "x^2+2x+1")
        assert signal.alarm(0) > 900
        assert signal.getsignal(signal.SIGALRM) is before
    finally:
        signal.alarm(0)
