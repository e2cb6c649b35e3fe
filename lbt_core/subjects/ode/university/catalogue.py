"""The families as a table, with an example of each: the page docs/families.md."""

import random
from dataclasses import dataclass

from lbt_core.subjects.ode.university.exercises import place
from lbt_core.subjects.ode.university.families import FAMILIES
from lbt_core.subjects.ode.university.family import Family


@dataclass(frozen=True, slots=True)
class Row:
    """One family; the example is the first question of an exercise."""

    topic: str
    family: str
    kind: str
    example: str


def rows() -> list[Row]:
    """All families in the order of the book."""
    return [Row(f.topic, f.name, f.kind, _example(f)) for f in FAMILIES]


def _example(family: Family) -> str:
    return (
        place(family, 1, family.build(random.Random(f"example/{family.name}"))).problems[0].question
    )


def as_markdown() -> str:
    """The page, written by ``lbt corpus families --markdown``."""
    listed = rows()
    topics = len({row.topic for row in listed})
    lines = [
        "# The families of the built-in corpus",
        "",
        (
            f"{len(listed)} families over {topics} topics. This page is the output of `lbt corpus"
            " families --markdown`."
        ),
        (
            "The kind is that of most questions of a family; initial values turn a general solution"
            " into an `ivp`."
        ),
        "",
        "| topic | family | kind | example |",
        "|---|---|---|---|",
    ]
    for row in listed:
        example = row.example.replace("|", "\\|").replace("\n", " ")
        lines.append(f"| {row.topic} | `{row.family}` | {row.kind} | {example} |")
    return "\n".join(lines) + "\n"
