"""``lbt`` as a process of its own, small runs of it, and what is left of one that was killed."""

import hashlib
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil

ROOT = Path(__file__).parents[1]
MARK = "LBT_TEST_MARK"
PATIENCE_S = 240.0
NOT_SHARDS = ("training", "model", "superseded")

# A few shards in every stage; the embedded model answers in well under a hundred tokens.
SMALL = {
    "corpus.generated.train": 12,
    "corpus.generated.exam": 30,
    "corpus.generated.validation": 8,
    "corpus.generated.test": 12,
    "sampling.num_rationales": 8,
    "sampling.max_new_tokens": 160,
    "exam.problems": 2,
    "exam.max_new_tokens": 160,
    "evaluation.max_new_tokens": 160,
    "preferences.pairs": "null",
    "preferences.min_gap": 0,
    "training.max_steps": 3,
    "training.per_device_batch_size": 4,
    "training.lora_r": 4,
    "training.guards.prompts": 0,
    "shards.problems": 3,
    "shards.evaluation_problems": 6,
    "engines.count": 1,
}


def settings(**changes: object) -> list[str]:
    """``--set`` arguments of a small run; a dot in a name is written as two underscores."""
    values = SMALL | {name.replace("__", "."): value for name, value in changes.items()}
    return [part for name, value in values.items() for part in ("--set", f"{name}={value}")]


@dataclass
class Lbt:
    """One started command. Every process that it starts carries its mark in the environment."""

    process: subprocess.Popen[bytes]
    mark: str
    log: Path

    @classmethod
    def start(
        cls, log: Path, *arguments: str, cwd: Path = ROOT, environment: dict[str, str] | None = None
    ) -> "Lbt":
        mark = uuid.uuid4().hex
        given = {k: v for k, v in os.environ.items() if k not in ("PREFECT_API_URL", "RAY_ADDRESS")}
        with open(log, "wb") as output:
            process = subprocess.Popen(
                [sys.executable, "-c", "from flows.cli import main; main()", *arguments],
                cwd=cwd,
                env=given | (environment or {}) | {MARK: mark, "PYTHONPATH": str(ROOT)},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return cls(process, mark, log)

    def said(self) -> str:
        return self.log.read_text("utf-8", "replace")

    def finish(self) -> dict:
        """Wait for the end of a run that must succeed; its figures."""
        assert self.process.wait(timeout=2 * PATIENCE_S) == 0, self.said()[-4000:]
        # the log holds both streams, and what goes to stderr may come after the result
        lines = self.said().splitlines()
        return json.loads(next(line for line in reversed(lines) if line.startswith("{")))

    def wait_for(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + PATIENCE_S
        while not condition():
            assert self.process.poll() is None, f"ended before {what}: {self.said()[-4000:]}"
            assert time.monotonic() < deadline, f"waited too long for {what}: {self.said()[-4000:]}"
            time.sleep(0.02)

    def family(self, title: str = "") -> list[psutil.Process]:
        """Living processes that this command started, wherever they are now, and itself."""
        found = []
        for process in psutil.process_iter():
            try:
                marked = process.environ().get(MARK) == self.mark
                alive = process.status() != psutil.STATUS_ZOMBIE
                if marked and alive and title in " ".join(process.cmdline()):
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def left_after(self, seconds: float) -> list[str]:
        """Command lines of what still lives when that time is over; none ends the wait early."""
        deadline = time.monotonic() + seconds
        while (left := self.family()) and time.monotonic() < deadline:
            time.sleep(0.2)
        return [" ".join(p.cmdline())[:200] for p in left if p.is_running()]

    def clean_up(self) -> None:
        for process in self.family():
            try:
                process.kill()
            except psutil.Error:
                continue
        self.process.wait()


def digests(run: Path) -> dict[str, str]:
    """SHA-256 of every committed shard of a run."""
    return {
        str(path.relative_to(run)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(run.rglob("*.parquet"))
        if not path.name.startswith(".") and path.parts[len(run.parts)] not in NOT_SHARDS
    }
