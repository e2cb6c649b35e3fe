"""The GPUs of this machine, asked without torch: who asks torch keeps a context on the first one,
some hundred MiB, and can fork no process that uses them."""

import shutil
import subprocess
import sysconfig
from pathlib import Path

TIMEOUT_S = 20
COMPILERS = ("gcc", "clang")


def gpu_names() -> list[str]:
    """Names of the NVIDIA GPUs that the driver shows, in its order; none without a driver."""
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S)
    except (OSError, subprocess.TimeoutExpired):
        return []
    if done.returncode:
        return []
    return [line.strip() for line in done.stdout.splitlines() if line.strip()]


def missing_build_tools(compiler: str | None = None) -> str:
    """What Triton needs to make its kernels on this machine and does not find, with what to do; ""
    where all is there. ``compiler`` is what CC names, if anything.

    Triton looks for it in this way (``triton.runtime.build``), at the first kernel: minutes after
    the start, in the engine's process.
    """
    if not compiler and not any(map(shutil.which, COMPILERS)):
        return (
            "no C compiler is installed, which Triton needs on a GPU: install one on every machine "
            "with a GPU (apt-get install gcc), or name it in CC"
        )
    scheme = sysconfig.get_default_scheme()
    scheme = "posix_prefix" if scheme == "posix_local" else scheme  # Debian's, for packages
    headers = Path(sysconfig.get_paths(scheme=scheme)["include"])
    if not (headers / "Python.h").is_file():
        return (
            f"the headers of Python are not installed ({headers}/Python.h), which Triton needs on "
            "a GPU: install them on every machine with a GPU (apt-get install python3-dev, of this "
            "Python's version)"
        )
    return ""
