"""Runs side by side: what differs, what is common, and figures that can be counted by hand."""

import json
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parents[1]))

from made_run import config_of, make_run

from flows.cli import app
from lbt_core import UserError
from lbt_core.reporting.compare_runs import compare_runs, render_comparison
from lbt_core.store import read_shard, write_shard
from lbt_core.store.rows import Preference, Rationale, from_table


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str, str]:
    """Two runs that differ in the learning rate and one test answer, and one of another seed."""
    folder = tmp_path_factory.mktemp("runs")
    one, two, three = (str(folder / name) for name in ("one", "two", "[three]"))
    make_run(one, config_of("demo", "preferences.min_gap=0"))
    made = make_run(
        two, config_of("demo", "training.learning_rate=5e-4", "preferences.min_gap=0.2")
    )
    make_run(three, config_of("demo", "seed=5"))
    path = Path(two) / "evaluation/tuned/part-00000.parquet"
    rows = from_table(pq.read_table(path), Rationale)
    flipped = [
        Rationale(**{n: getattr(r, n) for n in r.__slots__} | {"correct": r.correct ^ (i == 0)})
        for i, r in enumerate(rows)
    ]
    pairs = from_table(pq.read_table(Path(two) / "preferences.parquet"), Preference)
    mark = made.plan.training_fingerprint([p for p in pairs if p.arm == "combined"])
    shard = made.plan.evaluation_shards("combined", mark)[0]
    assert [r.problem_id for r in read_shard(made.store.files, shard)] == [
        r.problem_id for r in rows
    ]
    write_shard(made.store.files, shard, flipped)
    return one, two, three


def answers_of(run: str, arm: str) -> dict[str, bool]:
    paths = sorted(Path(run).glob(f"evaluation/{arm}/*.parquet"))
    return {r["problem_id"]: r["correct"] for p in paths for r in pq.read_table(p).to_pylist()}


def pairs_of(run: str) -> set[tuple[str, str, str]]:
    rows = pq.read_table(Path(run) / "preferences.parquet").to_pylist()
    return {(r["problem_id"], r["chosen"], r["rejected"]) for r in rows if r["arm"] == "combined"}


def test_only_settings_that_differ(runs: tuple[str, str, str]) -> None:
    found = compare_runs(runs[:2])
    assert found.settings == {
        "training.learning_rate": [0.001, 0.0005],
        "preferences.min_gap": [0.0, 0.2],
    }
    assert compare_runs([runs[0], runs[0]]).settings == {}


def test_figures_are_those_of_the_rows(runs: tuple[str, str, str]) -> None:
    found = compare_runs(runs[:2])
    first, second = answers_of(runs[0], "tuned"), answers_of(runs[1], "tuned")
    tuned = next(d for d in found.paired if d.arm == "tuned")
    assert tuned.problems == len(first) == 10
    assert (tuned.first_right, tuned.second_right) == (sum(first.values()), sum(second.values()))
    assert tuned.gained + tuned.lost == sum(first[k] != second[k] for k in first) == 1
    assert tuned.difference == pytest.approx((tuned.second_right - tuned.first_right) / 10)
    assert tuned.low <= tuned.difference <= tuned.high and tuned.low < tuned.high
    assert found.pass1["tuned"][1].successes == sum(second.values())
    base = next(d for d in found.paired if d.arm == "base")
    assert (base.difference, base.low, base.high, base.p) == (0, 0, 0, 1)


def test_pairs_in_common(runs: tuple[str, str, str]) -> None:
    (shared,) = compare_runs(runs[:2]).pairs
    one, two = pairs_of(runs[0]), pairs_of(runs[1])
    assert (shared.first_pairs, shared.second_pairs) == (len(one), len(two))
    assert shared.common == len(one & two) > 0
    assert shared.exchanged == 0
    (with_itself,) = compare_runs([runs[0], runs[0]]).pairs
    assert with_itself.common == len(one)


def test_other_problems_are_not_compared(runs: tuple[str, str, str]) -> None:
    found = compare_runs([runs[0], runs[2]])
    shared = set(answers_of(runs[0], "base")) & set(answers_of(runs[2], "base"))
    assert [d.problems for d in found.paired if d.arm == "base"] == [len(shared)] * bool(shared)
    assert found.pass1["base"][1].total == 10


def test_table_json_and_page(runs: tuple[str, str, str], tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    shown = CliRunner().invoke(app, ["compare", *runs, "--html", str(page)])
    assert shown.exit_code == 0, shown.output
    assert "training.learning" in shown.output
    html = page.read_text()
    assert html == render_comparison(compare_runs(runs))
    assert "training.learning_rate" in html and "[three]" in html and "<script" not in html
    told = CliRunner().invoke(app, ["compare", *runs[:2], "--json"])
    assert json.loads(told.stdout)["runs"] == ["one", "two"]


def test_one_run_is_not_enough_and_a_torn_file_is_named(
    runs: tuple[str, str, str], tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="two runs"):
        compare_runs(runs[:1])
    made = make_run(str(tmp_path / "torn"), config_of())
    Path(made.store.files.root, "preferences.parquet").write_bytes(b"torn")
    with pytest.raises(UserError, match=r"preferences\.parquet cannot be read"):
        compare_runs([runs[0], str(tmp_path / "torn")])


def test_a_run_that_has_only_begun(runs: tuple[str, str, str], tmp_path: Path) -> None:
    made = make_run(str(tmp_path / "young"), config_of())
    root = Path(made.store.files.root)
    for name in ("evaluation", "preferences.parquet"):
        (root / name).rename(tmp_path / name)
    found = compare_runs([runs[0], str(root)])
    assert found.paired == [] and found.pairs[0].second_pairs == 0
    assert found.pass1["tuned"][1] is None
