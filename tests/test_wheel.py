"""What an installed package needs besides modules is in the wheel."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def names(tmp_path_factory) -> set[str]:
    """The files of a wheel built from a copy of what git tracks, so that no leftover helps it."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    tracked = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, capture_output=True, check=True)
    subprocess.run(["tar", "-x", "-C", source], input=tracked.stdout, check=True)
    build = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-index"]
    done = subprocess.run(
        [*build, "--no-build-isolation", "-w", target, source], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    (wheel,) = target.glob("lbt-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        return {i.filename for i in archive.infolist() if not i.is_dir()}


def test_every_tracked_file_of_the_packages_is_in_the_wheel(names):
    tracked = subprocess.run(
        [
            "git",
            "ls-tree",
            "-r",
            "--name-only",
            "HEAD",
            "lbt_core",
            "tasks",
            "flows",
            "deployments",
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\n")
    assert {n for n in tracked if n} - names == set()
    assert {"deployments/prefect.yaml", "deployments/slurm/run.sbatch.j2"} <= names


def test_nothing_else_is(names):
    assert {n.partition("/")[0] for n in names if ".dist-info/" not in n} == {
        *("lbt_core", "tasks", "flows", "deployments")
    }
