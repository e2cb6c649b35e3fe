"""Training and test problems: chosen by seed, stratified by topic, and never the same problem on
both sides.

Problems that share a key of ``Subject.keys`` for the purpose "leak" form a cluster, and clusters
are dealt out whole. The order is a hash of the seed and the problem ids, so it does not depend on
the order of a file.
"""

import hashlib
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lbt_core import UserError
from lbt_core.method.subject import Subject
from lbt_core.store.rows import Problem

PRECEDENCE = ("test", "validation", "exam", "train")


@dataclass(frozen=True)
class SplitSpec:
    """``test`` is a share of the problems below 1, else their number."""

    seed: int = 0
    test: float = 0.2

    def wanted(self, problems: int) -> int:
        """Number of test problems out of so many; raises UserError where that is not possible."""
        count = round(self.test * problems) if self.test < 1 else int(self.test)
        if self.test < 1:
            count = min(count, max(0, problems - 1))
        if self.test < 0 or 0 < problems <= count:
            raise UserError(
                f"--test {self.test:g} of {problems} problems leaves none for training: "
                "give a share below 1 or a smaller number"
            )
        return count


class Clusters:
    """Union-find over problem indices, in a flat array."""

    def __init__(self) -> None:
        self._parent = array("q")

    def add(self) -> int:
        """A new cluster of one; its index."""
        self._parent.append(len(self._parent))
        return len(self._parent) - 1

    def root(self, index: int) -> int:
        """The representative of an index's cluster: its smallest index."""
        parent = self._parent
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    def join(self, one: int, other: int) -> None:
        """Make one cluster of two."""
        a, b = self.root(one), self.root(other)
        self._parent[max(a, b)] = min(a, b)

    def roots(self) -> NDArray[np.int64]:
        """The representative of every index."""
        return np.array([self.root(i) for i in range(len(self._parent))], dtype=np.int64)


def order_key(seed: int, problem_id: str) -> int:
    """Where a problem stands in the shuffle of a seed: 63 bits of a hash."""
    digest = hashlib.sha256(f"{seed}:{problem_id}".encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def assign_splits(
    topics: Sequence[int],
    keys: Sequence[int],
    roots: NDArray[np.int64],
    given: Sequence[str | None],
    spec: SplitSpec,
) -> list[str | None]:
    """The split of every problem, None for one whose given split would leak.

    ``topics`` are topic numbers, ``keys`` are ``order_key`` values, ``roots`` the cluster of each
    problem. Splits that are given are kept: problems without one follow their cluster, else they
    train, and a problem given to training (or validation) whose cluster holds a given test problem
    gets None. Without any given test problem, ``spec`` decides.
    """
    if any(name not in (None, "train") for name in given):
        return _kept(roots, given)
    test = _drawn(np.asarray(topics), np.asarray(keys), roots, spec.wanted(len(roots)))
    return ["test" if t else "train" for t in test]


def _kept(roots: NDArray[np.int64], given: Sequence[str | None]) -> list[str | None]:
    strongest: dict[int, str] = {}
    for root, name in zip(roots.tolist(), given, strict=True):
        if name is not None and PRECEDENCE.index(name) < PRECEDENCE.index(
            strongest.get(root, "train")
        ):
            strongest[root] = name
    out: list[str | None] = []
    for root, name in zip(roots.tolist(), given, strict=True):
        held = strongest.get(root, "train")
        leaks = name is not None and name != held and held in ("test", "validation")
        out.append(None if leaks else (name or held))
    return out


def _drawn(
    topics: NDArray[np.int64], keys: NDArray[np.int64], roots: NDArray[np.int64], wanted: int
) -> NDArray[np.bool_]:
    """Which problems are test problems: per topic its share by largest remainder, then what is
    missing from anywhere.
    """
    clusters, first, inverse, sizes = np.unique(
        roots, return_index=True, return_inverse=True, return_counts=True
    )
    cluster_key = np.full(len(clusters), np.iinfo(np.int64).max)
    np.minimum.at(cluster_key, inverse, keys)
    cluster_topic = topics[first]
    chosen = np.zeros(len(clusters), dtype=bool)
    order = np.argsort(cluster_key, kind="stable")
    left = _quotas(np.bincount(topics, minlength=int(topics.max(initial=0)) + 1), wanted)
    for cluster in order:
        if sizes[cluster] <= left[cluster_topic[cluster]]:
            chosen[cluster] = True
            left[cluster_topic[cluster]] -= sizes[cluster]
    missing = wanted - int(sizes[chosen].sum())
    for cluster in order:
        if not chosen[cluster] and sizes[cluster] <= missing:
            chosen[cluster] = True
            missing -= int(sizes[cluster])
    result: NDArray[np.bool_] = chosen[inverse]
    return result


def _quotas(counts: NDArray[np.int64], wanted: int) -> NDArray[np.int64]:
    """Whole numbers proportional to the counts that add up to ``wanted`` (largest remainder)."""
    exact = counts * (wanted / max(1, int(counts.sum())))
    quotas: NDArray[np.int64] = np.floor(exact).astype(np.int64)
    by_remainder = np.argsort(-(exact - quotas), kind="stable")
    quotas[by_remainder[: wanted - int(quotas.sum())]] += 1
    return quotas


def split_problems(
    problems: Sequence[Problem], subject: Subject, spec: SplitSpec
) -> list[str | None]:
    """``assign_splits`` for problems in memory, none of them with a given split."""
    clusters = clusters_of(problems, subject)
    names = {topic: i for i, topic in enumerate(sorted({p.topic for p in problems}))}
    keys = [order_key(spec.seed, p.id) for p in problems]
    return assign_splits(
        [names[p.topic] for p in problems], keys, clusters.roots(), [None] * len(problems), spec
    )


def clusters_of(problems: Iterable[Problem], subject: Subject) -> Clusters:
    """Clusters of problems that must not be parted."""
    clusters = Clusters()
    seen: dict[str, int] = {}
    for problem in problems:
        index = clusters.add()
        for key in subject.keys(problem, "leak"):
            clusters.join(seen.setdefault(key, index), index)
    return clusters


def leaks(
    one: Iterable[Problem], other: Iterable[Problem], subject: Subject
) -> list[tuple[str, str, str]]:
    """(id, id, key) of every problem of one set that shares a leak key with a problem of the other;
    empty if none does.
    """
    keys: dict[str, str] = {}
    for problem in one:
        for key in subject.keys(problem, "leak"):
            keys.setdefault(key, problem.id)
    return [
        (keys[key], problem.id, key)
        for problem in other
        for key in subject.keys(problem, "leak")
        if key in keys
    ]
