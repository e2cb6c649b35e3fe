"""A finished run as one folder that needs nothing of this package: data, models, report, cards."""

import json
import shlex
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from lbt_core import UserError
from lbt_core.reporting.gather import arm_name, gather
from lbt_core.reporting.inputs import ReportInputs
from lbt_core.reporting.publishing.cards import dataset_card, model_card, public_inputs
from lbt_core.reporting.publishing.licences import Licence
from lbt_core.reporting.publishing.tables import Table, write_tables
from lbt_core.reporting.report import render_report
from lbt_core.run.config import differences, load_config, profile_names
from lbt_core.run.plan import Plan, arm_folder
from lbt_core.run.record import RunStore
from lbt_core.run.results import (
    compute_scores,
    pairs_by_arm,
    scores_digest,
    stored_rationales,
    training_record,
)
from lbt_core.store import Files, read_shard

# what a training folder also holds: pickled settings and optimizer states are nobody's to load
WEIGHTS = (".safetensors", ".json", ".jinja", ".model", ".txt")


@dataclass(frozen=True)
class Published:
    """What was written: the folder, its tables, and the folders of its models."""

    folder: Path
    tables: list[Table]
    models: list[str]


def write_folder(
    store: RunStore, target: Path, licences: Sequence[Licence], dataset: str = ""
) -> Published:
    """Write a run into a new folder, whole or not at all. ``dataset`` is the hub id that model
    cards name their data by.

    Raises UserError where the run is not finished or the folder holds something already.
    """
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise UserError(f"--to {target}: there is something already; name a new or an empty folder")
    if not store.identities:
        raise UserError(f"{store.files.uri} has not begun; `lbt run` does it")
    plan = Plan(store.files, store.config, store.identities)
    target.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{target.name}."))
    try:
        try:
            inputs = _inputs(store, plan)
            tables = write_tables(plan, made)
        except OSError as error:
            raise UserError(
                f"{store.files.uri} is not finished, so there is nothing whole to publish "
                f"({error}); `lbt status {store.files.uri}` shows what is owed"
            ) from None
        models = _models(plan, inputs, made, licences, dataset)
        (made / "report").mkdir()
        (made / "report" / "index.html").write_text(render_report(inputs), "utf-8")
        card = dataset_card(inputs, plan, tables, licences, models)
        (made / "README.md").write_text(card, "utf-8")
        made.chmod(0o755)
        if target.exists():
            target.rmdir()
        made.rename(target)
    except BaseException:
        shutil.rmtree(made, ignore_errors=True)
        raise
    return Published(target, tables, models)


def _inputs(store: RunStore, plan: Plan) -> ReportInputs:
    scores = compute_scores(plan, stored_rationales(plan))
    shard = plan.preference_shard(scores_digest(scores))
    pairs = pairs_by_arm(read_shard(store.files, shard))
    return public_inputs(gather(store, plan, pairs), _command(store))


def _command(store: RunStore) -> str:
    """How to make such a run, with a store of the reader's own."""
    config = store.config
    words = ["lbt", "run", "--profile", config.profile, "--run", store.name]
    if config.profile not in profile_names():
        return f"{shlex.join(words)} (profile {config.profile}: the settings below)"
    changed = differences(load_config(config.profile), config)
    return shlex.join([*words, *(part for one in changed for part in ("--set", one))])


def _models(
    plan: Plan, inputs: ReportInputs, made: Path, licences: Sequence[Licence], dataset: str
) -> list[str]:
    """The tuned model and its adapter; the controls' are made by the same command."""
    arm = plan.config.arms[0]
    record = training_record(plan, arm)
    if not record:
        raise UserError(
            f"{plan.files.uri}: arm {arm} is not trained yet; `lbt run` does what is owed"
        )
    folder = arm_folder(arm)
    _copy(plan.files, f"model/{folder}/merged", made / "model")
    card = model_card(inputs, arm_name(arm), "transformers", licences, dataset)
    (made / "model" / "README.md").write_text(card, "utf-8")
    if record.get("full"):
        return ["model"]
    # the record names the folder where it was trained; a copied run has it beside the record
    _copy(plan.files, f"training/{folder}/weights", made / "adapter")
    _name_base(made / "adapter" / "adapter_config.json", inputs.base_model)
    card = model_card(inputs, arm_name(arm), "peft", licences, dataset)
    (made / "adapter" / "README.md").write_text(card, "utf-8")
    return ["model", "adapter"]


def _copy(files: Files, source: str, target: Path) -> None:
    names = [n for n in files.names(source) if n.endswith(WEIGHTS)]
    if not any(n.endswith(".safetensors") for n in names):
        raise UserError(f"{files.full(source)}: no weights here; `lbt run` makes them again")
    target.mkdir()
    for name in names:
        files.fs.get_file(files.full(f"{source}/{name}"), str(target / name))
        (target / name).chmod(0o644)


def _name_base(path: Path, base: str) -> None:
    """An adapter's base by its name, not by the folder that it lay in."""
    config = json.loads(path.read_text("utf-8"))
    config["base_model_name_or_path"] = base
    path.write_text(json.dumps(config, indent=2), "utf-8")
