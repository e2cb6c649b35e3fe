"""What a run must produce: every shard of every stage, with its keys and fingerprint.

A plan is derived from the configuration and from rows already stored, never from what ran before.
Exam shards can be planned once their rationale shard is stored, evaluation shards of a tuned model
once its pairs are known.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from lbt_core.embedded import embedded_model_path
from lbt_core.generation.endpoint import Served
from lbt_core.generation.models import model_identity
from lbt_core.method.exams import Place, exam_places, rationale_key, set_exams
from lbt_core.method.preferences import PreferenceSpec
from lbt_core.method.subject import Subject
from lbt_core.run.config import ModelConfig, RunConfig
from lbt_core.run.exam_rounds import RoundPlanner, asked_in_full, rounds_so_far
from lbt_core.run.record import SERVED
from lbt_core.run.stages import Stage, stage_values
from lbt_core.store import Files, Shard, inspect_shard, read_shard
from lbt_core.store.fingerprint import fingerprint
from lbt_core.store.rows import (
    ExamAnswer,
    ExamLikelihood,
    ExamPlace,
    Preference,
    Problem,
    Rationale,
    Score,
)
from lbt_core.store.shards import GridKeys
from lbt_core.subjects.registry import load_subject, subject_identity

SPLITS = ("train", "exam", "validation", "test")
RATIONALE_KEY = ("problem_id", "sample")
EXAM_KEY = ("problem_id", "rationale_key", "student", "exam_problem_id", "repetition")
SCORE_KEY = ("problem_id", "sample")
PREFERENCE_KEY = ("arm", "problem_id", "chosen_sample", "rejected_sample")


def arm_folder(arm: str) -> str:
    """Where an arm's files live: ``tuned`` for the real one, ``control-…`` for a control."""
    return "tuned" if arm == "combined" else f"control-{arm}"


def model_path(model: ModelConfig) -> str:
    """Folder, as the workers of a cluster find it, or hub id of a configured model."""
    if model.path == "embedded":
        return str(embedded_model_path())
    folder = Path(model.path).expanduser()
    return str(folder.resolve()) if folder.is_dir() else model.path


def student_labels(config: RunConfig) -> list[str]:
    """One name per student: the last part of its path, numbered where two are alike."""
    names = [Path(m.path).name or m.path for m in config.student_models()]
    return [n if names.count(n) == 1 else f"{n}#{i}" for i, n in enumerate(names)]


def chunks(items: Sequence[Any], size: int) -> list[Sequence[Any]]:
    """The items in runs of ``size``, the last one possibly shorter."""
    return [items[i : i + size] for i in range(0, len(items), size)]


@dataclass(frozen=True)
class Plan:
    """The shards of one run. Reading rows from the store is cached for the plan's life.

    ``identities`` say which corpus and weights the run is on (``resolve_identities``); they are on
    record with the run, so that it can be inspected where neither is at hand.
    """

    files: Files
    config: RunConfig
    identities: Mapping[str, str]

    @property
    def subject(self) -> Subject:
        """The run's field of problems."""
        return load_subject(self.config.subject)

    def _spec(self, *stages: Stage) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for stage in stages:
            values |= stage_values(self.config, stage)
        return values

    def pinned(self, model: ModelConfig) -> ModelConfig:
        """A hub model of the run at the commit on record, for whatever loads it; another model as
        it is."""
        students = zip(student_labels(self.config), self.config.student_models(), strict=True)
        named = {"teacher": self.config.teacher} | {f"student {k}": m for k, m in students}
        for name, one in named.items():
            path, _, commit = self.identities.get(name, "").rpartition("@")
            if one == model and path == model_path(model):
                return model.model_copy(update={"revision": commit})
        return model

    # --- prepare --------------------------------------------------------------------------------

    def problem_shards(self) -> dict[str, Shard[Problem]]:
        """One file of problems per split."""
        spec = self._spec("prepare") | {"subject": self.identities["subject"]}
        mark = fingerprint(spec, self.identities["corpus"])
        row = self.subject.problem_type
        return {
            split: Shard("prepare", i, f"problems/{split}.parquet", row, ("id",), mark)
            for i, split in enumerate(SPLITS)
        }

    @cached_property
    def problems(self) -> dict[str, list[Problem]]:
        """Stored problems by split. Raises OSError where they are not stored."""
        return {s: read_shard(self.files, shard) for s, shard in self.problem_shards().items()}

    @cached_property
    def problem_by_id(self) -> dict[str, Problem]:
        """Every stored problem."""
        return {p.id: p for rows in self.problems.values() for p in rows}

    # --- sample ---------------------------------------------------------------------------------

    @property
    def _teacher(self) -> str:
        return self.identities["teacher"]

    def _asked(self) -> dict[str, str]:
        """What the teacher's endpoint serves, where it has one."""
        return {k: v for k, v in self.identities.items() if k == SERVED}

    def _sample_spec(self) -> dict[str, Any]:
        spec = self._spec("sample") | {"teacher.path": self._teacher, "seed": self.config.seed}
        spec |= self._asked()
        spec["prompt.fixed_examples"] = self.identities.get("examples")
        spec["subject"] = self.identities["subject"]  # who extracts and grades
        del spec["shards.problems"]
        return spec

    def taught(self, index: int) -> list[Problem]:
        """The teaching problems of one rationale shard."""
        return list(chunks(self.problems["train"], self.config.shards.problems)[index])

    @cached_property
    def sample_shards(self) -> list[Shard[Rationale]]:
        """The rationale shards."""
        spec, samples = self._sample_spec(), self.config.sampling.num_rationales
        return [
            Shard(
                "sample",
                i,
                f"rationales/part-{i:05d}.parquet",
                Rationale,
                RATIONALE_KEY,
                fingerprint(spec, list(part)),
                GridKeys(tuple(p.id for p in part), samples),
            )
            for i, part in enumerate(chunks(self.problems["train"], self.config.shards.problems))
        ]

    # --- examine --------------------------------------------------------------------------------

    def design_shard(self) -> Shard[ExamPlace]:
        """Which problems make each problem's exam."""
        exam = self.config.exam
        spec = [exam.problems, exam.bank, exam.selection, exam.similarity, self.config.seed]
        spec.append(self.identities["subject"])  # what is near and what is the same
        mark = fingerprint(spec, self.problems["train"], self.problems["exam"])
        keys = ("problem_id", "rank")
        return Shard("examine/design", 0, "exams/design.parquet", ExamPlace, keys, mark)

    @cached_property
    def design(self) -> dict[str, list[Problem]]:
        """Stored design: problem id to its exam problems, most similar first."""
        exams: dict[str, list[Problem]] = {p.id: [] for p in self.problems["train"]}
        places = read_shard(self.files, self.design_shard())
        for place in sorted(places, key=lambda p: (p.problem_id, p.rank)):
            exams[place.problem_id].append(self.problem_by_id[place.exam_problem_id])
        return exams

    @property
    def _students(self) -> list[str]:
        return [self.identities[f"student {label}"] for label in student_labels(self.config)]

    def exam_shard_path(self, index: int, student: int, number: int = 0) -> str:
        """Where a student's exams on a rationale shard are stored; ``number`` is the round, of
        exams that are adaptive."""
        name = f"exams/part-{index * len(self._students) + student:05d}"
        return f"{name}-round-{number}.parquet" if number else f"{name}.parquet"

    def exam_paths(self, index: int) -> list[str]:
        """The files of all students' exams on a stored rationale shard, in order."""
        if self.config.exam.adaptive:
            return [shard.path for shard in self.exam_shards(index)]
        return [self.exam_shard_path(index, student) for student in range(len(self._students))]

    @cached_property
    def in_full(self) -> frozenset[str]:
        """Teaching problems that adaptive exams ask in full."""
        return asked_in_full(self.problems["train"], self.config.exam.in_full, self.config.seed)

    def round_planner(self, index: int) -> RoundPlanner:
        """What plans the rounds on one stored rationale shard. Raises OSError."""
        rationales = read_shard(self.files, self.sample_shards[index])
        exams = set_exams(rationales, self.problem_by_id, self.design, deduplicate=True)
        return RoundPlanner(exams, rationales, self.config.exam, self.pair_spec, self.in_full)

    @property
    def pair_spec(self) -> PreferenceSpec:
        """How pairs are made, with the seed that they are drawn with."""
        spec = self.config.preferences
        return spec if spec.seed is not None else spec.model_copy(update={"seed": self.config.seed})

    def exam_shards(self, index: int) -> list[Shard[Any]]:
        """The exam shards of one stored rationale shard, one per student; of adaptive exams, one
        per round that can be planned: those stored, and the next. Raises OSError."""
        if self.config.exam.adaptive:
            planner = self.round_planner(index)
            make = self._exam_shard_maker(index, planner.rationales)
            return rounds_so_far(planner, self.files, lambda number, asked: make(0, number, asked))
        exam = self.config.exam
        rationales = read_shard(self.files, self.sample_shards[index])
        exams = set_exams(rationales, self.problem_by_id, self.design, exam.deduplicate)
        make = self._exam_shard_maker(index, rationales)
        asked = exam_places(exams, exam.answers_each)
        return [make(student, 0, asked) for student in range(len(self._students))]

    def _exam_shard_maker(
        self, index: int, rationales: Sequence[Rationale]
    ) -> Callable[[int, int, Sequence[Place]], Shard[Any]]:
        """Makes the shard of a student, a round and what is asked in it."""
        exam, students = self.config.exam, len(self._students)
        taught = [(r.problem_id, rationale_key(r, exam.deduplicate)) for r in rationales]
        questions = {p.id: self.design[p.id] for p in self.taught(index)}
        spec = self._spec("examine") | {"subject": self.identities["subject"]}
        spec |= {k: v for k, v in self._sample_spec().items() if k.startswith("prompt")}
        spec.pop("students", None)
        labels = student_labels(self.config)

        def make(student: int, number: int, asked: Sequence[Place]) -> Shard[Any]:
            keys = tuple(place.key(labels[student]) for place in asked)
            parts: list[Any] = [self._students[student], labels[student], self.config.seed]
            parts += [taught, questions, *([list(keys)] if exam.adaptive else [])]
            return Shard(
                "examine",
                (number * len(self.sample_shards) + index) * students + student,
                self.exam_shard_path(index, student, number),
                ExamLikelihood if exam.scorer == "likelihood" else ExamAnswer,
                EXAM_KEY,
                fingerprint(spec, *parts),
                keys,
            )

        return make

    # --- prefer ---------------------------------------------------------------------------------

    def score_shard(self, inputs: str) -> Shard[Score]:
        """All scores; ``inputs`` is the digest of the graded rows they are computed from."""
        mark = fingerprint(self._spec("prefer"), inputs)
        return Shard("prefer/scores", 0, "scores.parquet", Score, SCORE_KEY, mark)

    def preference_shard(self, inputs: str) -> Shard[Preference]:
        """All preference pairs, of every arm."""
        mark = fingerprint(self._spec("prefer"), self.config.seed, inputs)
        path = "preferences.parquet"
        return Shard("prefer", 0, path, Preference, PREFERENCE_KEY, mark)

    # --- train and evaluate ---------------------------------------------------------------------

    def training_fingerprint(self, pairs: Sequence[Preference]) -> str:
        """What a tuned model is made of: settings, base model, pairs."""
        spec = self._spec("train") | {"teacher": self._teacher, "seed": self.config.seed}
        return fingerprint(spec, list(pairs))

    def evaluation_shards(self, arm: str | None, model_mark: str = "") -> list[Shard[Rationale]]:
        """Evaluation shards of the base model (arm None) or of an arm's tuned model."""
        spec = self._spec("evaluate") | {"model": model_mark or self._teacher}
        spec["subject"] = self.identities["subject"]
        spec |= {k: v for k, v in self._sample_spec().items() if k.startswith("prompt")}
        spec |= {} if model_mark else self._asked()
        del spec["shards.evaluation_problems"]
        folder = arm_folder(arm) if arm else "base"
        parts = chunks(self.problems["test"], self.config.shards.evaluation_problems)
        return [
            Shard(
                f"evaluate/{folder}",
                i,
                f"evaluation/{folder}/part-{i:05d}.parquet",
                Rationale,
                RATIONALE_KEY,
                fingerprint(spec, list(part)),
                GridKeys(tuple(p.id for p in part), 1),
            )
            for i, part in enumerate(parts)
        ]

    def tested(self, index: int) -> list[Problem]:
        """The test problems of one evaluation shard."""
        parts = chunks(self.problems["test"], self.config.shards.evaluation_problems)
        return list(parts[index])


def resolve_identities(
    config: RunConfig, served: Mapping[str, Served] | None = None
) -> dict[str, str]:
    """Which corpus, fixed examples and weights a configuration names, now, on this machine; of a
    model that is asked at an endpoint, what it ``served`` says, by role (``endpoints.look_at``).

    Raises OSError where the examples' file cannot be read.
    """
    at = {role: one.identity for role, one in (served or {}).items()}
    subject = load_subject(config.subject)
    found = {
        "subject": subject_identity(config.subject),
        "corpus": _corpus_identity(config.corpus.source, subject),
        "teacher": model_identity(model_path(config.teacher), config.teacher.revision),
    }
    if config.prompt.fixed_examples is not None:
        content = Path(config.prompt.fixed_examples).read_bytes()
        found["examples"] = hashlib.sha256(content).hexdigest()[:32]
    models = zip(student_labels(config), config.student_models(), strict=True)
    if "teacher" in at:
        found[SERVED] = at["teacher"]
    for label, model in models:
        role = f"student {label}"
        found[role] = at.get(role) or model_identity(model_path(model), model.revision)
    return found


def next_round(config: RunConfig, tuned: str) -> RunConfig:
    """The configuration of the round that follows: the tuned model teaches, the students stay."""
    own = {"path": tuned, "revision": None, "endpoint": None}
    teacher = config.teacher.model_copy(update=own)
    students = tuple(
        m.model_copy(update={"endpoint": config.endpoint_of(m)}) for m in config.student_models()
    )
    engines = config.engines
    if engines.kind == "endpoint":  # which only ever means the models that were configured
        engines = engines.model_copy(update={"kind": "vllm"})
    changed = {"teacher": teacher, "students": students, "engines": engines}
    return config.model_copy(update=changed)


def _corpus_identity(source: str, subject: Subject) -> str:
    """The version of the generators for a built-in corpus, the files' hash otherwise."""
    if source in subject.sources:
        return f"{source}@{subject.source_version(source)}"
    digest = hashlib.sha256()
    for file in sorted(Path(source).glob("*.parquet")):
        digest.update(file.name.encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:32]


def owed(files: Files, shards: Sequence[Shard[Any]]) -> list[Shard[Any]]:
    """Planned shards that are not whole."""
    return [s for s in shards if inspect_shard(files, s).state != "whole"]
