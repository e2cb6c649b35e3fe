"""Which exam problems are nearest to a problem (similarity-based exams): embedded once, compared in
blocks, stored as a table.

Two embedders. ``tfidf`` works offline: the subject's features of a question, TF-IDF, reduced by a
truncated SVD (latent semantic analysis). Any other name is a sentence-transformers model, local
path or hub name (the reference code uses all-mpnet-base-v2). Both give unit vectors, and similarity
is their cosine. Neither sees topic, family or answer, only the question's text.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from lbt_core.method.subject import Subject
from lbt_core.store.rows import Problem

TFIDF = "tfidf"
# Latent semantic analysis wants some tens to hundreds of dimensions; questions are short texts of
# one field, and the table of a corpus of 10^5 problems then fits into memory in float32.
DIMENSIONS = 64
FIT_SAMPLE = 20_000
MAX_FEATURES = 50_000
# 128 MiB of cosines at a time, however large the corpus
BLOCK_FLOATS = 32 * 2**20
GROUP = 64
# float32 sums differ in the last digits between machines and thread counts: neighbours are compared
# after rounding, ties by number, so that everybody gets the same exams
DECIMALS = 5
# Below every cosine
BANNED = -9.0
SCHEMA = pa.schema(
    [
        pa.field("problem_id", pa.string(), nullable=False),
        pa.field("rank", pa.int32(), nullable=False),
        pa.field("neighbour_id", pa.string(), nullable=False),
        pa.field("similarity", pa.float32(), nullable=False),
    ]
)

Vectors = NDArray[np.float32]
Embed = Callable[[Sequence[str]], Vectors]


@dataclass(frozen=True)
class SimilaritySpec:
    """``embedder``: "tfidf" or a sentence-transformers model.

    ``selection``: "nearest" takes the k nearest; "spread" takes the nearest, then of the
    ``spread_over`` nearest each time the one farthest from those taken, so that an exam is near in
    topic and varied within it. ``device`` is where a sentence-transformers model runs: on the CPU,
    for on a GPU it would leave a context and its weights in the flow's process.
    """

    embedder: str = TFIDF
    selection: Literal["nearest", "spread"] = "nearest"
    spread_over: int = 10
    batch_size: int = 64
    device: str = "cpu"


@dataclass(frozen=True)
class SimilarityIndex:
    """The bank's unit vectors (problems x dimensions), and which of its problems are the same.

    ``numbers`` is each id's row, ``keys`` each row's duplicate keys, ``holders`` the rows that hold
    a key.
    """

    ids: tuple[str, ...]
    vectors: Vectors
    numbers: Mapping[str, int]
    keys: tuple[tuple[str, ...], ...]
    holders: Mapping[str, Sequence[int]]
    embed: Embed
    spec: SimilaritySpec
    subject: Subject


def build_index(
    bank: Sequence[Problem], subject: Subject, spec: SimilaritySpec = SimilaritySpec()
) -> SimilarityIndex:
    """Embed the problems that exams are drawn from.

    Raises ValueError for an empty bank.
    """
    if not bank:
        raise ValueError("there are no problems to draw exams from")
    texts = [problem.question for problem in bank]
    embed = fit_tfidf(texts, subject.features) if spec.embedder == TFIDF else _sentence_model(spec)
    keys = tuple(tuple(subject.keys(problem, "duplicate")) for problem in bank)
    holders: dict[str, list[int]] = {}
    for number, own in enumerate(keys):
        for key in own:
            holders.setdefault(key, []).append(number)
    return SimilarityIndex(
        ids=tuple(p.id for p in bank),
        vectors=embed(texts),
        numbers={p.id: number for number, p in enumerate(bank)},
        keys=keys,
        holders=holders,
        embed=embed,
        spec=spec,
        subject=subject,
    )


def neighbours(queries: Sequence[Problem], index: SimilarityIndex, k: int) -> pa.Table:
    """The k exam problems of every query: a table of SCHEMA, rank 0 first.

    A query's own row and its duplicates (as its subject says) are never among them; a bank too
    small for k gives fewer. Raises ValueError for k < 1.
    """
    if k < 1:
        raise ValueError(f"an exam needs at least one problem, not {k}")
    pool = max(k, index.spec.spread_over) if index.spec.selection == "spread" else k
    size = max(1, BLOCK_FLOATS // len(index.ids))
    tables = []
    for start in range(0, len(queries), size):
        block = queries[start : start + size]
        banned = [_banned(problem, index) for problem in block]
        found, similarity = _top(_vectors(block, index), index.vectors, banned, pool)
        if pool > k:
            found, similarity = _spread(found, similarity, index.vectors, k)
        tables.append(_table(block, index.ids, found, similarity))
    return pa.concat_tables(tables) if tables else SCHEMA.empty_table()


def exams_of(table: pa.Table) -> dict[str, list[str]]:
    """Exam problem ids by problem id, in rank order, from a table of ``neighbours``."""
    exams: dict[str, list[str]] = {}
    ordered = table.sort_by([("problem_id", "ascending"), ("rank", "ascending")])
    for problem_id, neighbour in zip(
        ordered["problem_id"].to_pylist(), ordered["neighbour_id"].to_pylist(), strict=True
    ):
        exams.setdefault(problem_id, []).append(neighbour)
    return exams


def _banned(problem: Problem, index: SimilarityIndex) -> list[int]:
    """Rows of the bank that are the problem itself or a duplicate of it."""
    own = index.numbers.get(problem.id)
    rows = set() if own is None else {own}
    own_keys = index.keys[own] if own is not None else index.subject.keys(problem, "duplicate")
    for key in own_keys:
        rows.update(index.holders.get(key, ()))
    return sorted(rows)


def _vectors(block: Sequence[Problem], index: SimilarityIndex) -> Vectors:
    """Unit vectors of the queries; those of the bank's own problems are at hand already."""
    rows = [index.numbers.get(problem.id, -1) for problem in block]
    if min(rows) < 0:
        return index.embed([problem.question for problem in block])
    at_hand: Vectors = index.vectors[np.array(rows)]
    return at_hand


def _top(
    queries: Vectors, bank: Vectors, banned: Sequence[Sequence[int]], k: int
) -> tuple[NDArray[np.int64], Vectors]:
    """Numbers and cosines of the k nearest allowed bank rows, -1 where there are fewer; ties go to
    the smaller number.

    The bank is cut into groups of GROUP rows: the k best rows lie in the k groups with the greatest
    maxima, so one pass over the block finds the groups and only those are sorted.
    """
    cosines = queries @ bank.T
    for row, numbers in enumerate(banned):
        cosines[row, numbers] = BANNED
    count, width = cosines.shape
    spare = -width % GROUP
    if spare:
        cosines = np.pad(cosines, ((0, 0), (0, spare)), constant_values=BANNED)
    grouped = cosines.reshape(count, -1, GROUP)
    groups = np.sort(_greatest(grouped.max(axis=2), k), axis=1)
    values = np.take_along_axis(grouped, groups[:, :, None], axis=1).reshape(count, -1)
    numbers_of = (groups[:, :, None] * GROUP + np.arange(GROUP)).reshape(count, -1)
    order = _greatest(values, k)
    similarity = np.round(np.take_along_axis(values, order, axis=1), DECIMALS)
    found = np.take_along_axis(numbers_of, order, axis=1)
    return np.where(similarity > BANNED, found, -1), similarity


def _greatest(values: Vectors, k: int) -> NDArray[np.int64]:
    """Columns of each row's k greatest rounded values, ties to the smaller column."""
    width = values.shape[1]
    keys = np.round(values * -(10.0**DECIMALS)).astype(np.int64) * width + np.arange(width)
    if k < width:
        keys = np.partition(keys, k - 1, axis=1)[:, :k]
    keys.sort(axis=1)
    columns: NDArray[np.int64] = keys % width
    return columns


def _spread(
    found: NDArray[np.int64], similarity: Vectors, bank: Vectors, k: int
) -> tuple[NDArray[np.int64], Vectors]:
    """k of each row's candidates: the nearest, then each time the one least similar to those
    already taken.
    """
    chosen = np.full((len(found), k), -1, dtype=np.int64)
    values = np.full((len(found), k), BANNED, dtype=np.float32)
    for row, numbers in enumerate(found):
        count = int((numbers >= 0).sum())
        if count == 0:
            continue
        candidates = bank[numbers[:count]]
        taken = [0]
        closest = candidates @ candidates[0]
        while len(taken) < min(k, count):
            closest[taken] = np.inf
            nearest = int(np.argmin(np.round(closest, DECIMALS)))
            taken.append(nearest)
            closest = np.maximum(closest, candidates @ candidates[nearest])
        taken.sort()
        chosen[row, : len(taken)] = numbers[taken]
        values[row, : len(taken)] = similarity[row, taken]
    return chosen, values


def _table(
    block: Sequence[Problem], ids: Sequence[str], found: NDArray[np.int64], similarity: Vectors
) -> pa.Table:
    rows, ranks = np.nonzero(found >= 0)
    return pa.table(
        [
            pa.array([block[row].id for row in rows], pa.string()),
            pa.array(ranks, pa.int32()),
            pa.array([ids[number] for number in found[rows, ranks]], pa.string()),
            pa.array(similarity[rows, ranks], pa.float32()),
        ],
        schema=SCHEMA,
    )


def fit_tfidf(texts: Sequence[str], features: Callable[[str], list[str]]) -> Embed:
    """The offline embedder, fitted on a bank: at most DIMENSIONS numbers a text, independent of the
    order of features.

    TF-IDF with sublinear term frequency over a subject's ``features``, then a truncated SVD with a
    fixed seed; vocabulary and SVD are fitted on an even sample of
    FIT_SAMPLE texts where there are more.
    """
    from sklearn.decomposition import TruncatedSVD  # noqa: PLC0415 - heavy import, only where used
    from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415 - heavy import, only where used

    step = max(1, len(texts) // FIT_SAMPLE)
    sample = list(texts[::step])
    vectoriser = TfidfVectorizer(
        analyzer=features,
        sublinear_tf=True,
        min_df=min(2, len(sample)),
        max_features=MAX_FEATURES,
        dtype=np.float32,
    )
    try:
        matrix = vectoriser.fit_transform(sample)
    except ValueError:  # no token stands in two texts
        vectoriser.set_params(min_df=1, analyzer=lambda text: [*features(text), "text"])
        matrix = vectoriser.fit_transform(sample)
    svd: Any = None
    if min(matrix.shape) > DIMENSIONS:
        svd = TruncatedSVD(DIMENSIONS, n_iter=4, random_state=0).fit(matrix)

    def embed(batch: Sequence[str]) -> Vectors:
        parts = []
        for start in range(0, len(batch), FIT_SAMPLE):
            sparse = vectoriser.transform(batch[start : start + FIT_SAMPLE])
            parts.append(svd.transform(sparse) if svd is not None else sparse.toarray())
        return unit(np.concatenate(parts).astype(np.float32))

    return embed


def _sentence_model(spec: SimilaritySpec) -> Embed:
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415 - heavy import, only where used

    model = SentenceTransformer(spec.embedder, device=spec.device)

    def embed(batch: Sequence[str]) -> Vectors:
        vectors = model.encode(
            list(batch), batch_size=spec.batch_size, convert_to_numpy=True, show_progress_bar=False
        )
        return unit(np.asarray(vectors, dtype=np.float32))

    return embed


def unit(vectors: Vectors) -> Vectors:
    """Rows scaled to length one; a zero row stays zero."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    scaled: Vectors = vectors / np.where(lengths > 0, lengths, 1.0)
    return scaled.astype(np.float32)
