"""One grading worker: requests on stdin, grades on stdout, one JSON object a line. Started by
``pool``, never imported by it.

A request holds a problem and texts; every text is answered by one line, so that the parent knows
which one a hang belongs to.
The process limits its own memory, can write no file, and ends when its input ends or an item takes
far too long.
"""

import json
import resource
import signal
import sys
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO

from lbt_core.answers.extraction import extract
from lbt_core.answers.grading import Grade, grade_extraction
from lbt_core.rows import Problem, from_record


def limit_resources(memory_mb: int) -> None:
    """Caps the address space at what is used now plus ``memory_mb``, forbids writing files and core
    dumps.
    """
    pages = (
        int(Path("/proc/self/statm").read_text().split()[0])
        if Path("/proc/self/statm").exists()
        else 0
    )
    cap = pages * resource.getpagesize() + memory_mb * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (cap, cap))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


class AnswerCache:
    """Grades by (problem, normalised answer), bounded, least recently used out first; undecided
    ones are not kept.
    """

    def __init__(self, size: int):
        self.size = size
        self.grades: OrderedDict[tuple[str, str], Grade] = OrderedDict()

    def grade(self, key: str, problem: Problem, text: str) -> Grade:
        """The grade of a text, computed once an answer."""
        extraction = extract(text)
        if extraction.answer is None or not self.size:
            return grade_extraction(problem, extraction)
        at = (key, " ".join(extraction.answer.split()))
        known = self.grades.get(at)
        if known is not None:
            self.grades.move_to_end(at)
            return known
        found = grade_extraction(problem, extraction)
        if found.verdict != "undecided":
            self.grades[at] = found
            if len(self.grades) > self.size:
                self.grades.popitem(last=False)
        return found


def serve(requests: BinaryIO, replies: BinaryIO) -> None:
    """Answers requests until the input ends."""
    settings = json.loads(requests.readline())
    limit_resources(settings["memory_mb"])
    cache = AnswerCache(settings["cache_size"])
    replies.write(b"ready\n")
    replies.flush()
    for line in requests:
        request: dict[str, Any] = json.loads(line)
        for problem_record, key, texts in request["work"]:
            problem = from_record(problem_record, Problem)
            for text in texts:
                signal.alarm(request["alarm"])
                try:
                    grade = cache.grade(key, problem, text)
                except MemoryError:
                    grade = Grade("undecided", "memory", None, 0.0, "memory limit")
                signal.alarm(0)
                record = [grade.verdict, grade.method, grade.answer, grade.seconds, grade.detail]
                replies.write(json.dumps(record).encode() + b"\n")
                replies.flush()


if __name__ == "__main__":
    sys.setrecursionlimit(3000)
    serve(sys.stdin.buffer, sys.stdout.buffer)
