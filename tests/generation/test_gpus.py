"""What is said of the machine's GPUs, and that nobody asks torch for it."""

import subprocess
import sys
from pathlib import Path

import pytest

from lbt_core.generation.gpus import gpu_names
from lbt_core.reporting.gather import hardware


def driver(folder: Path, script: str) -> str:
    """A folder with an nvidia-smi of its own."""
    tool = folder / "nvidia-smi"
    tool.write_text(f"#!/bin/sh\n{script}\n")
    tool.chmod(0o755)
    return str(folder)


def test_names_come_from_the_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", driver(tmp_path, "echo 'NVIDIA H100'; echo 'NVIDIA H100'"))
    assert gpu_names() == ["NVIDIA H100", "NVIDIA H100"]
    assert hardware().endswith("memory, NVIDIA H100, NVIDIA H100")


@pytest.mark.parametrize("script", ["echo 'no devices'; exit 6", "exit 0"])
def test_no_gpu_is_said(script: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", driver(tmp_path, script))
    assert hardware().endswith(", no GPU")


def test_machine_is_described_without_torch() -> None:
    """In the flow's process torch would keep a context on the first GPU."""
    code = "import sys; from lbt_core.reporting.gather import hardware; hardware()"
    code += "; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "False", done.stderr
