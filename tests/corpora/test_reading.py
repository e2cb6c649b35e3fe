"""Problems are read from files, folders and built-in corpora, or refused in one line."""

import json
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from lbt_core import UserError
from lbt_core.corpora.sources import read_problems
from lbt_core.store.rows import to_table
from lbt_core.subjects.ode import subject as ODE
from lbt_core.subjects.ode.problem import Condition, OdeProblem

ROWS = [
    OdeProblem("a", "Solve y' = y, y(0) = 1.", "e^x", ics=(Condition(0, "0", "1"),), split="train"),
    OdeProblem("b", "Solve y' = 2.", "2*x + C", split="test"),
]


def test_parquet_rows_come_back(tmp_path: Path) -> None:
    file = tmp_path / "problems.parquet"
    pq.write_table(to_table(ROWS, OdeProblem), file)
    assert read_problems(str(file), ODE) == ROWS


def test_a_split_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "problems.parquet"
    pq.write_table(to_table(ROWS, OdeProblem), file)
    assert [p.id for p in read_problems(str(file), ODE, "test")] == ["b"]


def test_a_folder_gives_its_test_problems(tmp_path: Path) -> None:
    for split, row in zip(("train", "test"), ROWS, strict=True):
        pq.write_table(to_table([row], OdeProblem), tmp_path / f"{split}.parquet")
    assert [p.id for p in read_problems(str(tmp_path), ODE)] == ["b"]


def test_json_lines_need_no_more_than_question_and_answer(tmp_path: Path) -> None:
    file = tmp_path / "problems.jsonl"
    record = {"question": "1 + 1?", "answer": "2", "comment": "ignored", "ode": None, "ics": None}
    file.write_text(json.dumps(record) + "\n\n")
    (problem,) = read_problems(str(file), ODE)
    assert (problem.question, problem.answer, problem.ics) == ("1 + 1?", "2", ())
    assert problem.id


def test_a_built_in_corpus_gives_its_test_problems() -> None:
    assert {p.split for p in read_problems("university", ODE)} == {"test"}


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ('{"question": "q", "answer": "1"}\n{"question": "q"}', "problem 2: answer is missing"),
        ('{"question": 1, "answer": "1"}', "problem 1: question is missing or no text"),
        ("[]", "problem 1: expected an object"),
        ('{"question": "q", "answer": "1"}\n{torn', "line 2: not JSON"),
        ('{"question": "q", "answer": "1", "topic": 3}', "problem 1"),
        ('{"question": "q", "answer": "1", "ics": 3}', "problem 1"),
        ('{"question": "q", "answer": "1"}\n' * 2, "two problems have the id"),
        ("", "holds no problems"),
    ],
)
def test_a_bad_file_is_refused_in_a_line(tmp_path: Path, content: str, complaint: str) -> None:
    file = tmp_path / "problems.jsonl"
    file.write_text(content)
    with pytest.raises(UserError, match=complaint) as caught:
        read_problems(str(file), ODE)
    assert "\n" not in str(caught.value)


def test_a_damaged_parquet_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "problems.parquet"
    file.write_bytes(b"PAR1 no")
    with pytest.raises(UserError, match="cannot be read"):
        read_problems(str(file), ODE)


@pytest.mark.parametrize("name", ["absent.jsonl", "absent.parquet"])
def test_an_absent_file_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read_problems(str(tmp_path / name), ODE)


def test_another_kind_of_file_is_refused() -> None:
    with pytest.raises(UserError, match=r"name a .parquet or .jsonl file"):
        read_problems("problems.csv", ODE)


def test_a_split_that_is_not_there_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "problems.parquet"
    pq.write_table(to_table(ROWS, OdeProblem), file)
    with pytest.raises(UserError, match=r"no problems of split exam \(it has: test, train\)"):
        read_problems(str(file), ODE, "exam")
