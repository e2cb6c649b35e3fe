"""A few steps of pretraining: the same again from the same seed, and after an interruption."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from lbt_core import UserError
from lbt_core.subjects.ode.pretraining.optimisation import CHECKPOINT, Progress, pretrain
from lbt_core.subjects.ode.pretraining.recipe import BALANCED, FINAL, Phase, Recipe

SHORT = Recipe(
    tokens=4 * 1620,
    tokenizer_documents=100,
    warmup_steps=2,
    phases=(
        Phase("series", 0.5, BALANCED),
        Phase("chat", 0.5, FINAL),
    ),
)


def weights(folder: Path) -> Any:
    return load_file(folder / "model.safetensors")


def same(left: Any, right: Any) -> bool:
    return left.keys() == right.keys() and all(bool((left[k] == right[k]).all()) for k in left)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("model")
    pretrain(SHORT, out, threads=1, compiled=False, probe_problems=0)
    return out


def test_the_same_seed_gives_the_same_weights(trained: Path, tmp_path: Path) -> None:
    pretrain(SHORT, tmp_path, threads=1, compiled=False, probe_problems=0)
    assert same(weights(trained), weights(tmp_path))


def test_another_seed_gives_other_weights(trained: Path, tmp_path: Path) -> None:
    other = replace(SHORT, seed=1)
    pretrain(other, tmp_path, threads=1, compiled=False, probe_problems=0)
    assert not same(weights(trained), weights(tmp_path))


def test_an_interrupted_run_ends_with_the_same_weights(trained: Path, tmp_path: Path) -> None:
    class Stop(Exception):
        pass

    def stop(progress: Progress) -> None:
        if progress.step == 3:
            raise Stop

    options: dict[str, Any] = {
        "threads": 1,
        "compiled": False,
        "probe_problems": 0,
        "checkpoint_every": 2,
        "report_every": 1,
    }
    with pytest.raises(Stop):
        pretrain(SHORT, tmp_path, report=stop, **options)
    assert (tmp_path / CHECKPOINT).exists()
    steps: list[int] = []
    pretrain(SHORT, tmp_path, report=lambda progress: steps.append(progress.step), **options)
    assert steps == [3, 4]
    assert not (tmp_path / CHECKPOINT).exists()
    assert same(weights(trained), weights(tmp_path))


def test_a_checkpoint_of_another_recipe_is_refused(tmp_path: Path) -> None:
    longer = replace(SHORT, tokens=6 * 1620)

    def stop(progress: Progress) -> None:
        if progress.step == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pretrain(
            longer,
            tmp_path,
            threads=1,
            compiled=False,
            checkpoint_every=2,
            report_every=1,
            report=stop,
        )
    with pytest.raises(UserError, match="another recipe"):
        pretrain(SHORT, tmp_path, threads=1, compiled=False, probe_problems=0)


def test_learning_rate_warms_up_and_cools_down() -> None:
    recipe = Recipe()
    rates = [recipe.rate_at(step) for step in range(recipe.steps)]
    assert rates[0] == pytest.approx(recipe.learning_rate / recipe.warmup_steps)
    assert max(rates) == recipe.learning_rate
    assert rates[-1] == pytest.approx(recipe.learning_rate / 20, rel=0.01)


def test_phases_share_the_whole_budget() -> None:
    recipe = Recipe()
    assert sum(phase.share for phase in recipe.phases) == pytest.approx(1)
    forms = [recipe.phase_at(step).form for step in range(recipe.steps)]
    assert forms[0] == recipe.phases[0].form and recipe.phase_at(recipe.steps - 1).mix == FINAL
