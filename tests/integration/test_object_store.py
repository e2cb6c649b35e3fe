"""The whole pipeline on an object store, and a store that moves between machines."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent))

from lbt_process import settings
from s3_server import s3_bucket

from lbt_core.run.record import RunStore
from lbt_core.run.status import open_plan, run_status, verify_run
from lbt_core.store import Files

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    with s3_bucket() as (uri, _):
        yield uri


def lbt(home: Path, *arguments: str) -> dict[str, Any]:
    """Run the command line on a machine of its own: another home, another scratch."""
    home.mkdir(exist_ok=True)
    env = {k: v for k, v in os.environ.items() if k not in ("PREFECT_API_URL", "RAY_ADDRESS")}
    done = subprocess.run(
        [sys.executable, "-c", "from flows.cli import main; main()", *arguments],
        cwd=home,
        env=env | {"HOME": str(home), "LBT_SCRATCH": str(home / "scratch")},
        capture_output=True,
        text=True,
        timeout=1500,
        check=False,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return figures


def is_whole(uri: str) -> bool:
    plan = open_plan(RunStore.open(uri))
    return not [s for s in run_status(plan) if s.owed] and not [
        fault for _, fault in verify_run(plan) if fault
    ]


def test_pipeline_runs_on_s3_and_goes_on_on_other_machines(bucket: str, tmp_path: Path):
    store = f"{bucket}/runs"
    first = lbt(tmp_path / "a", "run", "--store", store, "--run", "small", *settings())
    assert first["report"] == f"{store}/small/report/index.html"
    assert is_whole(f"{store}/small")
    files = Files(f"{store}/small")
    assert b"<html" in files.read("report/index.html")
    assert {"config.json", "model.safetensors", "README.md"} <= set(
        files.names("model/tuned/merged")
    )
    assert not [p for p in files.tree("") if "checkpoint" in p or "lock" in p]
    secrets = [os.environ["AWS_SECRET_ACCESS_KEY"], os.environ["AWS_ACCESS_KEY_ID"]]
    for path in files.tree(""):
        assert not [s for s in secrets if s.encode() in files.read(path)], path
    assert not (tmp_path / "a" / "s3:").exists()

    # another machine, which has to download the tuned model for what is owed
    files.move_aside("evaluation/tuned/part-00000.parquet")
    files.move_aside("report/index.html")
    second = lbt(tmp_path / "b", "run", "--store", store, "--run", "small", *settings())
    assert second["worked_shards"] == 1
    assert second["tuned_pass1"] == first["tuned_pass1"]
    assert is_whole(f"{store}/small")

    # the same run copied to a folder of a third machine
    folder = tmp_path / "c" / "copied"
    for path in files.tree(""):
        files.get(path, folder / "small" / path)
    Files(str(folder / "small")).move_aside("evaluation/tuned/part-00001.parquet")
    third = lbt(tmp_path / "c", "run", "--store", str(folder), "--run", "small", *settings())
    assert third["worked_shards"] == 1
    assert third["tuned_pass1"] == first["tuned_pass1"]
    assert is_whole(str(folder / "small"))
