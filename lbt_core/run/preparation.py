"""The first stage: which problems a run teaches, examines and tests, and its exams' design."""

import random
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from lbt_core import UserError
from lbt_core.corpora import load_corpus, load_summary
from lbt_core.method.seeds import derive_seed
from lbt_core.method.similarity import SimilaritySpec, build_index, neighbours
from lbt_core.method.subject import CorpusRequest
from lbt_core.run.config import RunConfig
from lbt_core.run.plan import SPLITS
from lbt_core.store.rows import ExamPlace, Problem
from lbt_core.subjects.registry import DEFAULT, load_subject


def prepare(config: RunConfig) -> dict[str, list[Problem]]:
    """The problems by split. Raises UserError where the corpus cannot be read or lacks a split."""
    problems = _corpus(config)
    repeated = [key for key, count in Counter(p.id for p in problems).items() if count > 1]
    if repeated:
        raise UserError(f"corpus {config.corpus.source}: two problems have the id {repeated[0]}")
    splits = {s: [p for p in problems if p.split == s] for s in SPLITS}
    limits = {"train": config.corpus.train_limit, "test": config.corpus.test_limit}
    for split, limit in limits.items():
        if limit is not None and limit < len(splits[split]):
            order = random.Random(derive_seed(config.seed, "limit", split))
            order.shuffle(splits[split])
            splits[split] = splits[split][:limit]
    _check_solutions(config, splits[config.exam.bank])
    for split in ("train", "test", *(["exam"] if config.exam.bank == "exam" else [])):
        if not splits[split]:
            raise UserError(
                f"corpus {config.corpus.source} has no {split} problems; "
                + (
                    "set exam.bank=train"
                    if split == "exam"
                    else "import it with `lbt corpus import`"
                )
            )
    return splits


def _check_solutions(config: RunConfig, bank: Sequence[Problem]) -> None:
    if config.exam.scorer != "likelihood" or config.exam.reference != "solution":
        return
    without = [p.id for p in bank if not (p.solution or "").strip()]
    if without:
        raise UserError(
            f"exam.reference=solution: {len(without)} of {len(bank)} exam problems have no worked "
            f"solution ({without[0]} among them); set exam.reference=answer"
        )


def check_corpus(config: RunConfig) -> None:
    """Refuse a subject or a corpus that is not there, before anything starts. Raises UserError."""
    subject, source = load_subject(config.subject), config.corpus.source
    if source in subject.sources:
        subject.check_request(source, _request(config))
        return
    if not Path(source).is_dir():
        raise UserError(
            f"corpus.source: subject {subject.name} has no built-in corpus {source} and there is "
            f"no such folder; built in: {', '.join(subject.sources) or 'none'}, or give the folder "
            "that `lbt corpus import` wrote"
        )
    imported_for = load_summary(source).get("subject", DEFAULT)
    if imported_for != subject.name:
        raise UserError(
            f"corpus {source} was imported for subject {imported_for}, this run has subject "
            f"{subject.name}: import it again with --subject {config.subject}"
        )


def _corpus(config: RunConfig) -> list[Problem]:
    subject, corpus = load_subject(config.subject), config.corpus
    if corpus.source not in subject.sources:
        return load_corpus(corpus.source, subject.problem_type)
    return list(subject.problems(corpus.source, _request(config)))


def _request(config: RunConfig) -> CorpusRequest:
    """What the configuration asks of a built-in corpus."""
    made = config.corpus.generated
    return CorpusRequest(
        seed=config.seed,
        sizes={s: getattr(made, s) for s in SPLITS},
        lucky={
            "train": made.lucky_train,
            "exam": made.lucky_exam,
            "validation": made.lucky_test,
            "test": made.lucky_test,
        },
        options=made.options,
    )


def design_exams(
    taught: Sequence[Problem], bank: Sequence[Problem], config: RunConfig
) -> list[ExamPlace]:
    """The exam of every taught problem: ``exam.problems`` problems of the bank, most similar first.

    Never the problem itself nor a duplicate of it. Raises UserError where the bank is too small.
    """
    exam = config.exam
    spec = SimilaritySpec(embedder=exam.similarity, selection=exam.selection)
    index = build_index(bank, load_subject(config.subject), spec)
    table = neighbours(taught, index, exam.problems)
    places = [
        ExamPlace(row["problem_id"], row["rank"], row["neighbour_id"], row["similarity"])
        for row in table.to_pylist()
    ]
    counts = Counter(place.problem_id for place in places)
    short = [p.id for p in taught if counts[p.id] < exam.problems]
    if short:
        raise UserError(
            f"problem {short[0]} finds fewer than {exam.problems} exam problems among "
            f"{len(bank)} ({len(short)} such problems); lower exam.problems or enlarge the corpus"
        )
    return places
