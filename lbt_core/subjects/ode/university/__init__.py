"""The built-in corpus of university problems: families that generate exercises, and the corpus made
of them."""

import gzip
import json
from importlib import resources

from lbt_core.store.rows import from_record
from lbt_core.subjects.ode.problem import OdeProblem

PACKAGED_SEED = 0
DATA = "data/problems.jsonl.gz"


def load(seed: int = PACKAGED_SEED) -> list[OdeProblem]:
    """The 1,505 problems of the corpus with that seed; seed 0 is packaged, others are built in
    about a minute."""
    if seed == PACKAGED_SEED:
        data = resources.files(__package__).joinpath(DATA).read_bytes()
        rows = gzip.decompress(data).splitlines()
        return [from_record(json.loads(row), OdeProblem) for row in rows]
    from lbt_core.subjects.ode.university.build import problems  # noqa: PLC0415 - heavy import (sympy)

    return problems(seed)
