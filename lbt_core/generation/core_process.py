"""vLLM's engine core as a process of its own, as on GPUs: it ends with the process that started it,
and what it says before it dies is kept for the message that a user reads.

vLLM itself leaves an idle core running, with the GPU's memory, when its parent is killed, and tells
the parent no more than that the core has failed.
"""

import contextlib
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import psutil

POLL_S = 0.5


class CoreLog:
    """What an engine core and its workers write to stdout and stderr. The file has no name once the
    core has started: it goes with this process, however that ends."""

    def __init__(self) -> None:
        descriptor, name = tempfile.mkstemp(prefix="lbt-engine-", suffix=".log")
        self.path = Path(name)
        self._file = os.fdopen(descriptor, "rb")

    def unlink(self) -> None:
        """Take the name away; the file stays readable here."""
        self.path.unlink(missing_ok=True)

    def text(self) -> str:
        """Everything that was written so far."""
        self._file.seek(0)
        return self._file.read().decode("utf-8", "replace")

    def close(self) -> None:
        """Let the file go."""
        self.unlink()
        self._file.close()


@contextlib.contextmanager
def guarded_core(log: CoreLog) -> Iterator[None]:
    """While the block runs, a core that vLLM starts writes to ``log`` and ends with its parent."""
    from vllm.v1.engine.core import EngineCoreProc  # noqa: PLC0415 - heavy

    original = EngineCoreProc.run_engine_core
    guarded = partial(run_guarded_core, str(log.path), os.getpid())
    EngineCoreProc.run_engine_core = staticmethod(guarded)
    try:
        yield
    finally:
        EngineCoreProc.run_engine_core = staticmethod(original)


def run_guarded_core(log: str, parent: int, *args: Any, **kwargs: Any) -> None:
    """vLLM's own entry of a core's process, after its output is redirected and its parent watched.

    This is what vLLM's ``multiprocessing`` calls in the new process, which imports the unpatched
    class.
    """
    output = os.open(log, os.O_WRONLY | os.O_APPEND)
    for stream in (1, 2):  # the workers of a tensor-parallel group inherit them
        os.dup2(output, stream)
    os.close(output)
    threading.Thread(target=_end_with, args=(parent,), daemon=True, name="parent-watch").start()
    from vllm.v1.engine.core import EngineCoreProc  # noqa: PLC0415 - heavy

    EngineCoreProc.run_engine_core(*args, **kwargs)


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(POLL_S)
    os._exit(1)


def end_children(timeout: float) -> None:
    """Kill what this process started and wait until it is gone, with the memory that it holds on a
    GPU; for a process that leaves without a word."""
    children = psutil.Process().children(recursive=True)
    for child in children:
        with contextlib.suppress(psutil.NoSuchProcess):
            child.kill()
    psutil.wait_procs(children, timeout=timeout)
