"""What the hub gets is the folder, through its own client, against a server of its API."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_hub import FakeHub
from made_run import Made

from lbt_core.reporting.publishing.folder import write_folder
from lbt_core.reporting.publishing.licences import licences_of

TOKEN = "hf_test"


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    server = FakeHub(TOKEN)
    yield server
    server.shutdown()
    server.server_close()


def lbt(hub: FakeHub, *arguments: str, token: str = TOKEN) -> subprocess.CompletedProcess[str]:
    given = os.environ | {
        "HF_ENDPOINT": hub.address,
        "HF_TOKEN": token,
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_OFFLINE": "0",
    }
    command = [sys.executable, "-m", "flows.cli", "publish", *arguments]
    root = Path(__file__).parents[2]
    return subprocess.run(command, capture_output=True, text=True, cwd=root, env=given)


def test_the_hub_gets_the_folder(finished: Made, hub: FakeHub, tmp_path: Path) -> None:
    done = lbt(hub, finished.store.files.uri, "--to", "hub:org/made", "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["to"] == [
        f"{hub.address}/datasets/org/made",
        f"{hub.address}/org/made",
        f"{hub.address}/org/made-adapter",
    ]
    assert set(hub.private.values()) == {True}
    folder = tmp_path / "out"
    licences = licences_of(finished.store.config, None, None)
    write_folder(finished.store, folder, licences, "org/made")
    wanted = {
        "dataset/org/made": (folder, ("model/", "adapter/")),
        "model/org/made": (folder / "model", ()),
        "model/org/made-adapter": (folder / "adapter", ()),
    }
    assert set(hub.files) == set(wanted)
    for repo, (place, left_out) in wanted.items():
        paths = {p.relative_to(place).as_posix(): p for p in place.rglob("*") if p.is_file()}
        expected = {n: p for n, p in paths.items() if not n.startswith(left_out or ("\0",))}
        sent = {n: data for n, data in hub.files[repo].items() if n != ".gitattributes"}
        assert set(sent) == set(expected)
        for name, path in expected.items():
            if name != "report/index.html":  # it says when it was written
                assert sent[name] == path.read_bytes(), name
    assert b"- org/made" in hub.files["model/org/made"]["README.md"]


def test_what_the_hub_refuses_is_said_in_a_line(finished: Made, hub: FakeHub) -> None:
    hub.refuse_commits_to = "model/org/made"
    done = lbt(hub, finished.store.files.uri, "--to", "hub:org/made")
    assert done.returncode == 2
    last = done.stderr.splitlines()[-1]
    assert last.startswith("lbt: --to hub:org/made: the upload failed")
    assert f"uploaded before: {hub.address}/datasets/org/made" in last


def test_a_wrong_token_is_said_in_a_line(finished: Made, hub: FakeHub) -> None:
    done = lbt(hub, finished.store.files.uri, "--to", "hub:org/made", token="hf_wrong")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr and "401" in done.stderr
    assert hub.files == {}


@pytest.mark.parametrize("place", ["hub:made", "hub:a/b/c", "hub:", "s3://bucket/out"])
def test_a_place_that_is_none(finished: Made, hub: FakeHub, place: str) -> None:
    done = lbt(hub, finished.store.files.uri, "--to", place)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(f"lbt: --to {place}:")
