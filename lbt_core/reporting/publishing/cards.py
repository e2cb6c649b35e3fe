"""The cards of what is published: the data set's, and the models' with their licences."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from huggingface_hub import DatasetCardData, ModelCard
from jinja2 import PackageLoader

from lbt_core import __version__
from lbt_core.reporting import summary, wording
from lbt_core.reporting.inputs import ReportInputs
from lbt_core.reporting.model_card import (
    SHOWN_SECTIONS,
    Library,
    corpus_name,
    markdown,
    render_model_card,
)
from lbt_core.reporting.plain import visible
from lbt_core.reporting.publishing.licences import Licence, joint
from lbt_core.reporting.publishing.tables import DEFAULT, Table
from lbt_core.reporting.report import environment
from lbt_core.run.plan import Plan

COLUMNS = {
    "problems": "Questions with reference answers, by split; `source` names the corpus item.",
    "rationales": "Every sampled solution: text, how it ended, verdict, how the grader decided.",
    "exams": "Every student answer after reading a rationale (`rationale_key` is its `text_key`), "
    "or how likely the reference is then.",
    "scores": "LbT score and combined score of every rationale.",
    "preferences": "Preference pairs in trl's standard format, with their lineage.",
    "evaluation": "Greedy answers of base, tuned and control models to the test problems.",
}


def public_inputs(inputs: ReportInputs, command: str) -> ReportInputs:
    """The report's inputs without the folders and addresses of where it was made."""
    return replace(
        inputs,
        base_model=_name(inputs.base_model),
        config=_without_folders(inputs.config),
        command=command,
    )


def _without_folders(value: Any) -> Any:
    if isinstance(value, Mapping):
        # nor the addresses of endpoints, which are somebody's network
        kept = {key: item for key, item in value.items() if key != "urls"}
        return {key: _without_folders(item) for key, item in kept.items()}
    if isinstance(value, list | tuple):
        return [_without_folders(item) for item in value]
    return _name(value) if isinstance(value, str) else value


def _name(text: str) -> str:
    """The last part of an absolute path; any other text as it is."""
    return Path(text).name if text.startswith(("/", "~/")) and "\n" not in text else text


def _identity(text: str) -> str:
    """An identity whose parts are no folders: an endpoint's names where its weights lie."""
    return " | ".join(_name(part) for part in text.split(" | "))


def dataset_card(
    inputs: ReportInputs,
    plan: Plan,
    tables: Sequence[Table],
    licences: Sequence[Licence],
    models: Sequence[str],
) -> str:
    """The data set's card: front matter that loaders read, then lineage, figures and licences."""
    env = environment(autoescape=False)
    env.loader = PackageLoader("lbt_core.reporting.publishing")
    env.filters["md"] = markdown
    body = env.get_template("dataset_card.md.j2").render(
        {
            "inputs": inputs,
            "version": __version__,
            "tables": tables,
            "columns": {t.config: t.columns for t in tables},
            "about": {t.config: COLUMNS[t.config.split("-")[0]] for t in tables},
            "licences": licences,
            "models": models,
            "identities": {k: _identity(v) for k, v in plan.identities.items()},
            "subject": plan.subject.title or plan.subject.name,
            "corpus": corpus_name(inputs),
            "arms": summary.arm_results(inputs),
            "findings": [wording.finding(inputs, c) for c in summary.comparisons(inputs)],
            "pairs": summary.pair_summaries(inputs.preferences),
            "settings": {k: inputs.config[k] for k in SHOWN_SECTIONS if k in inputs.config},
            "limits": wording.limits(inputs),
            "splits": summary.split_sizes(inputs.problems),
        }
    )
    return f"---\n{_front(inputs, tables, licences).to_yaml()}\n---\n\n{body}"


def _front(
    inputs: ReportInputs, tables: Sequence[Table], licences: Sequence[Licence]
) -> DatasetCardData:
    configs: dict[str, dict[str, Any]] = {}
    for table in tables:
        config = configs.setdefault(table.config, {"config_name": table.config, "data_files": []})
        config["data_files"].append({"split": table.split, "path": table.path})
    if DEFAULT in configs:
        configs[DEFAULT]["default"] = True
    licence = _line(joint(licences))
    return DatasetCardData(
        language="en",
        license=licence,
        license_name="several-see-card" if licence == "other" else None,
        task_categories=["text-generation"],
        size_categories=_size(sum(t.rows for t in tables)),
        pretty_name=_line(f"{inputs.run}: learning by teaching"),
        tags=["learning-by-teaching", "preference", "dpo", "trl", "mathematics", "synthetic"],
        configs=list(configs.values()),
    )


def _line(text: str) -> str:
    """Text for the front matter, which YAML quotes but does not make visible."""
    return " ".join(visible(text).split())


def _size(rows: int) -> str:
    bounds = [(10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M")]
    return next((name for bound, name in bounds if rows < bound), "1M<n<10M")


def model_card(
    inputs: ReportInputs, arm: str, library: Library, licences: Sequence[Licence], dataset: str
) -> str:
    """The run's model card with every licence named; ``dataset`` is the hub id of its data."""
    card = ModelCard(render_model_card(inputs, arm, library))
    name = _line(joint(licences))
    front: Any = card.data
    front.license = name
    if name == "other":
        front.license_name = "several-see-card"
    if dataset:
        front.datasets = [dataset]
    lines = ["## Licences", "", "| of | licence | stated | asks |", "|---|---|---|---|"]
    for one in licences:
        cells = (one.of, one.name, one.source, one.condition or "to keep its text and notices")
        lines.append(f"| {' | '.join(markdown(cell) for cell in cells)} |")
    return f"{str(card).rstrip()}\n\n" + "\n".join(lines) + "\n"
