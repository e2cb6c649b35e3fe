"""What can be known to be wrong is refused before anything starts: one line, exit status 2."""

import sys
import time
from pathlib import Path

import fsspec
import pytest

from flows.cli import main
from lbt_core.run.record import RUN_NAME_LENGTH


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path):
    def call(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["lbt", "run", *arguments])
        monkeypatch.setattr("flows.cli.run.execute", lambda *_: pytest.fail("something started"))
        before = sorted(tmp_path.rglob("*"))
        with pytest.raises(SystemExit) as stop:
            main()
        said = capfd.readouterr()
        assert stop.value.code == 2
        assert said.err.startswith("lbt: ")
        assert said.err.count("\n") == 1, said.err
        assert sorted(tmp_path.rglob("*")) == before
        return said.err

    return call


@pytest.mark.parametrize(
    "name", ["../../x", "a/b", "", ".", "..", "-x", "a b", "é", "a\n", "x" * (RUN_NAME_LENGTH + 1)]
)
def test_run_name_that_is_no_path_segment(refused, tmp_path: Path, name: str):
    said = refused("--store", str(tmp_path / "deep" / "runs"), "--run", name)
    assert "--run" in said
    assert "letters, digits" in said


def test_store_without_a_name(refused):
    assert "--store" in refused("--store", "")


def test_store_whose_library_is_missing_names_the_extra(refused, monkeypatch: pytest.MonkeyPatch):
    def missing(*_: object, **__: object) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec.core, "url_to_fs", missing)
    for uri, extra in (("s3://bucket/runs", "lbt[s3]"), ("gs://bucket/runs", "lbt[gcs]")):
        assert extra in refused("--store", uri)


def test_store_that_does_not_answer(refused, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    said = refused("--store", f"s3://bucket/{time.time_ns()}")
    assert "cannot be read" in said
    assert "secret" not in said


def test_rounds_need_a_folder(refused):
    assert "rounds" in refused("--store", "memory://rounds", "--set", "rounds=2")


def test_a_run_is_named_by_its_profile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    started: list[str] = []

    def execute(uri: str, *_: object) -> dict[str, int]:
        started.append(uri)
        return {"worked_shards": 1}

    monkeypatch.setattr("flows.cli.run.execute", execute)
    own = tmp_path / "mine.yaml"
    own.write_text("{}")
    for profile in ("rehearsal", str(own)):
        arguments = ["--profile", profile, "--store", str(tmp_path / "runs")]
        monkeypatch.setattr(sys, "argv", ["lbt", "run", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        assert not stop.value.code
    assert started == [str(tmp_path / "runs" / name) for name in ("rehearsal", "mine")]
