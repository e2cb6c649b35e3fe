"""A user's subject that misbehaves as its problem's question says, in extract or in grade."""

import os
import sys
import time
import zlib
from typing import ClassVar

from lbt_core.method.extraction import Extraction
from lbt_core.method.subject import Subject
from lbt_core.store.rows import Problem


def _hang():
    while True:
        time.sleep(0.05)


def _eat():
    kept = []
    while True:
        kept.append(bytearray(2**24))


class Rude(Exception):
    def __str__(self) -> str:
        raise RuntimeError("not even a message")


def _raise(error):
    raise error


DEEDS = {
    "raise": lambda: _raise(ValueError("no")),
    "raise rudely": lambda: _raise(Rude()),
    "exit": lambda: sys.exit(0),
    "die": lambda: os._exit(3),
    "hang": _hang,
    "eat": _eat,
    "recurse": lambda: DEEDS["recurse"](),
    "nothing": lambda: None,
    "text": lambda: "correct",
    "pair": lambda: ("correct", "mine"),
    "list": lambda: ["correct", "mine", ""],
    "numbers": lambda: ("correct", 1, 2.0),
    "verdict": lambda: ("perfect", "mine", ""),
    "no text": lambda: Extraction(5, "", "mine"),
    "endless": lambda: Extraction("x" * 10**6, "", "mine"),
}


class Misbehaving(Subject):
    name = "misbehaving"

    def extract(self, text):
        print("this must not get among the replies")
        where, _, deed = text.partition(": ")
        return DEEDS[deed]() if where == "extract" else Extraction(text, "", "mine")

    def grade(self, problem, answer):
        sys.stdout.write("nor this\n")
        where, _, deed = answer.partition(": ")
        return DEEDS[deed]() if where == "grade" else ("correct", "mine", "")


class Unready(Misbehaving):
    name = "unready"

    def warm_up(self):
        raise OSError("its table is missing")


class Rowdy(Subject):
    """Misbehaves on some texts of a run, in extract and in grade; the others are graded."""

    name = "rowdy"
    sources: ClassVar = {"some": "questions that differ in a number"}

    def problems(self, source, request):
        splits = [split for split, count in request.sizes.items() for _ in range(count)]
        return [
            Problem(f"p{n}", f"Solve $y' = {n} y$ for $y$.", str(n), split=split)
            for n, split in enumerate(splits, 2)
        ]

    def _act(self, text, result):
        deed = sorted(DEEDS)[zlib.crc32(text.encode()) % (2 * len(DEEDS)) % len(DEEDS)]
        return DEEDS[deed]() if zlib.crc32(text.encode()) % 3 == 0 else result

    def extract(self, text):
        return self._act(text, Extraction(text.strip() or None, "", "mine"))

    def grade(self, problem, answer):
        right = zlib.crc32((problem.id + answer).encode()) % 2 == 0
        return self._act(problem.id + answer, ("correct" if right else "incorrect", "mine", ""))


rowdy = Rowdy()
subject = Misbehaving()
unready = Unready()
