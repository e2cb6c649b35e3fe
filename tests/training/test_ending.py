"""A training that is asked to end leaves a checkpoint, and goes on from it to the same weights."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
from small_training import make_spec

from lbt_core.store.rows import Preference
from lbt_core.training.checkpoints import latest_whole
from lbt_core.training.dpo import train_dpo
from lbt_core.training.history import END_MARK, TrainingEnded

STEPS = 8


def weights(folder: Path) -> str:
    (file,) = (folder / "weights").glob("*.safetensors")
    return hashlib.sha256(file.read_bytes()).hexdigest()


def ask_at(folder: Path, step: int) -> Any:
    """A launcher's hook that asks for the end while this step is made."""
    from transformers import TrainerCallback  # noqa: PLC0415

    class Ask(TrainerCallback):  # type: ignore[misc]
        def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            if state.global_step == step - 1:
                (folder / END_MARK).touch()

    def prepare(trainer: Any) -> Any:
        trainer.add_callback(Ask())
        return trainer

    return prepare


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    import torch  # noqa: PLC0415

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_asked_to_end_it_goes_on_to_the_same_weights(
    model_dir: Path, pairs: list[Preference], tmp_path: Path
) -> None:
    spec = make_spec(max_steps=STEPS, checkpoint_steps=100)
    one, two = tmp_path / "one", tmp_path / "two"
    train_dpo(str(model_dir), pairs, spec, one)
    for step in (3, 6):
        with pytest.raises(TrainingEnded, match=f"after step {step}"):
            train_dpo(str(model_dir), pairs, spec, two, prepare=ask_at(two, step))
        left = latest_whole(two / "checkpoints")
        assert left is not None and left.name == f"checkpoint-{step}"
    resumed = train_dpo(str(model_dir), pairs, spec, two)
    assert (resumed.resumed_from, resumed.steps) == (6, STEPS)
    assert weights(one) == weights(two)


def test_asked_at_its_last_step_it_is_finished(
    model_dir: Path, pairs: list[Preference], tmp_path: Path
) -> None:
    spec = make_spec(max_steps=STEPS)
    result = train_dpo(str(model_dir), pairs, spec, tmp_path, prepare=ask_at(tmp_path, STEPS))
    assert result.steps == STEPS
