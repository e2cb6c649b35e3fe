"""Training that goes wrong stops, says why, and leaves the weights from before."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from small_training import make_pair, make_spec
from transformers import AutoModelForCausalLM

from lbt_core.store.rows import Preference
from lbt_core.training.dpo import train_dpo
from lbt_core.training.history import TrainingDiverged
from lbt_core.training.trainer import well_formed


def train(model: Path, pairs: list[Preference], folder: Path, **changes: Any) -> Any:
    prompts = [make_pair(number).prompt for number in range(1, 5)]
    return train_dpo(str(model), pairs, make_spec(**changes), folder, validation_prompts=prompts)


def test_weights_that_are_not_numbers_fail_with_a_message(
    model_dir: Path, pairs: list[Preference], tmp_path: Path
) -> None:
    model = AutoModelForCausalLM.from_pretrained(model_dir)
    model.model.norm.weight.data.fill_(float("nan"))
    broken = tmp_path / "broken"
    shutil.copytree(model_dir, broken)
    model.save_pretrained(broken)
    with pytest.raises(TrainingDiverged, match="loss is nan at training step 1: lower"):
        train(broken, pairs, tmp_path / "out")


def test_a_loss_that_blows_up_fails_with_a_message(
    fluent_dir: Path, pairs: list[Preference], tmp_path: Path
) -> None:
    # preferences that contradict each other, and steps far too long
    contradictory = [pair if i % 2 else make_pair(i, chosen="no") for i, pair in enumerate(pairs)]
    guards = {"prompts": 0, "max_loss_ratio": 1.5, "window": 1, "max_chosen_drop": 100}
    with pytest.raises(TrainingDiverged, match="times its first value"):
        train(fluent_dir, contradictory, tmp_path, learning_rate=0.1, beta=5.0, guards=guards)


def test_a_falling_chosen_log_probability_stops_at_the_last_checkpoint(
    fluent_dir: Path, tmp_path: Path
) -> None:
    pairs = [make_pair(i, chosen="[[Final Answer]]:\n$2$") for i in range(24)]
    guards = {"prompts": 0, "max_chosen_drop": 0.01, "window": 1, "max_loss_ratio": 1000}
    result = train(
        fluent_dir, pairs, tmp_path, learning_rate=0.05, checkpoint_steps=1, guards=guards
    )
    assert "nats per token below the reference's" in (result.stopped or "")
    drops = {row["step"]: row["chosen_drop"] for row in result.history}
    assert [step for step, drop in drops.items() if drop > 0.01] == [result.steps + 1]
    assert (Path(result.weights) / "adapter_model.safetensors").is_file()


def test_a_falling_format_rate_stops_at_the_last_checkpoint(
    fluent_dir: Path, tmp_path: Path
) -> None:
    # the well-formed answer is the rejected one
    pairs = [make_pair(i, chosen="nothing") for i in range(24)]
    guards = {"max_new_tokens": 40, "max_chosen_drop": 100, "max_loss_ratio": 1000}
    result = train(
        fluent_dir, pairs, tmp_path, learning_rate=0.01, checkpoint_steps=1, epochs=4, guards=guards
    )
    rates = {row["step"]: row["format_rate"] for row in result.history}
    assert "format rate on 4 validation prompts fell from" in (result.stopped or "")
    assert rates[0] > 0
    assert rates[result.steps] >= 0.7 * rates[0]
    assert rates[result.steps + 1] < 0.7 * rates[0]


def test_a_collapse_before_any_checkpoint_fails(fluent_dir: Path, tmp_path: Path) -> None:
    pairs = [make_pair(i, chosen="nothing") for i in range(24)]
    guards = {"max_new_tokens": 40, "max_chosen_drop": 100, "max_loss_ratio": 1000}
    with pytest.raises(TrainingDiverged, match="before the first checkpoint"):
        train(
            fluent_dir,
            pairs,
            tmp_path,
            learning_rate=0.01,
            checkpoint_steps=1000,
            epochs=4,
            guards=guards,
        )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("So.\n'''\n[[Final Answer]]:\n$y = 2$\n'''", True),
        ("[[Final Answer]]: $5$", True),
        ("[[Final Answer]]:\n\n$5$", True),
        ("'''\n[[Final Answer]]:\n$ANSWER$\n'''", False),
        ("[[Final Answer]]:\n$ $", False),
        ("The answer is $5$.", False),
    ],
    ids=["block", "one line", "blank line", "echoed template", "empty", "no block"],
)
def test_well_formed_answers(text: str, expected: bool) -> None:
    assert well_formed(text) is expected
