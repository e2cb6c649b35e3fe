"""Odd and broken files: imported in full, or refused with the line, the field and the remedy."""

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lbt_core import UserError
from lbt_core.corpora.importing.encoding import find_encoding
from lbt_core.corpora.importing.fields import FieldMap
from lbt_core.corpora.importing.readers import Source, records

TABLE = (
    'id,question,answer\n1,"Lösen Sie: ""y\' = y, y(0) = 1""",y = e^x\n'
    '2,"Find y.\nHere y\' = é",y = é x + C\n'
)


def write(tmp_path: Path, name: str, content: bytes) -> Path:
    path = tmp_path / name
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    "encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "cp1252"]
)
def test_csv_in_odd_encodings_with_quotes_and_line_breaks(
    run: Any, tmp_path: Path, encoding: str
) -> None:
    got = run(write(tmp_path, "t.csv", TABLE.encode(encoding))).problems
    assert got["1"].question == 'Lösen Sie: "y\' = y, y(0) = 1"'
    assert (got["2"].question, got["2"].answer) == ("Find y.\nHere y' = é", "y = é x + C")


def test_a_guessed_encoding_is_reported(run: Any, tmp_path: Path) -> None:
    (warning,) = run(write(tmp_path, "t.csv", TABLE.encode("cp1252"))).summary["warnings"]
    assert "line 2" in warning and "Windows-1252" in warning and "--encoding" in warning


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_other_delimiters(run: Any, tmp_path: Path, delimiter: str) -> None:
    text = f"question{delimiter}answer\nSolve $y'=y$, $y(0)=1$.{delimiter}$e^x$\n"
    assert run(write(tmp_path, "t.csv", text.encode())).summary["imported"] == 1


def test_a_row_with_too_many_fields_is_set_aside_with_its_line(run: Any, tmp_path: Path) -> None:
    text = "question,answer\nSolve y' = y,C e^x\nSolve y' = y, y(0) = 1,e^x\n"
    got = run(write(tmp_path, "t.csv", text.encode()))
    assert got.reason("line 3") == "unreadable record"
    assert "3 fields where the header has 2" in got.aside[0]["detail"]


def test_parts_as_json_in_a_cell(run: Any, tmp_path: Path) -> None:
    file = io.StringIO()
    rows = [
        ["id", "stem", "parts"],
        ["1", "Solve:", json.dumps([{"text": "$y'=y$", "answer": "A"}])],
    ]
    csv.writer(file).writerows(rows)
    got = run(write(tmp_path, "t.csv", file.getvalue().encode()))
    assert [p.question for p in got.problems.values()] == ["Solve: $y'=y$"]


REFUSED = {
    "empty.json": (b"", ["empty.json", "is empty"]),
    "blank.jsonl": (b"\n \n", ["is empty"]),
    "cut.json": (
        b'{"exercises": [\n {"stem": "Solve $y\'=y$", "ans',
        ["line 2, column", "cut off"],
    ),
    "wrong.json": (b'[{"question": "a"\n "answer": 1}]', ["line 2, column 2", "mend"]),
    "scalar.json": (b"42", ["single int"]),
    "deep.json": (b"[" * 100_000 + b"]" * 100_000, ["deep"]),
    "lines.jsonl": (b'[\n{"question": "a"}]', ["line 1", ".json"]),
    "mixed.csv": (
        "question,answer\né,1\n".encode() + "ü,2\n".encode("cp1252"),
        ["line 3", "--encoding"],
    ),
    "noquestion.csv": (
        b"id,answer\n1,2\n",
        ["no column for the question", "id, answer", "--map question="],
    ),
    "noanswer.csv": (b"id,question\n1,2\n", ["no column for the answer", "--map answer="]),
    "quote.csv": (b'question,answer\na,b\n"c,d\ne,f\n', ["line 3", "never closed", "double"]),
    "noanswers.json": (
        b'[{"question": "Solve"}, {"question": "Find"}]',
        ["none of its 2 items", "[0]", "--map answer="],
    ),
    "strange.json": (b'[{"foo": 1}]', ["no question text", "--map question="]),
    "nothing.json": (b'{"a": 1, "exercises": []}', ["no records", "--map items="]),
    "notes.bin": (b"hello", ["no known kind"]),
    "torn.parquet": (b"PAR1" + b"\0" * 50, ["no whole Parquet file"]),
    "allbad.jsonl": (b"{x}\n{y}\n", ["unreadable", "line 1", "mend"]),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_file_that_holds_nothing_usable_is_refused(run: Any, tmp_path: Path, name: str) -> None:
    content, words = REFUSED[name]
    with pytest.raises(UserError) as refusal:
        run(write(tmp_path, name, content))
    assert [word for word in words if word not in str(refusal.value)] == []
    assert "\n" not in str(refusal.value)
    assert not (tmp_path / "corpus").exists()


def test_a_parquet_file_without_its_columns_is_refused_with_those_it_has(
    run: Any, tmp_path: Path
) -> None:
    pq.write_table(pa.table({"question": ["Solve"], "extra": [1]}), tmp_path / "t.parquet")
    with pytest.raises(
        UserError, match=r"no column for the answer \(its columns are question, extra\)"
    ):
        run(tmp_path / "t.parquet")


def test_a_mapped_column_that_is_not_there_is_named(run: Any, tmp_path: Path) -> None:
    path = write(tmp_path, "t.csv", b"q,a\n1,2\n")
    with pytest.raises(
        UserError, match=r"no column 'frage' \(--map question\); its columns are q, a"
    ):
        run(path, fields=FieldMap({"question": ("frage",), "answer": ("a",)}))


def test_lines_that_are_no_json_are_set_aside_and_the_others_imported(
    run: Any, tmp_path: Path
) -> None:
    lines = [
        '{"question": "Solve $y\'=y$", "answer": "$Ce^x$"}',
        '{"question": "Sol',
        "",
        "3",
        "[" * 100_000,
    ]
    got = run(write(tmp_path, "t.jsonl", "\n".join(lines).encode()))
    assert (got.summary["items"], got.summary["imported"]) == (4, 1)
    assert {line["place"] for line in got.aside} == {"line 2", "line 4", "line 5"}


def test_a_record_nested_too_deep_is_set_aside(run: Any) -> None:
    deep: Any = {"question": "Solve", "answer": "1"}
    for _ in range(60):
        deep = {"sections": [deep]}
    got = run([deep, {"question": "Solve $y'=y$.", "answer": "$Ce^x$"}])
    assert got.reason("[0]") == "nested too deep"


def test_control_characters_and_lost_escapes_are_repaired(run: Any) -> None:
    got = run(
        [
            {
                "id": "1",
                "question": "Solve\x00 $y' = \x0crac{1}{x}\x08eta$\u200b.",
                "answer": "$\theta$",
            }
        ]
    )
    assert (got.problems["1"].question, got.problems["1"].answer) == (
        "Solve $y' = \\frac{1}{x}\\beta$.",
        "$\\theta$",
    )


def test_ids_that_stand_twice_are_told_apart(run: Any) -> None:
    got = run(
        [
            {"id": 1, "question": "Solve $y'=y$.", "answer": "1"},
            {"id": 1, "question": "Solve $y'=2y$.", "answer": "2"},
        ]
    )
    assert set(got.problems) == {"1", "1~2"}
    assert got.summary["renamed_ids"] == 1


def test_gzip_and_a_folder_with_splits_in_its_names(run: Any, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    for name, number in (("train-0.jsonl.gz", 1), ("test.jsonl", 2)):
        line = json.dumps(
            {"id": str(number), "question": f"Solve $y'={number}y$.", "answer": "C"}
        ).encode()
        (folder / name).write_bytes(gzip.compress(line) if name.endswith("gz") else line)
    assert {n: p.split for n, p in run(folder).problems.items()} == {"1": "train", "2": "test"}


def test_a_datasets_folder(run: Any, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    rows = [
        {"id": str(i), "question": f"Solve $y'={i}y$.", "answer": "C", "topic": "t"}
        for i in range(1, 7)
    ]
    parts = {
        "train": datasets.Dataset.from_list(rows[:4]),
        "test": datasets.Dataset.from_list(rows[4:]),
    }
    datasets.DatasetDict(parts).save_to_disk(tmp_path / "saved")
    got = run(tmp_path / "saved")
    assert got.summary["splits"] == {"train": 4, "test": 2}


def test_large_json_is_streamed_to_the_same_result(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = {
        "name": "big",
        "license": "MIT",
        "chapters": [
            {
                "title": "A",
                "exercises": [
                    {"id": str(i), "stem": f"Solve $y'={i}y$.", "answer": "é"} for i in range(50)
                ],
            }
        ],
    }
    whole = run(source)
    monkeypatch.setattr("lbt_core.corpora.importing.readers.WHOLE_JSON", 0)
    streamed = run(source)
    assert streamed.problems == whole.problems
    assert streamed.summary["licence"] == ["MIT"]


def test_large_json_that_is_cut_off_names_its_line(
    run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lbt_core.corpora.importing.readers.WHOLE_JSON", 0)
    path = write(tmp_path, "big.json", b'[{"question": "Solve", "answer": "1"},\n{"question": "So')
    with pytest.raises(UserError, match=r"big.json, near line 2: not valid JSON"):
        run(path)


@settings(deadline=None, max_examples=50)
@given(
    st.binary(min_size=1, max_size=300),
    st.sampled_from(["x.json", "x.jsonl", "x.csv", "x.parquet", "x"]),
)
def test_any_bytes_are_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, name: str
) -> None:
    path = tmp_path_factory.mktemp("bytes") / name
    path.write_bytes(content)
    try:
        found = list(records(Source(path), FieldMap()))
    except UserError as refusal:
        assert name.split(".")[0] in str(refusal)
    else:
        assert all(record.place or record.value is not None for record in found)


@settings(deadline=None, max_examples=50)
@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1).filter(
        lambda t: t.strip(" \t\r\n\0\ufeff")
    )
)
def test_utf8_text_is_found_to_be_utf8_or_wide(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.mktemp("text") / "t.csv"
    path.write_bytes(b"question,answer\n" + text.encode())
    assert find_encoding(path).name in {"utf-8", "utf-16-le", "utf-16-be"}
