"""The built-in corpus of university problems: families that generate exercises, and the corpus made of them."""

import gzip
import json
from importlib import resources

from lbt_core.rows import Problem, from_record

PACKAGED_SEED = 0
DATA = "data/problems.jsonl.gz"


def load(seed: int = PACKAGED_SEED) -> list[Problem]:
    """The 1,505 problems of the corpus with that seed; seed 0 is packaged, others are built, in under a minute."""
    if seed == PACKAGED_SEED:
        packed = resources.files(__package__).joinpath(DATA).read_bytes()
        return [
            from_record(json.loads(line), Problem) for line in gzip.decompress(packed).splitlines()
        ]
    from lbt_core.problems.university import corpus  # noqa: PLC0415 - heavy import (sympy), only to build

    return [problem for item in corpus.exercises(seed) for problem in corpus.flat(item)]


def packed(problems: list[Problem]) -> bytes:
    """The problems as the packaged file holds them, byte for byte the same for the same problems."""
    from dataclasses import asdict  # noqa: PLC0415 - only to write

    lines = (json.dumps(asdict(problem), ensure_ascii=True, sort_keys=True) for problem in problems)
    return gzip.compress("".join(line + "\n" for line in lines).encode(), compresslevel=9, mtime=0)
