"""The batch file of ``lbt submit slurm``."""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from flows.cli import main


def dry_run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    monkeypatch.setattr(sys, "argv", ["lbt", "submit", "slurm", "--dry-run", *more])
    with pytest.raises(SystemExit) as stop:
        main()
    assert not stop.value.code
    return capsys.readouterr().out


def test_batch_file_is_valid_bash_and_says_what_was_asked(monkeypatch, capsys, tmp_path: Path):
    kept = tmp_path / "kept.sbatch"
    options = ["--nodes", "2", "--gpus", "4", "--time", "1-00:00:00", "--partition", "long"]
    said = dry_run(monkeypatch, capsys, *options, "--out", str(kept), "--run", "two")
    assert kept.read_text().strip() == said.strip()
    assert subprocess.run(["bash", "-n", str(kept)], check=False).returncode == 0
    for line in ("--nodes=2", "--gpus-per-node=4", "--time=1-00:00:00", "--partition=long"):
        assert f"#SBATCH {line}\n" in said
    assert "#SBATCH --requeue\n" in said
    assert "--account" not in said
    assert "--cpus-per-task" not in said


def test_values_reach_the_command_as_they_are(monkeypatch, capsys):
    value = 'prompt.system=it\'s $HOME; `id` "x"'
    said = dry_run(monkeypatch, capsys, "--set", value)
    line = next(line for line in said.splitlines() if line.startswith("lbt run "))
    words = shlex.split(line.removesuffix(" &"))
    assert words[-1] == value


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (["--run", "../x"], "--run"),
        (["--set", "sampling.num_rationales=0"], "num_rationales"),
        (["--partition", "a\n#SBATCH --uid=0"], "--partition"),
        (["--time", "1:00 --wrap=x"], "--time"),
    ],
)
def test_bad_value_is_refused(monkeypatch, capsys, arguments: list[str], named: str):
    monkeypatch.setattr(sys, "argv", ["lbt", "submit", "slurm", "--dry-run", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    assert named in capsys.readouterr().err


def test_machine_without_slurm_is_told(monkeypatch, capsys):
    monkeypatch.setenv("PATH", "/nonexistent")
    monkeypatch.setattr(sys, "argv", ["lbt", "submit", "slurm"])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    assert "--dry-run" in capsys.readouterr().err
