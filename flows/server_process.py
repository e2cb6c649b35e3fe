"""A Prefect server that does not outlive the process that started it, however that one ends.

``python -m flows.server_process PORT``
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def server_command(host: str, port: str) -> list[str]:
    """What starts the Prefect server in a process of its own."""
    start = ("flows.prefect_server", "server", "start")
    return [sys.executable, "-m", *start, "--host", host, "--port", port]


def main() -> None:
    """Ask the kernel for SIGTERM when the parent dies, then become the server."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    os.execv(sys.executable, [*server_command("127.0.0.1", sys.argv[1]), "--no-ui"])


if __name__ == "__main__":
    main()
