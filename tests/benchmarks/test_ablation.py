"""The ablation: arms of equal size, results that are made once, figures from records."""

import itertools
import json
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from ablation_cells import ARMS, SWEEP, Arm, Cell, Setting, arm_pairs
from ablation_plot import write_map
from ablation_tables import (
    arms_summary,
    arms_table,
    foretold_table,
    map_summary,
    map_table,
)
from ablation_work import Job

from lbt_core.embedded import embedded_model_path
from lbt_core.measurement.diagnostics import ScoreDiagnostics
from lbt_core.store.rows import Problem, Rationale, Score, text_key, to_table

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "ablation.py"
CELL = Cell("base", 1, 0.8, 0.33, "transformers")


def write_rows(folder: Path) -> None:
    """Six taught problems and two of the exam bank, each with two right and two wrong texts; one
    right and one wrong one teach well."""
    problems, rationales, scores = [], [], []
    for number in range(8):
        name = f"p{number}"
        problems.append(Problem(name, f"Question {number}?", "1", split="train"))
        for sample in range(4):
            correct, lbt = sample < 2, float(sample % 2)
            text, verdict = f"{name} {sample}", "correct" if correct else "incorrect"
            key = text_key(text)
            rationales.append(
                Rationale(name, sample, text, key, "stop", 1, 1, verdict, "", "1", correct)
            )
            if number < 6:
                both = 0.5 * correct + 0.5 * lbt
                scores.append(Score(name, sample, key, verdict, correct, lbt, both, 9, (lbt,)))
    for rows, kind in ((problems, Problem), (rationales, Rationale), (scores, Score)):
        pq.write_table(to_table(rows, kind), folder / f"{kind.__name__.lower()}s.parquet")


@pytest.mark.parametrize("seed", [0, 1])
def test_arms_have_equal_sizes(tmp_path: Path, seed: int) -> None:
    write_rows(tmp_path)
    found = arm_pairs(tmp_path, CELL.config(), [*ARMS, *SWEEP], seed)
    assert len({len(pairs) for pairs in found.values()}) == 1
    assert all(found.values())


def test_only_the_fair_control_has_the_banks_problems(tmp_path: Path) -> None:
    write_rows(tmp_path)
    found = arm_pairs(tmp_path, CELL.config(), ARMS, 0)
    with_bank = {name for name, of in found.items() if {p.problem_id for p in of} & {"p6", "p7"}}
    assert with_bank == {"fair"}


def test_sft_prefers_nothing_and_is_right(tmp_path: Path) -> None:
    write_rows(tmp_path)
    pairs = arm_pairs(tmp_path, CELL.config(), ARMS, 0)["sft"]
    assert all(p.chosen == p.rejected and p.chosen_verdict == "correct" for p in pairs)
    assert len({p.chosen for p in pairs}) == len(pairs)


def test_seeds_draw_other_pairs(tmp_path: Path) -> None:
    write_rows(tmp_path)
    arms = [arm for arm in ARMS if arm.name in ("random", "sft")]
    first, second = (arm_pairs(tmp_path, CELL.config(), arms, seed) for seed in (0, 1))
    assert first["random"] != second["random"]


def test_a_result_for_something_else_is_not_taken(tmp_path: Path) -> None:
    file = tmp_path / "result.json"
    job = Job(file, {"rate": 0.1, "shares": (1, 2)}, dict, ())
    assert job.result() is None
    file.write_text('{"spec": {"rate": 0.1, "shares": [1, 2]}, "seconds": 1}')
    assert job.result() is not None
    file.write_text('{"spec": {"rate": 0.2, "shares": [1, 2]}, "seconds": 1}')
    assert job.result() is None
    file.write_text('{"spec": {"rate"')
    assert job.result() is None


def prepared(base: list[bool]) -> dict[str, Any]:
    scores = ScoreDiagnostics(
        rationales=40, problems=10, all_right=1, all_wrong=1, mixed=8, tied=0, undecided=0,
        right=20, lbt_right=0.5, lbt_wrong=0.1, within_gap=0.5, within_low=0.4, within_high=0.6,
        low_right=0.2, right_spread=0.1,
    )  # fmt: skip
    return {
        "base": {"test": base},
        "families": ["a", "b"] * (len(base) // 2),
        "scores": asdict(scores),
        "fidelity": {"share": 0.3},
        "diversity": None,
    }


def record(correct: list[bool]) -> dict[str, Any]:
    return {"correct": correct, "pairs": 8, "failed": None, "stopped": None}


def test_the_summary_compares_with_the_base_and_with_correctness() -> None:
    base = [True] * 2 + [False] * 18
    answers = {arm.name: [record(base)] * 2 for arm in ARMS}
    answers["combined"] = [record([True] * 20), record([True] * 18 + [False] * 2)]
    trained = {(CELL.folder, name): records for name, records in answers.items()}
    settings = {arm.name: Setting(5e-4, 2) for arm in ARMS}
    found = arms_summary([CELL], [prepared(base)], trained, settings)
    assert found["arms"]["combined"]["mean"] == pytest.approx(0.95)
    assert found["relative_gain"] == pytest.approx((0.95 - 0.1) / 0.1)
    # the worse of the two seeds: 16 problems won, none lost
    assert found["combined_vs_base_p"] == pytest.approx(2 * 0.5**16)
    difference = found["combined_vs_correctness"]
    assert difference["difference"] == pytest.approx(0.85)
    assert difference["low"] < 0.85 < difference["high"]
    assert "| combined |" in arms_table(found)[1]


def test_the_map_has_a_line_for_each_cell() -> None:
    base = [True, False] * 5
    names = ("combined", "correctness", "fair")
    trained = {(CELL.folder, name): [record([True] * 10)] * 2 for name in names}
    found = map_summary([CELL], [prepared(base)], trained)
    (cell,) = found["cells"]
    assert (cell["lucky_taught"], cell["lucky_asked"]) == (0.8, 0.33)
    assert cell["combined_vs_correctness"]["difference"] == 0.0
    assert map_table(found)[1].count("\n") == 3


def test_the_map_puts_bases_together_and_says_what_foretold_it() -> None:
    base = [True, False] * 10
    kinds = itertools.product(("one", "two"), (0.2, 0.8))
    cells = [replace(CELL, base=name, lucky_train=taught) for name, taught in kinds]
    records, trained = [], {}
    for cell in cells:
        # the better the score tells right from wrong, the more the combined arm wins
        won = 20 if cell.lucky_train == 0.8 else 10
        own = prepared(base)
        records.append(own | {"scores": own["scores"] | {"within_gap": won / 100}})
        trained[cell.folder, "combined"] = [record([True] * won + [False] * (20 - won))] * 2
        for name in ("correctness", "fair"):
            trained[cell.folder, name] = [record([True] * 10 + [False] * 10)] * 2
    found = map_summary(cells, records, trained)
    assert [g["bases"] for g in found["over_bases"]] == [2, 2]
    differences = [g["combined_vs_correctness"]["difference"] for g in found["over_bases"]]
    assert differences == pytest.approx([0.0, 0.5])
    foretold = found["foretold"]["within-problem LbT gap"]
    assert foretold == {"cells": 4, "correctness": pytest.approx(1), "fair": pytest.approx(1)}
    # the same in every cell: it foretells nothing and is left out
    assert "student fidelity" not in found["foretold"]
    assert "| all 2 | 80% |" in map_table(found)[1]
    assert "| within-problem LbT gap | 4 | +1.00 | +1.00 |" in foretold_table(found)[1]


def test_the_map_is_drawn_with_its_figures(tmp_path: Path) -> None:
    difference = {"difference": 0.27, "low": 0.2, "high": 0.35}
    cell = {"base": "bases/one", "lucky_taught": 0.8, "lucky_asked": 0.33, "attention": 1.0}
    cell |= {"fidelity": {"share": 0.4}, "combined_vs_correctness": difference}
    other = cell | {"lucky_taught": 0.2, "fidelity": {"share": None}}
    write_map([cell, other], tmp_path / "map.svg")
    text = (tmp_path / "map.svg").read_text("utf-8")
    assert "+27" in text
    assert "fidelity 0.40" in text


def test_sweep_does_not_repeat_the_combined_arm() -> None:
    names = [arm.name for arm in (*ARMS, *SWEEP)]
    assert len(set(names)) == len(names)
    assert all(isinstance(arm, Arm) and arm.preferences for arm in SWEEP)


@pytest.mark.slow
@pytest.mark.skipif(
    not (embedded_model_path() / "config.json").is_file(), reason="the embedded model is not there"
)
def test_quick_ablation_goes_on_with_what_is_missing(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), "--quick", "--engine", "transformers"]
    command += ["--out", str(tmp_path)]

    def run() -> dict[str, Any]:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        summary: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
        return summary

    first = run()
    assert set(first["arms"]) == {"base", *(arm.name for arm in ARMS)}
    results = sorted(tmp_path.rglob("trained/*.json"))
    made = {path: path.stat().st_mtime_ns for path in results}
    assert len(made) == len(ARMS) * first["seeds"]
    results[0].unlink()
    again = run()
    kept = {path for path in results if path.stat().st_mtime_ns == made[path]}
    assert kept == set(results[1:])
    assert again["arms"] == first["arms"]


@pytest.mark.slow
@pytest.mark.skipif(
    not (embedded_model_path() / "config.json").is_file(), reason="the embedded model is not there"
)
def test_quick_map_has_an_inattentive_student(tmp_path: Path) -> None:
    """Rationales and grades are the attentive cell's; exams do not depend on the example."""
    command = [sys.executable, str(SCRIPT), "--quick", "--map", "--engine", "transformers"]
    command += ["--teaching-lucky", "0.8", "--exam-lucky", "0.33", "--attention", "0"]
    done = subprocess.run(
        [*command, "--seeds", "1", "--out", str(tmp_path)],
        capture_output=True,
        text=True,
        check=True,
    )
    heeding, ignoring = json.loads(done.stdout.strip().splitlines()[-1])["cells"]
    assert (heeding["attention"], ignoring["attention"]) == (1.0, 0.0)
    assert heeding["pass_1"]["base"] == ignoring["pass_1"]["base"]
    # whatever is shown, the answers are the same: rationales of one problem score alike
    assert heeding["within_problem_lbt"]["gap"] != 0
    assert ignoring["within_problem_lbt"]["gap"] in (0, None)
