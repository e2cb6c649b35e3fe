"""Records of a source, one at a time:

JSON, JSONL, CSV, Parquet, a ``datasets`` folder, or a folder of such files.

Nothing but the record at hand is kept, so memory does not grow with the file; a JSON document above
WHOLE_JSON is read with ijson, element by element, a smaller one at once for its exact error
positions.
"""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq

from lbt_core import UserError
from lbt_core.corpora.importing.encoding import BLOCK, check_whole, find_encoding, open_binary
from lbt_core.corpora.importing.fields import CONTAINERS, NAMES, FieldMap, fold

WHOLE_JSON = 64 * 2**20
BATCH = 1_000
FIELD_LIMIT = 2**27
TEXT_SUFFIXES = {
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".tsv": "csv",
}
SUFFIXES = {
    **TEXT_SUFFIXES,
    ".parquet": "parquet",
    ".pq": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
}
SPLITS = {
    "train": "train", "training": "train", "test": "test", "testing": "test", "eval": "test",
    "evaluation": "test",
    "heldout": "test", "validation": "validation", "valid": "validation", "val": "validation",
    "dev": "validation", "exam": "exam",
}  # fmt: skip
"""The names of splits that are understood, folded."""


@dataclass(frozen=True)
class Record:
    """One element of a source: its place in words of that format, its value, or why it could not be
    read.
    """

    place: str
    value: Any = None
    split: str | None = None
    title: str | None = None
    error: str | None = None


@dataclass
class Source:
    """A source being read:

    ``notes`` grows with what the document says about itself, ``warnings`` with what was guessed.
    """

    path: Path
    encoding: str | None = None
    notes: dict[str, Any] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    encodings: dict[str, str] = field(default_factory=dict)


def records(source: Source, fields: FieldMap) -> Iterator[Record]:
    """All records of a file or folder, in order.

    Raises UserError for a source that is missing, empty, cut off or of an unknown kind, naming
    line, field and remedy.
    """
    path = source.path
    if not path.exists():
        raise UserError(f"{path} does not exist: give a file or a folder")
    if path.is_dir():
        yield from _folder(source, fields)
    else:
        yield from _file(path, source, fields)


def source_files(path: Path) -> list[Path]:
    """The data files of a source in reading order (a ``datasets`` folder counts as its files)."""
    if path.is_file():
        return [path]
    return sorted(
        p for p in path.rglob("*") if p.is_file() and _kind(p) and not p.name.startswith(".")
    )


def _kind(path: Path) -> str | None:
    suffixes = [s.lower() for s in path.suffixes if s.lower() != ".gz"]
    return SUFFIXES.get(suffixes[-1]) if suffixes else None


def _folder(source: Source, fields: FieldMap) -> Iterator[Record]:
    path = source.path
    if any((path / name).exists() for name in ("dataset_dict.json", "state.json")):
        yield from _datasets(path, fields)
        return
    metadata = {
        "dataset_info.json",
        "dataset_dict.json",
        "state.json",
        "import.json",
        "package.json",
    }
    files = [p for p in source_files(path) if p.name not in metadata]
    if not files:
        raise UserError(
            f"{path} holds no {', '.join(sorted(SUFFIXES))} file: give the folder or file that does"
        )
    for file in files:
        split = _split_of_name(file, path)
        for record in _file(file, source, fields):
            yield Record(
                f"{file.relative_to(path)}: {record.place}",
                record.value,
                record.split or split,
                record.title,
                record.error,
            )


def _split_of_name(file: Path, root: Path) -> str | None:
    for part in reversed(file.relative_to(root).parts):
        first = re.split(r"[-_.]", part)[0]
        if fold(first) in SPLITS:
            return SPLITS[fold(first)]
    return None


def _file(path: Path, source: Source, fields: FieldMap) -> Iterator[Record]:
    if path.stat().st_size == 0:
        raise UserError(f"{path.name} is empty: there is nothing to import")
    check_whole(path)
    kind = _kind(path) or _kind_of_content(path)
    if kind == "parquet":
        yield from _parquet(path, fields)
        return
    if kind == "arrow":
        yield from _arrow(path, fields)
        return
    encoding = find_encoding(path, source.encoding)
    source.encodings[path.name] = encoding.name
    if encoding.warning:
        source.warnings.append(encoding.warning)
    if kind == "csv":
        yield from _csv(path, encoding.name, fields)
    elif kind == "jsonl" or _is_lines(path, encoding.name):
        yield from _lines(path, encoding.name)
    else:
        yield from _json(path, encoding.name, source)


def _kind_of_content(path: Path) -> str:
    with open_binary(path) as file:
        head = file.read(4096)
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(b"ARROW1"):
        return "arrow"
    text = head.decode("utf-8", "replace").replace("\x00", "").lstrip("\ufeff \t\r\n")
    if text[:1] in {"{", "["}:
        return "json"
    raise UserError(
        f"{path.name} is of no known kind: give a {', '.join(sorted(SUFFIXES))} file or "
        "a datasets folder"
    )


def _open_text(path: Path, encoding: str, newline: str | None = None) -> IO[str]:
    return io.TextIOWrapper(open_binary(path), encoding=encoding, newline=newline)


def _is_lines(path: Path, encoding: str) -> bool:
    """A .json file that holds one object a line."""
    with _open_text(path, encoding) as file:
        first, second = file.readline(BLOCK).strip(), file.readline(BLOCK).strip()
    try:
        return (
            first.startswith("{") and second.startswith("{") and isinstance(json.loads(first), dict)
        )
    except ValueError:
        return False


def _lines(path: Path, encoding: str) -> Iterator[Record]:
    with _open_text(path, encoding) as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            place = f"line {number}"
            try:
                value = json.loads(line)
            except RecursionError:
                yield Record(place, error="nested too deep")
                continue
            except ValueError as error:
                if number == 1 and line.lstrip()[:1] == "[":
                    raise UserError(
                        f"{path.name}, line 1: this is one JSON document, not one "
                        "object a line: name the file .json"
                    ) from None
                yield Record(place, line.strip()[:500], error=f"not valid JSON: {error}")
                continue
            if isinstance(value, Mapping | list):
                yield Record(place, value)
            else:
                yield Record(place, value, error="a JSON object was expected")


def _json(path: Path, encoding: str, source: Source) -> Iterator[Record]:
    if path.stat().st_size > WHOLE_JSON:
        yield from _json_stream(path, encoding, source)
        return
    with _open_text(path, encoding) as file:
        text = file.read()
    try:
        value = json.loads(text)
    except RecursionError:
        raise UserError(
            f"{path.name} nests lists or objects too deep to be a corpus: flatten it first"
        ) from None
    except json.JSONDecodeError as error:
        cut = error.pos >= len(text.rstrip()) or "Unterminated" in error.msg
        advice = "the file is cut off: get it again" if cut else "mend it there"
        raise UserError(
            f"{path.name}, line {error.lineno}, column {error.colno}: not valid JSON "
            f"({error.msg}); {advice}"
        ) from None
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield Record(f"[{index}]", item)
    elif isinstance(value, Mapping):
        source.notes.update({k: v for k, v in value.items() if not isinstance(v, list | Mapping)})
        yield Record("", value)
    else:
        raise UserError(
            f"{path.name} holds a single {type(value).__name__}, not a list or an "
            "object of problems"
        )


class _Counted:
    """Bytes of a file as UTF-8 for ijson, with the lines counted for error messages."""

    def __init__(self, path: Path, encoding: str) -> None:
        self._text = _open_text(path, encoding)
        self.lines = 1

    def read(self, size: int = -1) -> bytes:
        text = self._text.read(BLOCK if size < 0 else min(size, BLOCK))
        self.lines += text.count("\n")
        return text.encode("utf-8", "surrogatepass")

    def close(self) -> None:
        self._text.close()


def _json_stream(path: Path, encoding: str, source: Source) -> Iterator[Record]:
    import ijson  # noqa: PLC0415 - only large JSON documents need it

    file = _Counted(path, encoding)
    parser = iter(ijson.basic_parse(file, use_float=True))
    try:
        event, _ = next(parser)
        if event == "start_array":
            for index, value in enumerate(_elements(parser)):
                yield Record(f"[{index}]", value)
        elif event == "start_map":
            yield from _members(parser, source)
        else:
            raise UserError(
                f"{path.name} holds a single value, not a list or an object of problems"
            )
    except (ijson.JSONError, StopIteration) as error:
        raise UserError(
            f"{path.name}, near line {file.lines}: not valid JSON ({error}); the file "
            "is cut off or damaged there"
        ) from None
    finally:
        file.close()


def _members(parser: Iterator[tuple[str, Any]], source: Source) -> Iterator[Record]:
    containers = {fold(name) for name in CONTAINERS}
    for event, key in parser:
        if event != "map_key":
            return
        kind, value = next(parser)
        if kind == "start_array":
            for index, item in enumerate(_elements(parser)):
                if fold(key) in containers or isinstance(item, Mapping):
                    title = None if fold(key) in containers else key
                    yield Record(f"{key}[{index}]", item, title=title)
        elif kind == "start_map":
            yield Record(key, {key: _built(parser, kind, value)})
        else:
            source.notes[key] = value


def _elements(parser: Iterator[tuple[str, Any]]) -> Iterator[Any]:
    for event, value in parser:
        if event == "end_array":
            return
        yield _built(parser, event, value)


def _built(parser: Iterator[tuple[str, Any]], event: str, value: Any) -> Any:
    from ijson.common import ObjectBuilder  # noqa: PLC0415 - only large JSON documents need it

    builder = ObjectBuilder()
    builder.event(event, value)
    depth = int(event in {"start_map", "start_array"})
    while depth:
        event, value = next(parser)
        builder.event(event, value)
        depth += int(event in {"start_map", "start_array"}) - int(event in {"end_map", "end_array"})
    return builder.value


def _csv(path: Path, encoding: str, fields: FieldMap) -> Iterator[Record]:
    csv.field_size_limit(FIELD_LIMIT)
    with _open_text(path, encoding, newline="") as file:
        header = file.readline()
        delimiter = max(",;\t|", key=header.count)
        columns = [c.strip() for c in next(csv.reader([header], delimiter=delimiter), [])]
        _check_columns(path, columns, fields)
        taken: list[str] = []

        def lines() -> Iterator[str]:
            for line in file:
                taken.append(line)
                yield line

        reader = csv.reader(lines(), delimiter=delimiter)
        start = 2
        try:
            for row in reader:
                place, raw = f"line {start}", taken[:]
                start, taken[:] = start + len(raw), []
                if len(raw) > 1 and sum(line.count('"') for line in raw) % 2:
                    raise UserError(
                        f"{path.name}, {place}: a quote that opens in this row is never "
                        "closed; close it, or double a quote inside a "
                        "quoted field"
                    )
                if not row or not any(cell.strip() for cell in row):
                    continue
                yield _csv_record(place, columns, row)
        except csv.Error as error:
            raise UserError(f"{path.name}, line {start}: {error}; mend the row there") from None


def _csv_record(place: str, columns: list[str], row: list[str]) -> Record:
    if len(row) > len(columns) and any(cell.strip() for cell in row[len(columns) :]):
        text = (
            f"{len(row)} fields where the header has {len(columns)}: quote a field that "
            "holds the delimiter"
        )
        return Record(place, " | ".join(row)[:500], error=text)
    return Record(place, dict(zip(columns, row, strict=False)))


def _check_columns(path: Path, columns: list[str], fields: FieldMap) -> None:
    """Refuse a table in which no column can hold the question or the answer, naming the columns
    that there are.
    """
    folded = {fold(c) for c in columns}
    for name in fields.paths:
        column = fields.paths[name][0]
        if column not in columns and ".".join(fields.paths[name]) not in columns:
            raise UserError(
                f"{path.name} has no column {column!r} (--map {name}); its columns are "
                f"{', '.join(columns)}"
            )
    for name, others in (("question", ("parts", "items")), ("answer", ("solution", "parts"))):
        known = {fold(n) for n in NAMES[name]}.union(
            *({fold(n) for n in NAMES.get(o, ())} for o in others)
        )
        if not (folded & known) and not any(fields.has(n) for n in (name, *others)):
            raise UserError(
                f"{path.name} has no column for the {name} (its columns are "
                f"{', '.join(columns) or 'none'}): "
                f"name it with --map {name}=COLUMN"
            )


def _parquet(path: Path, fields: FieldMap) -> Iterator[Record]:
    try:
        with pq.ParquetFile(path) as file:
            _check_columns(path, file.schema_arrow.names, fields)
            row = 0
            for batch in file.iter_batches(batch_size=BATCH):
                for value in batch.to_pylist():
                    yield Record(f"row {row}", value)
                    row += 1
    except pa.ArrowException as error:
        raise UserError(
            f"{path.name} is no whole Parquet file ({_first_line(error)}): get it again"
        ) from None


def _arrow(path: Path, fields: FieldMap) -> Iterator[Record]:
    try:
        with pa.memory_map(str(path)) as mapped:
            try:
                batches = iter(pa.ipc.open_stream(mapped))
            except pa.ArrowInvalid:
                reader = pa.ipc.open_file(mapped)
                batches = (reader.get_batch(i) for i in range(reader.num_record_batches))
            row = 0
            for batch in batches:
                if row == 0:
                    _check_columns(path, batch.schema.names, fields)
                for value in batch.to_pylist():
                    yield Record(f"row {row}", value)
                    row += 1
    except pa.ArrowException as error:
        raise UserError(
            f"{path.name} is no whole Arrow file ({_first_line(error)}): get it again"
        ) from None


def _datasets(path: Path, fields: FieldMap) -> Iterator[Record]:
    import datasets  # noqa: PLC0415 - heavy import, only for folders written by datasets

    try:
        loaded = datasets.load_from_disk(str(path))
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        raise UserError(
            f"{path} is no whole datasets folder ({_first_line(error)}): save it again"
        ) from None
    parts = loaded.items() if isinstance(loaded, datasets.DatasetDict) else [(None, loaded)]
    for name, part in parts:
        _check_columns(path, part.column_names, fields)
        split = SPLITS.get(fold(name)) if name else None
        row = 0
        for batch in part.with_format("arrow").iter(batch_size=BATCH):
            for value in batch.to_pylist():
                yield Record(f"{name or 'dataset'} row {row}", value, split)
                row += 1


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
