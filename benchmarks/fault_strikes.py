"""What ``benchmarks/faults.py`` does to a run in a state, and how it is mended."""

import contextlib
import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))  # the tests' building blocks

from lbt_process import Lbt

from benchmarks.fault_nodes import Nodes
from benchmarks.fault_stories import Fault, victims

FILLER = ".filler"
SMALL_MIB = 256
# root may write anywhere: without these two it is a user like any other
AS_A_USER = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search")


def strike(fault: Fault, lbt: Lbt, run: Path, nodes: Nodes | None) -> None:
    """Do it; what takes no process away is mended once the command has said so, or has ended."""
    if fault.how == "stopped":
        _stop(fault, lbt)
    elif fault.how == "removed":
        assert nodes is not None
        title = {"serving": "EngineActor", "training": "TrainWorker"}[fault.state]
        lbt.wait_for(lambda: nodes.remove(title), f"a node with a {title}")
        nodes.add()
    elif fault.how == "disk full":
        before = len(lbt.said())
        _fill(run / FILLER)
        try:
            _until_said(fault, lbt, before)
        finally:
            (run / FILLER).unlink()
    elif fault.how == "permission lost":
        before = len(lbt.said())
        _allow(run, 0o555)
        try:
            _until_said(fault, lbt, before)
        finally:
            _allow(run, 0o755)
    else:
        _kill(fault, lbt)


def _until_said(fault: Fault, lbt: Lbt, before: int) -> None:
    def heard() -> bool:
        return fault.said in lbt.said()[before:] or lbt.process.poll() is not None

    lbt.wait_for(heard, f"{fault.said!r} in the log")


def _kill(fault: Fault, lbt: Lbt) -> None:
    if fault.victim == "flow":
        os.kill(lbt.process.pid, signal.SIGKILL)
    elif fault.victim == "group":
        os.killpg(lbt.process.pid, signal.SIGKILL)
    else:
        found = lbt.wait_for(lambda: victims(lbt, fault.victim), f"a {fault.victim}")
        for process in found:
            with contextlib.suppress(psutil.Error):
                process.kill()


def _stop(fault: Fault, lbt: Lbt) -> None:
    """SIGSTOP of one of them until the command has said so; then it may go on, if it still is."""
    before = len(lbt.said())
    found = lbt.wait_for(lambda: victims(lbt, fault.victim), f"a {fault.victim}")
    found[0].suspend()
    try:
        _until_said(fault, lbt, before)
    finally:
        with contextlib.suppress(psutil.Error):
            found[0].resume()


def _fill(path: Path) -> None:
    """Use up the space that is left."""
    with open(path, "wb", buffering=0) as file:
        for size in (2**20, 2**12, 1):
            with contextlib.suppress(OSError):
                while file.write(bytes(size)) == size:
                    continue


def _allow(run: Path, mode: int) -> None:
    for folder in [run, *(path for path in run.rglob("*") if path.is_dir())]:
        folder.chmod(mode)


def small_disk(run: Path) -> None:
    """A file system of SMALL_MIB in a run's place. Raises OSError where one cannot be mounted."""
    if run.is_mount():
        return
    run.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={SMALL_MIB}m", "tmpfs", str(run)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(errno.EPERM, f"this story mounts a small disk: {done.stderr.strip()}")


def remove_small_disk(run: Path) -> None:
    subprocess.run(["umount", str(run)], check=True)
