"""Grading compared with math-verify on labelled pairs: accuracy, false accepts, checks a second and
core, p99; and a generated adversarial set.

    python benchmarks/grading.py PAIRS.jsonl [--math-verify-pairs 200] [--adversarial 5000]
        [--seed 2026] [--fuzz 100000]

Both see the same pairs in the same run, one core each, no cache; a pair on which math-verify takes
longer than its limit counts as
not accepted. ``--math-verify-pairs`` takes that many pairs at even distances (0: all of them).
``--adversarial`` adds that many near misses and that many rewrites of built-in problems
(``grading_cases.py``; several minutes): how many of the first are accepted and of the second
refused. The tests use the same generator with another seed, so that nothing here was tuned on.
``--fuzz`` adds that many random
inputs to extractor and parser and counts the ones that raise. Prints a table, and one JSON line
last.
"""

import argparse
import json
import random
import selectors
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any

from grading_cases import near_misses, rewrites, sources
from rich.console import Console
from rich.table import Table

from lbt_core.subjects import GradePool
from lbt_core.subjects.labelled import Pair, read_pairs, summarise
from lbt_core.subjects.ode import subject as ODE
from lbt_core.subjects.ode.answers import Grade, extract
from lbt_core.subjects.ode.answers.expr import ParseError
from lbt_core.subjects.ode.answers.parser import EMPTY, parse
from lbt_core.subjects.ode.answers.statements import read_answer

COMPARED = ("accuracy", "false_accepts", "false_rejects", "checks_per_s_core", "p99_s")
LIMIT = 10.0  # seconds for one pair of math-verify
FUZZ_PIECES = [
    *"xyzCeidA0123456789+-*/^(){}[]|=,;'!_&. $\n\\",
    "\\frac",
    "\\dfrac{",
    "\\sqrt[",
    "\\left(",
    "\\right)",
    "\\sin",
    "\\ln|",
    "\\int_0^x",
    "\\sum_{n=0}^{",
    "\\boxed{",
    "\\begin{cases}",
    "\\end{cases}",
    "\\begin{pmatrix}",
    "\\\\",
    "e^{",
    "\\pm",
    "[[Final Answer]]:",
    " or ",
    "\\text{",
    "**",
    "9**9**9",
    "\\cdot",
    "dx",
    "∑",
    "√",
    "⁻",
    "\x00",
    "\u202e",
    "'''",
    "\\binom",
    "!",
    "10^{10}",
    "\\operatorname{",
    "where",
]


def grade_all(pairs: list[Pair]) -> dict[str, Any]:
    """This project's grader on one worker, cache off."""
    with GradePool(workers=1, cache_size=0) as pool:
        pool.warm_up()
        pool.grade_many([(p.problem, p.candidate) for p in pairs[:20]])
        start = time.perf_counter()
        grades = pool.grade_many([(p.problem, p.candidate) for p in pairs])
        return summarise(pairs, grades, time.perf_counter() - start, 1)


def math_verify_all(pairs: list[Pair]) -> dict[str, Any]:
    """math-verify in a process of its own, killed and started again where it exceeds the limit."""
    grades = []
    process = _start()
    start = time.perf_counter()
    starting = 0.0
    for pair in pairs:
        begun = time.perf_counter()
        accepted = _ask(process, pair)
        if accepted is None:
            process.kill()
            process.wait()
            again = time.perf_counter()
            process = _start()
            starting += time.perf_counter() - again
        grades.append(
            Grade(
                "correct" if accepted else "incorrect",
                "math-verify",
                None,
                time.perf_counter() - begun,
            )
        )
    seconds = time.perf_counter() - start - starting
    process.kill()
    process.wait()
    return summarise(pairs, grades, seconds, 1)


def _start() -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, __file__, "--serve"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert process.stdout is not None
    process.stdout.readline()
    return process


def _ask(process: subprocess.Popen[bytes], pair: Pair) -> bool | None:
    """Whether math-verify accepts; None where it takes too long or dies."""
    assert process.stdin is not None and process.stdout is not None
    try:
        process.stdin.write(json.dumps([pair.problem.answer, pair.candidate]).encode() + b"\n")
        process.stdin.flush()
    except BrokenPipeError:
        return None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        if not selector.select(timeout=LIMIT):
            return None
    line = process.stdout.readline()
    return None if not line else bool(json.loads(line))


def serve() -> None:
    """The other side of ``math_verify_all``: reference and candidate in, accepted or not out."""
    from math_verify import parse as read  # noqa: PLC0415 - heavy import, only where used
    from math_verify import verify  # noqa: PLC0415 - heavy import, only where used

    print("ready", flush=True)
    for line in sys.stdin:
        reference, candidate = json.loads(line)
        try:
            accepted = bool(verify(read(reference), read(candidate)))
        except Exception:  # whatever math-verify raises on hostile text is a rejection
            accepted = False
        print(json.dumps(accepted), flush=True)


def adversarial(count: int, seed: int) -> dict[str, Any]:
    """Near misses and rewrites of built-in problems, ``count`` of each: how many verdicts are
    wrong, by kind of change, with examples.
    """
    found = sources(seed, university=min(1200, max(60, count // 10)), tiny=max(10, count // 80))
    out: dict[str, Any] = {"seed": seed, "problems": len(found)}
    for name, pairs in (
        ("near_misses", list(near_misses(found, count, seed))),
        ("rewrites", list(rewrites(found, count, seed))),
    ):
        with GradePool(cache_size=0) as pool:
            grades = pool.grade_many([(p.problem, p.candidate) for p in pairs])
        wrong = [
            (p, g)
            for p, g in zip(pairs, grades, strict=True)
            if (g.verdict == "correct") != p.label
        ]
        out[name] = {
            "answers": len(pairs),
            "wrong_verdicts": len(wrong),
            "share_right": round(1 - len(wrong) / max(1, len(pairs)), 5),
            "undecided": sum(g.verdict == "undecided" for g in grades),
            "by_change": dict(Counter(p.category.split(" ")[0] for p, _ in wrong).most_common()),
            "changes": dict(Counter(p.category.split(" ")[0] for p in pairs).most_common()),
            "slowest_s": round(max((g.seconds for g in grades), default=0.0), 3),
            "examples": [
                {"reference": p.problem.answer, "candidate": p.candidate, "verdict": g.verdict}
                for p, g in wrong[:5]
            ],
        }
    return out


def adversarial_table(found: dict[str, Any]) -> Table:
    """The adversarial set for people: near misses accepted, rewrites refused."""
    table = Table("generated", "answers", "wrong verdicts", "slowest, s")
    for name, said in (
        ("near_misses", "near misses accepted"),
        ("rewrites", "rewrites refused"),
    ):
        row = found[name]
        table.add_row(said, str(row["answers"]), str(row["wrong_verdicts"]), str(row["slowest_s"]))
    return table


def fuzz(count: int, seed: int = 1) -> dict[str, Any]:
    """Random inputs through extractor, parser and statement reader: how many raise anything but
    ParseError, and the slowest.
    """
    rng = random.Random(seed)
    crashes: list[str] = []
    slowest = 0.0
    for _ in range(count):
        text = "".join(rng.choice(FUZZ_PIECES) for _ in range(rng.randint(1, 60)))
        begun = time.perf_counter()
        try:
            extraction = extract(text)
            for read in (lambda t: parse(t), lambda t: read_answer(t, EMPTY)):
                try:
                    read(extraction.answer or text)
                except ParseError:
                    continue
        except Exception as error:  # counting these is the purpose
            crashes.append(f"{type(error).__name__}: {text!r}")
        slowest = max(slowest, time.perf_counter() - begun)
    return {
        "inputs": count,
        "crashes": len(crashes),
        "examples": crashes[:3],
        "slowest_s": round(slowest, 4),
    }


def main() -> None:
    """Runs the comparison and prints it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "pairs",
        nargs="?",
        type=Path,
        default=Path(__file__).parents[1] / "tests/subjects/ode/answers/data/pairs.jsonl",
    )
    parser.add_argument("--math-verify-pairs", type=int, default=200)
    parser.add_argument("--fuzz", type=int, default=0)
    parser.add_argument("--adversarial", type=int, default=0)
    parser.add_argument("--seed", type=int, default=2026, help="of the adversarial set")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.serve:
        serve()
        return
    pairs = read_pairs(args.pairs, ODE)
    step = max(1, len(pairs) // args.math_verify_pairs) if args.math_verify_pairs else 1
    sample = pairs[::step]
    ours = grade_all(pairs)
    theirs = math_verify_all(sample)
    table = Table("", "lbt", "math-verify")
    table.add_row("pairs", str(len(pairs)), str(len(sample)))
    for name in COMPARED:
        table.add_row(name, str(ours[name]), str(theirs[name]))
    Console(stderr=True).print(table)
    result: dict[str, Any] = {name: ours[name] for name in COMPARED}
    result["pairs"] = len(pairs)
    result["math_verify"] = {name: theirs[name] for name in COMPARED} | {"pairs": len(sample)}
    result["times_math_verify"] = round(
        ours["checks_per_s_core"] / max(theirs["checks_per_s_core"], 1e-9), 1
    )
    if args.adversarial:
        result["adversarial"] = adversarial(args.adversarial, args.seed)
        Console(stderr=True).print(adversarial_table(result["adversarial"]))
    if args.fuzz:
        result["fuzz"] = fuzz(args.fuzz)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
