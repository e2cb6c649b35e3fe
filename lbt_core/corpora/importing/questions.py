"""An exercise with parts as self-contained questions: the stem travels with each part, and so does
an earlier part it needs.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from string import ascii_lowercase
from typing import Any

from lbt_core.corpora.importing import latex
from lbt_core.corpora.importing.tree import Exercise, latex_join, plain_label, split_by_label
from lbt_core.method.sameness import normalised_text

_PART_REFERENCE = re.compile(
    r"\b(?:parts?|from|in|of|by|use|using|see|with)\s+\(?([a-h]|i{1,3}|iv"
    r"|v)\s*\)(?:\s*(?:,|and|or|to|through)\s*(?:part\s+)?\(?([a-h]|i{1,3}|iv"
    r"|v)\s*\))*"
    r"|\bparts?\s+\(?([a-h]|i{1,3}|iv|v|\d)\b\)?(?:\s*(?:,|and|or|to"
    r"|through)\s*(?:part\s+)?\(?([a-h]|i{1,3}|iv|v|\d)\b\)?)*",
)
_LABELS_IN_REFERENCE = re.compile(r"(?<![A-Za-z])\(?([a-h]|i{1,3}|iv|v|\d)\)?(?![A-Za-z])")
_PREVIOUS = re.compile(
    r"\b(?:previous|preceding|earlier|first|last) (?:part|question|answer|result)s?\b"
    r"|^(?:now|then|next|hence|thus|therefore|finally|also|plug)\b"
    r"|\b(?:use|using) (?:this|that|these|those|the (?:result|solution|answer|series"
    r"|formula)|it|them)\b"
    r"|\byour (?:answer|result|solution|equation|formula|series|approximation|work|finding)s?\b"
    r"|\b(?:this|these|those|that) (?:answer|result|solution|equation|formula|series"
    r"|system|function|matri(?:x|ces)|value|approximation|eigenvalue|curve"
    r"|point)s?\b"
    r"|\bthe above\b|\b(?:it|them|its|their)\b(?! is| was| has)",
    re.IGNORECASE,
)
_TASK_START = re.compile(
    r"^(?:find|solve|compute|calculate|determine|what|when|where|how|which|is|are"
    r"|does|do|will|can|give|write|state|classify|evaluate|"
    r"show|verify|prove|sketch|draw|plot|graph|approximate|estimate|describe|explain"
    r"|identify|check|justify|derive|plug)\b",
    re.IGNORECASE,
)
_DEFINITE = re.compile(r"\bthe ([a-z]+(?:-[a-z]+)*)(?:\(s\))?(?: ([a-z]+))?", re.IGNORECASE)
_ERRORS = re.compile(r"\bthe (?:absolute |relative )?errors?\b", re.IGNORECASE)
_DEFINED = re.compile(r"(?<![A-Za-z\\'_^])([A-Z]|[fgh])(?:\(\s*[a-z]\s*\))?\s*=(?!=)")
_CONDITION = re.compile(r"[A-Za-z]_?\d?'*\(\s*-?\\?[\w.]+\s*\)\s*=")
_DERIVATIVE = re.compile(
    r"[A-Za-z](?:_\d)?(?:\\,)?\s*'+(?!\()|\\frac\{(?:d|\\partial)|\\dot|\\ddot"
    r"|\\partial|[a-z]_\{?(?:x|t|y)+\}?"
)
_FOR_LABELS = re.compile(r"^for\s+(?:\(?[a-z]\)\s*,?\s*(?:and\s+)?)+,?\s*", re.IGNORECASE)
_NOUNS_IGNORED = frozenset(
    [
        "following",
        "equation",
        "system",
        "problem",
        "point",
        "points",
        "same",
        "form",
        "method",
        "value",
        "values",
        "number",
        "time",
        "function",
        "functions",
        "given",
        "initial",
        "condition",
        "conditions",
        "first",
        "second",
        "third",
        "line",
        "left",
        "right",
        "end",
        "next",
        "case",
        "interval",
    ]
)
SHORT_PART = 12
MIN_NOUN = 5
PARALLEL = 0.7


@dataclass(frozen=True)
class Question:
    """One flattened question before any check; ``problem`` says why it cannot be made
    self-contained, or is None.
    """

    id: str | None
    parent: str | None
    text: str
    answer: str
    solution: str | None
    place: str
    covers: tuple[str, ...] = ()
    problem: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)


def questions_of(exercise: Exercise) -> Iterator[Question]:
    """The questions of an exercise: itself where it has no parts, else one a part.

    Where one answer stands for several parts and cannot be cut, all parts make one question
    together.
    """
    exercise = _resumed(exercise)
    if exercise.parts and exercise.answer and not _has_answers(exercise):
        yield _question(
            exercise, _joined_text(exercise), exercise.id, None, exercise, covers=_labels(exercise)
        )
        return
    if not exercise.parts:
        text = latex_join([latex.clean(exercise.text), latex.clean(exercise.after)])
        yield _question(exercise, text, exercise.id, None, exercise)
        return
    yield from _part_questions(exercise, exercise, "", exercise.id or "")


def _has_answers(exercise: Exercise) -> bool:
    return any(part.answer or _has_answers(part) for part in exercise.parts)


def _labels(exercise: Exercise) -> tuple[str, ...]:
    return tuple(part.label for part in exercise.parts)


def _question(
    exercise: Exercise,
    text: str,
    name: str | None,
    parent: str | None,
    root: Exercise,
    covers: tuple[str, ...] = (),
    problem: str | None = None,
) -> Question:
    attributes = {**root.attributes, **exercise.attributes}
    if exercise is not root:  # the equation of the whole exercise is not the equation of every part
        for key in ("ode", "ics", "func"):
            if key not in exercise.attributes:
                attributes.pop(key, None)
    solution = latex.clean(exercise.solution) if exercise.solution else None
    answer = latex.clean_answer(exercise.answer)
    found = latex.boxed(answer) if "boxed" in answer else None
    if found is None and not answer and solution:
        found = _answer_in(solution)
    elif found is not None and solution is None:
        solution = answer
    return Question(
        id=name,
        parent=parent,
        text=text,
        answer=found if found is not None else answer,
        solution=solution,
        place=exercise.place + (f" parts {', '.join(covers)}" if covers else ""),
        covers=covers,
        problem=problem,
        attributes=attributes,
    )


def _answer_in(solution: str) -> str | None:
    """The final answer of a worked solution where it is marked: boxed, after ####, or after "final
    answer:".
    """
    found = latex.boxed(solution)
    if found is None:
        marked = re.findall(
            r"(?:^####|(?:final )?answer\s*(?:is\s*)?:)\s*(.+)",
            solution,
            re.IGNORECASE | re.MULTILINE,
        )
        found = latex.clean_answer(marked[-1]) if marked else None
    return found or None


def _resumed(exercise: Exercise) -> Exercise:
    """Parts that a book puts into the text after the parts, as a resumed list, become parts; their
    words go in front.
    """
    words, tasks = latex.tasks_of(exercise.after)
    if not tasks:
        return exercise
    lead = _FOR_LABELS.sub("", latex.clean(words))
    lead = lead[:1].upper() + lead[1:]
    start = len(exercise.parts)
    added = [
        Exercise(
            latex_join([lead, task]),
            f"{exercise.place}.after_parts[{i}]",
            ascii_lowercase[start + i],
        )
        for i, task in enumerate(tasks)
        if start + i < len(ascii_lowercase)
    ]
    parts = [*exercise.parts, *added]
    texts = (
        split_by_label(exercise.answer, [part.label for part in parts]) if exercise.answer else None
    )
    if texts:
        parts = [replace(part, answer=text) for part, text in zip(parts, texts, strict=True)]
    return replace(exercise, after="", answer="" if texts else exercise.answer, parts=tuple(parts))


def _joined_text(exercise: Exercise) -> str:
    lines = [latex.clean(exercise.text)]
    lines += [f"({part.label}) {_part_text(part)}" for part in exercise.parts]
    return "\n".join([line for line in lines if line] + [latex.clean(exercise.after)]).strip()


def _part_text(part: Exercise) -> str:
    text = latex.clean(part.text)
    return re.sub(r"(?<=\S)\s*[,;](?:\s*and)?$", "", text)


def _part_questions(root: Exercise, parent: Exercise, lead: str, prefix: str) -> Iterator[Question]:
    stem = latex_join([lead, latex.clean(parent.text)])
    texts = [_part_text(part) for part in parent.parts]
    needs: list[set[int]] = []
    after = latex.clean(parent.after)
    for index, part in enumerate(parent.parts):
        wanted, missing = needed_parts(stem, texts, _labels(parent), index, parent.parts)
        needs.append(wanted.union(*(needs[i] for i in wanted)))
        given = [_given_part(parent.parts[i], texts[i], part) for i in sorted(needs[index])]
        name = (
            f"{prefix}{part.label if prefix[-1:].isdigit() else '.' + part.label}"
            if prefix
            else None
        )
        if part.parts:
            yield from _part_questions(
                root, replace(part, text=texts[index]), _assembled(stem, given, ""), name or ""
            )
            continue
        text = _assembled(stem, given, texts[index])
        if after:
            text = latex_join([text if text.endswith((".", "?", ":", "!")) else f"{text}.", after])
        problem = f"refers to part {missing}, which is not there" if missing else None
        merged = replace(part, attributes={**_inherited(root, parent), **part.attributes})
        yield _question(merged, text, name, parent.id or root.id, root, problem=problem)


def _inherited(root: Exercise, parent: Exercise) -> Mapping[str, Any]:
    return (
        {}
        if parent is root
        else {k: v for k, v in parent.attributes.items() if k not in {"ode", "ics", "func"}}
    )


def _assembled(stem: str, given: list[str], text: str) -> str:
    """Stem, earlier parts on lines of their own, and the part; without earlier parts the stem may
    flow into the part.
    """
    if not given:
        return latex_join([stem, text])
    return "\n".join(t for t in (stem, *given, text[:1].upper() + text[1:]) if t)


def _given_part(earlier: Exercise, text: str, part: Exercise) -> str:
    """An earlier part as a given: its text, and its answer unless that holds the answer that is
    asked for.
    """
    shown = f"Part ({earlier.label}) was: {text}"
    answer = latex.clean_answer(earlier.answer)
    if not answer:
        return shown
    asked = normalised_text(part.answer)
    leaks = bool(asked) and len(asked) > 3 and asked in normalised_text(answer)
    return shown if leaks else f"{shown}\nIts answer: {answer}"


def needed_parts(
    stem: str, texts: list[str], labels: tuple[str, ...], index: int, parts: tuple[Exercise, ...]
) -> tuple[set[int], str | None]:
    """Earlier parts that part ``index`` cannot be understood without, and a label it names that is
    not an earlier part.

    A part needs another when it names it, when it speaks of "this solution" or "the errors", when
    it asks for something of an equation that only earlier parts hold, or when it uses a letter that
    an earlier part defines.
    """
    text = texts[index]
    prose = latex.without_math(text)
    wanted: set[int] = set()
    missing = None
    for match in _PART_REFERENCE.finditer(prose):
        for label in _LABELS_IN_REFERENCE.findall(match.group(0)):
            name = plain_label(label)
            if name in labels[:index]:
                wanted.add(labels.index(name))
            elif name in labels[index + 1 :] or (name not in labels and "part" in match.group(0)):
                missing = label
    if index and not wanted:
        if _PREVIOUS.search(prose) and (not stem or not _stands_alone(text)):
            wanted.add(index - 1)
        if _asks_of_nothing(stem, text) or _ERRORS.search(prose):
            wanted.update(range(index))
        wanted |= _speaks_of(stem, texts, index, parts)
        wanted |= _uses_letters_of(stem, texts, index)
    return wanted, missing


def _stands_alone(text: str) -> bool:
    """The part brings an equation of its own, so that "it" and "this" mean that."""
    return any(_DERIVATIVE.search(f) and "=" in f for f in latex.formulas(text)) and not re.match(
        r"now|then|next|hence|also|plug", text, re.IGNORECASE
    )


def _asks_of_nothing(stem: str, text: str) -> bool:
    """A task without an object: no equation in the stem, and none in the part beside conditions."""
    if any("=" in f for f in latex.formulas(stem)) or not _TASK_START.search(text):
        return False
    own = latex.formulas(text)
    if not own:
        return len(text.split()) <= SHORT_PART and not latex.formulas(stem)
    conditions = [f for f in own if _CONDITION.search(f)]
    return bool(conditions) and all(not _DERIVATIVE.search(_CONDITION.sub("", f)) for f in own)


def _speaks_of(stem: str, texts: list[str], index: int, parts: tuple[Exercise, ...]) -> set[int]:
    """The latest earlier part that names what this one calls "the …", where the stem does not;
    parallel parts do not.
    """
    known = set(_words(stem))
    found = set()
    for match in _DEFINITE.finditer(latex.without_math(texts[index])):
        phrase = tuple(word.lower().rstrip("s") for word in match.groups() if word)
        if known.intersection(phrase) or phrase[0] in _NOUNS_IGNORED:
            continue
        for i in reversed(range(index)):
            words = _words(f"{texts[i]} {parts[i].answer}")
            named = phrase in set(pairwise(words)) or (
                len(phrase[0]) >= MIN_NOUN and phrase[0] in words
            )
            if named and not _parallel(texts[i], texts[index]):
                found.add(i)
                break
    return found


def _parallel(one: str, other: str) -> bool:
    """Two parts ask the same of different things: most of their words agree."""
    a, b = set(_words(one)), set(_words(other))
    return len(a & b) > PARALLEL * max(1, min(len(a), len(b)))


def _words(text: str) -> list[str]:
    return [w.lower().rstrip("s") for w in re.findall(r"[A-Za-z]+", latex.without_math(text))]


def _uses_letters_of(stem: str, texts: list[str], index: int) -> set[int]:
    """Earlier parts that define a capital letter or f, g, h which this part uses without defining
    it.
    """
    own = " ".join(latex.formulas(texts[index]))
    at_hand = set(_DEFINED.findall(own)) | set(_DEFINED.findall(" ".join(latex.formulas(stem))))
    found = set()
    for letter in set(re.findall(r"(?<![A-Za-z\\])([A-Z]|[fgh])(?![A-Za-z])", own)) - at_hand:
        for i in reversed(range(index)):
            if letter in _DEFINED.findall(" ".join(latex.formulas(texts[i]))):
                found.add(i)
                break
    return found
