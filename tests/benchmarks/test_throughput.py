"""How the throughput benchmark counts, and what it says of a baseline."""

import json

import pytest
from made_run import config_of, make_run

from benchmarks import baselines
from benchmarks.throughput_parts import Mark, rate, shards_of, steady


def test_steady_state_leaves_out_the_first_shard_and_the_drain():
    marks = [Mark(float(t), 100 * t, 10 * t) for t in range(11)]
    begin, end = steady(marks, first=20, total=100, running=30)
    assert (begin.finished, end.finished) == (20, 70)
    assert rate(begin, end) == 100.0


def test_a_run_too_short_for_it_counts_whole():
    marks = [Mark(0.0, 0, 0), Mark(1.0, 50, 10)]
    assert steady(marks, first=20, total=10, running=30) == (marks[0], marks[1])


def test_a_figure_that_is_ten_percent_worse_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(baselines, "FOLDER", tmp_path)
    assert "no baseline" in baselines.compare("some", {"speed": 1.0})[0]
    baselines.keep("some", {"speed": 1.0})
    assert json.loads((tmp_path / "some.json").read_text()) == {
        baselines.machine_kind(): {"speed": 1.0}
    }
    assert "no figure" in baselines.compare("some", {"speed": 0.95})[0]
    assert baselines.compare("some", {"speed": 0.85})[0].startswith("WORSE by 15%: speed")
    assert baselines.compare("some", {"speed": 1.2}, lower_is_better=True)[0].startswith("WORSE")


@pytest.mark.parametrize(("stage", "rows"), [("sample", 72), ("examine", 12 * 4 * 3 * 2)])
def test_the_prompts_are_those_that_the_pipeline_asks(tmp_path, stage, rows):
    uri = str(tmp_path / "run")
    make_run(uri, config_of())
    asked = [request for shard in shards_of(uri, stage) for request in shard]
    assert len({request.id for request in asked}) == len(asked) == rows
