"""One cell of the ablation: a base, a corpus with its shares of lucky problems, the base's
rationales and their exams; the pairs of every arm; a training and its measurement.
"""

import json
import os
import shutil
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import pyarrow.parquet as pq
from ablation_work import generate, grader

from lbt_core.generation import Completion, EngineSpec, Request, Settings
from lbt_core.generation.models import model_identity
from lbt_core.measurement.diagnostics import exam_diversity, score_diagnostics, student_fidelity
from lbt_core.method.exams import examine, rationale_key, score, set_exams
from lbt_core.method.preferences import PreferenceSpec, build_pairs
from lbt_core.method.prompts import Renderer
from lbt_core.method.sampling import sample
from lbt_core.method.seeds import derive_seed
from lbt_core.run.config import ModelConfig, RunConfig, load_config
from lbt_core.run.engine_spec import engine_spec as run_engine_spec
from lbt_core.run.preparation import design_exams, prepare
from lbt_core.store.rows import (
    ExamAnswer,
    ExamPlace,
    Preference,
    Problem,
    Rationale,
    Score,
    from_table,
    text_key,
    to_table,
)
from lbt_core.subjects import load_subject
from lbt_core.subjects.ode.problem import OdeProblem
from lbt_core.training.dpo import train_dpo
from lbt_core.training.history import TrainingDiverged
from lbt_core.training.merge import merge_adapter

Row = TypeVar("Row")
STUDENT = "student"


@dataclass(frozen=True)
class Arm:
    """A way of making training data out of the cell's rationales.

    ``rule`` is a rule of ``build_pairs`` or "sft" (right rationales alone). ``bank`` adds the exam
    bank's problems, with rationales of their own, to the teaching problems. ``preferences`` replace
    settings of the pair rule.
    """

    name: str
    rule: str
    bank: bool = False
    preferences: tuple[tuple[str, float], ...] = ()


ARMS = (
    Arm("random", "random"),
    Arm("correctness", "correctness"),
    Arm("fair", "correctness", bank=True),
    Arm("sft", "sft"),
    Arm("lbt", "lbt"),
    Arm("combined", "combined"),
)
SWEEP = tuple(
    Arm(
        f"combined, weight {weight:g}, gap {gap:g}",
        "combined",
        preferences=(
            ("correctness_weight", 1 - weight),
            ("lbt_weight", weight),
            ("min_gap", gap),
        ),
    )
    for weight in (0.25, 0.5, 0.75)
    for gap in (0.1, 0.3, 0.5)
    if (weight, gap) != (0.5, 0.3)
)


@dataclass(frozen=True)
class Cell:
    """What decides a cell's rationales and scores. ``overrides`` change the demo profile.

    ``attention`` is the share of its exam questions on which the student heeds the example; on the
    others its answer is the one that it gives unaided.
    """

    base: str
    seed: int
    lucky_train: float
    lucky_exam: float
    engine: str
    overrides: tuple[str, ...] = ()
    attention: float = 1.0

    @property
    def folder(self) -> str:
        """Its folder among the results."""
        shares = f"taught-{self.lucky_train:g}-asked-{self.lucky_exam:g}"
        heeds = "" if self.attention == 1 else f"-heeds-{self.attention:g}"
        return f"{Path(self.base).name}-{text_key(self.base)[:4]}-seed-{self.seed}-{shares}{heeds}"

    @property
    def attentive(self) -> "Cell":
        """The same cell with a student that always heeds the example."""
        return replace(self, attention=1.0)

    def config(self) -> RunConfig:
        """The demo's configuration with this cell's values."""
        return load_config(
            "demo",
            [
                f"seed={self.seed}",
                f"corpus.generated.lucky_train={self.lucky_train}",
                f"corpus.generated.lucky_exam={self.lucky_exam}",
                *self.overrides,
            ],
        )


@dataclass(frozen=True)
class Setting:
    """A training setting that is chosen on validation problems."""

    learning_rate: float
    epochs: float

    @property
    def name(self) -> str:
        """As it is given on the command line."""
        return f"{self.learning_rate:g}:{self.epochs:g}"


# --- prepare: rationales, exams, scores, the base's own answers -----------------------------------


def prepare_cell(cell: Cell, folder: Path) -> dict[str, Any]:
    """Store the cell's rows in its folder; the record holds its diagnostics and the base's answers
    (right or wrong) to the validation and test problems.

    A cell whose student is not always attentive is made from its attentive one, which has to be
    there.
    """
    started = time.monotonic()
    config = cell.config()
    if cell.attention == 1:
        drawn, base = _draw(cell, folder), None
    else:
        attentive = folder.parent / cell.attentive.folder
        drawn = _distracted(cell, attentive)
        base = json.loads((attentive / "cell.json").read_text("utf-8"))["base"]
        for name in ("problems.parquet", "rationales.parquet"):
            shutil.copyfile(attentive / name, folder / name)
    problems, places, taught, answers = drawn
    scores = score(
        taught,
        [(a.problem_id, a.rationale_key, a.student, a.correct) for a in answers],
        students=[STUDENT],
        deduplicate=config.exam.deduplicate,
        spec=config.preferences,
    )
    _store(folder / "scores.parquet", scores, Score)
    diversity = exam_diversity(places, {p.id: p for p in problems}, load_subject("ode"))
    fidelity = student_fidelity(
        (a.problem_id, a.rationale_key, a.exam_problem_id, a.correct) for a in answers
    )
    return {
        "rationales": len(taught),
        "distinct": len({rationale_key(r, True) + r.problem_id for r in taught}),
        "exam_answers": len(answers),
        "scores": asdict(score_diagnostics(scores)),
        "diversity": None if diversity is None else asdict(diversity),
        "fidelity": asdict(fidelity),
        "base": base or {split: measure(cell.base, cell, split, folder) for split in MEASURED},
        "families": [p.family for p in problems if p.split == "test"],
        "seconds": time.monotonic() - started,
    }


Drawn = tuple[list[Problem], list[ExamPlace], list[Rationale], list[ExamAnswer]]


def _draw(cell: Cell, folder: Path) -> Drawn:
    """Problems, exam places, taught rationales and exam answers, stored in the folder."""
    config, renderer, grade = cell.config(), Renderer(), grader().grade_many
    problems = prepare(config)
    s, e = config.sampling, config.exam
    rationales = sample(
        [*problems["train"], *problems["exam"]],
        samples=s.num_rationales,
        settings=Settings(s.temperature, s.top_k, s.top_p, s.max_new_tokens),
        renderer=renderer,
        seed=cell.seed,
        generate=_asker(cell),
        grade=grade,
    )
    every = [p for of in problems.values() for p in of]
    by_id = {p.id: p for p in every}
    places = design_exams(problems["train"], problems["exam"], config)
    design: dict[str, list[Problem]] = defaultdict(list)
    for place in places:
        design[place.problem_id].append(by_id[place.exam_problem_id])
    taught = [r for r in rationales if r.problem_id in design]
    answers = examine(
        set_exams(taught, by_id, design, e.deduplicate),
        student=STUDENT,
        repetitions=e.repetitions,
        settings=Settings(e.temperature, e.top_k, e.top_p, e.max_new_tokens),
        renderer=renderer,
        seed=cell.seed,
        generate=_asker(cell),
        grade=grade,
        extract=grader().extract_many,
    )
    _store(folder / "problems.parquet", every, OdeProblem)
    _store(folder / "rationales.parquet", rationales, Rationale)
    _store(folder / "places.parquet", places, ExamPlace)
    _store(folder / "answers.parquet", answers, ExamAnswer)
    return every, places, taught, answers


def _distracted(cell: Cell, attentive: Path) -> Drawn:
    """The attentive cell's exams as this cell's student answers them: by a fixed draw for each
    answer, on a share of the questions the example is not heeded.
    """
    every = load(attentive / "problems.parquet", OdeProblem)
    places = load(attentive / "places.parquet", ExamPlace)
    asked = {place.exam_problem_id for place in places}
    taught = {place.problem_id for place in places}
    rationales = [
        r for r in load(attentive / "rationales.parquet", Rationale) if r.problem_id in taught
    ]
    unaided = sample(
        [p for p in every if p.id in asked],
        samples=1,
        settings=Settings(0.0, 0, 1.0, cell.config().exam.max_new_tokens),
        renderer=Renderer(),
        seed=cell.seed,
        generate=_asker(cell),
        grade=grader().grade_many,
    )
    alone = {row.problem_id: row.correct for row in unaided}

    def heeds(a: ExamAnswer) -> bool:
        drawn = derive_seed(cell.seed, "heeds", a.rationale_key, a.exam_problem_id, a.repetition)
        return drawn % 10_000 < 10_000 * cell.attention

    answers = [
        a if heeds(a) else replace(a, correct=alone[a.exam_problem_id])
        for a in load(attentive / "answers.parquet", ExamAnswer)
    ]
    return every, places, rationales, answers


def _asker(cell: Cell) -> Callable[[Sequence[Request]], list[Completion]]:
    """The cell's base as a function from requests to completions."""
    engine = engine_spec(cell.base, cell.engine, cell.config())
    return lambda requests: generate(engine, requests)


MEASURED = ("validation", "test")


def engine_spec(model: str, kind: str, config: RunConfig) -> EngineSpec:
    """One engine on one core, as the demo has it."""
    engines = config.engines.model_copy(update={"kind": kind, "enforce_eager": True})
    return run_engine_spec(ModelConfig(path=model), engines, "cpu", config.seed)


def measure(model: str, cell: Cell, split: str, folder: Path) -> list[bool]:
    """Whether each problem of a split is answered right, greedily."""
    config = cell.config()
    problems = [p for p in load(folder / "problems.parquet", OdeProblem) if p.split == split]
    engine = engine_spec(model, cell.engine, config)
    rows = sample(
        problems,
        samples=1,
        settings=Settings(0.0, 0, 1.0, config.evaluation.max_new_tokens),
        renderer=Renderer(),
        seed=0,
        generate=lambda requests: generate(engine, requests),
        grade=grader().grade_many,
    )
    return [row.correct for row in rows]


# --- pairs ----------------------------------------------------------------------------------------


def arm_pairs(
    folder: Path, config: RunConfig, arms: Sequence[Arm], seed: int
) -> dict[str, list[Preference]]:
    """Training data of every arm, all of the size of the smallest, so that arms differ in what is
    preferred alone. The seed decides which of the eligible pairs are drawn.
    """
    problems = load(folder / "problems.parquet", OdeProblem)
    rationales = load(folder / "rationales.parquet", Rationale)
    scores = load(folder / "scores.parquet", Score)
    prompts = {p.id: Renderer().question(p.question) for p in problems}
    spec = config.preferences.model_copy(update={"seed": seed})
    wanted = len(build_pairs(scores, rationales, prompts, spec).pairs)
    bank = [_unscored(r) for r in rationales if r.problem_id not in {s.problem_id for s in scores}]
    sets: dict[str, list[Preference]] = {}
    for arm in arms:
        if arm.rule == "sft":
            sets[arm.name] = right_texts(
                rationales, {s.problem_id for s in scores}, prompts, wanted, seed
            )
            continue
        rows = [*scores, *bank] if arm.bank else scores
        own = PreferenceSpec.model_validate(spec.model_dump() | dict(arm.preferences))
        rule: Any = arm.rule
        sets[arm.name] = list(
            build_pairs(rows, rationales, prompts, own, rule, size_to_match=wanted).pairs
        )
    smallest = min(map(len, sets.values()))
    # pairs come one problem at a time: a prefix is spread over the problems as the whole is
    return {name: pairs[:smallest] for name, pairs in sets.items()}


def _unscored(r: Rationale) -> Score:
    """A graded rationale that took no exam."""
    return Score(
        r.problem_id, r.sample, r.text_key, r.verdict, r.correct, 0.0, float(r.correct), 0, (0.0,)
    )


def right_texts(
    rationales: Sequence[Rationale],
    taught: set[str],
    prompts: dict[str, str],
    wanted: int,
    seed: int,
) -> list[Preference]:
    """Rejection sampling: distinct right rationales, one problem at a time, as pairs of a text with
    itself. Their preference is undecided whatever the model, so that only the chosen text's
    likelihood trains it (``loss_nll_weight``).
    """
    texts: dict[str, dict[str, Rationale]] = defaultdict(dict)
    for r in rationales:
        if r.correct and r.finish_reason == "stop" and r.problem_id in taught:
            texts[r.problem_id].setdefault(r.text_key, r)
    ranked = {
        p: sorted(of.values(), key=lambda r: text_key(f"{seed}/{r.problem_id}/{r.text_key}"))
        for p, of in texts.items()
    }
    turns = max(map(len, ranked.values()), default=0)
    chosen = [of[turn] for turn in range(turns) for of in ranked.values() if turn < len(of)]
    return [
        Preference(
            "sft", r.problem_id, prompts[r.problem_id], r.text, r.text, r.sample, r.sample,
            1.0, 1.0, 0.0, 0.0, r.verdict, r.verdict, 0.0,
        )
        for r in chosen[:wanted]
    ]  # fmt: skip


# --- train and measure ----------------------------------------------------------------------------


def train_arm(
    cell: Cell,
    arms: Sequence[Arm],
    arm: Arm,
    setting: Setting,
    seed: int,
    split: str,
    folder: Path,
) -> dict[str, Any]:
    """Train one arm and measure it on a split.

    Where there is no pair, or training diverges before its first checkpoint, the base is what a
    user is left with, and its answers are the arm's; ``failed`` says so.
    """
    began = time.monotonic()
    home = folder.parent
    config = cell.config()
    pairs = arm_pairs(home, config, arms, seed)[arm.name]
    spec = config.training.model_copy(
        update={
            "learning_rate": setting.learning_rate,
            "epochs": setting.epochs,
            "seed": seed,
            "loss_nll_weight": 1.0 if arm.rule == "sft" else config.training.loss_nll_weight,
        }
    )
    problems = load(home / "problems.parquet", OdeProblem)
    watched = [Renderer().question(p.question) for p in problems if p.split == "validation"]
    lineage = [(p.problem_id, p.chosen_sample, p.rejected_sample) for p in pairs]
    work = home / "work" / text_key(f"{arm}/{setting}/{seed}/{lineage}")
    # cells that differ in their exams alone have the same grades: what is trained on the same
    # pairs in another cell is the same model
    texts = [(p.prompt, p.chosen, p.rejected) for p in pairs]
    asked = [p.question for p in problems if p.split == split]
    weights = model_identity(cell.base, None)
    same = text_key(f"{weights}/{spec.model_dump_json()}/{texts}/{watched[:16]}/{asked}")
    known = home.parent / "trained-before" / f"{same}.json"
    if known.is_file():
        found: dict[str, Any] = json.loads(known.read_text("utf-8"))
        return found
    record: dict[str, Any] = {"pairs": len(pairs), "failed": None, "stopped": None, "steps": 0}
    model = cell.base
    if not pairs:
        record["failed"] = "no pairs"
    else:
        try:
            done = train_dpo(cell.base, pairs, spec, work, validation_prompts=watched[:16])
            record |= {"stopped": done.stopped, "steps": done.steps, "train_seconds": done.seconds}
            model = merge_adapter(cell.base, done.weights, work / "merged")
        except TrainingDiverged as error:
            record["failed"] = str(error)
    correct = measure(model, cell, split, home)
    if split == "test":
        shutil.rmtree(work, ignore_errors=True)
    record |= {"correct": correct, "seconds": time.monotonic() - began}
    known.parent.mkdir(exist_ok=True)
    temporary = known.with_suffix(f".{os.getpid()}.writing")
    temporary.write_text(json.dumps(record), "utf-8")
    temporary.replace(known)
    return record


def load(path: Path, row_type: type[Row]) -> list[Row]:
    """Rows of a Parquet file."""
    return from_table(pq.read_table(path), row_type)


def _store(path: Path, rows: Any, row_type: type[Row]) -> None:
    temporary = path.with_suffix(".writing")
    pq.write_table(to_table(rows, row_type), temporary, compression="zstd")
    temporary.replace(path)


def demo_setting() -> Setting:
    """The demo's own training setting."""
    training = load_config("demo").training
    return Setting(training.learning_rate, training.epochs)
