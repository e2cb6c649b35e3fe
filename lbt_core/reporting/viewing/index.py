"""What a run's files hold, by the columns that lists and filters need; texts stay on disk.

A part of the index belongs to one rationale file and the exam files on it, and is read again when
one of them has changed: that is all it takes to be live. Nothing here plans or verifies: what is
stored is shown, what cannot be read is named.
"""

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from lbt_core import UserError
from lbt_core.method.exams import score
from lbt_core.run.plan import SPLITS, Plan, arm_folder, student_labels
from lbt_core.run.record import RunStore
from lbt_core.store import Files
from lbt_core.store.lock import is_alive, read_owner
from lbt_core.store.rows import ExamAnswer, Preference, Problem, Rationale, from_table, schema_of
from lbt_core.subjects import load_subject

REFRESH_S = 2.0
READERS = 8
PREVIEW = 160

_RATIONALE = [n for n in schema_of(Rationale).names if n != "text"]
_ANSWER = [n for n in schema_of(ExamAnswer).names if n != "text"]
_PREFERENCE = [n for n in schema_of(Preference).names if n not in ("prompt", "chosen", "rejected")]
_SCORES = pa.schema([("lbt", pa.float64()), ("score", pa.float64()), ("exam_answers", pa.int64())])


@dataclass(frozen=True)
class Contents:
    """The index at one moment: tables without texts, each row with its file and place in it.

    ``faults`` maps the path of a file that could not be read to why.
    """

    problems: dict[str, Problem] = field(default_factory=dict)
    rationales: pa.Table | None = None
    answers: pa.Table | None = None
    pairs: pa.Table | None = None
    tests: pa.Table | None = None
    faults: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Stage:
    """How far a stage is, in files: (done, planned)."""

    name: str
    done: int
    planned: int


class RunIndex:
    """The contents of one run, read again where files have changed. Safe to use from threads."""

    def __init__(self, uri: str, refresh_s: float = REFRESH_S) -> None:
        """Raises UserError where there is no run, or it is of another format."""
        self.store = RunStore.open(uri)
        self.files: Files = self.store.files
        self.config = self.store.config
        self.students = student_labels(self.config)
        self._refresh_s = refresh_s
        self._lock = threading.Lock()
        self._checked = float("-inf")
        self._parts: dict[str, tuple[Any, pa.Table]] = {}
        self._faults: dict[str, str] = {}
        self._contents = Contents()
        self._last: dict[str, Any] = {}

    def contents(self) -> Contents:
        """What is stored now, as of at most ``refresh_s`` seconds ago."""
        with self._lock:
            if time.monotonic() - self._checked >= self._refresh_s:
                self._contents = self._read()
                self._checked = time.monotonic()
            return self._contents

    # --- reading --------------------------------------------------------------------------------

    def _read(self) -> Contents:
        if not self.files.is_local:
            self.files.fs.invalidate_cache()
        marks = {f: self._marks(f) for f in ("problems", "rationales", "exams", "evaluation")}
        marks |= {arm: self._marks(arm) for arm in marks["evaluation"]}
        marks[""] = {k: v for k, v in self._marks("").items() if k == "preferences.parquet"}
        if marks == self._last and not self._faults:
            return self._contents
        self._last, self._faults = marks, {}
        problems = self._problems(marks["problems"])
        sampled = self._sampled(marks)
        exams = (
            []  # likelihoods are no texts to look at
            if self._weighed
            else self._files(marks["exams"], "part-", self._exam_part)
        )
        pairs = self._files(marks[""], "preferences.parquet", self._pair_part)
        tests = []
        for arm in sorted(marks["evaluation"], key=self._place_of):
            tests += self._files(marks[arm], "part-", partial(self._test_part, arm))
        return Contents(
            problems,
            _joined(sampled, problems),
            _joined(exams, problems),
            _joined(pairs, problems),
            _joined(tests, problems),
            dict(self._faults),
        )

    def _place_of(self, folder: str) -> tuple[int, str]:
        """Where an evaluation's folder comes: base, tuned model, controls, then what is foreign."""
        known = ["base", *map(arm_folder, self.config.arms)]
        name = folder.rsplit("/", 1)[-1]
        return (known.index(name) if name in known else len(known), name)

    def _marks(self, folder: str) -> dict[str, Any]:
        """Path and a mark that changes with the content, of everything in a folder."""
        full = self.files.full(folder)
        try:
            entries = self.files.fs.ls(full, detail=True)
        except FileNotFoundError:
            return {}
        found = {}
        for entry in entries:
            name = str(entry["name"]).rstrip("/").rsplit("/", 1)[-1]
            changed = entry.get("mtime") or entry.get("ETag") or entry.get("LastModified")
            changed = changed or entry.get("created")
            path = f"{folder}/{name}" if folder else name
            found[path] = (entry.get("size"), str(changed))
        return dict(sorted(found.items()))

    def _problems(self, marks: dict[str, Any]) -> dict[str, Problem]:
        if not any(f"problems/{split}.parquet" in marks for split in SPLITS):
            return {}
        found: dict[str, Problem] = {}
        kind = self._problem_type()
        for path in (f"problems/{s}.parquet" for s in SPLITS if f"problems/{s}.parquet" in marks):
            table = self._columns(path, None)
            if table is not None:
                found |= {p.id: p for p in from_table(table, kind)}
        return found

    def _problem_type(self) -> type[Problem]:
        try:
            return load_subject(self.config.subject).problem_type
        except UserError:  # a copied run whose subject is not installed here: its texts still are
            return Problem

    def _sampled(self, marks: dict[str, dict[str, Any]]) -> list[pa.Table]:
        """Rationales with their scores, one table a file."""
        jobs: list[tuple[str, Any, Callable[[], pa.Table | None]]] = []
        for path, mark in marks["rationales"].items():
            number = _number(path)
            if number is None:
                continue
            exams = [] if self._weighed else self._exams_on(number, marks["exams"])
            stored = tuple(marks["exams"].get(e) for e in exams)
            jobs.append((path, (mark, *stored), partial(self._part, path, exams, stored)))
        return self._fresh(jobs)

    @property
    def _weighed(self) -> bool:
        """Whether exams are likelihoods, whose scores hang on the whole run and are not shown."""
        return self.config.exam.scorer == "likelihood"

    def _exams_on(self, number: int, stored: Iterable[str]) -> list[str]:
        """Paths of the exam files on a rationale file, one for each student, and of the rounds
        that are stored."""
        students = range(len(self.students))
        plan = Plan(self.files, self.config, {f"student {s}": "" for s in self.students})
        paths = [plan.exam_shard_path(number, student) for student in students]
        if not self.config.exam.adaptive:
            return paths
        later = f"{paths[0].removesuffix('.parquet')}-round-"
        return [*paths, *sorted(path for path in stored if path.startswith(later))]

    def _files(
        self, marks: dict[str, Any], prefix: str, read: Callable[[str], pa.Table | None]
    ) -> list[pa.Table]:
        jobs: list[tuple[str, Any, Callable[[], pa.Table | None]]] = [
            (path, mark, partial(read, path))
            for path, mark in marks.items()
            if path.rsplit("/", 1)[-1].startswith(prefix)
        ]
        return self._fresh(jobs)

    def _fresh(
        self, jobs: Sequence[tuple[str, Any, Callable[[], pa.Table | None]]]
    ) -> list[pa.Table]:
        """The tables of the files, those that have changed read again."""
        owed = [j for j in jobs if self._parts.get(j[0], (None,))[0] != j[1]]
        with ThreadPoolExecutor(READERS if not self.files.is_local else 2) as pool:
            for (path, mark, _), table in zip(
                owed, pool.map(lambda job: job[2](), owed), strict=True
            ):
                if table is None:
                    self._parts.pop(path, None)
                else:
                    self._parts[path] = (mark, table)
        return [self._parts[path][1] for path, _, _ in jobs if path in self._parts]

    def _columns(self, path: str, names: list[str] | None) -> pa.Table | None:
        """Some columns of a file; None, and a fault on record, where it cannot be read."""
        try:
            with self.files.fs.open(self.files.full(path), "rb") as file:
                return pq.ParquetFile(file).read(columns=names)
        except (OSError, pa.ArrowException, KeyError) as error:
            self._faults[path] = " ".join(str(error).split())[:200]
            return None

    def _part(self, path: str, exams: list[str], stored: Sequence[Any]) -> pa.Table | None:
        table = self._columns(path, _RATIONALE)
        if table is None:
            return None
        names = ["problem_id", "rationale_key", "student", "correct"]
        there = [e for e, mark in zip(exams, stored, strict=True) if mark is not None]
        results = [self._columns(e, names) for e in there]
        if self._weighed or len(there) < len(exams) or any(r is None for r in results):
            scored = pa.table(
                {f.name: pa.nulls(table.num_rows, f.type) for f in _SCORES}, schema=_SCORES
            )
        else:
            scored = self._scores(table, [r for r in results if r is not None])
        for name in scored.column_names:
            table = table.append_column(name, scored[name])
        return _placed(_shortened(table), path)

    def _scores(self, table: pa.Table, results: Sequence[pa.Table]) -> pa.Table:
        columns = {name: table[name].to_pylist() for name in _RATIONALE}
        rows = [
            Rationale(text="", **{name: columns[name][i] for name in _RATIONALE})
            for i in range(table.num_rows)
        ]
        answers = (
            row
            for result in results
            for row in zip(*(result[n].to_pylist() for n in result.column_names), strict=True)
        )
        found = score(
            rows,
            answers,
            students=self.students,
            deduplicate=self.config.exam.deduplicate,
            spec=self.config.preferences,
        )
        return pa.table({n: [getattr(s, n) for s in found] for n in _SCORES.names}, schema=_SCORES)

    def _exam_part(self, path: str) -> pa.Table | None:
        table = self._columns(path, _ANSWER)
        return None if table is None else _placed(_shortened(table), path)

    def _pair_part(self, path: str) -> pa.Table | None:
        table = self._columns(path, _PREFERENCE)
        return None if table is None else _placed(table, path)

    def _test_part(self, folder: str, path: str) -> pa.Table | None:
        table = self._columns(path, _RATIONALE)
        if table is None:
            return None
        arm = pa.array([folder.rsplit("/", 1)[-1]] * table.num_rows, pa.string())
        return _placed(_shortened(table.append_column("arm", arm)), path)

    def mark(self, path: str) -> Any:
        """What changes when a file's content does."""
        return self._last.get(path.rpartition("/")[0], {}).get(path)

    # --- texts ----------------------------------------------------------------------------------

    def texts(self, path: str, rows: Sequence[int], column: str = "text") -> list[str]:
        """The texts in these places of a file. Raises UserError where it cannot be read now."""
        table = self._columns(path, [column])
        if table is None or (rows and max(rows) >= table.num_rows):
            raise UserError(f"{path} cannot be read now; it may just have been replaced")
        return [str(t) for t in table[column].take(pa.array(rows, pa.int64())).to_pylist()]

    def matching(self, path: str, wanted: str, column: str = "text") -> pa.Array:
        """For each row of a file whether its text holds the wanted one, capitals or not."""
        table = self._columns(path, [column])
        if table is None:
            return pa.array([], pa.bool_())
        return pc.match_substring(table[column], wanted, ignore_case=True).combine_chunks()

    def facts(self, problem: Problem) -> dict[str, str]:
        """What the subject says of a problem beside its texts; nothing where it is not here."""
        try:
            return load_subject(self.config.subject).facts(problem)
        except UserError:
            return {}

    # --- progress -------------------------------------------------------------------------------

    def working(self) -> str:
        """Who works on the run now, for people; "" for nobody."""
        owner = read_owner(self.files)
        return owner.describe() if owner is not None and is_alive(owner) else ""

    def stages(self) -> list[Stage]:
        """Files of each stage, done and planned; none before the problems are stored."""
        contents = self.contents()
        counts = {s: sum(p.split == s for p in contents.problems.values()) for s in SPLITS}
        if not contents.problems:
            return []
        shards = self.config.shards
        samples = -(-counts["train"] // shards.problems)
        tests = -(-counts["test"] // shards.evaluation_problems)
        done, asked = _paths(contents.tests), len(_paths(contents.answers))
        if self._weighed:
            asked = sum("/part-" in path for path in self._marks("exams"))
        exams = max(samples * len(self.students), asked)  # rounds are told as they are stored
        stages = [
            Stage("sample", len(_paths(contents.rationales)), samples),
            Stage("examine", asked, exams),
            Stage("prefer", int(contents.pairs is not None), 1),
        ]
        for arm in self.config.arms:
            folder = arm_folder(arm)
            trained = self.files.exists(f"model/{folder}/result.json")
            stages.append(Stage(f"train/{folder}", int(trained), 1))
        for folder in ("base", *map(arm_folder, self.config.arms)):
            here = [p for p in done if p.startswith(f"evaluation/{folder}/")]
            stages.append(Stage(f"evaluate/{folder}", len(here), tests))
        return [*stages, Stage("report", int(self.files.exists("report/index.html")), 1)]


def _paths(table: pa.Table | None) -> list[str]:
    return [] if table is None else pc.unique(table["path"]).to_pylist()


def _number(path: str) -> int | None:
    """The number in part-00042.parquet; None for a file of another name."""
    name = path.rsplit("/", 1)[-1].removeprefix("part-").removesuffix(".parquet")
    return int(name) if name.isdigit() else None


def _placed(table: pa.Table, path: str) -> pa.Table:
    """With the file's path and each row's place in it."""
    paths = pa.DictionaryArray.from_arrays(pa.array([0] * table.num_rows, pa.int32()), [path])
    table = table.append_column("path", paths.cast(pa.string()))
    return table.append_column("place", pa.array(range(table.num_rows), pa.int32()))


def _shortened(table: pa.Table) -> pa.Table:
    """With extracted answers cut to what a list shows: a hostile one may be as long as a text."""
    cut = pc.utf8_slice_codeunits(table["answer"], 0, PREVIEW)
    return table.set_column(table.column_names.index("answer"), "answer", cut)


def _joined(tables: Sequence[pa.Table], problems: dict[str, Problem]) -> pa.Table | None:
    """One table, with each row's topic; None where there are no files."""
    if not tables:
        return None
    table = pa.concat_tables(tables)
    ids = pc.dictionary_encode(table["problem_id"].combine_chunks())
    topics = [problems[i].topic if i in problems else "" for i in ids.dictionary.to_pylist()]
    topic = pa.DictionaryArray.from_arrays(ids.indices, pa.array(topics, pa.string()))
    return table.append_column("topic", topic.cast(pa.string()))
