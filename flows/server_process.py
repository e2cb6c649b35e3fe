"""A Prefect server that does not outlive the process that started it, however that one ends.

``python -m flows.server_process PORT``
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    """Ask the kernel for SIGTERM when the parent dies, then become the server."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    arguments = [
        sys.executable,
        "-m",
        "flows.prefect_server",
        "server",
        "start",
        "--host",
        "127.0.0.1",
    ]
    os.execv(sys.executable, [*arguments, "--port", sys.argv[1], "--no-ui"])


if __name__ == "__main__":
    main()
