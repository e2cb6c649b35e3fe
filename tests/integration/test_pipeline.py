"""The whole DAG through a real Prefect server, real Ray and real vLLM, on a handful of problems."""

import json
from pathlib import Path

import pytest
from lbt_process import Lbt, digests, settings

from lbt_core.run.record import RunStore
from lbt_core.run.status import open_plan, run_status, verify_run

pytestmark = pytest.mark.slow

FIGURES = {
    *("run", "problems_train", "problems_test", "rationales", "exam_answers", "pairs"),
    *("base_pass1", "tuned_pass1", "control_pass1", "mcnemar_p", "seconds", "report"),
    "resumed_shards",
}


@pytest.fixture(scope="module")
def first(tmp_path_factory):
    """A finished run: its command and figures, and where it lies."""
    store = tmp_path_factory.mktemp("store")
    lbt = Lbt.start(store / "first.log", "run", "--store", str(store), "--run", "r", *settings())
    try:
        yield lbt, lbt.finish(), store / "r"
    finally:
        lbt.clean_up()


@pytest.fixture(scope="module")
def again(first):
    """The same command a second time: its output and figures, and the shards before it."""
    run = first[2]
    before = digests(run)
    second = Lbt.start(
        run.parent / "again.log", "run", "--store", str(run.parent), "--run", "r", *settings()
    )
    try:
        figures = second.finish()
        yield second.said(), figures, before
    finally:
        second.clean_up()


def test_last_line_has_the_runs_figures(first):
    _, figures, _ = first
    assert set(figures) >= FIGURES
    assert figures["run"] == "r"
    assert (figures["problems_train"], figures["problems_test"]) == (12, 12)
    assert figures["rationales"] == 12 * 8
    assert figures["pairs"] > 0
    assert figures["resumed_shards"] == 0
    assert 0 <= figures["base_pass1"] <= 1
    assert 0 <= figures["tuned_pass1"] <= 1
    assert 0 <= figures["mcnemar_p"] <= 1


def test_report_is_there(first):
    _, figures, run = first
    page = Path(figures["report"])
    assert page.is_relative_to(run)
    assert "<svg" in page.read_text("utf-8")


def test_every_stage_is_done(first):
    status = run_status(open_plan(RunStore.open(str(first[2]))))
    assert {s.stage: s.owed for s in status if s.owed} == {}
    assert {"sample", "examine", "evaluate/base", "evaluate/tuned"} <= {s.stage for s in status}


def test_every_file_is_verified(first):
    found = dict(verify_run(open_plan(RunStore.open(str(first[2])))))
    assert {path: fault for path, fault in found.items() if fault} == {}
    assert set(digests(first[2])) == set(found)


def test_tuned_model_can_be_loaded(first):
    from transformers import AutoModelForCausalLM  # noqa: PLC0415

    model = AutoModelForCausalLM.from_pretrained(first[2] / "model" / "tuned" / "merged")
    assert model.num_parameters() > 0


def test_adapters_name_their_base_and_no_folder_of_this_machine(first):
    configs = list(first[2].glob("training/*/weights/adapter_config.json"))
    assert len(configs) == 2
    for path in configs:
        assert json.loads(path.read_text())["base_model_name_or_path"] == "embedded"


def test_nothing_that_it_started_lives_on(first):
    assert first[0].left_after(seconds=30) == []


def test_running_again_does_no_work_and_says_so(first, again):
    said, figures, before = again
    assert digests(first[2]) == before
    assert "nothing was done" in said
    assert "Starting Prefect" not in said  # the store alone has the answer
    assert figures["worked_shards"] == 0
    assert figures["resumed_shards"] >= len(before)
    assert {k: figures[k] for k in FIGURES - {"seconds", "resumed_shards"}} == {
        k: first[1][k] for k in FIGURES - {"seconds", "resumed_shards"}
    }
