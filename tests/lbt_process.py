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
from typing import Any

import psutil
import pyarrow.parquet as pq

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
        cls,
        log: Path,
        *arguments: str,
        cwd: Path = ROOT,
        environment: dict[str, str] | None = None,
        code: str = "from flows.cli import main; main()",
        prefix: tuple[str, ...] = (),
    ) -> "Lbt":
        mark = uuid.uuid4().hex
        given = {k: v for k, v in os.environ.items() if k not in ("PREFECT_API_URL", "RAY_ADDRESS")}
        with open(log, "wb") as output:
            process = subprocess.Popen(
                [*prefix, sys.executable, "-c", code, *arguments],
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

    def wait_for(self, condition: Callable[[], Any], what: str) -> Any:
        """The condition's first true result."""
        deadline = time.monotonic() + PATIENCE_S
        while not (found := condition()):
            assert self.process.poll() is None, f"ended before {what}: {self.said()[-4000:]}"
            assert time.monotonic() < deadline, f"waited too long for {what}: {self.said()[-4000:]}"
            time.sleep(0.02)
        return found

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


RECORD_KEYS = {
    "exams": ("problem_id", "rationale_key", "student", "exam_problem_id", "repetition"),
    "rationales": ("problem_id", "sample"),
    "evaluation": ("problem_id", "sample"),
}


def unfinished(run: Path) -> dict[str, dict[str, str]]:
    """The texts in the sidecars of shards in flight, by shard and request. What is being written
    just now is left out, and so is a sidecar that goes meanwhile."""
    found: dict[str, dict[str, str]] = {}
    for path in run.glob("unfinished/*.jsonl"):
        try:
            lines = path.read_bytes().split(b"\n")[1:-1]
        except FileNotFoundError:
            continue
        records = [json.loads(line.partition(b" ")[2]) for line in lines]
        shard = path.name.removesuffix(".jsonl").replace("--", "/")
        found[shard] = {record["id"]: record["text"] for record in records}
    return found


def committed_texts(run: Path, shard: str) -> dict[str, str]:
    """The texts of a committed shard by request; none where it is not committed."""
    path = run / shard
    if not path.exists():
        return {}
    keys = RECORD_KEYS[path.relative_to(run).parts[0]]
    rows = pq.read_table(path, columns=[*keys, "text"]).to_pylist()
    return {"/".join(str(row[key]) for key in keys): row["text"] for row in rows}


def work_summary(run: Path, shard: str) -> dict[str, Any]:
    """What a committed shard's footer says about the work that made it."""
    metadata = pq.read_schema(run / shard).metadata
    summary: dict[str, Any] = json.loads(metadata[b"lbt.summary"])
    return summary


def digests(run: Path) -> dict[str, str]:
    """SHA-256 of every committed shard of a run."""
    return {
        str(path.relative_to(run)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(run.rglob("*.parquet"))
        if not path.name.startswith(".") and path.parts[len(run.parts)] not in NOT_SHARDS
    }


TABLES = ("rationales", "exams", "evaluation", "scores.parquet", "preferences.parquet")


def tables(run: Path) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table."""
    found = {}
    for name in TABLES:
        paths = (
            [run / name] if name.endswith(".parquet") else sorted((run / name).rglob("*.parquet"))
        )
        found |= {str(p.relative_to(run)): pq.read_table(p).to_pylist() for p in paths}
    return found


def weights(run: Path) -> dict[str, str]:
    """A hash of every trained weight file."""
    paths = sorted(run.glob("model/*/merged/*.safetensors"))
    return {str(p.relative_to(run)): hashlib.sha256(p.read_bytes()).hexdigest() for p in paths}
