"""Training killed with SIGKILL at random steps ends as if nothing had happened."""

import multiprocessing
import random
import signal
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest
from small_training import make_spec

from lbt_core.store.rows import Preference
from lbt_core.training.checkpoints import latest_whole
from lbt_core.training.dpo import TrainingResult, train_dpo
from lbt_core.training.history import read_history

STEPS = 40
DEADLINE = 120.0


def train(model: str, pairs: list[Preference], folder: Path) -> TrainingResult:
    """Runs in its own process: 40 steps over several epochs, a checkpoint every third."""
    spec = make_spec(
        max_steps=STEPS, checkpoint_steps=3, guards={"prompts": 2, "max_new_tokens": 8}
    )
    prompts = [pair.prompt for pair in pairs[:2]]
    return train_dpo(model, pairs, spec, folder, validation_prompts=prompts)


def kill_at(process: BaseProcess, folder: Path, step: int) -> None:
    """Waits until the history shows the step, then kills."""
    end = time.monotonic() + DEADLINE
    while max((row["step"] for row in read_history(folder)), default=-1) < step:
        assert process.is_alive(), f"training ended before step {step}"
        assert time.monotonic() < end, f"training did not reach step {step}"
        time.sleep(0.005)
    process.kill()
    process.join()
    assert process.exitcode == -signal.SIGKILL


@pytest.mark.slow
def test_killed_three_times_it_ends_like_an_undisturbed_training(
    model_dir: Path, pairs: list[Preference], tmp_path: Path
) -> None:
    # the fork server has loaded torch and trl once; each training still is a process of its own
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["lbt_core.training.trainer"])
    undisturbed = train(str(model_dir), pairs, tmp_path / "undisturbed")
    folder, draw = tmp_path / "killed", random.Random(20)
    for low, high in ((2, 10), (14, 22), (26, 34)):
        process = context.Process(target=train, args=(str(model_dir), pairs, folder))
        process.start()
        kill_at(process, folder, draw.randint(low, high))
    resumed = train(str(model_dir), pairs, folder)

    assert resumed.resumed_from > 0
    assert resumed.steps == undisturbed.steps == STEPS
    rows = [[row for row in r.history if "loss" in row] for r in (undisturbed, resumed)]
    orders = [[row["batch_digest"] for row in history] for history in rows]
    assert orders[0] == orders[1]
    assert len(set(orders[0])) > STEPS / 2  # the order is not the same batch over and over
    losses = [[row["loss"] for row in history] for history in rows]
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)


@pytest.mark.parametrize("torn", ["trainer_state.json", "optimizer.pt"])
def test_a_torn_checkpoint_is_set_aside(
    model_dir: Path, pairs: list[Preference], tmp_path: Path, torn: str
) -> None:
    spec = make_spec()
    train_dpo(str(model_dir), pairs, spec, tmp_path)
    checkpoints = tmp_path / "checkpoints"
    file = checkpoints / "checkpoint-6" / torn
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])
    assert latest_whole(checkpoints) == checkpoints / "checkpoint-4"
    assert (checkpoints / "torn-checkpoint-6").is_dir()
