"""RunConfig: every knob of a run, typed, documented and validated; and where profiles and
overrides become one.

A profile is a YAML file of this model (``lbt_core/run/profiles``). Precedence: defaults of the
model, then the profile, then ``--set section.field=value``. Sections up to ``evaluation`` change
what a run computes and are part of its fingerprints; ``shards``, ``engines`` and ``grading`` only
change how fast.
"""

import difflib
import json
import os
import re
import typing
from collections.abc import Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, Field, ValidationError, model_validator

from lbt_core import UserError
from lbt_core.method.preferences import PreferenceSpec
from lbt_core.method.section import Section
from lbt_core.run.engine_config import EndpointConfig, EngineConfig
from lbt_core.run.exam_config import ExamConfig
from lbt_core.subjects.registry import DEFAULT as DEFAULT_SUBJECT
from lbt_core.training.spec import TrainingSpec

Arm = Literal["correctness", "random", "lbt"]


class GeneratedCorpus(Section):
    """What is asked of a built-in corpus that is generated; a fixed one has its own sizes.

    On a *lucky* problem a wrong method happens to give the right answer; generators that know no
    such method take no notice of the shares.
    """

    train: int = Field(200, ge=1, title="Teaching problems")
    """Problems the teacher writes rationales for."""
    exam: int = Field(90, ge=0, title="Exam bank")
    """Problems that exams are drawn from, apart from the teaching problems."""
    validation: int = Field(105, ge=0, title="Validation problems")
    """Problems that settings are chosen on and training is watched on; never the test problems."""
    test: int = Field(330, ge=1, title="Test problems")
    """Held-out problems that Pass@1 is measured on."""
    lucky_train: float = Field(0.8, ge=0, le=1, title="Lucky share, teaching")
    """Share of teaching problems on which a wrong method happens to give the right answer."""
    lucky_exam: float = Field(0.33, ge=0, le=1, title="Lucky share, exams")
    """The same share in the exam bank."""
    lucky_test: float = Field(0.33, ge=0, le=1, title="Lucky share, test")
    """The same share in the validation and test problems."""
    options: dict[str, str | int | float | bool] = Field({}, title="Options of the generator")
    """What the chosen corpus knows beyond sizes, by name (docs/subjects.md lists them)."""


class CorpusConfig(Section):
    """Which problems."""

    source: str = Field("tiny", title="Corpus")
    """A built-in corpus of the subject ("tiny", "university"; "arithmetic"), or the folder that
    ``lbt corpus import`` wrote."""
    generated: GeneratedCorpus = GeneratedCorpus()
    train_limit: int | None = Field(None, ge=1, title="At most this many teaching problems")
    """Keep only the first so many teaching problems (in an order that the seed shuffles)."""
    test_limit: int | None = Field(None, ge=1, title="At most this many test problems")
    """Keep only the first so many test problems (in an order that the seed shuffles)."""


class ModelConfig(Section):
    """A causal language model."""

    path: str = Field("embedded", title="Model")
    """"embedded" (the tiny model in this package), a folder, or a hub id such as
    "meta-llama/Meta-Llama-3-8B-Instruct"."""
    revision: str | None = Field(None, title="Revision")
    """Hub revision (commit, tag or branch); a folder has none."""
    dtype: Literal["auto", "bfloat16", "float16", "float32"] = Field("bfloat16", title="Data type")
    """Data type of the weights while generating."""
    max_model_len: int | None = Field(None, ge=64, title="Context, tokens")
    """Longest prompt plus answer, in tokens; the model's own limit where none is given."""
    endpoint: EndpointConfig | None = Field(None, title="Endpoint")
    """Servers that answer for this model; it is loaded here where none are named."""


class PromptConfig(Section):
    """How prompts are rendered; sampling, exams, training and evaluation all use the same."""

    chat: Literal["card", "template"] = Field("card", title="Chat format")
    """"card": the model card's bytes (Llama-3); "template": the tokenizer's own chat template."""
    system: str | None = Field(None, title="System message")
    """System message, if any (the reference code uses "You are a helpful assistant.")."""
    prefill: bool = Field(False, title="Prefill the solution header")
    """Send everything from the solution header on as the start of the assistant's turn."""
    fixed_examples: str | None = Field(None, title="Fixed examples")
    """JSONL file of examples (question, reasoning, answer) that precede every question."""


class SamplingConfig(Section):
    """How the teacher writes rationales (defaults: reference code)."""

    num_rationales: int = Field(32, ge=1, le=1024, title="Rationales per problem")
    """Rationales sampled for each teaching problem."""
    temperature: float = Field(0.7, ge=0, le=5, title="Temperature")
    """Softmax temperature; 0 is greedy."""
    top_k: int = Field(20, ge=0, title="Top-k")
    """Keep the k likeliest tokens; 0 keeps all."""
    top_p: float = Field(1.0, gt=0, le=1, title="Top-p")
    """Keep the likeliest tokens that hold this share of the probability."""
    max_new_tokens: int = Field(1024, ge=1, title="Longest rationale, tokens")
    """Longest rationale, in tokens."""


class EvaluationConfig(Section):
    """Pass@1 on held-out problems, greedy."""

    max_new_tokens: int = Field(1024, ge=1, title="Longest answer, tokens")
    """Longest answer, in tokens."""


class ShardConfig(Section):
    """How rows are cut into files; fixed for the life of a run."""

    problems: int = Field(16, ge=1, title="Teaching problems per shard")
    """Teaching problems per rationale and exam shard."""
    evaluation_problems: int = Field(64, ge=1, title="Test problems per shard")
    """Test problems per evaluation shard."""
    max_error_share: float = Field(0.1, ge=0, le=1, title="Error rows kept, share of a shard")
    """A shard of which a larger share of prompts could not be run (too long for the context, say)
    fails instead of being stored."""


class TrackingConfig(Section):
    """An experiment tracker that is told how the run goes (docs/tracking.md)."""

    kind: Literal["none", "trackio", "mlflow", "wandb"] = Field("none", title="Tracker")
    """"none", or the library that is used: each is an extra of the installation."""
    project: str = Field("lbt", min_length=1, title="Project")
    """Project, or experiment, that the run is shown in."""
    uri: str | None = Field(None, title="Tracker's address")
    """Tracking server or database; the library's own default where none is given."""


CPUS_PER_GRADER = 4
MAX_GRADERS = 32


class GradingConfig(Section):
    """The grader's isolated workers."""

    workers: int | None = Field(None, ge=1, le=1024, title="Grading workers")
    """Worker processes; by default one for every four CPUs, at most 32: an engine on a GPU makes
    answers faster than one worker grades them."""
    time_limit_s: float = Field(3.0, gt=0, title="Time limit per answer, s")
    """Wall time after which an answer is ``undecided``."""
    memory_mib: int = Field(1024, ge=256, title="Memory per worker, MiB")
    """Address space a grading worker may use."""

    def workers_on(self, cpus: int) -> int:
        """The workers on a machine or cluster with so many CPUs."""
        return self.workers or max(1, min(MAX_GRADERS, cpus // CPUS_PER_GRADER))


class RunConfig(Section):
    """Everything that determines a run."""

    profile: str = Field("custom", title="Profile")
    """Name of the profile this configuration started from."""
    description: str = Field("", title="Description")
    """One line on what the profile is for."""
    seed: int = Field(0, ge=0, title="Seed")
    """Seed of the corpus, the exams' design, the pair selection and the training."""
    reproducible: bool = Field(False, title="Reproducible")
    """The same seed gives the same rows, scores, pairs and weights to the bit, on the same kind of
    machine, whether the run is disturbed or not; costs speed (docs/reliability.md)."""
    subject: str = Field(DEFAULT_SUBJECT, title="Subject")
    """The field of problems: a built-in one ("math", or the default), an installed one, or your own
    as my_package.my_module:subject."""
    corpus: CorpusConfig = CorpusConfig()
    teacher: ModelConfig = ModelConfig()
    students: tuple[ModelConfig, ...] = Field((), title="Students")
    """Student models; the teacher itself where none is given. The LbT score is their mean."""
    prompt: PromptConfig = PromptConfig()
    sampling: SamplingConfig = SamplingConfig()
    exam: ExamConfig = ExamConfig()
    preferences: PreferenceSpec = PreferenceSpec()
    controls: tuple[Arm, ...] = Field((), title="Control arms")
    """Further models trained on as many pairs, chosen by correctness only, at random, or by LbT
    only.
    """
    training: TrainingSpec = TrainingSpec()
    rounds: int = Field(1, ge=1, title="Rounds")
    """How often the pipeline runs: each further round is a run of its own, NAME-round-2, in which
    the tuned teacher of the round before teaches the same students.
    """
    evaluation: EvaluationConfig = EvaluationConfig()
    shards: ShardConfig = ShardConfig()
    engines: EngineConfig = EngineConfig()
    grading: GradingConfig = GradingConfig()
    tracking: TrackingConfig = TrackingConfig()

    @model_validator(mode="after")
    def _no_repeated_arm(self) -> "RunConfig":
        if len(set(self.controls)) != len(self.controls):
            raise ValueError("controls names the same arm twice")
        return self

    @model_validator(mode="after")
    def _adaptive_exams(self) -> "RunConfig":
        if reason := _not_adaptive(self):
            raise ValueError(f"exam.adaptive {reason}, or set exam.adaptive=false")
        return self

    @model_validator(mode="after")
    def _likelihood_here(self) -> "RunConfig":
        asked = any(self.endpoint_of(model) for model in self.student_models())
        if self.exam.scorer == "likelihood" and asked:
            raise ValueError(
                "exam.scorer=likelihood needs students that are loaded here: endpoints give no "
                "log-probabilities of prompts; set exam.scorer=sampled"
            )
        return self

    @model_validator(mode="after")
    def _seeded_core(self) -> "RunConfig":
        # the random state of a CPU engine is set where its core runs: not across processes
        core, device = self.engines.core, self.engines.device
        if self.reproducible and core == "process" and device != "gpu":
            raise ValueError(
                "reproducible needs engines.core=inline (or auto) unless engines.device=gpu"
            )
        return self

    @model_validator(mode="after")
    def _known_endpoints(self) -> "RunConfig":
        if self.engines.kind == "endpoint" and not self.engines.endpoint.urls:
            raise ValueError(
                "engines.kind=endpoint needs engines.endpoint.urls, as [http://host:8000/v1]"
            )
        named = {"teacher": self.teacher} | {
            f"students.{i}": m for i, m in enumerate(self.students)
        }
        for name, model in named.items():
            if model.endpoint is not None and not model.endpoint.urls:
                raise ValueError(f"{name}.endpoint needs urls, as [http://host:8000/v1]")
        if self.reproducible and any(self.endpoint_of(m) for m in named.values()):
            raise ValueError(
                "reproducible needs engines of its own, an endpoint promises nothing: set "
                "reproducible=false"
            )
        return self

    def endpoint_of(self, model: ModelConfig) -> EndpointConfig | None:
        """Where a model is asked; None for one that is loaded here, such as a tuned one."""
        if model.endpoint is not None:
            return model.endpoint
        configured = model == self.teacher or model in self.students
        return self.engines.endpoint if self.engines.kind == "endpoint" and configured else None

    @property
    def arms(self) -> tuple[str, ...]:
        """The arms that are trained: the real one first, then the controls."""
        return ("combined", *self.controls)

    def student_models(self) -> tuple[ModelConfig, ...]:
        """The students, which default to the teacher."""
        return self.students or (self.teacher,)


def _not_adaptive(config: RunConfig) -> str:
    """Why exams cannot be adaptive though they are asked to be; "" where they can."""
    exam = config.exam
    answers = exam.problems * exam.repetitions
    if not exam.adaptive:
        return ""
    if exam.scorer == "likelihood":
        return "asks in rounds what a student answers: set exam.scorer=sampled"
    if len(config.students) > 1:
        return "needs one student: every round would wait for the engines of each; name one"
    if not exam.deduplicate:
        return "needs exam.deduplicate=true: the rule decides on texts"
    if config.preferences.lbt_weight == 0:
        return "needs preferences.lbt_weight above 0: no pair hangs on exams"
    if "lbt" in config.controls:
        return "decides by the pairs of the combined score: take lbt out of controls"
    if exam.first_round >= answers:
        return (
            f"needs exam.first_round below the {answers} answers of an exam (exam.problems x "
            "exam.repetitions): lower it"
        )
    return ""


# --- from text to a RunConfig -------------------------------------------------------------------


def profile_names() -> list[str]:
    """Names of the built-in profiles."""
    folder = resources.files("lbt_core.run") / "profiles"
    names = (p.name for p in folder.iterdir())
    return sorted(n.removesuffix(".yaml") for n in names if n.endswith(".yaml"))


def load_config(profile: str = "demo", overrides: Iterable[str] = ()) -> RunConfig:
    """The configuration of a built-in profile or a YAML file, with ``section.field=value``
    overrides.

    Raises UserError naming the field, the allowed values and the nearest spelling.
    """
    raw = _profile_values(profile)
    for override in overrides:
        path, separator, text = override.partition("=")
        if not separator or not path.strip():
            raise UserError(f"--set {override}: expected section.field=value")
        _assign(raw, path.strip(), _parse_value(override, text))
    return build_config(raw)


def build_config(raw: Mapping[str, Any]) -> RunConfig:
    """A RunConfig from nested values; UserError names every field that is wrong."""
    try:
        return RunConfig.model_validate(raw)
    except ValidationError as error:
        clauses: dict[str, list[str]] = {}
        for one in error.errors():
            name, message = _explain(one)
            clauses.setdefault(name, []).append(message)
        raise UserError("; ".join(f"{n}: {', or '.join(m)}" for n, m in clauses.items())) from None


def _profile_values(profile: str) -> dict[str, Any]:
    if profile in profile_names():
        text = (resources.files("lbt_core.run") / "profiles" / f"{profile}.yaml").read_text("utf-8")
    elif profile.endswith((".yaml", ".yml")):
        try:
            text = Path(profile).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"profile {profile}: cannot be read ({error})") from None
    else:
        raise UserError(
            f"profile {profile!r} is unknown{_nearest(profile, profile_names())}; "
            f"built in: {', '.join(profile_names())}, or the path of a YAML file"
        )
    try:
        raw = yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        raise UserError(f"profile {profile}: not YAML ({' '.join(str(error).split())})") from None
    if not isinstance(raw, dict):
        raise UserError(f"profile {profile}: expected a mapping of sections at the top")
    return raw


def _parse_value(override: str, text: str) -> Any:
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        raise UserError(f"--set {override}: the value is not YAML") from None
    # YAML 1.1 reads 5e-4 as a string, people mean the number
    if isinstance(value, str) and re.fullmatch(r"[+-]?\d+(\.\d*)?[eE][+-]?\d+", value):
        return float(value)
    return value


def _assign(raw: dict[str, Any], path: str, value: Any) -> None:
    keys = path.split(".")
    for key in keys[:-1]:
        child = raw.setdefault(key, {})
        if not isinstance(child, dict):
            raise UserError(f"--set {path}: {key} holds no fields")
        raw = child
    raw[keys[-1]] = value


def _explain(error: Any) -> tuple[str, str]:
    """One validation error: the field's dotted name; what is wrong and what is allowed."""
    location = [str(part) for part in error["loc"]]
    kind = error["type"]
    if kind == "extra_forbidden":
        siblings = _section_at(location[:-1])[1]
        allowed = f"; fields here: {', '.join(siblings)}" if siblings else ""
        return ".".join(location), f"no such field{_nearest(location[-1], siblings)}{allowed}"
    name = ".".join(_section_at(location)[0]) or "configuration"
    message = error["msg"].removeprefix("Value error, ")
    got = "" if kind in ("missing", "value_error") else f", got {error['input']!r}"
    return name, f"{message[0].lower()}{message[1:]}{got}"


def _section_at(location: list[str]) -> tuple[list[str], list[str]]:
    """How far a validation error's location follows fields (and indices into lists; what comes
    after names a type), and the fields of the section that it leads to."""
    model: type[BaseModel] = RunConfig
    followed: list[str] = []
    fields = sorted(model.model_fields)
    for part in location:
        if part.isdigit():
            followed.append(part)
            continue
        if part not in fields:
            break
        followed.append(part)
        annotation = model.model_fields[part].annotation
        inner = [annotation, *typing.get_args(annotation)]
        found = [a for a in inner if isinstance(a, type) and issubclass(a, BaseModel)]
        model = found[0] if found else model
        fields = sorted(model.model_fields) if found else []
    return followed, fields


def _nearest(word: str, candidates: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(candidates), n=1, cutoff=0.5)
    return f" (did you mean {close[0]}?)" if close else ""


def differences(base: RunConfig, config: RunConfig) -> list[str]:
    """The ``section.field=value`` overrides that turn one configuration into another."""
    old, new = (
        _flatten("", base.model_dump(mode="json")),
        _flatten("", config.model_dump(mode="json")),
    )
    changed = [name for name in new if old.get(name) != new[name]]
    return [f"{name}={json.dumps(new[name])}" for name in changed]


def flat_settings(config: RunConfig) -> dict[str, Any]:
    """Every setting by its dotted name, as JSON values."""
    return _flatten("", config.model_dump(mode="json"))


def _flatten(prefix: str, values: Mapping[str, Any]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, value in values.items():
        name = f"{prefix}{key}"
        flat |= _flatten(f"{name}.", value) if isinstance(value, dict) else {name: value}
    return flat


# --- the environment, read nowhere else ---------------------------------------------------------


class Environment(BaseModel):
    """What is taken from environment variables."""

    prefect_api_url: str | None
    ray_address: str | None
    cpus: int
    ray_dashboard: str | None
    reports_url: str | None
    reports_folder: str | None
    first_gpu: str
    scratch: Path
    compiler: str | None


def read_environment() -> Environment:
    """Addresses of a running server and cluster, the cores and the first GPU (number or UUID) that
    this process may use, the C compiler that CC names, what ``lbt up`` says about itself (Ray's
    dashboard, where reports are served and from which folder), and where models and trainings of an
    object store are worked on.
    """
    return Environment(
        prefect_api_url=os.environ.get("PREFECT_API_URL") or None,
        ray_address=os.environ.get("RAY_ADDRESS") or None,
        cpus=len(os.sched_getaffinity(0)),
        ray_dashboard=os.environ.get("LBT_RAY_DASHBOARD") or None,
        reports_url=os.environ.get("LBT_REPORTS_URL") or None,
        reports_folder=os.environ.get("LBT_REPORTS_FOLDER") or None,
        compiler=os.environ.get("CC") or None,
        first_gpu=os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0],
        scratch=Path(os.environ.get("LBT_SCRATCH") or "~/.cache/lbt/scratch").expanduser(),
    )


def endpoint_key(variable: str) -> str | None:
    """The key of an endpoint, from the environment variable that the configuration names."""
    return os.environ.get(variable) or None
