"""Local scratch of an object store: uploaded whole, downloaded once, and anew when it changed."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

from s3_server import s3_bucket

from lbt_core.store import Files
from lbt_core.store.scratch import local_folder, upload, working_folder


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    with s3_bucket() as (uri, _):
        yield uri


def model(folder: Path, content: str) -> Path:
    (folder / "deep").mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text("{}")
    (folder / "deep" / "weights").write_text(content)
    return folder


def test_folder_of_a_file_system_is_worked_on_in_place(tmp_path: Path):
    files = Files(str(tmp_path / "run"))
    folder = working_folder(files, "model/tuned", tmp_path / "scratch")
    assert folder == tmp_path / "run" / "model" / "tuned"
    assert upload(files, model(folder, "one"), "model/tuned") == 0
    assert local_folder(str(folder), tmp_path / "scratch") == str(folder)
    assert not (tmp_path / "scratch").exists()
    assert local_folder("org/hub-id", tmp_path / "scratch") == "org/hub-id"


def test_what_is_uploaded_is_loaded_on_this_machine_and_downloaded_on_another(
    bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    uri = f"{bucket}/{tmp_path.name}"
    files, here, there = Files(uri), tmp_path / "here", tmp_path / "there"
    made = model(working_folder(files, "model/tuned", here), "one")
    assert upload(files, made, "model/tuned") == 2
    assert files.names("model/tuned") == ["config.json", "deep"]

    calls: list[str] = []
    get = Files.get
    monkeypatch.setattr(Files, "get", lambda *a: (calls.append(a[1]), get(*a))[1])
    assert local_folder(f"{uri}/model/tuned", here) == str(made)
    assert calls == []  # it is there already
    for _ in range(2):
        loaded = Path(local_folder(f"{uri}/model/tuned", there))
        assert (loaded / "deep" / "weights").read_text() == "one"
    assert sorted(calls) == ["config.json", "deep/weights"]

    # other weights of the same size, as a training that was made again has them
    upload(files, model(made, "two"), "model/tuned")
    again = Path(local_folder(f"{uri}/model/tuned", there))
    assert (again / "deep" / "weights").read_text() == "two"
    (again / "deep" / "weights").unlink()
    assert Path(local_folder(f"{uri}/model/tuned", there), "deep", "weights").is_file()


def test_only_what_is_wanted_is_uploaded(bucket: str, tmp_path: Path):
    files = Files(f"{bucket}/{tmp_path.name}")
    upload(files, model(tmp_path / "m", "one"), "training", lambda name: name != "config.json")
    assert files.tree("training") == ["training/deep/weights"]


def test_nothing_stored_is_no_model(bucket: str, tmp_path: Path):
    with pytest.raises(FileNotFoundError, match="nothing is stored"):
        local_folder(f"{bucket}/{tmp_path.name}/nothing", tmp_path)
