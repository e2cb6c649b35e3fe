"""GSM8K's and MATH's shapes, imported and read for an evaluation, from JSONL and Parquet."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lbt_core.corpora import load_corpus
from lbt_core.corpora.importing.conversion import import_corpus
from lbt_core.corpora.importing.options import ImportOptions
from lbt_core.corpora.sources import read_problems
from lbt_core.corpora.splits import SplitSpec, leaks
from lbt_core.subjects import load_subject

MATH = load_subject("math")
GSM8K = [
    {
        "question": f"Mia has {n} apples, and buys {n} more for $2 each. How many has she now?",
        "answer": f"She has {n}+{n}=<<{n}+{n}={2 * n}>>{2 * n} apples.\n#### {2 * n:,}",
    }
    for n in (3, 40, 700)
]
COMPETITION = [
    {
        "problem": f"What is the value of $\\frac{{1}}{{{n}}}+\\frac{{1}}{{{n}}}$?",
        "level": f"Level {n}",
        "type": "Prealgebra" if n < 5 else "Algebra",
        "solution": f"The sum is $\\boxed{{\\frac{{2}}{{{n}}}}}$.",
    }
    for n in (3, 5, 7)
]


def write(folder, records, ending):
    path = folder / f"problems.{ending}"
    if ending == "parquet":
        pq.write_table(pa.Table.from_pylist(records), path)
    else:
        path.write_text("".join(json.dumps(r) + "\n" for r in records))
    return path


def both_ways(folder, records, ending):
    """Problems by their questions, once imported and once read as they are."""
    path = write(folder, records, ending)
    options = ImportOptions(split=SplitSpec(0, 1), prove=False)
    summary = import_corpus(path, folder / "corpus", options, MATH)
    assert (summary["imported"], summary["set_aside"]) == (len(records), 0)
    imported = load_corpus(folder / "corpus", MATH.problem_type)
    assert [p.split for p in imported].count("test") == 1
    parts = [[p for p in imported if (p.split == "test") is test] for test in (False, True)]
    assert leaks(*parts, MATH) == []
    return [{p.question: p for p in of} for of in (imported, read_problems(str(path), MATH))]


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_gsm8k(tmp_path, ending):
    for problems in both_ways(tmp_path, GSM8K, ending):
        assert set(problems) == {r["question"] for r in GSM8K}
        problem = problems[GSM8K[2]["question"]]
        assert problem.answer == "1,400"
        assert problem.solution == "She has 700+700=<<700+700=1400>>1400 apples."


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_math(tmp_path, ending):
    for problems in both_ways(tmp_path, COMPETITION, ending):
        assert set(problems) == {r["problem"] for r in COMPETITION}
        problem = problems[COMPETITION[1]["problem"]]
        assert problem.answer == "\\frac{2}{5}"
        assert problem.solution == COMPETITION[1]["solution"]
        assert (problem.topic, problem.family) == ("Algebra", "Level 5")


def test_math_500_has_its_answer_beside_the_solution():
    record = {
        "problem": "Compute $7!$.", "solution": "It is \\boxed{5040}.", "answer": "5040",
        "subject": "Number Theory", "level": 3, "unique_id": "test/1.json",
    }  # fmt: skip
    shaped = MATH.reshape(record)
    assert (shaped["question"], shaped["answer"]) == ("Compute $7!$.", "5040")
    assert (shaped["topic"], shaped["family"]) == ("Number Theory", "Level 3")


@pytest.mark.parametrize(
    "record", [{}, {"question": "q", "answer": "a"}, {"question": 3, "answer": None}, {"id": 1}]
)
def test_other_records_stay_as_they_are(record):
    assert MATH.reshape(record) is record


def test_a_solution_without_a_box_is_set_aside_with_its_reason(tmp_path):
    records = [*COMPETITION, {"problem": "Compute $8!$.", "solution": "It is large."}]
    path = write(tmp_path, records, "jsonl")
    summary = import_corpus(path, tmp_path / "corpus", ImportOptions(prove=False), MATH)
    assert (summary["imported"], summary["reasons"]) == (3, {"no reference answer": 1})
