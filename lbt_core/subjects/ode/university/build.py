"""From a seed to an imported corpus: generate, write the raw nested file, import it like anyone's
corpus.

``python -m lbt_core.subjects.ode.university.build`` writes the packaged file anew after a change
of a family.
"""

import gzip
import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from lbt_core.corpora.imported import load_corpus
from lbt_core.corpora.importing.conversion import import_corpus
from lbt_core.corpora.importing.options import ImportOptions
from lbt_core.store.rows import Problem
from lbt_core.subjects.ode import subject
from lbt_core.subjects.ode.problem import OdeProblem
from lbt_core.subjects.ode.university import DATA, PACKAGED_SEED
from lbt_core.subjects.ode.university.exercises import exercises, raw

RAW = "raw.json"


def build(to: Path, seed: int = PACKAGED_SEED) -> dict[str, Any]:
    """Write raw.json and what importing it gives into a new folder; the import's summary.

    Raises UserError where the folder exists.
    """
    text = json.dumps(raw(exercises(seed)), ensure_ascii=False, indent=1) + "\n"
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / RAW
        source.write_text(text, encoding="utf-8")
        summary = import_corpus(source, to, ImportOptions(), subject)
    (to / RAW).write_text(text, encoding="utf-8")
    return summary


def problems(seed: int = PACKAGED_SEED) -> list[OdeProblem]:
    """The corpus with that seed, built in a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        build(Path(folder) / "corpus", seed)
        return load_corpus(Path(folder) / "corpus", OdeProblem)


def packed(rows: Sequence[Problem]) -> bytes:
    """The problems as the packaged file holds them, byte for byte the same for the same
    problems."""
    lines = (json.dumps(asdict(row), ensure_ascii=True, sort_keys=True) + "\n" for row in rows)
    return gzip.compress("".join(lines).encode(), compresslevel=9, mtime=0)


if __name__ == "__main__":
    target = Path(__file__).parent / DATA
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(packed(problems()))
