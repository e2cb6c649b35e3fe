"""A run of a few dozen rows through the real store, planner and loop, with rows that a hash makes
up instead of engines: no Ray, no Prefect, no model. The same requests always get the same answers.
"""

import functools
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from lbt_core.generation import Completion, Request, Settings
from lbt_core.method.exams import examine, set_exams
from lbt_core.method.extraction import Extraction
from lbt_core.method.sampling import sample
from lbt_core.method.subject import Grade
from lbt_core.run.config import RunConfig, load_config
from lbt_core.run.keeping import Usage, generate_keeping
from lbt_core.run.loop import Job, run_jobs
from lbt_core.run.plan import Plan, student_labels
from lbt_core.run.record import RunStore
from lbt_core.run.results import compute_pairs, compute_scores, scores_digest, stored_rationales
from lbt_core.store import Files, Shard, read_shard
from lbt_core.store.commit import Committed, commit_shard
from lbt_core.store.rows import ExamPlace, Problem
from lbt_core.store.sidecar import Sidecar

IDENTITIES = {
    "subject": "ode@test",
    "corpus": "tiny@test",
    "teacher": "teacher@test",
    "student embedded": "teacher@test",
}
SETTINGS = Settings(1.0, 0, 1.0, 16)
PART = 3  # completions that a made-up engine hands over at once


@functools.cache
def small_config() -> RunConfig:
    return load_config(
        "demo",
        [
            *("controls=[]", "sampling.num_rationales=2", "exam.problems=1", "shards.problems=2"),
            *("preferences.pairs=null", "preferences.min_gap=0", "shards.evaluation_problems=2"),
        ],
    )


@functools.cache
def problems() -> dict[str, list[Problem]]:
    from lbt_core.subjects import load_subject  # noqa: PLC0415

    kind = load_subject("ode").problem_type
    sizes = {"train": 4, "exam": 2, "validation": 1, "test": 2}
    return {
        split: [kind(f"{split}-{i}", f"{split} {i}?", str(i), split=split) for i in range(size)]
        for split, size in sizes.items()
    }


class Renderer:
    """Prompts that name what they ask."""

    def question(self, question: str) -> str:
        return question

    def one_shot(self, example: Any, question: str) -> str:
        return f"{example.reasoning} > {question}"


def digest(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def answer(request: Request) -> Completion:
    text = digest(request.prompt, request.seed)[: 4 + request.seed % 5]
    return Completion(request.id, text, "stop", len(request.prompt), len(text))


def stream(requests: Sequence[Request]) -> Iterator[tuple[str, list[Completion]]]:
    for start in range(0, len(requests), PART):
        yield "engine-0", [answer(r) for r in requests[start : start + PART]]


def grade(items: Sequence[tuple[Problem, str]]) -> list[Grade]:
    found = [int(digest(p.id, text)[:2], 16) for p, text in items]
    return [Grade("correct" if f % 2 else "incorrect", "hash", str(f), 0.0) for f in found]


def extract(texts: Sequence[str]) -> list[Extraction]:
    return [Extraction(text, text, "block") for text in texts]


def inline(job: Job[Committed], ended: Callable[[Any], None]) -> None:
    try:
        ended(job.work())
    except Exception as error:
        ended(error)


Submit = Callable[[Job[Committed], Callable[[Any], None]], None]


class SmallRun:
    """One attempt at the run, by one owner."""

    def __init__(
        self, files: Files, submit: Submit = inline, stream: Any = stream, in_blocks: bool = False
    ) -> None:
        self.files, self.submit, self.stream, self.in_blocks = files, submit, stream, in_blocks
        self.made = 0

    def work(self) -> None:
        """Do what is owed. Raises what the store raises, RuntimeError where shards stay owed."""
        store = RunStore.start(self.files, small_config())
        store.settle_identities(IDENTITIES)
        plan = Plan(self.files, store.config, IDENTITIES)
        for split, shard in plan.problem_shards().items():
            self.commit(shard, lambda split=split: (problems()[split], {}))
        places = [
            ExamPlace(p.id, 0, problems()["exam"][i % 2].id, 0.5)
            for i, p in enumerate(problems()["train"])
        ]
        self.commit(plan.design_shard(), lambda: (places, {}))
        jobs = [self.sample_job(plan, i) for i in range(len(plan.sample_shards))]
        jobs += [self.test_job(plan, i) for i in range(len(plan.evaluation_shards(None)))]
        _, failures = run_jobs(jobs, 2, self.submit)
        if failures:
            raise RuntimeError(str(failures))
        rationales = stored_rationales(plan)
        scores = compute_scores(plan, rationales)
        mark = scores_digest(scores)
        self.commit(plan.score_shard(mark), lambda: (scores, {}))
        sets = compute_pairs(plan, Renderer(), rationales, scores)  # type: ignore[arg-type]
        pairs = [pair for s in sets for pair in s.pairs]
        self.commit(plan.preference_shard(mark), lambda: (pairs, {}))
        self.finish(plan.training_fingerprint(pairs))

    def finish(self, mark: str) -> None:
        """What a training and a report leave, through the same writes."""
        self.files.write("training/tuned/fingerprint", mark.encode())
        self.files.write("training/tuned/checkpoints/state", mark.encode())
        record = json.dumps({"fingerprint": mark}).encode()
        self.files.write("model/tuned/result.json", record)
        self.files.write("report/index.html", f"<p>{mark}</p>".encode())

    def commit(self, shard: Shard[Any], rows: Any) -> Committed:
        return commit_shard(self.files, shard, rows)

    def generate(self, shard: Shard[Any], usage: Usage) -> Any:
        def ask(requests: Sequence[Request]) -> Iterator[tuple[str, list[Completion]]]:
            for engine, part in self.stream(requests):
                self.made += len(part)
                yield engine, part

        sidecar = Sidecar(self.files, shard)
        return lambda requests: generate_keeping(requests, sidecar, ask, self.in_blocks, usage)

    def job(self, shard: Shard[Any], rows: Any, then: Any = list) -> Job[Committed]:
        def made() -> Any:
            usage = Usage()
            return rows(self.generate(shard, usage)), usage.summary()

        return Job(shard.name, shard.name, lambda: self.commit(shard, made), then)

    def sample_job(self, plan: Plan, index: int) -> Job[Committed]:
        def rows(generate: Any) -> Any:
            return self.sampled(plan.taught(index), generate, plan.config.sampling.num_rationales)

        return self.job(plan.sample_shards[index], rows, lambda: [self.exam_job(plan, index)])

    def test_job(self, plan: Plan, index: int) -> Job[Committed]:
        shard = plan.evaluation_shards(None)[index]
        return self.job(shard, lambda generate: self.sampled(plan.tested(index), generate, 1))

    def sampled(self, asked: list[Problem], generate: Any, samples: int) -> Any:
        return sample(
            asked,
            samples=samples,
            settings=SETTINGS,
            renderer=Renderer(),  # type: ignore[arg-type]
            seed=0,
            generate=generate,
            grade=grade,
        )

    def exam_job(self, plan: Plan, index: int) -> Job[Committed]:
        (shard,) = plan.exam_shards(index)

        def rows(generate: Any) -> Any:
            rationales = read_shard(self.files, plan.sample_shards[index])
            return examine(
                set_exams(rationales, plan.problem_by_id, plan.design, True),
                student=student_labels(plan.config)[0],
                repetitions=1,
                settings=SETTINGS,
                renderer=Renderer(),  # type: ignore[arg-type]
                seed=0,
                generate=generate,
                grade=grade,
                extract=extract,
            )

        return self.job(shard, rows)


def stored_rows(files: Files) -> dict[str, list[Any]]:
    """Every committed table by path, as plain rows."""
    from lbt_core.store.shards import read_table  # noqa: PLC0415

    found = {}
    for folder in ("", "problems", "rationales", "exams", "evaluation/base"):
        for name in files.names(folder):
            path = f"{folder}/{name}".lstrip("/")
            if path.endswith(".parquet"):
                found[path] = read_table(files, path).to_pylist()
    return found
