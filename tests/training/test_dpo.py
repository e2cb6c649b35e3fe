"""Training on a real, random model: the same loss as trl alone, and what is left on disk."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from datasets import Dataset
from peft import LoraConfig
from safetensors.torch import load_file
from small_training import build_model, make_pair, make_spec
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback
from trl import DPOConfig, DPOTrainer

from lbt_core import UserError
from lbt_core.store.rows import Preference
from lbt_core.training.dpo import train_dpo
from lbt_core.training.history import read_history
from lbt_core.training.spec import TrainingSpec


def trl_alone(model_dir: Path, pairs: list[Preference], folder: Path, nll: float) -> list[float]:
    """The losses of trl as its documentation has it, on the same strings (under 40 lines)."""
    rows = [{"prompt": p.prompt, "chosen": p.chosen, "rejected": p.rejected} for p in pairs]
    trainer = DPOTrainer(
        model=AutoModelForCausalLM.from_pretrained(model_dir, dtype=torch.float32),
        args=DPOConfig(
            output_dir=str(folder),
            learning_rate=5e-3,
            num_train_epochs=1,
            beta=0.1,
            loss_type=["sigmoid", "sft"],
            loss_weights=[1.0, nll],
            per_device_train_batch_size=2,
            gradient_accumulation_steps=2,
            max_length=None,
            gradient_checkpointing=False,
            bf16=False,
            use_cpu=True,
            seed=3,
            logging_steps=1,
            save_strategy="no",
            report_to=[],
        ),
        train_dataset=Dataset.from_list(rows),
        processing_class=AutoTokenizer.from_pretrained(model_dir),
        peft_config=LoraConfig(
            r=4, lora_alpha=8, target_modules="all-linear", task_type="CAUSAL_LM"
        ),
    )
    trainer.train()
    return [row["loss"] for row in trainer.state.log_history if "loss" in row]


@pytest.mark.parametrize("nll", [0.0, 0.5], ids=["DPO", "DPO and NLL"])
def test_losses_are_those_of_trl_alone(
    model_dir: Path, pairs: list[Preference], tmp_path: Path, nll: float
) -> None:
    result = train_dpo(str(model_dir), pairs, make_spec(loss_nll_weight=nll), tmp_path / "ours")
    ours = [row["loss"] for row in result.history if "loss" in row]
    assert ours == pytest.approx(trl_alone(model_dir, pairs, tmp_path / "trl", nll), abs=1e-4)


def test_preferences_are_learnt_and_written_down(
    model_dir: Path, pairs: list[Preference], spec: TrainingSpec, tmp_path: Path
) -> None:
    lines: list[str] = []
    result = train_dpo(str(model_dir), pairs, spec, tmp_path, on_log=lines.append)
    assert (result.steps, result.planned_steps, result.pairs, result.stopped) == (6, 6, 24, None)
    assert result.history[-1]["rewards/accuracies"] > 0.9
    assert read_history(tmp_path) == result.history
    assert [line.split(":")[0] for line in lines] == [f"training step {i}/6" for i in range(1, 7)]
    assert (tmp_path / "weights" / "adapter_model.safetensors").is_file()


def test_too_long_pairs_are_said_and_left_out(
    model_dir: Path, pairs: list[Preference], tmp_path: Path
) -> None:
    lines: list[str] = []
    result = train_dpo(
        str(model_dir),
        [*pairs, make_pair(99, chosen="x" * 2000)],
        make_spec(max_length=1000, max_steps=1),
        tmp_path,
        on_log=lines.append,
    )
    assert [one.problem_id for one in result.left_out] == ["p99"]
    assert any("p99" in line for line in lines)


def test_format_rate_and_divergence_are_in_the_history(
    model_dir: Path, pairs: list[Preference], tmp_path: Path
) -> None:
    spec = make_spec(guards={"prompts": 2, "max_new_tokens": 8})
    prompts = [pair.prompt for pair in pairs]
    history = train_dpo(str(model_dir), pairs, spec, tmp_path, validation_prompts=prompts).history
    checked = {row["step"]: row["kl"] for row in history if "kl" in row}
    assert list(checked) == [0, 2, 4, 6]
    assert checked[0] == 0.0
    assert checked[6] > 0


def test_a_finished_training_is_not_done_again(
    model_dir: Path, pairs: list[Preference], spec: TrainingSpec, tmp_path: Path
) -> None:
    first = train_dpo(str(model_dir), pairs, spec, tmp_path)
    lines: list[str] = []
    again = train_dpo(str(model_dir), pairs, spec, tmp_path, on_log=lines.append)
    assert (again, lines) == (first, [])


def test_another_training_in_the_same_folder_is_refused_by_name(
    model_dir: Path, pairs: list[Preference], spec: TrainingSpec, tmp_path: Path
) -> None:
    train_dpo(str(model_dir), pairs, spec, tmp_path)
    with pytest.raises(UserError, match="another beta, pairs"):
        train_dpo(str(model_dir), pairs[1:], make_spec(beta=0.2), tmp_path)


def test_reference_log_probabilities_are_computed_once(
    model_dir: Path, pairs: list[Preference], spec: TrainingSpec, tmp_path: Path
) -> None:
    def kept() -> dict[str, int]:
        return {f.name: f.stat().st_mtime_ns for f in tmp_path.glob("pairs-*/cache-*.arrow")}

    train_dpo(str(model_dir), pairs, spec, tmp_path)
    before = kept()
    (tmp_path / "result.json").unlink()
    train_dpo(str(model_dir), pairs, spec, tmp_path)
    assert len(before) == 1
    assert kept() == before


def test_a_model_that_is_not_there_is_a_clear_error(
    pairs: list[Preference], spec: TrainingSpec, tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="neither a model folder nor a hub id"):
        train_dpo(str(tmp_path / "nothing"), pairs, spec, tmp_path / "out")


def test_full_fine_tuning_leaves_a_whole_model(
    model_dir: Path, pairs: list[Preference], tmp_path: Path
) -> None:
    spec = make_spec(full_finetune=True, learning_rate=1e-3)
    result = train_dpo(str(model_dir), pairs, spec, tmp_path)
    assert result.full
    trained = AutoModelForCausalLM.from_pretrained(result.weights)
    base = AutoModelForCausalLM.from_pretrained(model_dir)
    weight = "model.layers.0.mlp.up_proj.weight"
    assert not torch.equal(trained.state_dict()[weight], base.state_dict()[weight])


def test_four_bit_training_has_nearly_the_losses_of_full_precision(
    pairs: list[Preference], spec: TrainingSpec, tmp_path: Path
) -> None:
    # layers of whole 64-weight blocks, which bitsandbytes would repack on some CPUs
    model = str(build_model(tmp_path, width=64))
    wide = train_dpo(model, pairs, spec, tmp_path / "wide")
    narrow = train_dpo(model, pairs, make_spec(quantization="nf4"), tmp_path / "narrow")
    assert narrow.quantization == "nf4"
    losses = [[row["loss"] for row in result.history] for result in (wide, narrow)]
    # measured: 0.004 apart at most; 0.09 where no gradient flows through the frozen layers
    assert losses[1] == pytest.approx(losses[0], abs=0.01)


def test_history_is_json_lines_for_other_tools(
    model_dir: Path, pairs: list[Preference], spec: TrainingSpec, tmp_path: Path
) -> None:
    train_dpo(str(model_dir), pairs, spec, tmp_path)
    lines = (tmp_path / "history.jsonl").read_text().splitlines()
    assert [json.loads(line)["step"] for line in lines] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("broken_off", [False, True], ids=["undisturbed", "resumed"])
def test_small_steps_reach_every_element_of_a_four_bit_model_s_adapter(
    model_dir: Path, pairs: list[Preference], tmp_path: Path, broken_off: bool
) -> None:
    """At the card's learning rate, with the card's 4-bit base in bfloat16: an adapter in bfloat16
    stands still, for a step is smaller than half the distance to its neighbours."""
    spec = make_spec(
        learning_rate=2e-5, quantization="nf4", dtype="bfloat16", scheduler="constant", epochs=2
    )
    first: dict[str, Any] = {}
    kinds: set[Any] = set()

    def remember(trainer: Any) -> Any:
        for name, parameter in trainer.model.named_parameters():
            if "lora_A" in name:
                first.setdefault(name.replace(".default", ""), parameter.detach().clone())
        trainer.add_callback(_OptimiserKinds(kinds))
        return trainer

    def break_off(trainer: Any) -> Any:
        trainer.add_callback(_BreakOff())
        return remember(trainer)

    if broken_off:
        with pytest.raises(KeyboardInterrupt):
            train_dpo(str(model_dir), pairs, spec, tmp_path, prepare=break_off)
    result = train_dpo(str(model_dir), pairs, spec, tmp_path, prepare=remember)
    assert (result.quantization, result.steps) == ("nf4", 12)
    assert result.resumed_from == (4 if broken_off else 0)
    last = load_file(tmp_path / "weights" / "adapter_model.safetensors")
    assert {value.dtype for value in last.values()} == kinds == {torch.float32}
    same = sum(int((last[name] == value).sum()) for name, value in first.items())
    assert same / sum(value.numel() for value in first.values()) < 0.01


class _OptimiserKinds(TrainerCallback):  # type: ignore[misc]
    """Notes the data types of the optimiser's states."""

    def __init__(self, kinds: set[Any]) -> None:
        self._kinds = kinds

    def on_step_end(self, *_: Any, optimizer: Any = None, **__: Any) -> None:
        states = optimizer.state_dict()["state"].values()
        self._kinds |= {state["exp_avg"].dtype for state in states}


class _BreakOff(TrainerCallback):  # type: ignore[misc]
    """Ends the training after its fifth step."""

    def on_step_end(self, _: Any, state: Any, *__: Any, **___: Any) -> None:
        if state.global_step == 5:
            raise KeyboardInterrupt
