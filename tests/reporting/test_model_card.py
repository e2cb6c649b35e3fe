"""The model card: valid front matter, the run's own figures, and no claim without a measurement."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from huggingface_hub import ModelCard

from lbt_core import UserError
from lbt_core.reporting.inputs import ReportInputs
from lbt_core.reporting.model_card import render_model_card, write_model_card


def front_matter(card: str) -> dict[str, Any]:
    _, front, _ = card.split("---\n", 2)
    loaded = yaml.safe_load(front)
    assert isinstance(loaded, dict)
    return loaded


def test_front_matter_names_base_and_library(run: ReportInputs) -> None:
    front = front_matter(render_model_card(run, "tuned"))
    assert front["base_model"] == "example/tiny-llama"
    assert front["library_name"] == "peft"
    assert "license" not in front


def test_merged_model_is_a_transformers_model(run: ReportInputs) -> None:
    front = front_matter(render_model_card(run, "tuned", library="transformers"))
    assert front["library_name"] == "transformers"
    assert "lora" not in str(front["tags"])


@pytest.mark.parametrize("base", ["", "embedded", "/models/llama", "a b/c"])
def test_base_that_is_no_hub_id_stays_out_of_the_front_matter(run: ReportInputs, base: str) -> None:
    assert "base_model" not in front_matter(
        render_model_card(replace(run, base_model=base), "tuned")
    )


@pytest.mark.parametrize("arm", ["tuned", "control:correctness"])
def test_hub_reads_the_measured_result(run: ReportInputs, tmp_path: Path, arm: str) -> None:
    rows = run.evaluations[arm]
    path = write_model_card(run, tmp_path / "README.md", arm)
    (result,) = ModelCard.load(path).data.eval_results
    right = sum(row.correct for row in rows)
    assert result.metric_value == round(100 * right / len(rows), 2)
    assert result.metric_args["problems"] == len(rows)
    assert result.metric_args["low"] < result.metric_value < result.metric_args["high"]


def test_text_holds_data_and_settings(run: ReportInputs) -> None:
    card = render_model_card(run, "tuned")
    pairs = sum(p.arm == "combined" for p in run.preferences)
    for shown in (
        f"{pairs} preference pairs",
        "learning_rate: 2.0e-05",
        run.hardware,
        "2.13.0",
        run.command,
    ):
        assert shown in card


def test_unevaluated_model_claims_no_result(run: ReportInputs) -> None:
    card = render_model_card(replace(run, evaluations={}), "tuned")
    assert "model-index" not in front_matter(card)
    assert "This model was not evaluated." in card
    assert "Pass@1" not in card


def test_model_without_records_says_so(run: ReportInputs) -> None:
    bare = ReportInputs(run="bare", evaluations={"tuned": run.evaluations["tuned"]})
    card = render_model_card(bare, "tuned")
    for said in (
        "history was not recorded",
        "settings were not recorded",
        "Hardware: not recorded",
    ):
        assert said in card


@pytest.mark.parametrize("arm", ["base", "control:lbt"])
def test_no_card_for_a_model_that_was_not_trained(run: ReportInputs, arm: str) -> None:
    with pytest.raises(UserError, match="tuned"):
        render_model_card(run, arm)


def test_hostile_text_is_no_markup(run: ReportInputs) -> None:
    hostile = "<script>|x|\n---\n# [a](//evil.example)"
    problems = [replace(p, topic=hostile) for p in run.problems]
    card = render_model_card(
        replace(run, run=hostile, base_model=hostile, problems=problems, warnings=[hostile]),
        "tuned",
    )
    (index,) = front_matter(card)["model-index"]
    assert index["name"] == f"{' '.join(hostile.split())}-tuned"
    body = card.split("\n---\n\n", 1)[1]
    assert "<script>" not in body
    assert "[a](" not in body
