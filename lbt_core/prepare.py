"""The first stage: which problems a run teaches, examines and tests, and its exams' design."""

import random
from collections import Counter
from collections.abc import Sequence

from lbt_core.config import CorpusConfig, RunConfig
from lbt_core.errors import UserError
from lbt_core.plan import SPLITS
from lbt_core.problems import load_corpus, tiny, university
from lbt_core.rows import ExamPlace, Problem
from lbt_core.seeds import derive_seed
from lbt_core.similarity import SimilaritySpec, build_index, neighbours


def prepare(config: RunConfig) -> dict[str, list[Problem]]:
    """The problems by split. Raises UserError where the corpus cannot be read or lacks a split."""
    problems = _corpus(config.corpus, config.seed)
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


def _corpus(config: CorpusConfig, seed: int) -> list[Problem]:
    if config.source == "tiny":
        sizes = config.tiny
        return tiny.corpus(
            seed,
            sizes={s: getattr(sizes, s) for s in SPLITS},
            lucky_shares={
                "train": sizes.lucky_train,
                "exam": sizes.lucky_exam,
                "validation": sizes.lucky_test,
                "test": sizes.lucky_test,
            },
        )
    if config.source == "university":
        return university.load()
    return load_corpus(config.source)


def design_exams(
    taught: Sequence[Problem], bank: Sequence[Problem], config: RunConfig
) -> list[ExamPlace]:
    """The exam of every taught problem: ``exam.problems`` problems of the bank, most similar first.

    Never the problem itself nor a duplicate of it. Raises UserError where the bank is too small.
    """
    exam = config.exam
    spec = SimilaritySpec(embedder=exam.similarity, selection=exam.selection)
    table = neighbours(taught, build_index(bank, spec), exam.problems)
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
