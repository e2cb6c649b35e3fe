"""Adaptive exams, and exams scored by likelihood, through a real Prefect, Ray and vLLM."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from lbt_process import Lbt, digests, settings

from lbt_core.run.record import RunStore
from lbt_core.run.status import open_plan, run_status, verify_run
from lbt_core.store import read_shard

# two runs of about a minute each
pytestmark = [pytest.mark.slow, pytest.mark.long]

ADAPTIVE = {"exam__adaptive": "true", "exam__problems": 4, "exam__first_round": 2}
WAYS = {
    "adaptive": ADAPTIVE | {"exam__in_full": 0.2, "preferences__min_gap": 0.3},
    "likelihood": {"exam__scorer": "likelihood"},
}


@pytest.mark.parametrize("way", sorted(WAYS))
def test_a_run_is_made_verified_and_found_done(tmp_path, way):
    arguments = ["run", "--store", str(tmp_path), "--run", "r", *settings(**WAYS[way])]
    first = Lbt.start(tmp_path / "first.log", *arguments)
    try:
        figures = first.finish()
    finally:
        first.clean_up()
    plan = open_plan(RunStore.open(str(tmp_path / "r")))
    assert {s.stage: s.owed for s in run_status(plan) if s.owed} == {}
    assert {path: fault for path, fault in verify_run(plan) if fault} == {}
    rows = [row for i in range(4) for s in plan.exam_shards(i) for row in read_shard(plan.files, s)]
    assert figures["exam_answers"] == len(rows) > 0
    assert figures["pairs"] > 0
    page = Path(figures["report"]).read_text("utf-8")
    if way == "adaptive":
        saved = figures["adaptive"]
        assert saved["asked"] == len(rows) < saved["full"]
        assert saved["problems"] == 3
        assert "Adaptive exams, pairs kept" in page
    else:
        assert all(row.logprob < 0 and row.unaided < 0 and row.tokens > 0 for row in rows)
        assert len({row.logprob - row.unaided for row in rows}) > len(rows) // 2
    before = digests(tmp_path / "r")
    second = Lbt.start(tmp_path / "second.log", *arguments)
    try:
        again = second.finish()
    finally:
        second.clean_up()
    assert digests(tmp_path / "r") == before
    assert again["worked_shards"] == 0
