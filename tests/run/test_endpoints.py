"""Endpoints in a run: chosen by role, on record, refused where they serve something else."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "generation"))

from endpoint_server import serving

from flows.cli.run import preflight
from lbt_core import UserError
from lbt_core.run.config import ModelConfig, load_config
from lbt_core.run.endpoints import look_at, remarks
from lbt_core.run.plan import Plan, next_round, resolve_identities
from lbt_core.run.record import RunStore
from lbt_core.run.session import Session
from lbt_core.run.stages import changed_fields

BASE = ["reproducible=false"]


def everywhere(url):
    return [*BASE, "engines.kind=endpoint", f"engines.endpoint.urls=[{url}]"]


def remote_student(url):
    return [*BASE, f"students=[{{path: embedded, endpoint: {{urls: ['{url}']}}}}]"]


def test_the_endpoint_is_chosen_by_role():
    all_ = load_config("demo", everywhere("http://a:1/v1"))
    assert all_.endpoint_of(all_.teacher) and all_.endpoint_of(all_.student_models()[0])
    assert all_.endpoint_of(ModelConfig(path="/tuned")) is None
    students = load_config("demo", remote_student("http://a:1/v1/"))
    assert students.endpoint_of(students.teacher) is None
    assert students.endpoint_of(students.students[0]).urls == ("http://a:1/v1",)
    given = [*BASE, "teacher.endpoint.urls=http://a:1/v1", "students=[{path: embedded}]"]
    teacher = load_config("demo", given)
    assert teacher.endpoint_of(teacher.teacher) and not teacher.endpoint_of(teacher.students[0])


def test_a_further_round_teaches_here_and_asks_the_students_where_they_were():
    second = next_round(load_config("demo", everywhere("http://a:1/v1")), "/tuned")
    assert second.endpoint_of(second.teacher) is None and second.engines.kind == "vllm"
    assert second.endpoint_of(second.students[0]).urls == ("http://a:1/v1",)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ([*BASE, "engines.kind=endpoint"], r"engines.kind=endpoint needs engines.endpoint.urls"),
        (everywhere("ftp://a"), r"engines.endpoint.urls: ftp://a: expected an address"),
        (everywhere("'http://me:secret@a/v1'"), r"of a holds more than host, port and path"),
        (everywhere("http://a/v1, http://a/v1"), r"named twice"),
        ([*everywhere("http://a/v1"), "reproducible=true"], r"set reproducible=false"),
        ([*BASE, "teacher.endpoint={}"], r"teacher.endpoint needs urls"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(given, said):
    with pytest.raises(UserError, match=said) as refused:
        load_config("demo", given)
    assert "secret" not in str(refused.value)


def test_addresses_change_no_row_and_what_is_served_does(tmp_path):
    with serving() as server:
        config = load_config("demo", everywhere(server.url))
        assert changed_fields(config, load_config("demo", everywhere("http://b:2/v1"))) == {}
        served = look_at(config)
        assert set(served) == {"teacher", "student embedded"}
        before = resolve_identities(config, served)
        server.root = "/models/other"
        after = resolve_identities(config, look_at(config))
    assert before["teacher"] == after["teacher"]  # the weights that are trained
    store = RunStore.start(str(tmp_path / "run"), config)
    store.settle_identities(before)
    store.settle_endpoints(served)
    marks = [
        Plan(store.files, config, found)._sample_spec() for found in (before, after, local(config))
    ]
    assert marks[0] != marks[1] and marks[0] != marks[2]
    store.files.write("rationales/part-00000.parquet", b"x")
    for changed in (after, local(config)):
        with pytest.raises(UserError, match=r"contents of.*served teacher"):
            store.settle_identities(changed)
    record = json.loads((tmp_path / "run/run.json").read_text())
    assert record["endpoints"]["teacher"]["api"] == "completions"
    assert "/models/tiny" in record["identities"]["served teacher"]


def local(config):
    """Identities of the same run with its teacher loaded here."""
    return resolve_identities(config)


def test_a_dead_endpoint_is_named_before_anything_starts(tmp_path):
    with serving() as server:
        gone = server.url
    with pytest.raises(UserError, match=f"endpoint {gone} cannot be reached"):
        preflight(str(tmp_path / "run"), load_config("demo", everywhere(gone)))


def test_a_session_asks_the_endpoint_and_what_differs_is_said(monkeypatch):
    monkeypatch.setenv("LBT_ENDPOINT_KEY", "hush")
    few = ["corpus.generated.train=2", "corpus.generated.exam=4", "sampling.num_rationales=2"]
    with serving() as server:
        server.key, server.completions = "hush", False
        with Session("demo", [*everywhere(server.url), *few]) as lbt:
            rows = lbt.sample(lbt.problems["train"])
            remarked = remarks(look_at(lbt.config))
    assert len(rows) == 4 and all(r.text.startswith("re: Your task is") for r in rows)
    assert any("only chats" in line for line in remarked)
