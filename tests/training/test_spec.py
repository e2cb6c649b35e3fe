"""The published presets and the refusals."""

import pytest
from pydantic import ValidationError

from lbt_core import UserError
from lbt_core.training.spec import PRESETS, TrainingSpec, preset


def test_the_cards_settings() -> None:
    spec = preset("card")
    assert (spec.learning_rate, spec.epochs, spec.lora_r, spec.lora_alpha) == (2e-5, 1, 128, 256)
    assert (spec.batch_size, spec.quantization, spec.loss_nll_weight) == (16, "nf4", 0)


def test_the_papers_settings() -> None:
    spec = preset("paper")
    assert (spec.learning_rate, spec.batch_size) == (5e-7, 16)
    assert (spec.beta, spec.loss_nll_weight) == (0.1, 50)


def test_a_preset_can_be_changed() -> None:
    assert preset("card", epochs=2).epochs == 2


def test_an_unknown_preset_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UserError, match="card, paper"):
        preset("crad")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"gradient_accumulation": 3, "workers": 2}, "not a multiple of workers"),
        ({"full_finetune": True}, "needs quantization none"),
        ({"strategy": "fsdp"}, "needs quantization none"),
        ({"learning_rat": 1e-5}, "Extra inputs"),
        ({"learning_rate": 0}, "greater than 0"),
    ],
    ids=lambda value: "" if isinstance(value, str) else ",".join(value),
)
def test_what_cannot_be_is_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        TrainingSpec.model_validate(values)


def test_every_field_has_a_description_and_a_title() -> None:
    fields = TrainingSpec.model_fields
    bare = [name for name, field in fields.items() if not (field.description and field.title)]
    assert bare in ([], ["guards"])


def test_presets_name_fields_that_exist() -> None:
    assert {name for values in PRESETS.values() for name in values} <= set(
        TrainingSpec.model_fields
    )


@pytest.mark.parametrize(
    ("values", "gpus", "workers"),
    [
        ({}, 0, 1),
        ({}, 8, 8),
        ({}, 6, 4),  # 16 passes are shared out evenly
        ({"gradient_accumulation": 1}, 8, 1),
        ({"workers": 2}, 8, 2),
    ],
)
def test_workers_default_to_the_gpus_of_the_cluster(
    values: dict[str, int], gpus: int, workers: int
) -> None:
    assert TrainingSpec(**values).workers_on(gpus) == workers
