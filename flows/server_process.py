"""A Prefect server that does not outlive the process that started it, however that one ends.

``python -m flows.server_process PORT``
"""

import ctypes
import os
import signal
import socket
import sys

PR_SET_PDEATHSIG = 1
# Of Prefect and Ray: no server beside ours, no word to their makers
QUIET = {
    "PREFECT_SERVER_ALLOW_EPHEMERAL_MODE": "false",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "DO_NOT_TRACK": "1",
    "RAY_USAGE_STATS_ENABLED": "0",
}


def server_command(host: str, port: str) -> list[str]:
    """What starts the Prefect server in a process of its own."""
    start = ("flows.prefect_server", "server", "start")
    return [sys.executable, "-m", *start, "--host", host, "--port", port]


def free_port() -> int:
    """A TCP port on loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def main() -> None:
    """Ask the kernel for SIGTERM when the parent dies, then become the server."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    os.execv(sys.executable, [*server_command("127.0.0.1", sys.argv[1]), "--no-ui"])


if __name__ == "__main__":
    main()
