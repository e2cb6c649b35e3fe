"""Isolated workers: order, time limits, death, replacement, equal answers."""

import json
import os
import signal
import subprocess
import sys

from lbt_core.subjects import GradePool, load_subject
from lbt_core.subjects.ode.problem import OdeProblem
from lbt_core.subjects.worker import AnswerCache

SLOW = "$y = " + "+".join(rf"\int_0^x e^{{-t^{k}}} \sin(t) dt" for k in range(2, 40)) + "$"


def test_grades_come_in_the_order_of_the_items(decay: OdeProblem, growth: OdeProblem) -> None:
    items = [
        (decay, "$y=Ce^{-3x}$"),
        (growth, "$y=5e^{2x}$"),
        (decay, "$y=1$"),
        (growth, "$y=Ce^{2x}$"),
        (decay, ""),
    ] * 20
    with GradePool(workers=2) as pool:
        verdicts = [g.verdict for g in pool.grade_many(items)]
    assert verdicts == ["correct", "correct", "incorrect", "incorrect", "unparsable"] * 20


def test_late_answer_is_undecided_and_the_others_are_graded(decay: OdeProblem) -> None:
    items = [(decay, "$y=Ce^{-3x}$"), (decay, SLOW), (decay, "$y=Ce^{3x}$")]
    with GradePool(workers=1, time_limit=0.02) as pool:
        grades = pool.grade_many(items)
    assert (grades[1].verdict, grades[1].method) == ("undecided", "time limit")
    assert len(grades) == 3


def test_undecided_can_be_graded_again_with_more_time(decay: OdeProblem) -> None:
    with GradePool(workers=1, time_limit=0.005) as pool:
        assert pool.grade_many([(decay, SLOW)])[0].verdict == "undecided"
        assert pool.grade_many([(decay, SLOW)], time_limit=30.0)[0].verdict == "incorrect"


def test_killed_worker_is_replaced(decay: OdeProblem) -> None:
    with GradePool(workers=1) as pool:
        pool.warm_up()
        os.kill(pool._workers[0].process.pid, signal.SIGKILL)
        grades = pool.grade_many([(decay, "$y=Ce^{-3x}$"), (decay, "$y=Ce^{-3x}+0$")])
    assert [g.verdict for g in grades][-1] == "correct"


def test_no_items_start_no_worker() -> None:
    with GradePool(workers=2) as pool:
        assert pool.grade_many([]) == []
        assert pool._workers == []


def test_cache_is_bounded_and_keyed_by_the_normalised_answer(decay: OdeProblem) -> None:
    cache = AnswerCache(load_subject("ode"), 2)
    first = cache.grade("p", decay, "$y = C e^{-3x}$")
    # prose is part of an unmarked answer
    assert cache.grade("p", decay, "so $y  =  C e^{-3x}$") is not first
    again = cache.grade("p", decay, "[[Final Answer]]:\n$y =  C e^{-3x}$")
    assert (again.verdict, again.seconds) == (first.verdict, first.seconds)  # remembered, but
    assert (first.answer, again.answer) == ("y = C e^{-3x}", "y =  C e^{-3x}")  # each its own text
    cache.grade("p", decay, "$y=2$")
    assert len(cache.grades) == 2


def test_worker_writes_no_file(decay: OdeProblem, tmp_path: object) -> None:
    code = (
        "from lbt_core.subjects.worker import limit_resources\n"
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "limit_resources(64)\n"
        f"f = open({os.path.join(str(tmp_path), 'out')!r}, 'w')\n"
        "f.write('x'); f.close()\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert "File too large" in done.stderr


def test_import_is_light() -> None:
    code = (
        "import sys, json, lbt_core.subjects.ode.answers\n"
        "heavy = ('torch', 'sympy', 'ray', 'prefect')\n"
        "print(json.dumps([m for m in heavy if m in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == []
