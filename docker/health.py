"""Whether this container works: ``python health.py [server|worker|ray|raylet]``; status 0 if so.

Without a word it checks that the program itself can be started.
"""

import subprocess
import sys
import urllib.request
from pathlib import Path

ADDRESSES = {"server": "http://127.0.0.1:4200/api/health", "worker": "http://127.0.0.1:8085/health"}


def main() -> int:
    """The exit status for the container runtime."""
    role = sys.argv[1] if len(sys.argv) > 1 else ""
    if role == "raylet":  # one that joins a cluster whose head is elsewhere
        return 0 if Path("/tmp/ray/session_latest/sockets/raylet").is_socket() else 1
    if role == "ray":
        done = subprocess.run(["ray", "health-check"], capture_output=True, timeout=15, check=False)
        return done.returncode
    if role in ADDRESSES:
        try:
            with urllib.request.urlopen(ADDRESSES[role], timeout=5):
                return 0
        except OSError as error:
            print(error)
            return 1
    return subprocess.run(
        ["lbt", "--help"], capture_output=True, timeout=15, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
