"""training.group_by_length: the pairs of a step sorted by length, less padding, the same training
after a resumption, and fingerprints as they were where it is off."""

from pathlib import Path
from typing import Any

import pytest
from small_training import make_pair, make_spec

from lbt_core.run.config import load_config
from lbt_core.run.stages import stage_values
from lbt_core.store.rows import Preference
from lbt_core.training.dpo import train_dpo
from lbt_core.training.history import END_MARK, TrainingEnded
from lbt_core.training.trainer import StepsByLength


def uneven(count: int) -> list[Preference]:
    """Pairs of very different lengths."""
    return [make_pair(n, f"{'On. ' * (n * 7 % 60)}{make_pair(n).chosen}") for n in range(count)]


def test_steps_stay_random_and_each_is_sorted() -> None:
    lengths = [row * 37 % 50 for row in range(50)]
    sampler = StepsByLength(lengths, 8, seed=1)
    first, same = list(sampler), list(sampler)
    assert sorted(first) == list(range(50)) and first == same and len(sampler) == 50
    steps = [[lengths[row] for row in first[start : start + 8]] for start in range(0, 50, 8)]
    assert all(step == sorted(step, reverse=True) for step in steps)
    assert steps != sorted(steps, reverse=True)  # not sorted as a whole
    sampler.set_epoch(1)
    assert list(sampler) != first and sorted(sampler) == list(range(50))


def test_it_pads_less_and_says_how_much(model_dir: Path, tmp_path: Path) -> None:
    pairs, padding = uneven(24), {}
    for grouped in (False, True):
        spec = make_spec(gradient_accumulation=4, group_by_length=grouped)
        said: list[str] = []
        folder = tmp_path / str(grouped)
        result = train_dpo(str(model_dir), pairs, spec, folder, on_log=said.append)
        rows = [row["padding"] for row in result.history if "padding" in row]
        assert len(rows) == result.steps == 3 and all(0 <= share < 1 for share in rows)
        assert result.padding == pytest.approx(sum(rows) / 3)
        assert sum("padding 0." in line for line in said) == 3
        padding[grouped] = result.padding
    assert padding[True] < padding[False]


class Ending:
    """Asks the training to end once it has logged so many steps."""

    def __init__(self, folder: Path, after: int) -> None:
        self.folder, self.after = folder, after

    def __call__(self, line: str) -> None:
        if line.startswith(f"training step {self.after}/"):
            (self.folder / END_MARK).touch()


def test_gone_on_with_it_sees_the_same_batches(model_dir: Path, tmp_path: Path) -> None:
    pairs, spec = uneven(24), make_spec(group_by_length=True, epochs=2.0)
    whole = train_dpo(str(model_dir), pairs, spec, tmp_path / "whole")
    folder = tmp_path / "ended"
    for after in (2, 8):  # within the first epoch and the second
        with pytest.raises(TrainingEnded):
            train_dpo(str(model_dir), pairs, spec, folder, on_log=Ending(folder, after))
    ended = train_dpo(str(model_dir), pairs, spec, folder)
    batches = [
        [r["batch_digest"] for r in x.history if "batch_digest" in r] for x in (whole, ended)
    ]
    assert len(batches[0]) == whole.steps == 12 and batches[0] == batches[1]


def test_only_where_it_is_on_does_it_count(tmp_path: Path) -> None:
    def values(*changes: str) -> dict[str, Any]:
        return stage_values(load_config("demo", list(changes)), "train")

    assert "training.group_by_length" not in values()
    assert values("training.group_by_length=true")["training.group_by_length"] is True
