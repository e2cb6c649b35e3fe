"""Training as a Ray Train job, on one worker and on two."""

import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
import ray
from small_training import make_spec

from lbt_core import UserError
from lbt_core.store.rows import Preference
from lbt_core.training.dpo import train_dpo
from lbt_core.training.history import read_history
from tasks import heartbeat
from tasks.training import train_on_ray

pytestmark = pytest.mark.slow

# Sums of float32 in another order: the curves of one and of two workers agree to five digits.
TOLERANCE = 1e-5


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[None]:
    ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False)
    yield
    ray.shutdown()


def losses(history: list[dict[str, float]]) -> list[float]:
    return [row["loss"] for row in history if "loss" in row]


def test_two_workers_have_the_losses_of_one_with_twice_the_accumulation(
    model_dir: Path, pairs: list[Preference], tmp_path: Path
) -> None:
    # gradient_accumulation counts all workers: two workers accumulate two passes each, one four
    spec = make_spec(gradient_accumulation=4, per_device_batch_size=1, workers=2)
    lines: list[str] = []
    both = train_on_ray(str(model_dir), pairs, spec, tmp_path / "two", on_log=lines.append)
    alone = train_dpo(str(model_dir), pairs, make_spec(**_but_one_worker(spec)), tmp_path / "one")
    assert losses(both.history) == pytest.approx(losses(alone.history), abs=TOLERANCE)
    assert len(losses(both.history)) == both.steps == 6
    assert [line.split(":")[0] for line in lines] == [f"training step {i}/6" for i in range(1, 7)]


def _but_one_worker(spec: object) -> dict[str, object]:
    values: dict[str, object] = spec.model_dump()  # type: ignore[attr-defined]
    return {**values, "workers": 1}


def test_a_refusal_in_the_worker_reaches_the_caller_as_it_is(
    model_dir: Path, pairs: list[Preference], tmp_path: Path
) -> None:
    train_dpo(str(model_dir), pairs, make_spec(), tmp_path)
    with pytest.raises(UserError, match="holds a training with another beta"):
        train_on_ray(str(model_dir), pairs, make_spec(beta=0.2), tmp_path)


def _send_worker_at(
    folder: Path, step: int, sent: list[int], number: signal.Signals = signal.SIGKILL
) -> None:
    """Sends the training worker of this test's own cluster a signal once the history shows the
    step."""
    end = time.monotonic() + 120
    while max((row["step"] for row in read_history(folder)), default=-1) < step:
        if time.monotonic() > end:
            return
        time.sleep(0.01)
    for process in psutil.Process().children(recursive=True):
        if "RayTrainWorker" in " ".join(process.cmdline()):
            process.send_signal(number)
            sent.append(process.pid)
            return


def test_a_lost_worker_is_replaced_and_training_continues(
    model_dir: Path, pairs: list[Preference], tmp_path: Path
) -> None:
    spec = make_spec(max_steps=40)
    killed: list[int] = []
    folder = tmp_path / "lost"
    killer = threading.Thread(target=_send_worker_at, args=(folder, 7, killed))
    killer.start()
    result = train_on_ray(str(model_dir), pairs, spec, folder)
    killer.join()
    undisturbed = train_dpo(str(model_dir), pairs, spec, tmp_path / "undisturbed")
    assert len(killed) == 1
    assert result.resumed_from > 0
    assert losses(result.history) == pytest.approx(losses(undisturbed.history), abs=TOLERANCE)


@pytest.mark.long  # a minute, most of it Ray's waiting
def test_a_stopped_worker_is_named_and_in_the_end_replaced(
    model_dir: Path, pairs: list[Preference], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "SILENT_S", 5.0)
    monkeypatch.setenv("RAY_TRAIN_WORKER_HEALTH_CHECK_TIMEOUT_S", "12")  # ten minutes otherwise
    monkeypatch.setenv("TORCH_PROCESS_GROUP_SHUTDOWN_TIMEOUT_S", "2")
    folder, stopped, lines = tmp_path / "stopped", list[int](), list[str]()
    given = (folder, 7, stopped, signal.SIGSTOP)
    threading.Thread(target=_send_worker_at, args=given, daemon=True).start()
    spec = make_spec(max_steps=40)
    result = train_on_ray(str(model_dir), pairs, spec, folder, on_log=lines.append)
    warnings = [line for line in lines if line.startswith("WARNING")]
    assert len(warnings) == 1
    assert f"training worker 0 (process {stopped[0]} on " in warnings[0]
    assert f"`kill -CONT {stopped[0]}` there lets it go on" in warnings[0]
    assert result.resumed_from > 0
    assert result.steps == 40
