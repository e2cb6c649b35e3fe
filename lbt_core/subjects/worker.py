"""One isolated worker of a subject: requests on stdin, grades and extracted answers on stdout, one
JSON object a line. Started by ``pool``, never imported by it.

A request holds a problem and texts; every text is answered by one line, so that the parent knows
which one a hang belongs to.
The process limits its own memory, can write no file, and ends when its input ends or an item takes
far too long.
"""

import json
import os
import resource
import signal
import sys
import time
from collections import OrderedDict
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

from lbt_core.method.extraction import MAX_TEXT, Extraction
from lbt_core.method.subject import Grade, Subject
from lbt_core.store.rows import VERDICTS, Problem, from_record
from lbt_core.subjects.registry import extend_import_path, load_subject

READY = "ready"
"""The first reply; any other is why this subject cannot grade here."""
MAX_REPLY = 2 * MAX_TEXT
MAX_NOTE = 200
"""Characters of an answer or a reasoning, and of a method or a detail, that a reply holds."""


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
        found = _checked_extraction(self.subject.extract(text))
        if found.answer is None:
            return Grade("unparsable", "extract", None, time.perf_counter() - start, found.reason)
        at = (key, " ".join(found.answer.split()))
        known = self.grades.get(at)
        if known is not None:
            self.grades.move_to_end(at)
            # spaced as this text has it: a stored row must not depend on what was graded before
            return replace(known, answer=found.answer)
        verdict, method, detail = _checked_grade(self.subject.grade(problem, found.answer))
        grade = Grade(verdict, method, found.answer, time.perf_counter() - start, detail)
        if verdict != "undecided" and self.size:
            self.grades[at] = grade
            if len(self.grades) > self.size:
                self.grades.popitem(last=False)
        return grade


def _checked_extraction(found: Any) -> Extraction:
    """What a subject's ``extract`` gave. Raises TypeError where it is none."""
    if not isinstance(found, Extraction):
        raise TypeError(f"extract gave a {type(found).__name__}, not an Extraction")
    texts = (found.reasoning, found.reason, "" if found.answer is None else found.answer)
    if not all(isinstance(text, str) and len(text) <= MAX_REPLY for text in texts):
        raise TypeError(f"extract gave what is no text of at most {MAX_REPLY} characters")
    return found


def _checked_grade(found: Any) -> tuple[str, str, str]:
    """What a subject's ``grade`` gave. Raises TypeError or ValueError where it is no grade."""
    if not (
        isinstance(found, tuple) and len(found) == 3 and all(isinstance(f, str) for f in found)
    ):
        raise TypeError("grade gave no tuple of three texts (verdict, method, detail)")
    verdict, method, detail = found
    if verdict not in VERDICTS:
        raise ValueError(f"grade gave the verdict {verdict[:40]!r}, none of {', '.join(VERDICTS)}")
    return verdict, method[:MAX_NOTE], detail[:MAX_NOTE]


def answer_one(cache: AnswerCache, problem: Problem | None, key: str, text: str) -> list[Any]:
    """The reply to one text: a grade, or what was extracted where there is no problem. Whatever a
    subject raises is an ``undecided``."""
    start = time.perf_counter()
    try:
        if problem is None:
            found = _checked_extraction(cache.subject.extract(text))
            return ["extracted", found.reason, found.answer, 0.0, found.reasoning]
        grade = cache.grade(key, problem, text)
    except MemoryError:
        grade = Grade("undecided", "memory", None, time.perf_counter() - start, "memory limit")
    except Exception as error:  # a subject is its user's code: nothing it raises may end a run
        what = _words(error)
        grade = Grade("undecided", "error", None, time.perf_counter() - start, what)
    return [grade.verdict, grade.method, grade.answer, grade.seconds, grade.detail]


def _words(error: Exception) -> str:
    """An exception in words; its own may raise as well."""
    try:
        return f"{type(error).__name__}: {error}"[:MAX_NOTE]
    except Exception:
        return type(error).__name__


def serve(requests: BinaryIO, replies: BinaryIO) -> None:
    """Answers requests until the input ends."""
    settings = json.loads(requests.readline())
    extend_import_path(settings["path"])
    try:
        subject = load_subject(settings["subject"])
        subject.warm_up()
    except Exception as error:  # a subject is its user's code
        _send(replies, _words(error))
        return
    limit_resources(settings["memory_mb"])
    cache = AnswerCache(subject, settings["cache_size"])
    _send(replies, READY)
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
                _send(replies, reply)


def _send(replies: BinaryIO, message: Any) -> None:
    replies.write(json.dumps(message).encode() + b"\n")
    replies.flush()


def own_streams() -> tuple[BinaryIO, BinaryIO]:
    """Requests and replies for this module alone: what a subject reads is empty, and what it
    prints goes nowhere instead of among the replies."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    os.close(nothing)
    return requests, replies


if __name__ == "__main__":
    sys.setrecursionlimit(3000)
    serve(*own_streams())
