"""A pool of isolated workers that grade for a subject: hostile text can hang or kill a worker,
never the caller.

Each worker is a process of its own (no fork of this one, so that it can live in a Ray actor or
beside an engine) with a memory cap.
A worker that takes longer than the time limit for one text, or dies, is killed and replaced; its
text is ``undecided``, the others
go on. Where the worker was stopped from outside (SIGSTOP), its text is given to another once.
"""

import contextlib
import json
import logging
import os
import selectors
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from lbt_core import UserError
from lbt_core.method.extraction import MAX_TEXT, Extraction
from lbt_core.method.subject import TIME_LIMIT, Grade
from lbt_core.store.fingerprint import fingerprint
from lbt_core.store.rows import Problem
from lbt_core.subjects.registry import DEFAULT, import_path

START_LIMIT = 60.0  # seconds for a worker to import what it needs on a busy machine
_READY = "ready"
_CHUNK_TEXTS = 64
_CHUNK_CHARACTERS = 400_000
_ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "PYTHONUNBUFFERED": "1",
}


_log = logging.getLogger(__name__)


class WorkerError(UserError):
    """Workers cannot be started at all, or a subject cannot grade in one."""


@dataclass(slots=True)
class _Item:
    key: str
    problem: Problem | None
    text: str
    places: list[int]
    again: bool = False


@dataclass(slots=True)
class _Worker:
    process: subprocess.Popen[bytes]
    started: float
    ready: bool = False
    pending: deque[_Item] = field(default_factory=deque)
    since: float = 0.0
    buffer: bytes = b""


class GradePool:
    """Grades many texts in isolated workers, started on first use.

    ``workers``: processes (default: the CPUs this process may use). ``time_limit``: seconds of wall
    time for one text.
    ``memory_mb``: address space of a worker beyond what it needs to start. ``cache_size``: answers
    remembered by each worker;
    0 switches remembering and joining of equal texts off. ``subject``: whose grader, by the name
    that a configuration gives it.
    """

    def __init__(
        self,
        workers: int | None = None,
        time_limit: float = 2.0,
        memory_mb: int = 1024,
        cache_size: int = 20_000,
        subject: str = DEFAULT,
    ):
        self.size = workers or len(os.sched_getaffinity(0))
        self.time_limit = time_limit
        self.memory_mb = memory_mb
        self.cache_size = cache_size
        self.subject = subject
        self._workers: list[_Worker] = []
        self._lock = threading.Lock()
        self._failed_starts = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Ends all workers."""
        for worker in self._workers:
            _end(worker)
        self._workers = []

    def warm_up(self) -> None:
        """Starts all workers and waits until they are ready (grading starts them by itself, as many
        as it needs).
        """
        with self._lock, selectors.DefaultSelector() as selector:
            for worker in self._workers:
                selector.register(worker.process.stdout, selectors.EVENT_READ, worker)  # type: ignore[arg-type]
            while len(self._workers) < self.size:
                self._start(selector)
            while not all(w.ready for w in self._workers):
                for key, _ in selector.select(timeout=1.0):
                    self._read(key.data, [], deque(), selector)
                self._end_late(self.time_limit, [], deque(), selector)
                while len(self._workers) < self.size:
                    self._start(selector)

    def grade_many(
        self, items: Sequence[tuple[Problem, str]], time_limit: float | None = None
    ) -> list[Grade]:
        """Grades in the order of ``items``; ``time_limit`` replaces the pool's for this call
        (grading undecided ones again).

        Raises WorkerError where workers cannot be started.
        """
        with self._lock:
            return self._run(items, self.time_limit if time_limit is None else time_limit)

    def extract_many(self, texts: Sequence[str]) -> list[Extraction]:
        """The final answer of each text and the reasoning before it, in order; a text on which the
        subject fails has no answer and is its own reasoning.

        Raises WorkerError where workers cannot be started.
        """
        with self._lock:
            found = self._run([(None, text) for text in texts], self.time_limit)
        return [
            Extraction(g.answer, g.detail, g.method)
            if g.verdict == "extracted"
            else Extraction(None, text.rstrip(), g.detail or g.method)
            for g, text in zip(found, texts, strict=True)
        ]

    def _run(self, items: Sequence[tuple[Problem | None, str]], limit: float) -> list[Grade]:
        grades: list[Grade | None] = [None] * len(items)
        queue = deque(_grouped(items, join=self.cache_size > 0))
        wanted = min(self.size, max(1, len(queue) // 16))
        selector = selectors.DefaultSelector()
        try:
            for worker in self._workers:
                selector.register(worker.process.stdout, selectors.EVENT_READ, worker)  # type: ignore[arg-type]
            while queue or any(w.pending for w in self._workers):
                while len(self._workers) < wanted and queue:
                    self._start(selector)
                for worker in self._workers:
                    if worker.ready and not worker.pending and queue:
                        self._send(worker, queue, limit)
                for key, _ in selector.select(timeout=self._patience(limit)):
                    self._read(key.data, grades, queue, selector)
                self._end_late(limit, grades, queue, selector)
        finally:
            selector.close()
            if any(w.pending for w in self._workers):
                self.close()  # the call was interrupted: replies on the way belong to nobody
        return [g for g in grades if g is not None]

    def _start(self, selector: selectors.BaseSelector) -> None:
        if self._failed_starts > 5:
            raise WorkerError("grading workers do not start")
        root = str(Path(__file__).resolve().parents[2])
        path = os.pathsep.join([root, *filter(None, [os.environ.get("PYTHONPATH")])])
        process = subprocess.Popen(
            [sys.executable, "-m", "lbt_core.subjects.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, **_ONE_THREAD, "PYTHONPATH": path},
        )
        worker = _Worker(process, time.monotonic())
        self._workers.append(worker)
        selector.register(process.stdout, selectors.EVENT_READ, worker)  # type: ignore[arg-type]
        settings = {
            "memory_mb": self.memory_mb,
            "cache_size": self.cache_size,
            "subject": self.subject,
            # a user's subject may be importable here by a path that no environment names
            "path": import_path(),
        }
        _write(worker, settings)

    def _send(self, worker: _Worker, queue: deque[_Item], limit: float) -> None:
        share = max(1, len(queue) // (2 * len(self._workers)))
        work: list[tuple[dict[str, Any] | None, str, list[str]]] = []
        size = 0
        while queue and len(worker.pending) < min(_CHUNK_TEXTS, share) and size < _CHUNK_CHARACTERS:
            item = queue.popleft()
            worker.pending.append(item)
            size += len(item.text)
            if not work or work[-1][1] != item.key:
                record = None if item.problem is None else asdict(item.problem)
                work.append((record, item.key, []))
            work[-1][2].append(item.text)
        worker.since = time.monotonic()
        _write(worker, {"work": work, "alarm": int(4 * limit) + 10})

    def _read(
        self,
        worker: _Worker,
        grades: list[Grade | None],
        queue: deque[_Item],
        selector: selectors.BaseSelector,
    ) -> None:
        data = os.read(worker.process.stdout.fileno(), 1 << 16)  # type: ignore[union-attr]
        if not data:
            self._replace(worker, "worker died", grades, queue, selector)
            return
        *lines, worker.buffer = (worker.buffer + data).split(b"\n")
        for line in lines:
            if not worker.ready:
                if (first := json.loads(line)) != _READY:
                    self.close()
                    raise WorkerError(f"subject {self.subject} cannot grade: {first}")
                worker.ready = True
                self._failed_starts = 0
                continue
            verdict, method, answer, seconds, detail = json.loads(line)
            _place(
                worker.pending.popleft(), Grade(verdict, method, answer, seconds, detail), grades
            )
        worker.since = time.monotonic()

    def _patience(self, limit: float) -> float:
        now = time.monotonic()
        ends = [
            w.since + limit if w.pending else w.started + START_LIMIT
            for w in self._workers
            if w.pending or not w.ready
        ]
        return max(0.0, min([*ends, now + 1.0]) - now)

    def _end_late(
        self,
        limit: float,
        grades: list[Grade | None],
        queue: deque[_Item],
        selector: selectors.BaseSelector,
    ) -> None:
        now = time.monotonic()
        for worker in list(self._workers):
            if worker.pending and now - worker.since >= limit:
                item = worker.pending[0]
                if _is_stopped(worker.process.pid) and not item.again:
                    pid = worker.process.pid
                    _log.warning("grading process %d is stopped: another one goes on", pid)
                    item.again = True
                    self._replace(worker, None, grades, queue, selector)
                else:
                    self._replace(worker, TIME_LIMIT, grades, queue, selector)
            elif not worker.ready and now - worker.started > START_LIMIT:
                self._replace(worker, "worker did not start", grades, queue, selector)

    def _replace(
        self,
        worker: _Worker,
        why: str | None,
        grades: list[Grade | None],
        queue: deque[_Item],
        selector: selectors.BaseSelector,
    ) -> None:
        """Kills a worker: the text that it was at is undecided, unless there is no reason ``why``,
        and the rest of its texts go back to the queue.
        """
        selector.unregister(worker.process.stdout)  # type: ignore[arg-type]
        self._workers.remove(worker)
        self._failed_starts += not worker.ready
        seconds = time.monotonic() - worker.since
        _end(worker)
        if worker.pending and why is not None:
            _place(worker.pending.popleft(), Grade("undecided", why, None, seconds, why), grades)
        queue.extendleft(reversed(worker.pending))
        worker.pending.clear()


def _grouped(items: Sequence[tuple[Problem | None, str]], join: bool) -> Iterable[_Item]:
    """Items with those of one problem side by side, equal texts joined, texts cut to what
    extraction looks at.
    """
    keys: dict[int, str] = {}
    groups: dict[str, dict[Any, _Item]] = {}
    for place, (problem, text) in enumerate(items):
        key = keys.get(id(problem))
        if key is None:
            key = keys[id(problem)] = fingerprint(problem)
        text = text[-MAX_TEXT - 1 :]
        group = groups.setdefault(key, {})
        known = group.get(text if join else place)
        if known is None:
            group[text if join else place] = _Item(key, problem, text, [place])
        else:
            known.places.append(place)
    for group in groups.values():
        yield from group.values()


def _place(item: _Item, grade: Grade, grades: list[Grade | None]) -> None:
    for place in item.places:
        grades[place] = grade


def _write(worker: _Worker, message: dict[str, Any]) -> None:
    """Sends a message; a worker that is already dead is noticed when its output ends."""
    with contextlib.suppress(BrokenPipeError):
        worker.process.stdin.write(json.dumps(message).encode() + b"\n")  # type: ignore[union-attr]
        worker.process.stdin.flush()  # type: ignore[union-attr]


def _is_stopped(pid: int) -> bool:
    """Whether a process is stopped by a signal; its state stands after its name in brackets."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    except OSError:
        return False


def _end(worker: _Worker) -> None:
    worker.process.kill()
    for stream in (worker.process.stdin, worker.process.stdout):
        with contextlib.suppress(BrokenPipeError, OSError):
            stream.close()  # type: ignore[union-attr]
    worker.process.wait()
