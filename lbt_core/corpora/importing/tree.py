"""Any nested source as exercises: what is a container (chapter, section), what an exercise, what
its parts.

``exercises_of`` walks one record. A mapping with a question, or with parts that have texts, is an
exercise; a mapping that holds lists or mappings of such is a container, whose title becomes the
topic and whose instructions travel to its exercises.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from string import ascii_lowercase
from typing import Any

from lbt_core.corpora.importing import latex
from lbt_core.corpora.importing.fields import (
    ATTRIBUTION_NAMES,
    CONTAINERS,
    LICENCE_NAMES,
    NAMES,
    SHARED_TEXT,
    TITLES,
    FieldMap,
    all_of,
    answer_text,
    as_text,
    first_of,
    fold,
    follow,
    is_empty,
    lookup,
    optional_text,
)

MAX_DEPTH = 40
INHERITED = ("topic", "family", "kind", "split", "chapter", "section")
MACHINE = ("ode", "ics", "func", "lucky")
_CONTAINER_NAMES = frozenset(fold(name) for name in CONTAINERS)
_PART_NAMES = frozenset(fold(name) for name in NAMES["parts"])
_NOT_CHILDREN = frozenset(
    fold(name)
    for names in (
        *(NAMES[n] for n in ("id", "answer", "solution", "topic", "hint", "ics")),
        LICENCE_NAMES,
        ATTRIBUTION_NAMES,
        (
            "meta",
            "metadata",
            "info",
            "schema",
            "features",
            "notes",
            "references",
            "figures",
            "images",
        ),
    )
    for name in names
)
_LABEL = re.compile(r"^\s*[\[(]?\s*([A-Za-z]|[ivxIVX]{1,5}|\d{1,3})\s*[\])}.:]?\s*$")


@dataclass(frozen=True)
class Exercise:
    """One exercise or one part of one: its own text and answer, its parts, and where it stands in
    the source.
    """

    text: str
    place: str
    label: str = ""
    id: str | None = None
    answer: str = ""
    solution: str | None = None
    after: str = ""
    parts: tuple["Exercise", ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Context:
    """What exercises get from the containers around them."""

    titles: tuple[str, ...] = ()
    shared: tuple[str, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    answers: Any = None
    solutions: Any = None


class TooDeepError(ValueError):
    """The source nests deeper than any book does."""


def exercises_of(
    value: Any,
    place: str,
    fields: FieldMap,
    context: Context,
    *,
    is_record: bool = True,
    depth: int = 0,
) -> Iterator[Exercise]:
    """All exercises below a value, in order.

    A record (an element of a list of records) that holds neither a question nor exercises comes out
    as an exercise with no text, so that it is counted. Raises TooDeepError beyond MAX_DEPTH levels.
    """
    if depth > MAX_DEPTH:
        raise TooDeepError(f"{place} is nested more than {MAX_DEPTH} levels deep")
    if isinstance(value, list | tuple):
        for index, item in enumerate(value):
            inner = _with_answers(context, index, item, fields)
            yield from exercises_of(item, f"{place}[{index}]", fields, inner, depth=depth + 1)
        return
    if not isinstance(value, Mapping):
        yield Exercise(as_text(value), place, **_given(context))
        return
    if _is_exercise(value, fields):
        yield _exercise(value, place, fields, context)
        return
    children = _children(value, fields)
    inside = replace(_inside(value, fields, context), answers=None, solutions=None)
    if children:
        inside = replace(inside, answers=value.get("answers"), solutions=value.get("solutions"))
    found = bool(children) or any(fold(k) in _CONTAINER_NAMES for k in value)
    for key, child in children:
        yield from _below(key, child, f"{place}.{key}" if place else key, fields, inside, depth)
    if not found and is_record:
        yield Exercise("", place, id=optional_text(lookup(value, "id", fields)), **_given(context))


def _below(
    key: str, child: Any, place: str, fields: FieldMap, context: Context, depth: int
) -> Iterator[Exercise]:
    named = fold(key) not in _CONTAINER_NAMES
    if named and not key.strip().isdigit():
        context = replace(context, titles=(*context.titles, key))
    if isinstance(child, Mapping) and not named and not _looks_nested(child, fields):
        for label, item in child.items():  # exercises keyed by number or name
            inner = _with_answers(context, 0, {"id": label}, fields)
            if isinstance(item, Mapping) and is_empty(lookup(item, "id", fields)):
                item = {"id": label, **item}
            elif isinstance(item, str):
                item = {"id": label, "question": item}
            elif not isinstance(item, list | Mapping):
                continue
            if isinstance(item, list):
                inner = replace(inner, titles=(*context.titles, str(label)))
            yield from exercises_of(item, f"{place}.{label}", fields, inner, depth=depth + 1)
        return
    yield from exercises_of(child, place, fields, context, is_record=not named, depth=depth + 1)


def _looks_nested(child: Mapping[str, Any], fields: FieldMap) -> bool:
    return _is_exercise(child, fields) or any(fold(k) in _CONTAINER_NAMES for k in child)


def _question_text(value: Mapping[str, Any], fields: FieldMap) -> str:
    """The record's own question, "" where the key holds records rather than text."""
    if fields.has("question"):
        return as_text(lookup(value, "question", fields))
    for found in all_of(value, NAMES["question"]):
        if isinstance(found, bool):
            continue
        if isinstance(found, Mapping) and not isinstance(
            first_of(found, ("text", "latex", "content", "stem", "value", "body")), str
        ):
            continue
        if isinstance(found, list) and not all(isinstance(item, str) for item in found):
            continue
        return as_text(found)
    return ""


def _part_values(
    value: Mapping[str, Any], fields: FieldMap, stem: str
) -> list[tuple[str, Any, str]]:
    """(label, value, key path) of each part; empty where the record has no parts."""
    found, key = None, "parts"
    if fields.has("parts"):
        found, key = follow(value, fields.paths["parts"]), ".".join(fields.paths["parts"])
    else:
        folded = {fold(k): k for k in reversed(list(value)) if isinstance(k, str)}
        for name in NAMES["parts"]:
            real = folded.get(fold(name))
            listed = _listed(value[real]) if real is not None else None
            if isinstance(real, str) and listed:
                found, key = listed, real
                break
    if isinstance(found, Mapping):
        items = [(str(k), v, f"{key}.{k}") for k, v in found.items()]
    elif isinstance(found, list):
        items = [("", v, f"{key}[{i}]") for i, v in enumerate(found)]
    else:
        return []
    if all(isinstance(v, str) for _, v, _ in items) and not stem and key.lower() == "items":
        return []
    usable = all(
        isinstance(v, str)
        or (isinstance(v, Mapping) and (_question_text(v, fields) or _part_values(v, fields, "x")))
        for _, v, _ in items
    )
    nested = any(
        isinstance(v, Mapping)
        and any(
            fold(k) in _CONTAINER_NAMES - {"parts"} and isinstance(v[k], list | Mapping) for k in v
        )
        for _, v, _ in items
    )
    return items if usable and not (nested and not stem) else []


def _listed(value: Any) -> Any:
    """A list or mapping, also where a table holds it as JSON text; None for anything else."""
    if isinstance(value, str) and value.lstrip()[:1] in {"[", "{"}:
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    return value if isinstance(value, list | Mapping) else None


def _is_exercise(value: Mapping[str, Any], fields: FieldMap) -> bool:
    text = _question_text(value, fields)
    parts = _part_values(value, fields, text)
    if parts and (text or fold("parts") in {fold(k) for k in value} or fields.has("parts")):
        return True
    held = {fold(k) for k, v in value.items() if isinstance(v, list | Mapping)}
    empty_parts = {fold(k) for k in value if fold(k) in _PART_NAMES and is_empty(value[k])}
    return bool(text) and not (held & _CONTAINER_NAMES - empty_parts)


def _children(value: Mapping[str, Any], fields: FieldMap) -> list[tuple[str, Any]]:
    """The entries of a container that can hold exercises: known names if there are any, else all
    lists and mappings.
    """
    if fields.has("items") and (found := follow(value, fields.paths["items"])) is not None:
        return [(".".join(fields.paths["items"]), found)]
    nested = [(k, v) for k, v in value.items() if isinstance(v, list | Mapping) and v]
    known = [(k, v) for k, v in nested if fold(k) in _CONTAINER_NAMES]
    return known or [(k, v) for k, v in nested if fold(k) not in _NOT_CHILDREN]


def _inside(value: Mapping[str, Any], fields: FieldMap, context: Context) -> Context:
    """The context of a container's children: its title, its shared instructions, and the attributes
    that it states.
    """
    title = first_of(value, TITLES)
    titles = (*context.titles, title.strip()) if isinstance(title, str) else context.titles
    shared = [text for name in SHARED_TEXT if isinstance(text := first_of(value, (name,)), str)]
    stated = _attributes(value, fields, INHERITED)
    stated.pop("chapter", None)
    stated.pop("section", None)
    return replace(
        context,
        titles=titles,
        shared=(*context.shared, *dict.fromkeys(shared)),
        attributes={**context.attributes, **stated},
    )


def _attributes(
    value: Mapping[str, Any], fields: FieldMap, names: tuple[str, ...]
) -> dict[str, Any]:
    out = {}
    for name in names:
        found = lookup(value, name, fields)
        if name in {"topic", "family", "kind", "split", "chapter", "section"}:
            found = found[0] if isinstance(found, list) and found else found
            found = optional_text(found) if not isinstance(found, Mapping) else None
        if not is_empty(found):
            out[name] = found
    return out


def _given(context: Context) -> dict[str, Any]:
    """Keyword arguments of an exercise from its context: topic from the titles, answers kept by the
    container.
    """
    attributes = dict(context.attributes)
    if context.titles:
        attributes.setdefault("topic", context.titles[-1])
    return {
        "attributes": attributes,
        "answer": answer_text(context.answers),
        "solution": optional_text(context.solutions),
    }


def _with_answers(context: Context, index: int, item: Any, fields: FieldMap) -> Context:
    """The context of one element, with the answers that the container keeps in a list or mapping
    beside its exercises.
    """
    if context.answers is None and context.solutions is None:
        return context
    label = as_text(lookup(item, "id", fields)) if isinstance(item, Mapping) else ""
    return replace(
        context,
        answers=pick(context.answers, index, label),
        solutions=pick(context.solutions, index, label),
    )


def pick(values: Any, index: int, label: str) -> Any:
    """One exercise's or part's entry in a list (by label where entries have one, else by position)
    or a mapping.
    """
    if isinstance(values, Mapping):
        wanted = fold(plain_label(label) or label) if label else fold(ascii_lowercase[index % 26])
        for key, value in values.items():
            if fold(plain_label(str(key)) or str(key)) == wanted:
                return value
        return None
    if isinstance(values, list):
        for value in values:
            if isinstance(value, Mapping):
                name = as_text(first_of(value, NAMES["label"]))
                if name and label and plain_label(name) == plain_label(label):
                    return value
        return values[index] if index < len(values) else None
    return None


def plain_label(label: str) -> str:
    """A label without its brackets: "(a)", "a)", "a." are all "a"; "" where it is no label."""
    match = _LABEL.match(label)
    return match.group(1).lower() if match else ""


def _exercise(value: Mapping[str, Any], place: str, fields: FieldMap, context: Context) -> Exercise:
    """An exercise with its parts, shared instructions in front, titles as its topic."""
    own = _one(value, place, fields, "", 0)
    given = _given(context)
    attributes = {**given["attributes"], **own.attributes}
    if "topic" not in own.attributes:
        titled = own.attributes.get("section") or own.attributes.get("chapter")
        attributes["topic"] = titled or given["attributes"].get("topic", "")
    text = latex_join([*context.shared, own.text])
    return replace(
        own,
        text=text,
        attributes=attributes,
        answer=own.answer or given["answer"],
        solution=own.solution or given["solution"],
    )


def _one(
    value: Mapping[str, Any], place: str, fields: FieldMap, label: str, depth: int
) -> Exercise:
    if depth > MAX_DEPTH:
        raise TooDeepError(f"{place} is nested more than {MAX_DEPTH} levels deep")
    text = _question_text(value, fields)
    part_values = _part_values(value, fields, text)
    extra = first_of(value, SHARED_TEXT[1:])
    if isinstance(extra, str) and extra.strip() and extra.strip() != text.strip():
        text = latex_join([extra, text])
    if not is_empty(hint := lookup(value, "hint", fields)) and not isinstance(hint, bool):
        text = latex_join([text, "Hint: " + as_text(hint)])
    answers = lookup(value, "answer", fields)
    solutions = lookup(value, "solution", fields)
    parts = _parts(part_values, answers, solutions, place, fields, depth)
    own_answer = "" if any(part.answer for part in parts) else answer_text(_whole(answers, parts))
    own_solution = optional_text(solutions) if not any(p.solution for p in parts) else None
    number = lookup(value, "id", fields)
    return Exercise(
        text=text,
        place=place,
        label=label,
        id=optional_text(number),
        answer=own_answer,
        solution=own_solution,
        after=as_text(lookup(value, "after", fields)),
        parts=tuple(parts),
        attributes=_attributes(value, fields, (*INHERITED, *MACHINE)),
    )


def _whole(answers: Any, parts: list[Exercise]) -> Any:
    """An answer for the whole exercise; a list or mapping beside parts was meant for them and fits
    none.
    """
    return None if parts and isinstance(answers, list | Mapping) else answers


def _parts(
    values: list[tuple[str, Any, str]],
    answers: Any,
    solutions: Any,
    place: str,
    fields: FieldMap,
    depth: int,
) -> list[Exercise]:
    labels = [_part_label(name, value, index) for index, (name, value, _) in enumerate(values)]
    texts = split_by_label(answers, labels) if isinstance(answers, str) else None
    parts = []
    for index, ((_, value, key), label) in enumerate(zip(values, labels, strict=True)):
        record = value if isinstance(value, Mapping) else {"question": value}
        inner = fields if isinstance(value, Mapping) else FieldMap()
        part = _one(record, f"{place}.{key}", inner, label, depth + 1)
        if not part.answer and not part.parts:
            found = texts[index] if texts else answer_text(pick(answers, index, label))
            part = replace(part, answer=found)
        if not part.solution:
            part = replace(part, solution=optional_text(pick(solutions, index, label)))
        parts.append(part)
    return parts


def _part_label(name: str, value: Any, index: int) -> str:
    stated = name or (
        as_text(first_of(value, NAMES["label"])) if isinstance(value, Mapping) else ""
    )
    return plain_label(stated) or ascii_lowercase[index % 26] * (index // 26 + 1)


def split_by_label(text: str, labels: list[str]) -> list[str] | None:
    """An answer for the whole, "a) … b) …", cut at the labels; None unless every label is there,
    once and in order.
    """
    if len(labels) < 2:
        return None
    prose = "".join("\0" * len(p) if is_math else p for is_math, p in latex.split_math(text))
    starts = []
    position = 0
    for label in labels:
        pattern = re.compile(
            rf"(?<![A-Za-z0-9(])\(?{re.escape(label)}\s*[).:\]](?=\W|\0|$)", re.IGNORECASE
        )
        match = pattern.search(prose, position)
        if match is None:
            return None
        starts.append(match)
        position = match.end()
    if starts[0].start() > 4:
        return None
    ends = [match.start() for match in starts[1:]] + [len(text)]
    return [
        latex.clean_answer(text[match.end() : end]) for match, end in zip(starts, ends, strict=True)
    ]


def latex_join(texts: list[str]) -> str:
    """Pieces of a question one after the other: on the same line after a colon or an open sentence,
    else on a new line.
    """
    out = ""
    for text in texts:
        text = text.strip()
        if not text or not out:
            out = out or text
            continue
        flows = out.endswith((":", ",")) or text[0].islower() or out[-1].isalnum()
        out += (" " if flows else "\n") + text
    return out
