import re
import typing

import pytest
from pydantic import BaseModel

from lbt_core import UserError
from lbt_core.run.config import RunConfig, build_config, differences, load_config, profile_names
from lbt_core.run.plan import next_round
from lbt_core.run.preparation import prepare


def sections(model=RunConfig, path=""):
    """(dotted path, model) of the configuration and every section in it."""
    yield path, model
    for name, field in model.model_fields.items():
        for inner in (field.annotation, *typing.get_args(field.annotation)):
            if isinstance(inner, type) and issubclass(inner, BaseModel):
                yield from sections(inner, f"{path}.{name}".lstrip("."))


def leaves():
    for path, model in sections():
        for name, field in model.model_fields.items():
            inner = (field.annotation, *typing.get_args(field.annotation))
            if not any(isinstance(i, type) and issubclass(i, BaseModel) for i in inner):
                yield f"{path}.{name}".lstrip("."), field


@pytest.mark.parametrize("name", ["demo", "rehearsal", "llama3-8b"])
def test_built_in_profile_loads_under_its_name(name):
    assert name in profile_names()
    config = load_config(name)
    assert config.profile == name
    assert config.description


def test_llama3_8b_has_the_cards_constants():
    config = load_config("llama3-8b")
    training, sampling, preferences = config.training, config.sampling, config.preferences
    assert config.teacher.path == "meta-llama/Meta-Llama-3-8B-Instruct"
    assert config.student_models() == (config.teacher,)
    assert (sampling.num_rationales, sampling.temperature) == (32, 0.7)
    assert (sampling.top_k, sampling.top_p, sampling.max_new_tokens) == (20, 1.0, 1024)
    assert (config.exam.problems, config.exam.repetitions) == (3, 3)
    assert (config.exam.bank, config.exam.selection) == ("train", "nearest")
    assert config.exam.similarity == "sentence-transformers/all-mpnet-base-v2"
    assert (preferences.correctness_weight, preferences.lbt_weight) == (0.5, 0.5)
    assert (preferences.min_gap, preferences.max_pairs_per_problem) == (0.3, 8)
    assert (training.learning_rate, training.epochs) == (2e-5, 1)
    assert (training.lora_r, training.lora_alpha) == (128, 256)
    assert training.gradient_accumulation == 16
    assert (training.quantization, training.dtype) == ("nf4", "bfloat16")
    assert (config.prompt.chat, config.prompt.system, config.prompt.prefill) == (
        "card",
        None,
        False,
    )


def test_rehearsal_has_the_cards_size():
    config, card = load_config("rehearsal"), load_config("llama3-8b")
    assert config.teacher.path == "embedded"
    assert config.corpus.source == "tiny"
    assert (config.corpus.generated.train, config.corpus.generated.test) == (1200, 305)
    assert config.sampling.num_rationales == 32
    for field in ("bank", "selection", "problems", "repetitions", "temperature", "top_k"):
        assert getattr(config.exam, field) == getattr(card.exam, field)
    for field in ("num_rationales", "temperature", "top_k", "top_p"):
        assert getattr(config.sampling, field) == getattr(card.sampling, field)
    assert config.preferences == card.preferences
    assert config.controls == card.controls


def test_the_embedded_families_have_the_rehearsals_problems():
    problems = prepare(load_config("rehearsal"))
    assert [len(problems[s]) for s in ("train", "exam", "validation", "test")] == [1200, 0, 60, 305]


@pytest.mark.parametrize(
    ("override", "read", "value"),
    [
        ("exam.problems=2", lambda c: c.exam.problems, 2),
        ("training.learning_rate=5e-4", lambda c: c.training.learning_rate, 5e-4),
        ("controls=[correctness, random]", lambda c: c.controls, ("correctness", "random")),
        ("controls=[]", lambda c: c.controls, ()),
        ("students=[{path: a}, {path: b}]", lambda c: [m.path for m in c.students], ["a", "b"]),
        ("training.target_modules=[q_proj]", lambda c: c.training.target_modules, ("q_proj",)),
        ("teacher.revision=null", lambda c: c.teacher.revision, None),
        ("prompt.system=Be brief.", lambda c: c.prompt.system, "Be brief."),
        ("prompt.system=a=b", lambda c: c.prompt.system, "a=b"),
        ("corpus.generated.lucky_train=0.5", lambda c: c.corpus.generated.lucky_train, 0.5),
    ],
)  # fmt: skip
def test_override_sets_one_field(override, read, value):
    assert read(load_config("demo", [override])) == value


@pytest.mark.parametrize("field", ["exam.problems", "training.epochs", "preferences.pairs", "seed"])
@pytest.mark.parametrize(("written", "read"), [("true", "true"), ("yes", "true"), ("off", "false")])
def test_a_truth_value_is_not_a_number(field, written, read):
    with pytest.raises(UserError, match=f"^{field}: expected a number, got {read}$"):
        load_config("demo", [f"{field}={written}"])


def test_a_truth_value_is_one_where_it_is_asked_for():
    assert load_config("demo", ["exam.deduplicate=off"]).exam.deduplicate is False


def test_later_override_wins():
    config = load_config("demo", ["exam.problems=2", "exam.problems=4"])
    assert config.exam.problems == 4


def test_override_keeps_the_sections_other_fields():
    plain, changed = load_config("demo"), load_config("demo", ["exam.problems=2"])
    assert changed.exam == plain.exam.model_copy(update={"problems": 2})


def refusal(*overrides):
    with pytest.raises(UserError) as caught:
        load_config("demo", overrides)
    message = str(caught.value)
    assert "\n" not in message
    return message


def test_misspelt_field_gets_its_nearest_spelling_and_the_fields_there():
    message = refusal("sampling.num_rationale=4")
    assert "sampling.num_rationale: no such field" in message
    assert "did you mean num_rationales?" in message
    assert "max_new_tokens, num_rationales, temperature, top_k, top_p" in message


def test_misspelt_section_gets_its_nearest_spelling():
    assert "did you mean sampling?" in refusal("smapling.num_rationales=4")


@pytest.mark.parametrize(
    ("override", "nearest"),
    [
        ("training.guards.promps=4", "prompts"),
        ("students=[{pth: a}]", "path"),
        ("corpus.generated.lucky_trian=0.5", "lucky_train"),
    ],
)
def test_misspelling_in_a_nested_section_is_found_there(override, nearest):
    assert f"did you mean {nearest}?" in refusal(override)


@pytest.mark.parametrize(
    ("override", "name", "said"),
    [
        ("sampling.num_rationales=0", "sampling.num_rationales", "than or equal to 1, got 0"),
        ("sampling.num_rationales=many", "sampling.num_rationales", "integer"),
        ("sampling.num_rationales=1.5", "sampling.num_rationales", "integer"),
        ("sampling.top_p=0", "sampling.top_p", "greater than 0"),
        ("sampling.temperature=.nan", "sampling.temperature", "finite"),
        ("grading.time_limit_s=.inf", "grading.time_limit_s", "finite"),
        ("exam.bank=test", "exam.bank", "'train' or 'exam'"),
        ("exam=3", "exam", "got 3"),
        ("exam.problems.deep=3", "exam.problems", "holds no fields"),
        ("teacher.path=[1]", "teacher.path", "string"),
        ("controls=random", "controls", "tuple"),
        ("controls=[combined]", "controls.0", "'correctness', 'random' or 'lbt'"),
        ("controls=[random, random]", "configuration", "same arm twice"),
        ("training.target_modules=5", "training.target_modules", "got 5"),
        ("training.gradient_accumulation=3\x00", "--set", "not YAML"),
        ("exam.problems={", "--set", "not YAML"),
        ("exam.problems", "--set", "expected section.field=value"),
        ("=3", "--set", "expected section.field=value"),
    ],
)  # fmt: skip
def test_wrong_value_is_refused_with_its_field(override, name, said):
    message = refusal(override)
    assert name in message
    assert said in message


def test_every_wrong_field_is_named_at_once():
    message = refusal("sampling.num_rationales=0", "exam.problems=0")
    assert "sampling.num_rationales" in message
    assert "exam.problems" in message


def test_a_field_of_several_types_is_refused_once_under_its_own_name():
    message = refusal("training.target_modules=5")
    assert message.count("training.target_modules") == 1


def test_configuration_cannot_be_changed_after_loading():
    config = load_config("demo")
    with pytest.raises(ValueError, match="frozen"):
        config.exam.problems = 3


def test_configuration_survives_its_own_json():
    config = load_config("demo", ["controls=[random]", "students=[{path: a/b}]"])
    assert build_config(config.model_dump(mode="json")) == config


class TestProfileFile:
    def load(self, tmp_path, text, name="mine.yaml"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_config(str(path))

    def test_values_are_taken_and_the_rest_defaults(self, tmp_path):
        config = self.load(tmp_path, "exam:\n  problems: 7\n")
        assert config.exam.problems == 7
        assert config.sampling == RunConfig().sampling

    def test_empty_file_is_the_defaults(self, tmp_path):
        assert self.load(tmp_path, "") == RunConfig()

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("exam: [", "not YAML"),
            ("- exam", "mapping"),
            (b"\xff\xfe\x00", "cannot be read"),
            ("exam:\n  problms: 7", r"exam\.problms.*did you mean problems\?"),
            ("1: 2", "1"),
        ],
    )
    def test_a_bad_file_is_refused(self, tmp_path, text, said):
        with pytest.raises(UserError, match=said) as caught:
            self.load(tmp_path, text)
        assert "\n" not in str(caught.value)

    def test_a_missing_file_is_named(self):
        with pytest.raises(UserError, match=r"no-such\.yaml: cannot be read"):
            load_config("no-such.yaml")

    def test_an_unknown_name_gets_the_nearest_one(self):
        with pytest.raises(UserError, match=re.escape("did you mean rehearsal?")):
            load_config("rehersal")


@pytest.mark.parametrize(("name", "field"), [pytest.param(*leaf, id=leaf[0]) for leaf in leaves()])
def test_every_field_is_documented(name, field):
    assert field.title, f"{name} has no title"
    assert field.description, f"{name} has no description"
    assert field.description.rstrip().endswith((".", "}")), (
        f"{name}: a sentence ends in a full stop"
    )


@pytest.mark.parametrize(
    ("path", "model"), [pytest.param(*s, id=s[0] or "root") for s in sections()]
)
def test_every_section_is_documented(path, model):
    assert model.__doc__, f"{path} has no docstring"
    assert model.__doc__ != BaseModel.__doc__


def test_a_further_round_has_the_tuned_teacher_and_the_same_students():
    config = load_config("demo", ["rounds=2"])
    second = next_round(config, "/models/tuned")
    assert second.teacher.path == "/models/tuned"
    assert [m.path for m in second.student_models()] == [config.teacher.path]
    assert {n.split("=")[0] for n in differences(config, second)} == {"teacher.path", "students"}


def test_reproducible_refuses_a_core_that_cannot_be_seeded():
    with pytest.raises(UserError, match=r"reproducible needs engines\.core=inline"):
        load_config("demo", ["engines.core=process"])
    load_config("demo", ["engines.core=process", "reproducible=false"])
