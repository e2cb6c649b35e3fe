"""One isolated worker of a subject: requests on stdin, grades and extracted answers on stdout, one
JSON object a line. Started by ``pool``, never imported by it.

A request holds a problem and texts; every text is answered by one line, so that the parent knows
which one a hang belongs to.
The process limits its own memory, can write no file, and ends when its input ends or an item takes
far too long.
"""

import json
import resource
import signal
import sys
import time
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO

from lbt_core.method.subject import Grade, Subject
from lbt_core.store.rows import VERDICTS, Problem, from_record
from lbt_core.subjects.registry import load_subject


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
    """A subject's grades by (problem, normalised answer), bounded, least recently used out first;
    undecided ones are not kept.
    """

    def __init__(self, subject: Subject, size: int):
        self.subject = subject
        self.size = size
        self.grades: OrderedDict[tuple[str, str], Grade] = OrderedDict()

    def grade(self, key: str, problem: Problem, text: str) -> Grade:
        """The grade of a text, computed once an answer. Raises what the subject raises."""
        start = time.perf_counter()
        found = self.subject.extract(text)
        if found.answer is None:
            return Grade("unparsable", "extract", None, time.perf_counter() - start, found.reason)
        at = (key, " ".join(found.answer.split()))
        known = self.grades.get(at)
        if known is not None:
            self.grades.move_to_end(at)
            return known
        verdict, method, detail = self.subject.grade(problem, found.answer)
        if verdict not in VERDICTS:
            verdict, detail = "undecided", f"the subject's verdict was {verdict!r}"
        grade = Grade(verdict, method, found.answer, time.perf_counter() - start, detail)
        if verdict != "undecided" and self.size:
            self.grades[at] = grade
            if len(self.grades) > self.size:
                self.grades.popitem(last=False)
        return grade


def answer_one(cache: AnswerCache, problem: Problem | None, key: str, text: str) -> list[Any]:
    """The reply to one text: a grade, or what was extracted where there is no problem. Whatever a
    subject raises is an ``undecided``."""
    start = time.perf_counter()
    try:
        if problem is None:
            found = cache.subject.extract(text)
            return ["extracted", found.reason, found.answer, 0.0, found.reasoning]
        grade = cache.grade(key, problem, text)
    except MemoryError:
        grade = Grade("undecided", "memory", None, time.perf_counter() - start, "memory limit")
    except Exception as error:  # a subject is its user's code: nothing it raises may end a run
        what = f"{type(error).__name__}: {error}"[:200]
        grade = Grade("undecided", "error", None, time.perf_counter() - start, what)
    return [grade.verdict, grade.method, grade.answer, grade.seconds, grade.detail]


def serve(requests: BinaryIO, replies: BinaryIO) -> None:
    """Answers requests until the input ends."""
    settings = json.loads(requests.readline())
    sys.path.extend(p for p in settings["path"] if p not in sys.path)
    subject = load_subject(settings["subject"])
    limit_resources(settings["memory_mb"])
    cache = AnswerCache(subject, settings["cache_size"])
    replies.write(b"ready\n")
    replies.flush()
    for line in requests:
        request: dict[str, Any] = json.loads(line)
        for problem_record, key, texts in request["work"]:
            problem = None
            if problem_record is not None:
                problem = from_record(problem_record, subject.problem_type)
            for text in texts:
                signal.alarm(request["alarm"])
                reply = answer_one(cache, problem, key, text)
                signal.alarm(0)
                replies.write(json.dumps(reply).encode() + b"\n")
                replies.flush()


if __name__ == "__main__":
    sys.setrecursionlimit(3000)
    serve(sys.stdin.buffer, sys.stdout.buffer)
