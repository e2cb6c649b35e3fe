"""The parameters that people change in the Prefect UI: a form made from RunConfig's own fields.

A field left empty keeps the profile's value, which its description names. Titles, units, bounds and
choices are RunConfig's, stated once; the form and the server refuse what they do not allow.
"""

import json
from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema, create_model, model_serializer
from pydantic.fields import FieldInfo

from lbt_core.run.config import RunConfig, load_config, profile_names
from lbt_core.run.record import RUN_NAME, RUN_NAME_LENGTH
from lbt_core.run.stages import STAGES

# Group of the form: title, and the fields of RunConfig that it shows
GROUPS: dict[str, tuple[str, tuple[str, ...]]] = {
    "corpus": ("Problems", ("seed", "corpus.source", "corpus.train_limit", "corpus.test_limit")),
    "model": ("Model", ("teacher.path", "teacher.revision", "teacher.max_model_len")),
    "sampling": (
        "Rationales",
        (
            *("sampling.num_rationales", "sampling.temperature", "sampling.top_k"),
            *("sampling.top_p", "sampling.max_new_tokens", "shards.problems"),
        ),
    ),
    "exam": (
        "Exams",
        (
            *("exam.problems", "exam.repetitions", "exam.bank", "exam.selection"),
            *("exam.temperature", "exam.max_new_tokens"),
        ),
    ),
    "preferences": ("Preference pairs", ("preferences.min_gap", "preferences.pairs", "controls")),
    "training": (
        "Training",
        (
            *("training.learning_rate", "training.epochs", "training.beta"),
            *("training.loss_nll_weight", "training.lora_r", "training.lora_alpha"),
            *("training.quantization", "training.workers"),
        ),
    ),
    "evaluation": ("Evaluation", ("evaluation.max_new_tokens",)),
    "engines": (
        "Engines",
        ("engines.device", "engines.count", "engines.tensor_parallel", "engines.max_num_seqs"),
    ),
}


class Group(BaseModel):
    """A group of the form; fields that are not set are left out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_serializer(mode="wrap")
    def _set_only(self, handler: Any) -> dict[str, Any]:
        return {k: v for k, v in handler(self).items() if v not in (None, {})}


def _config_field(path: str) -> tuple[FieldInfo, dict[str, Any]]:
    """A field of RunConfig and its JSON schema."""
    *sections, name = path.split(".")
    model: type[BaseModel] = RunConfig
    for section in sections:
        annotation = model.model_fields[section].annotation
        assert isinstance(annotation, type)
        model = annotation
    schema = model.model_json_schema()["properties"][name]
    return model.model_fields[name], schema


@cache
def _profile_values() -> dict[str, dict[str, Any]]:
    return {name: load_config(name).model_dump(mode="json") for name in profile_names()}


def _in_profiles(path: str) -> str:
    """What the profiles say: "demo 16, rehearsal 32"."""
    said = []
    for profile, node in _profile_values().items():
        value: Any = node
        for part in path.split("."):
            value = value[part]
        if isinstance(value, list):
            value = " and ".join(map(str, value)) or "none"
        said.append(f"{profile} {'automatic' if value is None else value}")
    return ", ".join(said)


def _form_field(path: str) -> Any:
    """(annotation, default) of a form field: optional, otherwise as in RunConfig."""
    info, schema = _config_field(path)
    choices = [s for s in schema.pop("anyOf", []) if s.get("type") != "null"]
    if choices:
        schema |= choices[0]
    schema.pop("default", None)
    schema["description"] = f"{schema.get('description', '')} Profiles: {_in_profiles(path)}."
    optional = info.annotation | None  # type: ignore[operator]
    annotation = Annotated[optional, *info.metadata, WithJsonSchema(schema)]  # type: ignore[valid-type]
    return annotation, Field(None, title=info.title)


def _no_defaults(schema: dict[str, Any]) -> None:
    """An empty field is absent, not null: the form then shows it empty."""
    for name, field in schema["properties"].items():
        field.pop("default", None)
        if name in GROUPS:
            field["title"] = GROUPS[name][0]


def _group(name: str) -> type[Group]:
    title, paths = GROUPS[name]
    fields: dict[str, Any] = {path.replace(".", "_"): _form_field(path) for path in paths}
    model = create_model(title.replace(" ", ""), __base__=Group, **fields)
    model.model_config |= ConfigDict(title=title, json_schema_extra=_no_defaults)
    model.model_rebuild(force=True)
    return model


_GROUPS = {name: _group(name) for name in GROUPS}


class _Settings(Group):
    def overrides(self) -> Iterator[str]:
        """The fields that were set, as ``section.field=value``."""
        for name, (_, paths) in GROUPS.items():
            group = getattr(self, name)
            for path in paths:
                value = getattr(group, path.replace(".", "_"))
                if value is not None:
                    yield f"{path}={json.dumps(value)}"


Settings: type[_Settings] = create_model(
    "Settings",
    __base__=_Settings,
    **{name: (model, Field(model(), title=GROUPS[name][0])) for name, model in _GROUPS.items()},
)  # type: ignore[call-overload]
Settings.model_config |= ConfigDict(title="Settings", json_schema_extra=_no_defaults)
Settings.model_rebuild(force=True)

RunName = Annotated[
    str,
    Field(title="Run name", min_length=1, max_length=RUN_NAME_LENGTH, pattern=RUN_NAME),
]
StorePath = Annotated[str, Field(title="Store", min_length=1)]
# any YAML file will do for the command line; the form offers the built-in ones
Profile = Annotated[
    str, Field(title="Profile"), WithJsonSchema({"type": "string", "enum": profile_names()})
]
NOTHING = "nothing"
DiscardFrom = Annotated[
    Literal[NOTHING, *STAGES],  # type: ignore[valid-type]
    Field(title="Discard from stage"),
]
Overrides = Annotated[tuple[str, ...], Field(title="Further settings, section.field=value")]
__all__ = ["NOTHING", "DiscardFrom", "Overrides", "Profile", "RunName", "Settings", "StorePath"]
