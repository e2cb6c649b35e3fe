"""The GPUs of this machine, asked without torch: who asks torch keeps a context on the first one,
some hundred MiB, and can fork no process that uses them."""

import subprocess

TIMEOUT_S = 20


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
