"""The method in a notebook: sample, examine, score and pair a handful of problems, without a store,
an orchestrator or a cluster.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Self

from lbt_core import UserError
from lbt_core.generation import Completion, Engine, Request, Settings, build_engine
from lbt_core.generation.endpoint import Served
from lbt_core.method.exams import examine, score, set_exams
from lbt_core.method.preferences import PairSet, build_pairs
from lbt_core.method.sampling import sample
from lbt_core.run.config import ModelConfig, endpoint_key, load_config
from lbt_core.run.endpoints import look_at, renderer_for, roles
from lbt_core.run.engine_spec import engine_spec, machine_device, remote_spec
from lbt_core.run.grade_pool import grade_pool
from lbt_core.run.plan import model_path, student_labels
from lbt_core.run.preparation import check_corpus, design_exams, prepare
from lbt_core.run.rendering import build_renderer
from lbt_core.store.rows import ExamAnswer, Problem, Rationale, Score
from lbt_core.subjects import load_subject


class Session:
    """The steps of a run as calls, with an engine and isolated graders; a context manager.

    ``profile`` and ``overrides`` are those of ``lbt run``; an ``engine`` of your own replaces the
    one that the configuration describes, for teacher and students alike. Raises UserError for what
    is wrong in the configuration, and what loading the model raises.
    """

    def __init__(
        self, profile: str = "demo", overrides: Iterable[str] = (), engine: Engine | None = None
    ) -> None:
        self.config = load_config(profile, overrides)
        check_corpus(self.config)
        self.subject = load_subject(self.config.subject)
        self.problems: dict[str, list[Problem]] = prepare(self.config)
        """Problems by split: train, exam, validation, test."""
        self._graders = grade_pool(self.config)
        teacher = self.config.teacher
        self._renderer = build_renderer(self.config.prompt, model_path(teacher), teacher.revision)
        self._engine = engine
        self._loaded: dict[ModelConfig, Engine] = {}
        self._served: dict[str, Served] | None = None

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
        """End the graders and the engines that were loaded here."""
        self._graders.close()
        self.unload()

    def unload(self) -> None:
        """End the engines that were loaded here, for their memory; the next call loads anew."""
        for engine in self._loaded.values():
            engine.close()
        self._loaded.clear()

    def sample(self, problems: Sequence[Problem]) -> list[Rationale]:
        """The teacher's graded rationales of some problems."""
        drawn = self.config.sampling
        return sample(
            problems,
            samples=drawn.num_rationales,
            settings=Settings(drawn.temperature, drawn.top_k, drawn.top_p, drawn.max_new_tokens),
            renderer=renderer_for(self._served_to(self.config.teacher), self._renderer),
            seed=self.config.seed,
            generate=lambda requests: self._generate(self.config.teacher, requests),
            grade=self._graders.grade_many,
        )

    def evaluate(
        self, problems: Sequence[Problem], model: ModelConfig | None = None
    ) -> list[Rationale]:
        """Graded greedy answers, one a problem, of a model or of the teacher: Pass@1 is the share
        of them that is right."""
        asked = model if model is not None else self.config.teacher
        return sample(
            problems,
            samples=1,
            settings=Settings(0.0, 0, 1.0, self.config.evaluation.max_new_tokens),
            renderer=renderer_for(self._served_to(asked), self._renderer),
            seed=self.config.seed,
            generate=lambda requests: self._generate(asked, requests),
            grade=self._graders.grade_many,
        )

    def examine(self, rationales: Sequence[Rationale]) -> list[ExamAnswer]:
        """The exams of the rationales, taken by every student; in full, whatever
        ``exam.adaptive`` says: what is skipped there is for the pairs of a run."""
        exam, train = self.config.exam, self.problems["train"]
        if exam.scorer == "likelihood":
            raise UserError("exam.scorer=likelihood is for runs: here they are sampled; set it so")
        by_id = {p.id: p for split in self.problems.values() for p in split}
        taught = [by_id[i] for i in dict.fromkeys(r.problem_id for r in rationales)]
        bank = train if exam.bank == "train" else self.problems["exam"]
        design: dict[str, list[Problem]] = defaultdict(list)
        for place in design_exams(taught, bank, self.config):
            design[place.problem_id].append(by_id[place.exam_problem_id])
        exams = set_exams(rationales, by_id, design, exam.deduplicate)
        labels = student_labels(self.config)
        return [
            answer
            for label, model in zip(labels, self.config.student_models(), strict=True)
            for answer in examine(
                exams,
                student=label,
                repetitions=exam.repetitions,
                settings=Settings(exam.temperature, exam.top_k, exam.top_p, exam.max_new_tokens),
                renderer=renderer_for(self._served_to(model), self._renderer),
                seed=self.config.seed,
                generate=lambda requests, model=model: self._generate(model, requests),  # type: ignore[misc]
                grade=self._graders.grade_many,
                extract=self._graders.extract_many,
            )
        ]

    def score(self, rationales: Sequence[Rationale], answers: Iterable[ExamAnswer]) -> list[Score]:
        """LbT and combined scores of the rationales from their exams."""
        return score(
            rationales,
            ((a.problem_id, a.rationale_key, a.student, a.correct) for a in answers),
            students=student_labels(self.config),
            deduplicate=self.config.exam.deduplicate,
            spec=self.config.preferences,
        )

    def pair(self, rationales: Sequence[Rationale], scores: Sequence[Score]) -> PairSet:
        """Preference pairs of the combined arm, high score over low."""
        prompts = {
            p.id: self._renderer.question(p.question)
            for split in self.problems.values()
            for p in split
        }
        return build_pairs(scores, rationales, prompts, self.config.preferences)

    def _served_to(self, model: ModelConfig) -> Served | None:
        """What a model's endpoint serves, asked once; None for one that is loaded here."""
        if self._engine is not None or self.config.endpoint_of(model) is None:
            return None
        if self._served is None:
            self._served = look_at(self.config)
        return next(self._served[r] for r, m in roles(self.config).items() if m == model)

    def _generate(self, model: ModelConfig, requests: Sequence[Request]) -> list[Completion]:
        if self._engine is not None:
            return self._engine.generate(requests)
        if model not in self._loaded:
            endpoint = self.config.endpoint_of(model)
            if endpoint is not None:
                spec = remote_spec(model, endpoint, self.config.engines, self._served_to(model))
                self._loaded[model] = build_engine(spec, endpoint_key(endpoint.key))
                return self._loaded[model].generate(requests)
            spec = engine_spec(model, self.config.engines, machine_device(self.config.engines), 0)
            if spec.kind == "vllm":
                from lbt_core.generation.vllm_engine import (  # noqa: PLC0415 - heavy
                    prepare_environment,
                )

                prepare_environment(spec, None)
            self._loaded[model] = build_engine(spec)
        return self._loaded[model].generate(requests)
