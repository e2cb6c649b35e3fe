"""A user's mistake is one clear line on stderr and exit status 2."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from flows.cli import main
from lbt_core.store import Files, run_lock

ROOT = Path(__file__).parents[2]


@pytest.fixture
def model(tmp_path):
    """A folder that looks like a model until it is loaded."""
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    return str(folder)


@pytest.fixture
def refusal(monkeypatch, capfd):
    """Runs the command in this process; an exception that it lets through fails the test."""

    def call(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["lbt", *arguments])
        with pytest.raises(SystemExit) as stop:
            main()
        said = capfd.readouterr()
        assert stop.value.code == 2
        assert said.out == ""
        assert said.err.startswith("lbt: ")
        assert said.err.count("\n") == 1, said.err
        return said.err

    return call


@pytest.fixture
def run(refusal, tmp_path):
    def call(*arguments: str) -> str:
        return refusal("run", "--profile", "demo", "--store", str(tmp_path / "runs"), *arguments)

    return call


def test_value_out_of_range(run):
    message = run("--set", "sampling.num_rationales=0")
    assert "sampling.num_rationales" in message
    assert "greater than or equal to 1" in message


def test_misspelt_field(run):
    message = run("--set", "sampling.num_rationale=4")
    assert "did you mean num_rationales?" in message


def test_unknown_profile(refusal, tmp_path):
    message = refusal("run", "--profile", "dmo", "--store", str(tmp_path))
    assert "did you mean demo?" in message


def test_missing_model_folder(run, tmp_path):
    missing = str(tmp_path / "no-such-model")
    message = run("--set", f"teacher.path={missing}")
    assert missing in message


def test_missing_student_folder(run, tmp_path, model):
    missing = str(tmp_path / "no-such-model")
    given = ("--set", f"teacher.path={model}", "--set", f"students=[{{path: {missing}}}]")
    assert missing in run(*given)


def test_store_that_cannot_be_written(run, tmp_path, model):
    (tmp_path / "runs").write_text("a file in the store's place")
    message = run("--set", f"teacher.path={model}")
    assert "not writable" in message
    assert str(tmp_path / "runs") in message


def test_store_of_an_unknown_kind(refusal, model):
    given = ("--set", f"teacher.path={model}")
    assert "nonsense" in refusal("run", "--store", "nonsense://here", *given)


def test_store_path_in_use(run, tmp_path, model):
    with run_lock(Files(str(tmp_path / "runs" / "demo")), "flow run of this test"):
        message = run("--set", f"teacher.path={model}")
    assert "flow run of this test" in message
    assert f"process {os.getpid()}" in message


def test_unknown_stage_to_discard_from(run):
    assert "no such stage" in run("--discard-from", "sampel")


@pytest.mark.parametrize("command", ["status", "verify"])
def test_run_that_is_not_there(refusal, tmp_path, command):
    assert "no run here" in refusal(command, str(tmp_path))


def test_the_installed_command_says_the_same():
    program = "from flows.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "run", "--set", "sampling.num_rationales=0"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        check=False,
    )
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("lbt: sampling.num_rationales: ")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "remedy"),
    [
        (["run", "--stroe", "runs"], "--store"),
        (["statsu"], "Did you mean 'status'?"),
        (["status"], "Missing argument"),
        (["pretrain", "--out", "x", "--tokens", "many"], "'--tokens'"),
    ],
)
def test_misspelt_commands_and_options(monkeypatch, capfd, arguments, remedy):
    monkeypatch.setattr(sys, "argv", ["lbt", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    said = capfd.readouterr()
    assert (stop.value.code, said.out) == (2, "")
    assert remedy in said.err
    assert "Traceback" not in said.err
