"""Other subjects through the whole DAG: the built-in arithmetic, and the file in docs/examples."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest
from lbt_process import ROOT, Lbt, settings

from lbt_core.run.record import RunStore
from lbt_core.run.status import open_plan, run_status, verify_run

pytestmark = pytest.mark.slow

TINY = {
    "engines__kind": "transformers",
    "corpus__generated__train": 4,
    "corpus__generated__exam": 8,
    "corpus__generated__validation": 2,
    "corpus__generated__test": 4,
    "sampling__num_rationales": 4,
    "sampling__max_new_tokens": 64,
    "exam__repetitions": 1,
    "exam__max_new_tokens": 64,
    "evaluation__max_new_tokens": 64,
    "training__max_steps": 1,
    "controls": "[]",
}


def start(folder: Path, *, cwd: Path = ROOT, **changes: object) -> Lbt:
    arguments = ("run", "--store", str(folder), "--run", "r", *settings(**TINY | changes))
    # as an installed command: nothing puts the current folder on Python's path
    safe = {"PYTHONSAFEPATH": "1"}
    return Lbt.start(folder / "log", *arguments, cwd=cwd, environment=safe)


def rows(run: Path, name: str) -> list[dict]:
    files = sorted((run / name).glob("*.parquet")) if (run / name).is_dir() else [run / name]
    return [row for file in files for row in pq.read_table(file).to_pylist()]


def test_a_users_own_subject_runs_to_the_report(tmp_path, monkeypatch):
    examples = ROOT / "docs" / "examples"
    lbt = start(
        tmp_path,
        cwd=examples,
        subject="digit_sums:subject",
        corpus__source="digits",
        corpus__generated__train=6,
        sampling__num_rationales=6,
    )
    try:
        figures = lbt.finish()
    finally:
        lbt.clean_up()
    run = tmp_path / "r"
    assert figures["pairs"] > 0
    assert Path(figures["report"]).is_relative_to(run)
    assert {row["method"] for row in rows(run, "rationales")} & {"digits"}
    monkeypatch.chdir(examples)
    store = RunStore.open(str(run))
    assert store.identities["subject"] == "digit-sums@1 from digit_sums:subject"
    assert {s.stage: s.owed for s in run_status(open_plan(store)) if s.owed} == {}
    assert [fault for _, fault in verify_run(open_plan(store)) if fault] == []


def test_arithmetic_ends_with_scores_and_says_where_no_pair_can_form(tmp_path):
    lbt = start(
        tmp_path,
        subject="math",
        corpus__source="arithmetic",
        corpus__generated__options="{difficulty: 1-2}",
    )
    try:
        status = lbt.process.wait(timeout=240)
    finally:
        lbt.clean_up()
    run = tmp_path / "r"
    assert len(rows(run, "rationales")) == 4 * 4
    assert len(rows(run, "scores.parquet")) == 4 * 4
    assert {row["verdict"] for row in rows(run, "rationales")} <= {"incorrect", "unparsable"}
    assert rows(run, "exams/design.parquet")
    assert rows(run, "evaluation/base")
    # the embedded model knows differential equations only, and none of its sums is right
    assert rows(run, "preferences.parquet") == []
    assert status == 1
    assert "of 16 rationales 0 are right" in lbt.said()
    assert "Traceback" not in lbt.said()


def test_a_misbehaving_subject_never_stops_a_run(tmp_path):
    lbt = start(
        tmp_path,
        cwd=ROOT / "tests" / "subjects",
        subject="misbehaving:rowdy",
        corpus__source="some",
        sampling__num_rationales=6,
        exam__repetitions=2,
        grading__time_limit_s=1.0,
        grading__memory_mib=256,
    )
    try:
        figures = lbt.finish()
    finally:
        lbt.clean_up()
    run = tmp_path / "r"
    found = [*rows(run, "rationales"), *rows(run, "evaluation/base")]
    assert {"correct", "incorrect", "undecided"} <= {row["verdict"] for row in found}
    assert figures["rationales"] == 4 * 6
    assert figures["pairs"] > 0
