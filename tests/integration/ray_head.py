"""A Ray head of its own, as ``ray start`` brings one up, for tests of joining and losing it."""

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import psutil
from live_services import free_port, wait_for

from flows.supervision import end


class Head:
    """A Ray head of its own; ``ray start`` turns token authentication on where it finds one."""

    def __init__(self, folder: Path, env: Mapping[str, str]) -> None:
        self.address = f"127.0.0.1:{free_port()}"
        self.log = folder / "head.log"
        command = [str(Path(sys.executable).with_name("ray")), "start", "--head", "--block"]
        command += ["--port", self.address.split(":")[1], "--num-cpus", "1"]
        command += ["--node-ip-address", "127.0.0.1", "--include-dashboard", "false"]
        command += ["--temp-dir", str(folder / "r")]
        with open(self.log, "wb") as output:
            self.process = subprocess.Popen(
                command, env=dict(env), stdout=output, stderr=subprocess.STDOUT,
                start_new_session=True,
            )  # fmt: skip
        wait_for(lambda: "Ray runtime started" in self.log.read_text(), 90, "the head")

    def stop(self) -> None:
        children = psutil.Process(self.process.pid).children(recursive=True)
        end([psutil.Process(self.process.pid)], 15.0)
        end([child for child in children if child.is_running()], 5.0)
