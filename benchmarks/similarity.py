"""Similarity-based exams: how fast the index is, how near the exams are, and whether memory stays
flat.

Usage: python benchmarks/similarity.py [--corpus DIR] [--large 100000] [--embedder tfidf]. Without
--corpus the built-in corpus is used. The large run repeats its training problems with other
numbers. The last line is JSON.
"""

import argparse
import json
import multiprocessing
import random
import re
import resource
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from lbt_core.corpora import load_corpus
from lbt_core.method.similarity import DIMENSIONS, SimilaritySpec, build_index, neighbours
from lbt_core.store.rows import Problem
from lbt_core.subjects.ode import subject as ODE
from lbt_core.subjects.ode.problem import OdeProblem

EXAM = 3
SMALL = 1_200


def enlarge(problems: Sequence[OdeProblem], count: int) -> list[OdeProblem]:
    """So many problems: the given ones over and over, every number in them changed at random."""
    numbers = random.Random(0)

    def vary(text: str) -> str:
        return re.sub(r"\d+", lambda _: str(numbers.randint(1, 99)), text)

    out = []
    for i in range(count):
        problem = problems[i % len(problems)]
        ode = vary(problem.ode) if problem.ode else None
        out.append(
            replace(problem, id=f"{problem.id}/{i}", question=vary(problem.question), ode=ode)
        )
    return out


def measure(problems: Sequence[Problem], embedder: str) -> dict[str, Any]:
    """Seconds to load libraries, to index and to find all exams, peak memory in MiB, and the share
    of neighbours of the same topic.
    """
    start = time.perf_counter()
    build_index(problems[:2], ODE, SimilaritySpec(embedder))  # libraries and models load here
    loaded = time.perf_counter() - start
    start = time.perf_counter()
    index = build_index(problems, ODE, SimilaritySpec(embedder))
    indexed = time.perf_counter() - start
    table = neighbours(problems, index, EXAM)
    seconds = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    topic = {p.id: p.topic for p in problems}
    pairs = list(
        zip(table["problem_id"].to_pylist(), table["neighbour_id"].to_pylist(), strict=True)
    )
    return {
        "problems": len(problems),
        "load_s": round(loaded, 1),
        "index_s": round(indexed, 1),
        "total_s": round(seconds, 1),
        "peak_mib": round(peak),
        "same_topic": round(sum(topic[a] == topic[b] for a, b in pairs) / len(pairs), 4),
        "own_exam": sum(a == b for a, b in pairs),
        "exam_size": round(len(pairs) / len(problems), 3),
    }


def run(folder: str, count: int, embedder: str) -> dict[str, Any]:
    """One measurement on the training problems of a corpus, enlarged to ``count``, in the calling
    process.
    """
    train = [p for p in load_corpus(folder, OdeProblem) if p.split == "train"]
    return measure(train[:count] if count <= len(train) else enlarge(train, count), embedder)


def built_in(work: str) -> str:
    """The built-in corpus, written to a folder."""
    from lbt_core.subjects.ode.university.build import build  # noqa: PLC0415 - without --corpus

    folder = Path(work) / "built-in"
    build(folder)
    return str(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus")
    parser.add_argument("--large", type=int, default=100_000)
    parser.add_argument("--embedder", default="tfidf")
    asked = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as work:
        folder = asked.corpus or built_in(work)
        for count in (SMALL, asked.large // 4, asked.large):
            with multiprocessing.get_context("spawn").Pool(1) as pool:
                rows.append(pool.apply(run, (folder, count, asked.embedder)))
            print("  ".join(f"{key} {value}" for key, value in rows[-1].items()), flush=True)
    small, quarter, large = rows
    vectors = DIMENSIONS * 4 * (large["problems"] - quarter["problems"]) / 2**20
    print(
        json.dumps(
            {
                "embedder": asked.embedder,
                "small": small,
                "quarter": quarter,
                "large": large,
                "vectors_growth_mib": round(vectors),
            }
        )
    )


if __name__ == "__main__":
    main()
