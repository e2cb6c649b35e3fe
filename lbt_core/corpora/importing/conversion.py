"""The whole import: every item of a source ends as an imported problem, as a merged duplicate, or
set aside with a reason.
"""

import json
import shutil
from array import array
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lbt_core import UserError
from lbt_core.corpora import imported
from lbt_core.corpora.importing import checks
from lbt_core.corpora.importing.account import summarise
from lbt_core.corpora.importing.fields import (
    ATTRIBUTION_NAMES,
    LICENCE_NAMES,
    first_of,
    fold,
)
from lbt_core.corpora.importing.options import Counts, ImportOptions
from lbt_core.corpora.importing.questions import Question, questions_of
from lbt_core.corpora.importing.readers import SPLITS, Record, Source, records
from lbt_core.corpora.importing.spool import ProblemWriter, Seen
from lbt_core.corpora.importing.tree import Context, Exercise, TooDeepError, exercises_of
from lbt_core.corpora.splits import Clusters, assign_splits, order_key
from lbt_core.method.subject import Completed, Subject
from lbt_core.store.rows import Problem, from_table, schema_of, text_key

CHUNK = 256
MAX_LICENCES = 20
STRUCTURAL = frozenset({checks.NO_QUESTION, checks.NO_ANSWER, checks.UNREADABLE, checks.TOO_DEEP})
"""Reasons that, where they hold for every item, mean that the source was misread."""
Progress = Callable[[Counts], None]


@dataclass(frozen=True)
class Item:
    """One flattened question: a problem to import, or the reason why not."""

    place: str
    problem: Problem
    split: str | None = None
    stated_id: bool = True
    reason: str | None = None
    detail: str = ""


class Importer:
    """The state of one import: counts, what was seen, where rows go."""

    def __init__(
        self, source: Source, folder: Path, options: ImportOptions, subject: Subject
    ) -> None:
        self.source, self.folder, self.options, self.subject = source, folder, options, subject
        self.counts = Counts()
        self.topics: dict[str, int] = {}
        self.topic_of, self.order_of = array("q"), array("q")
        self.given: list[str | None] = []
        self.clusters = Clusters()
        self.licences: dict[str, Counter[str]] = {"licence": Counter(), "attribution": Counter()}

    def run(self, progress: Progress | None = None) -> dict[str, Any]:
        """Read, check, merge, split and write everything; the summary."""
        with ExitStack() as stack:
            seen = stack.enter_context(Seen(self.folder / "seen.sqlite"))
            aside = stack.enter_context(
                (self.folder / imported.SET_ASIDE).open("w", encoding="utf-8")
            )
            merged = stack.enter_context(
                (self.folder / imported.DUPLICATES).open("w", encoding="utf-8")
            )
            with ProblemWriter(self.folder / "spool.parquet", self.subject.problem_type) as spool:
                for item, completed in self._completed(stack):
                    self._settle(item, completed, seen, spool, aside, merged)
                    if progress and self.counts.items % CHUNK == 0:
                        progress(self.counts)
            aside.flush()
            self._refuse_if_nothing()
            self._write_splits(aside)
        for name in ("seen.sqlite", "spool.parquet"):
            (self.folder / name).unlink()
        self.counts.check()
        return summarise(
            self.source,
            self.folder,
            self.options,
            self.counts,
            self.licences,
            self.subject.name,
        )

    def items(self) -> Iterator[Item]:
        """Every question of the source in order, checked but not yet compared with the others."""
        for record in records(self.source, self.options.fields):
            self.counts.records += 1
            self._note_licence(record.value)
            if record.error is not None:
                text = record.value if isinstance(record.value, str) else ""
                self.counts.exercises += 1
                yield _aside(record.place, text, checks.UNREADABLE, record.error)
                continue
            yield from self._record_items(record)

    def _record_items(self, record: Record) -> Iterator[Item]:
        attributes = {"split": record.split} if record.split else {}
        context = Context(titles=(record.title,) if record.title else (), attributes=attributes)
        try:
            value = record.value
            if isinstance(value, dict):
                value = self.subject.reshape(value)
            for exercise in exercises_of(value, record.place, self.options.fields, context):
                self.counts.exercises += 1
                stated = _count_parts(exercise)
                self.counts.parts += stated
                found = 0
                for question in questions_of(exercise):
                    self.counts.joined_parts += max(0, len(question.covers) - 1)
                    found += max(1, len(question.covers))
                    yield self._item(question)
                self.counts.resumed_parts += max(0, found - max(1, _count_leaves(exercise)))
        except (TooDeepError, RecursionError) as error:
            self.counts.exercises += 1
            yield _aside(record.place, "", checks.TOO_DEEP, str(error))

    def _item(self, question: Question) -> Item:
        text = checks.without_asides(question.text)
        attributes = question.attributes
        problem = self.subject.problem_type(
            id=question.id or f"q-{text_key(text)}",
            question=text,
            answer=question.answer,
            topic=str(attributes.get("topic") or ""),
            family=str(attributes.get("family") or ""),
            solution=question.solution,
            source=question.place,
            parent=question.parent,
            **self.subject.stated(attributes),
        )
        found = checks.reason_against(text, question.answer)
        if question.problem and not found:
            found = (checks.MISSING_PART, question.problem)
        return Item(
            question.place,
            problem,
            split=self._split(attributes.get("split")),
            reason=found[0] if found else None,
            detail=found[1] if found else "",
        )

    def _split(self, stated: Any) -> str | None:
        if stated is None:
            return None
        name = SPLITS.get(fold(str(stated)))
        if name is None:
            self.counts.unknown_splits[str(stated)[:40]] += 1
        return name

    def _note_licence(self, value: Any) -> None:
        if not isinstance(value, dict):
            return
        for kind, names in (("licence", LICENCE_NAMES), ("attribution", ATTRIBUTION_NAMES)):
            found = first_of(value, names)
            counter = self.licences[kind]
            if isinstance(found, str) and (found in counter or len(counter) < MAX_LICENCES):
                counter[found] += 1

    def _completed(self, stack: ExitStack) -> Iterator[tuple[Item, Completed]]:
        """Items in order with their proven fields, in this process or in chunks over several."""
        pool: Executor | None = None
        if self.options.prove and self.options.workers > 1:
            pool = stack.enter_context(ProcessPoolExecutor(self.options.workers))
        stream = self.items()
        while chunk := list(islice(stream, CHUNK)):
            problems = [item.problem for item in chunk if item.reason is None]
            done = iter(self._complete_all(problems, pool))
            for item in chunk:
                yield item, (Completed(item.problem) if item.reason else next(done))

    def _complete_all(self, problems: list[Problem], pool: Executor | None) -> Iterable[Completed]:
        if not self.options.prove:
            return [self.subject.complete(p, prove=False) for p in problems]
        if pool is None:
            return map(self.subject.complete, problems)
        return pool.map(
            self.subject.complete, problems, chunksize=max(1, CHUNK // (4 * self.options.workers))
        )

    def _settle(
        self,
        item: Item,
        completed: Completed,
        seen: Seen,
        spool: ProblemWriter,
        aside: IO[str],
        merged: IO[str],
    ) -> None:
        self.counts.items += 1
        if item.reason is None:
            self.counts.proof[completed.standing] += 1
            if completed.standing == "wrong":
                item = replace(item, reason=checks.WRONG, detail=completed.detail)
        if item.reason is not None:
            self._set_aside(item.place, item.problem, item.reason, item.detail, aside)
            return
        problem = completed.problem
        keys = self.subject.keys(problem, "merge")
        if (earlier := seen.find(keys, problem.parent)) is not None:
            self.counts.duplicates += 1
            _line(
                merged,
                place=item.place,
                id=problem.id,
                duplicate_of=earlier[1],
                by="text" if earlier[0].startswith("q:") else "equation and conditions",
                question=problem.question,
                answer=problem.answer,
            )
            return
        name = seen.free_id(problem.id)
        self.counts.renamed_ids += name != problem.id
        problem = replace(problem, id=name)
        number = self.clusters.add()
        for other in seen.add(
            [*keys, *(f"leak {k}" for k in self.subject.keys(problem, "leak"))],
            number,
            name,
            problem.parent,
        ):
            self.clusters.join(other, number)
        self.topic_of.append(self.topics.setdefault(problem.topic, len(self.topics)))
        self.order_of.append(order_key(self.options.split.seed, name))
        self.given.append(item.split)
        spool.write(problem)

    def _set_aside(
        self, place: str, problem: Problem, reason: str, detail: str, aside: IO[str]
    ) -> None:
        self.counts.reasons[reason] += 1
        _line(
            aside,
            place=place,
            id=problem.id,
            reason=reason,
            detail=detail,
            question=problem.question,
            answer=problem.answer,
        )

    def _refuse_if_nothing(self) -> None:
        """A source that yields nothing because it was misread is refused, with what is wrong with
        its first item.
        """
        if len(self.topic_of):
            return
        if not self.counts.items:
            raise UserError(
                f"{self.source.path.name} holds no records: name the list of problems "
                "with --map items=PATH"
            )
        reason, count = self.counts.reasons.most_common(1)[0]
        if not STRUCTURAL.issuperset(self.counts.reasons):
            return
        with (self.folder / imported.SET_ASIDE).open(encoding="utf-8") as file:
            first = json.loads(file.readline() or "{}")
        where = f"the first at {first['place']}" if first.get("place") else "see its first item"
        detail = f" ({first['detail']})" if first.get("detail") else ""
        raise UserError(
            f"{self.source.path.name}: none of its {self.counts.items} items can be "
            f"imported; {count} of them: {reason}, {where}"
            f"{detail}: {_remedy(reason)}"
        )

    def _write_splits(self, aside: IO[str]) -> None:
        splits = assign_splits(
            self.topic_of, self.order_of, self.clusters.roots(), self.given, self.options.split
        )
        schema = schema_of(self.subject.problem_type)
        with ExitStack() as stack:
            spool = stack.enter_context(pq.ParquetFile(self.folder / "spool.parquet"))
            writers = [
                stack.enter_context(
                    pq.ParquetWriter(self.folder / name, schema, compression="zstd")
                )
                for name in imported.FILES
            ]
            start = 0
            for group in range(spool.num_row_groups):
                table = spool.read_row_group(group)
                names = splits[start : start + table.num_rows]
                start += table.num_rows
                split = pa.array(names, pa.string())
                for problem in from_table(
                    table.filter(pc.is_null(split)), self.subject.problem_type
                ):
                    self._set_aside(problem.source, problem, checks.LEAK, "", aside)
                table = table.set_column(
                    schema.get_field_index("split"), schema.field("split"), split
                )
                is_test = pc.equal(split, "test")
                for writer, rows in zip(writers, (pc.invert(is_test), is_test), strict=True):
                    writer.write_table(table.filter(rows))
        self.counts.imported = len(splits) - self.counts.reasons[checks.LEAK]


def import_corpus(
    path: str | Path,
    to: str | Path,
    options: ImportOptions,
    subject: Subject,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Import a source into a folder; returns the summary that is also written there as import.json.

    The folder appears only when everything is written. Raises UserError for a source that cannot be
    read or holds nothing to import, and for a target that exists (unless ``options.replace`` and it
    is an imported corpus).
    """
    source, target = Source(Path(path), options.encoding), Path(to)
    _check_target(target, options.replace)
    target.parent.mkdir(parents=True, exist_ok=True)
    working = target.with_name(f".{target.name}.importing")
    if working.exists():
        shutil.rmtree(working)
    working.mkdir()
    try:
        summary = Importer(source, working, options, subject).run(progress)
        if target.exists():
            shutil.rmtree(target)
        working.rename(target)
    finally:
        if working.exists():
            shutil.rmtree(working)
    return summary


def _check_target(target: Path, may_replace: bool) -> None:
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    if not (target / imported.SUMMARY).is_file():
        raise UserError(
            f"{target} exists and is no imported corpus: give --to a folder that is not there yet"
        )
    if not may_replace:
        raise UserError(
            f"{target} already holds an imported corpus: add --replace, or give another folder"
        )


def _aside(place: str, text: str, reason: str, detail: str) -> Item:
    return Item(place, Problem(id="", question=text, answer=""), reason=reason, detail=detail)


def _count_parts(exercise: Exercise) -> int:
    return len(exercise.parts) + sum(_count_parts(part) for part in exercise.parts)


def _count_leaves(exercise: Exercise) -> int:
    return sum(max(1, _count_leaves(part)) for part in exercise.parts)


def _remedy(reason: str) -> str:
    return {
        checks.NO_QUESTION: "name the field that holds it with --map question=PATH",
        checks.NO_ANSWER: "name the field that holds it with --map answer=PATH",
        checks.UNREADABLE: "mend the file there, or give it the ending of its real format",
    }.get(reason, checks.REASONS[reason])


def _line(file: IO[str], **values: Any) -> None:
    file.write(json.dumps(values, ensure_ascii=True) + "\n")
