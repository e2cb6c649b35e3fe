"""Whether engine and training fit a card, against figures that are known of Llama-3-8B."""

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from flows.cli import plan
from lbt_core import UserError
from lbt_core.embedded import embedded_model_path
from lbt_core.run.config import RunConfig, load_config
from lbt_core.run.forecast import GPUS
from lbt_core.run.memory import GIB, LLAMA3_8B, engine_fit, scaled, shape_of, training_fit


def card(name: str, *overrides: str) -> tuple[RunConfig, str, float]:
    return load_config("llama3-8b", overrides), name, GPUS[name].memory


def test_llama_3_8b_is_counted_right() -> None:
    assert LLAMA3_8B.parameters == pytest.approx(8.03e9, rel=0.001)
    # peft counts 335,544,320 for r 128 on all linear layers
    assert LLAMA3_8B.adapter(128) == 335_544_320
    assert scaled(8e9) == LLAMA3_8B


def test_shape_of_a_model_at_hand() -> None:
    from safetensors import safe_open  # noqa: PLC0415

    folder = embedded_model_path()
    with safe_open(folder / "model.safetensors", "pt") as weights:
        shapes = [weights.get_slice(name).get_shape() for name in weights.keys()]  # noqa: SIM118
    counted = sum(a * b for a, b in (s for s in shapes if len(s) == 2))
    assert shape_of(folder).parameters == counted


def test_shape_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no shape can be read"):
        shape_of(tmp_path)


def test_parts_add_up() -> None:
    config, name, memory = card("A6000")
    training = training_fit(config, LLAMA3_8B, name, memory)
    assert training.needed == sum(training.parts.values())
    assert training.parts["optimiser"] == 8 * 335_544_320
    engine = engine_fit(config, LLAMA3_8B, name, memory)
    # 32 layers, 8 heads of 128, keys and values, two bytes each
    assert engine.parts["kv_cache_per_token"] == 131_072
    sizes = [engine.parts[k] for k in ("weights", "overhead", "kv_cache_of_one_context")]
    assert engine.needed == sum(sizes)


@pytest.mark.parametrize("name", ["A6000", "A100-40", "A100", "H100", "H200", "4090"])
def test_the_card_s_run_fits_every_named_card(name: str) -> None:
    config, name, memory = card(name)
    assert engine_fit(config, LLAMA3_8B, name, memory).fits
    training = training_fit(config, LLAMA3_8B, name, memory)
    assert training.fits
    assert training.needed < 40 * GIB


@pytest.mark.parametrize(
    ("name", "overrides", "change"),
    [
        ("4090", ["training.max_length=8192"], "max_length="),
        ("4090", ["training.per_device_batch_size=4"], "per_device_batch_size=1"),
        ("4090", ["training.quantization=none"], "quantization=nf4"),
        ("H100", ["training.quantization=none", "training.full_finetune=true"], "larger card"),
    ],
)
def test_training_that_does_not_fit_says_what_to_change(
    name: str, overrides: list[str], change: str
) -> None:
    config, name, memory = card(name, *overrides)
    found = training_fit(config, LLAMA3_8B, name, memory)
    assert not found.fits
    assert change in found.change
    settings = [part for part in found.change.split() if part.startswith("training.")]
    if settings:  # what is told is enough
        mended = load_config("llama3-8b", [*overrides, *settings])
        assert training_fit(mended, LLAMA3_8B, name, memory).fits


@pytest.mark.parametrize(
    ("parameters", "overrides", "change"),
    [
        (8e9, ["teacher.max_model_len=65536"], "set teacher.max_model_len to at most "),
        (13e9, [], "set engines.tensor_parallel=2"),
        (400e9, [], "choose a larger card"),
    ],
)
def test_engine_that_does_not_fit_says_what_to_change(
    parameters: float, overrides: list[str], change: str
) -> None:
    config, name, memory = card("4090", *overrides)
    found = engine_fit(config, scaled(parameters), name, memory)
    assert not found.fits
    assert found.change.startswith(change)


def test_command_shows_the_arithmetic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "commit_of", lambda *_: None)  # no network
    app = typer.Typer()
    plan.register(app)
    options = ["--profile", "llama3-8b", "--gpu", "A6000"]
    done = CliRunner().invoke(app, [*options, "--json"])
    assert done.exit_code == 0, done.output
    engine, training = json.loads(done.stdout.strip().splitlines()[-1])["fits"]
    assert (engine["step"], engine["fits"], training["step"], training["fits"]) == (
        *("engine", True),
        *("training", True),
    )
    assert sum(training["parts"].values()) == training["needed"] < training["available"]
    said = CliRunner().invoke(app, options).stdout
    assert "Memory, engine: fits on A6000" in said
    assert "Memory, training: fits on A6000" in said
