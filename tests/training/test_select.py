"""training.select: Pass@1 on validation problems as a curve, and the weights of its best point."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file
from small_training import make_pair, make_spec

from lbt_core import UserError
from lbt_core.run.config import load_config
from lbt_core.run.stages import stage_values
from lbt_core.store.rows import Preference, Problem
from lbt_core.subjects import GradePool
from lbt_core.training.dpo import train_dpo
from lbt_core.training.history import best_step

GUARDS = {"prompts": 4, "max_new_tokens": 8, "min_format_share": 0.0}


class Scripted:
    """Calls so many of the answers right at each check, whatever they say."""

    def __init__(self, *counts: int) -> None:
        self.counts, self.asked = list(counts), 0

    def __call__(self, texts: Sequence[str]) -> list[bool]:
        right = self.counts[self.asked]
        self.asked += 1
        return [number < right for number in range(len(texts))]


def train(model: Path, pairs: list[Preference], folder: Path, right: Any, **changes: Any) -> Any:
    spec = make_spec(guards=GUARDS, **changes)
    prompts = [make_pair(number).prompt for number in range(1, 5)]
    return train_dpo(str(model), pairs, spec, folder, validation_prompts=prompts, right=right)


def adapter(folder: Path) -> dict[str, Any]:
    return load_file(folder / "adapter_model.safetensors")


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(bool((one[name] == other[name]).all()) for name in one)


def test_the_best_checkpoint_is_kept_with_its_curve(
    model_dir: Path, pairs: list[Preference], tmp_path: Path
) -> None:
    # checks before training and at steps 2, 4 and 6
    result = train(model_dir, pairs, tmp_path, Scripted(4, 1, 3, 2), select="best")
    curve = {r["step"]: r["validation_pass1"] for r in result.history if "validation_pass1" in r}
    assert curve == {0: 1.0, 2: 0.25, 4: 0.75, 6: 0.5}
    assert result.steps == 4 and result.planned_steps == 6
    kept = sorted(p.name for p in (tmp_path / "checkpoints").glob("checkpoint-*"))
    assert kept == ["checkpoint-4", "checkpoint-6"]
    best, last = (adapter(tmp_path / "checkpoints" / name) for name in kept)
    chosen = adapter(Path(result.weights))
    assert same(chosen, best) and not same(chosen, last)
    again = train(model_dir, pairs, tmp_path, Scripted(), select="best")
    assert again.steps == 4  # found finished


def test_the_last_weights_are_kept_by_default(
    model_dir: Path, pairs: list[Preference], tmp_path: Path
) -> None:
    result = train(model_dir, pairs, tmp_path, Scripted(4, 1, 3, 2))
    assert result.steps == 6
    last = adapter(tmp_path / "checkpoints" / "checkpoint-6")
    assert same(adapter(Path(result.weights)), last)
    assert any(row.get("validation_pass1") == 0.75 for row in result.history)


def test_the_earliest_of_equals_and_never_the_start() -> None:
    rates = [(0, 1.0), (2, 0.5), (4, 0.5), (6, 0.25)]
    assert best_step({"step": s, "validation_pass1": r} for s, r in rates) == 2
    assert best_step([{"step": 3, "loss": 1.0}, {"step": 0, "validation_pass1": 1.0}]) is None


def test_best_needs_answers_to_choose_by(
    model_dir: Path, pairs: list[Preference], tmp_path: Path
) -> None:
    with pytest.raises(UserError, match="needs validation problems"):
        train(model_dir, pairs, tmp_path, None, select="best")
    with pytest.raises(UserError, match=r"guards\.prompts above 0"):
        load_config("demo", ["training.select=best", "training.guards.prompts=0"])


def test_what_it_is_chosen_among_counts_only_where_it_is_chosen() -> None:
    last, best = (load_config("demo", [f"training.select={s}"]) for s in ("last", "best"))
    names = [{n for n in stage_values(c, "train") if "training" in n} for c in (last, best)]
    assert names[1] - names[0] == {"training.select", "training.checkpoint_steps"}


def test_the_worker_grades_the_answers_with_the_subject_in_the_prompts_order() -> None:
    from tasks.training import _right  # noqa: PLC0415 - heavy: imports Ray

    problems = [Problem(id=f"p{n}", question=f"{n} + 1?", answer=str(n + 1)) for n in range(3)]
    answers = ["[[Final Answer]]:\n$1$", "[[Final Answer]]:\n$7$"]
    with GradePool(workers=1, subject="math") as pool:
        assert _right(pool, ("math", problems), answers) == [True, False]
