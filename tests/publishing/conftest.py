"""A made run with a model and an adapter, and its publication."""

import json
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))

from made_run import Made, config_of, make_run

from lbt_core.embedded import embedded_model_path
from lbt_core.reporting.publishing.folder import Published, write_folder
from lbt_core.reporting.publishing.licences import licences_of


def add_models(made: Made) -> None:
    """The embedded model as the merged one, and an adapter for it."""
    from peft import LoraConfig, get_peft_model  # noqa: PLC0415 - heavy
    from transformers import AutoModelForCausalLM  # noqa: PLC0415 - heavy

    root = Path(made.store.files.root)
    weights = root / "training/tuned/weights"
    shutil.copytree(embedded_model_path(), root / "model/tuned/merged")
    base = AutoModelForCausalLM.from_pretrained(str(embedded_model_path()))
    adapted = get_peft_model(base, LoraConfig(r=2, target_modules=["q_proj"]))
    adapted.save_pretrained(str(weights))
    (weights / "training_args.bin").write_bytes(b"pickled")
    record = {"full": False, "weights": "/elsewhere/weights", "seconds": 3.0, "pairs": 9}
    record |= {"tokens": 99, "history": [{"step": 1, "loss": 0.7}], "fingerprint": "x"}
    (root / "model/tuned/result.json").write_text(json.dumps(record))


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Made:
    made = make_run(str(tmp_path_factory.mktemp("publish") / "runs" / "made"), config_of())
    add_models(made)
    return made


@pytest.fixture(scope="session")
def published(finished: Made, tmp_path_factory: pytest.TempPathFactory) -> Published:
    folder = tmp_path_factory.mktemp("published") / "out"
    return write_folder(finished.store, folder, licences_of(finished.store.config, None, None))
