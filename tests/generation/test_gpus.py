"""What is said of the machine's GPUs, and that nobody asks torch for it."""

import subprocess
import sys
from pathlib import Path

import pytest

from flows.cli.run import preflight
from lbt_core import UserError
from lbt_core.generation.gpus import gpu_names, missing_build_tools
from lbt_core.method.similarity import SimilaritySpec
from lbt_core.reporting.gather import hardware
from lbt_core.run.config import load_config


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


def test_compiler_that_triton_needs_is_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "no C compiler is installed" in missing_build_tools()
    assert "no C compiler" not in missing_build_tools("/opt/bin/gcc")  # that CC names


def test_headers_that_triton_needs_are_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sysconfig.get_paths", lambda scheme: {"include": str(tmp_path)})
    assert f"headers of Python are not installed ({tmp_path}/Python.h)" in missing_build_tools("cc")
    (tmp_path / "Python.h").touch()
    assert missing_build_tools("cc") == ""


@pytest.mark.parametrize("device", ["auto", "gpu", "cpu"])
def test_run_on_a_gpu_without_a_compiler_is_refused_before_it_starts(
    device: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", driver(tmp_path, "echo 'NVIDIA H100'"))
    for name in ("CC", "RAY_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    config = load_config("demo", [f"engines.device={device}"])
    store = str(tmp_path / "runs" / "r")
    if device == "cpu":
        preflight(store, config)
        return
    with pytest.raises(UserError, match="no C compiler is installed"):
        preflight(store, config)


def test_similarity_model_stays_off_the_gpu() -> None:
    """It runs in the flow's process, which would keep a context there while engines run."""
    assert SimilaritySpec().device == "cpu"
