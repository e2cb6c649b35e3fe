"""A hub repository with two revisions, in the layout of the local hub cache: whatever loads a model
loads the revision that it was told to."""

import json
import shutil
from dataclasses import fields, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from huggingface_hub import constants
from random_llama import save_random_llama
from safetensors.torch import load_file

from flows.cli import evaluate, solve
from lbt_core import UserError
from lbt_core.generation import EngineSpec, ModelCannotLoad, Request, Settings, build_engine
from lbt_core.generation.models import commit_of, model_folder
from lbt_core.method.prompts import Renderer
from lbt_core.run.config import ModelConfig, PromptConfig, RunConfig
from lbt_core.run.plan import Plan, resolve_identities
from lbt_core.run.record import RunStore
from lbt_core.run.rendering import build_renderer
from lbt_core.store import Files
from lbt_core.store.rows import Preference
from lbt_core.training.dpo import train_dpo
from lbt_core.training.merge import check_merge, merge_adapter
from lbt_core.training.spec import GuardSpec, TrainingSpec
from tasks.tuning import train_step

REPOSITORY = "org/two-revisions"
OLD, NEW = "a" * 40, "b" * 40
TEMPLATE = "{{ bos_token }}REVISION {% for m in messages %}{{ m['content'] }}{% endfor %}"
PROMPT = "<|begin_of_text|>Solve y' = y."


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two commits of one repository: "v1", and "main", with other weights and another template."""
    folder = tmp_path_factory.mktemp("hub")
    repository = folder / "models--org--two-revisions"
    for number, (commit, names) in enumerate(((OLD, ["v1"]), (NEW, ["main", "v2"]))):
        snapshot = repository / "snapshots" / commit
        snapshot.mkdir(parents=True)
        save_random_llama(snapshot, seed=number)
        (snapshot / "chat_template.jinja").write_text(TEMPLATE.replace("REVISION", names[-1]))
        for name in names:
            (repository / "refs").mkdir(exist_ok=True)
            (repository / "refs" / name).write_text(commit)
    return folder


@pytest.fixture(autouse=True)
def offline(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)


def snapshot(cache: Path, commit: str) -> Path:
    return cache / "models--org--two-revisions" / "snapshots" / commit


@pytest.mark.parametrize(
    ("revision", "commit"),
    [("v1", OLD), (OLD, OLD), ("main", NEW), (None, NEW), (NEW, NEW)],
)
def test_path_and_revision_become_a_folder(cache: Path, revision: str | None, commit: str) -> None:
    assert model_folder(REPOSITORY, revision) == snapshot(cache, commit)
    assert commit_of(REPOSITORY, revision) == commit


def test_folder_is_itself_and_has_no_revision(random_llama: str) -> None:
    assert model_folder(random_llama) == Path(random_llama)
    with pytest.raises(UserError, match="is a folder, which has no revision v1"):
        model_folder(random_llama, "v1")


@pytest.mark.parametrize(("path", "revision"), [("org/nothing", None), (REPOSITORY, "v9")])
def test_what_is_not_there_is_said(path: str, revision: str | None) -> None:
    assert commit_of(path, revision) is None
    with pytest.raises(UserError, match=f"{path}.*cannot be loaded: .*cannot be reached"):
        model_folder(path, revision)


def test_other_formats_of_the_weights_are_not_fetched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Llama-3-8B's repository has 16 GB of them in "original/"."""
    from huggingface_hub.utils import filter_repo_objects  # noqa: PLC0415

    files = ["config.json", "model-00001-of-00002.safetensors", "tokenizer.json", "README.md"]
    files += ["original/consolidated.00.pth", "original/params.json", "onnx/model.onnx", "m.gguf"]
    files += ["pytorch_model.bin", "chat_template.jinja", "other/model.safetensors"]
    asked: list[dict[str, Any]] = []

    def download(path: str, **options: Any) -> str:
        asked.append(options)
        raise OSError("nothing is fetched here")

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    for weights in (True, False):
        with pytest.raises(UserError):
            model_folder("org/model", weights=weights)
    fetched = [
        set(
            filter_repo_objects(
                files,
                allow_patterns=options["allow_patterns"],
                ignore_patterns=options["ignore_patterns"],
            )
        )
        for options in asked
    ]
    text = {"config.json", "tokenizer.json", "chat_template.jinja"}
    assert fetched == [text | {"model-00001-of-00002.safetensors"}, text]


def spec_of(kind: Any, revision: str | None) -> EngineSpec:
    return EngineSpec(
        kind=kind,
        model=REPOSITORY,
        revision=revision,
        dtype="float32",
        max_model_len=128,
        device="cpu",
        tensor_parallel=1,
        max_num_seqs=4,
        window=4,
        kv_cache_gib=1,
        gpu_memory_utilization=0.9,
        enforce_eager=True,
        load_format="safetensors",
        seed=0,
    )


def answer(spec: EngineSpec) -> str:
    engine = build_engine(spec)
    (found,) = engine.generate([Request("r", PROMPT, 0, Settings(0.0, 0, 1.0, 16))])
    engine.close()
    return found.text


def test_transformers_engine_loads_the_revision(cache: Path) -> None:
    wanted = [
        answer(replace(spec_of("transformers", None), model=str(snapshot(cache, commit))))
        for commit in (OLD, NEW)
    ]
    assert wanted[0] != wanted[1]
    assert [answer(spec_of("transformers", r)) for r in ("v1", None)] == wanted


def test_vllm_is_given_the_revision_s_folder(cache: Path) -> None:
    from lbt_core.generation.vllm_engine import _engine_arguments  # noqa: PLC0415

    for revision, commit in (("v1", OLD), (None, NEW)):
        arguments = _engine_arguments(spec_of("vllm", revision))
        assert arguments["model"] == str(snapshot(cache, commit))
        assert "tokenizer" not in arguments  # vLLM takes it from the model's folder


def test_engine_that_finds_no_such_revision_says_so() -> None:
    with pytest.raises(UserError, match=f"{REPOSITORY} at revision v9 cannot be loaded"):
        build_engine(spec_of("transformers", "v9"))


def test_torn_weights_are_named_with_their_revision(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = tmp_path / "hub"
    shutil.copytree(cache, copied)
    weights = snapshot(copied, OLD) / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:1000])
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(copied))
    with pytest.raises(ModelCannotLoad, match=f"{REPOSITORY} at revision v1 .* file is torn"):
        build_engine(spec_of("transformers", "v1"))


def test_renderer_uses_the_revision_s_template() -> None:
    config = PromptConfig(chat="template")
    prompts = [build_renderer(config, REPOSITORY, r).question("Why?") for r in ("v1", None)]
    assert [p.split()[0] for p in prompts] == ["<|begin_of_text|>v1", "<|begin_of_text|>v2"]


def test_run_stays_on_the_commit_that_it_began_with(cache: Path, tmp_path: Path) -> None:
    teacher = ModelConfig(path=REPOSITORY)
    student = ModelConfig(path=REPOSITORY, revision="v1")
    config = RunConfig(teacher=teacher, students=(student,))
    identities = resolve_identities(config)
    plan = Plan(Files(str(tmp_path)), config, json.loads(json.dumps(identities)))
    assert plan.pinned(teacher).revision == NEW
    assert plan.pinned(student).revision == OLD
    tuned = ModelConfig(path=str(snapshot(cache, OLD)))
    assert plan.pinned(tuned) == tuned


def make_pairs() -> list[Preference]:
    values: dict[str, Any] = dict.fromkeys((f.name for f in fields(Preference)), 0.0)
    values |= {"arm": "combined", "prompt": PROMPT, "chosen": "Yes.", "rejected": "No."}
    values |= {"chosen_verdict": "correct", "rejected_verdict": "incorrect"}
    return [Preference(**values | {"problem_id": f"p{i}"}) for i in range(4)]


@pytest.fixture(scope="module")
def trained(cache: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Adapters trained, and merged, on the old revision: by name, and by its folder."""
    spec = TrainingSpec(
        max_steps=2,
        lora_r=2,
        quantization="none",
        dtype="float32",
        gradient_accumulation=2,
        gradient_checkpointing=False,
        seed=0,
        guards=GuardSpec(prompts=0),
    )
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(constants, "HF_HUB_CACHE", str(cache))
        patch.setattr(constants, "HF_HUB_OFFLINE", True)
        for name, (model, revision) in {
            "hub": (REPOSITORY, "v1"),
            "folder": (str(snapshot(cache, OLD)), None),
        }.items():
            out = tmp_path_factory.mktemp(name)
            result = train_dpo(model, make_pairs(), spec, out, revision=revision)
            merge_adapter(model, result.weights, out / "merged", revision)
            found[name] = out
    return found


@pytest.mark.parametrize("file", ["weights/adapter_model.safetensors", "merged/model.safetensors"])
def test_training_and_merge_are_on_the_revision(trained: dict[str, Path], file: str) -> None:
    ours, wanted = load_file(trained["hub"] / file), load_file(trained["folder"] / file)
    assert ours.keys() == wanted.keys()
    assert all((ours[k] == wanted[k]).all() for k in ours)


def test_check_of_a_merge_is_on_the_revision(trained: dict[str, Path]) -> None:
    weights, merged = trained["hub"] / "weights", trained["hub"] / "merged"
    prompts = [PROMPT + str(i) for i in range(3)]
    same = check_merge(REPOSITORY, weights, merged, prompts, max_new_tokens=8, revision="v1")
    assert same.passed
    other = check_merge(REPOSITORY, weights, merged, prompts, max_new_tokens=8, revision="v2")
    assert not other.passed


def test_a_run_trains_and_merges_the_commit_that_it_samples_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Trained(Exception):
        pass

    asked: list[tuple[Any, ...]] = []

    def train(model: str, *_: Any, revision: str | None, **__: Any) -> None:
        asked.append((model, revision))
        raise Trained

    config = RunConfig(teacher=ModelConfig(path=REPOSITORY))
    store = RunStore.start(str(tmp_path / "r"), config)
    plan = Plan(store.files, config, resolve_identities(config))
    context: Any = SimpleNamespace(
        plan=plan,
        files=store.files,
        config=config,
        pinned=plan.pinned,
        served_to=lambda _: None,
        renderer=Renderer(),
    )
    monkeypatch.setattr("tasks.training.train_on_ray", train)
    monkeypatch.setattr("tasks.tuning.watched_problems", lambda _: [])
    monkeypatch.setattr("tasks.tuning.generated_counts", lambda *_: [])
    monkeypatch.setattr("tasks.tuning.stored_rationales", lambda _: [])
    with pytest.raises(Trained):
        train_step(context, "combined", make_pairs(), print, 1)
    assert asked == [(REPOSITORY, NEW)]


@pytest.mark.parametrize("command", ["evaluate", "solve"])
def test_commands_load_the_revision(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Loaded(Exception):
        pass

    asked: list[tuple[str, str | None]] = []

    def build(spec: EngineSpec) -> None:
        asked.append((spec.model, spec.revision))
        raise Loaded

    monkeypatch.setattr("lbt_core.generation.build_engine", build)
    given: dict[str, Any] = {"model": REPOSITORY, "revision": "v1"}
    with pytest.raises(Loaded):
        if command == "solve":
            solve.solve("Solve y' = y.", **given)
        else:
            evaluate.evaluate(problems="tiny", engine="transformers", **given)
    assert asked == [(REPOSITORY, "v1")]
