import json

import pytest

from lbt_core import UserError
from lbt_core.generation.models import model_identity
from lbt_core.run.config import load_config
from lbt_core.run.record import FORMAT, RunStore
from lbt_core.store import Files
from lbt_core.store.fingerprint import fingerprint, keys_digest

PART = "part-00000.parquet"


@pytest.fixture
def uri(tmp_path):
    return str(tmp_path / "runs" / "mine")


def store(uri: str, *overrides: str, discard_from=None) -> RunStore:
    return RunStore.start(uri, load_config("demo", overrides), discard_from)


def put(uri: str, *paths: str) -> Files:
    files = Files(uri)
    for path in paths:
        files.write(path, path.encode())
    return files


def test_run_is_opened_with_the_configuration_it_was_started_with(uri):
    store(uri, "exam.problems=5")
    opened = RunStore.open(uri)
    assert opened.config == load_config("demo", ["exam.problems=5"])
    assert opened.name == "mine"
    assert opened.record["version"]
    assert "pyarrow" in opened.record["packages"]


def test_there_is_no_run_in_an_empty_folder(uri):
    with pytest.raises(UserError, match="no run here"):
        RunStore.open(uri)


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"3", b"\xff\xfe"])
def test_record_that_is_not_one_is_refused(uri, content):
    Files(uri).write("run.json", content)
    with pytest.raises(UserError, match=r"run\.json: not a JSON object"):
        RunStore.open(uri)


def test_run_stored_in_an_older_format_is_refused_in_one_line(uri):
    record = {"version": "0.1.0", "config": {"corpus": {"source": "tiny", "tiny": {"train": 9}}}}
    Files(uri).write("run.json", json.dumps(record).encode())
    with pytest.raises(UserError, match=r"written by lbt 0\.1\.0 in format 1") as caught:
        RunStore.open(uri)
    assert "--run NAME" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("config", [{"exam": {"problems": 0}}, {"no_such": 1}, None])
def test_record_of_another_version_is_refused(uri, config):
    record = {"version": "9.9", "format": FORMAT} | ({"config": config} if config else {})
    Files(uri).write("run.json", json.dumps(record).encode())
    with pytest.raises(UserError, match=r"does not fit this version .* 9\.9") as caught:
        RunStore.open(uri)
    assert "\n" not in str(caught.value)


def test_starting_again_with_the_same_configuration_is_fine(uri):
    first = store(uri)
    put(uri, f"rationales/{PART}", f"exams/{PART}")
    assert store(uri).record["created"] == first.record["created"]


@pytest.mark.parametrize(
    ("override", "stored", "stage", "rows"),
    [
        ("sampling.num_rationales=5", "rationales", "sample", "sample"),
        ("sampling.temperature=0.5", "rationales", "sample", "sample"),
        ("prompt.system=Be brief.", "rationales", "sample", "sample"),
        ("shards.problems=3", "rationales", "sample", "sample"),
        ("teacher.path=elsewhere", "rationales", "sample", "sample"),
        ("seed=7", "rationales", "prepare", "sample"),
        ("corpus.generated.train=9", "rationales", "prepare", "sample"),
        ("exam.problems=5", "exams", "examine", "examine"),
        ("exam.temperature=0.5", "exams", "examine", "examine"),
        ("students=[{path: other}]", "exams", "examine", "examine"),
        ("sampling.num_rationales=5", "exams", "sample", "examine"),
    ],
)
def test_change_under_sampled_rows_is_refused_with_both_ways_out(
    uri, override, stored, stage, rows
):
    store(uri)
    files = put(uri, f"{stored}/{PART}")
    with pytest.raises(UserError) as caught:
        store(uri, override)
    message = str(caught.value)
    assert override.split("=")[0] in message
    assert f"its stored {rows} rows" in message
    assert "--run mine-2" in message
    assert f"--discard-from {stage}" in message
    assert "\n" not in message
    assert files.exists(f"{stored}/{PART}")
    assert RunStore.open(uri).config == load_config("demo")


@pytest.mark.parametrize(
    "override",
    [
        "preferences.min_gap=0.5",
        "controls=[random]",
        "training.learning_rate=1e-4",
        "evaluation.max_new_tokens=64",
    ],
)
def test_change_of_a_later_stage_keeps_the_sampled_rows(uri, override):
    store(uri)
    files = put(uri, f"rationales/{PART}", f"exams/{PART}")
    store(uri, override)
    assert files.exists(f"rationales/{PART}")
    assert files.exists(f"exams/{PART}")
    assert RunStore.open(uri).config == load_config("demo", [override])


@pytest.mark.parametrize(
    "override",
    [
        "engines.count=3",
        "engines.window=7",
        "engines.shards_in_flight=1",
        "grading.workers=2",
        "training.checkpoint_steps=7",
        "description=other",
    ],
)
def test_what_changes_only_the_speed_is_no_change(uri, override):
    store(uri)
    put(uri, f"rationales/{PART}", f"exams/{PART}")
    store(uri, override)


def test_nothing_is_refused_before_anything_was_sampled(uri):
    """The exams' design is stored in the first step, long before the first exam."""
    store(uri)
    put(uri, "problems/train.parquet", "exams/design.parquet")
    store(uri, "sampling.num_rationales=5", "exam.problems=5")


def test_discarding_moves_that_stage_and_later_ones_aside_and_records_it(uri):
    store(uri)
    kept = (f"rationales/{PART}", "problems/train.parquet")
    moved = (
        f"exams/{PART}",
        "scores.parquet",
        "preferences.parquet",
        "training/tuned/x",
        "model/x",
    )
    moved += (f"evaluation/base/{PART}", "report/index.html")
    files = put(uri, *kept, *moved)
    record = store(uri, "exam.problems=5", discard_from="examine").record["moved_aside"]
    assert [p for p in kept if not files.exists(p)] == []
    assert [p for p in moved if files.exists(p)] == []
    places = {entry["path"]: entry["to"] for entry in record}
    assert files.read(f"{places['exams']}/{PART}") == f"exams/{PART}".encode()
    assert files.read(places["scores.parquet"]) == b"scores.parquet"
    assert RunStore.open(uri).record["moved_aside"] == record


def test_discarding_too_little_is_refused_before_anything_moves(uri):
    store(uri)
    files = put(uri, f"rationales/{PART}", f"exams/{PART}", "scores.parquet")
    with pytest.raises(UserError, match="--discard-from sample"):
        store(uri, "sampling.num_rationales=5", discard_from="prefer")
    assert files.exists("scores.parquet")


def test_other_weights_at_the_same_path_are_refused_once_sampled(uri):
    run = store(uri)
    run.settle_identities({"corpus": "a", "teacher": "old"})
    run.settle_identities({"corpus": "a", "teacher": "new"})  # nothing is sampled yet
    put(uri, f"rationales/{PART}")
    with pytest.raises(UserError, match=r"contents of teacher .*--discard-from sample"):
        RunStore.open(uri).settle_identities({"corpus": "a", "teacher": "third"})
    assert RunStore.open(uri).identities["teacher"] == "new"


def test_fingerprint_does_not_depend_on_the_order_of_fields():
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})


@pytest.mark.parametrize(
    ("one", "other"),
    [(("ab", "c"), ("a", "bc")), (([1], 2), ([1, 2],)), ((1,), ("1",)), ((None,), ("null",))],
)
def test_fingerprint_tells_parts_apart(one, other):
    assert fingerprint(*one) != fingerprint(*other)


def test_digest_of_keys_ignores_their_order_only():
    assert keys_digest([("a", 1), ("b", 2)]) == keys_digest([("b", 2), ("a", 1)])
    assert keys_digest([("a", 1)]) != keys_digest([("a", 2)])
    assert keys_digest([("a", 1)]) != keys_digest([("a", 1), ("a", 1)])


class TestModelIdentity:
    @pytest.fixture
    def folder(self, tmp_path):
        for name in ("config.json", "tokenizer.json", "model.safetensors", "README.md"):
            (tmp_path / name).write_text(name)
        return tmp_path

    @pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
    def test_another_content_is_another_model(self, folder, name):
        before = model_identity(str(folder), None)
        (folder / name).write_text(name.swapcase())
        assert model_identity(str(folder), None) != before

    def test_place_and_readme_do_not_matter(self, folder):
        before = model_identity(str(folder), None)
        (folder / "README.md").write_text("another")
        assert model_identity(str(folder.rename(folder.with_name("moved"))), None) == before

    def test_revision_of_a_hub_id_matters(self):
        assert model_identity("a/b", "v1") != model_identity("a/b", "v2")
