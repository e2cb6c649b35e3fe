"""The demo's corpus with worked solutions in the embedded model's own words, as a folder.

    python benchmarks/worked_corpus.py --seed 0 --out corpora/worked
    lbt run --set corpus.source=corpora/worked --set exam.scorer=likelihood

The built-in corpus has its solutions in sympy's syntax, which no model writes: the likelihood of
worked solutions (``exam.reference: solution``, the default) can be measured on this one.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pyarrow.parquet as pq

from lbt_core.corpora.imported import SUMMARY
from lbt_core.run.config import load_config
from lbt_core.run.preparation import prepare
from lbt_core.store.rows import Problem, to_table
from lbt_core.subjects.ode.tiny import demonstration
from lbt_core.subjects.ode.tiny.text import Draft
from lbt_core.subjects.registry import DEFAULT


def worked(seed: int) -> dict[str, list[Problem]]:
    """The demo's problems, each with the reasoning of its detailed right way as its solution."""
    plain = demonstration.as_problem

    def with_reasoning(made: Draft, split: str) -> Problem:
        return replace(plain(made, split), solution=made.ways["D"].reasoning)

    with patch.object(demonstration, "as_problem", with_reasoning):
        return prepare(load_config("demo", [f"seed={seed}"]))


def main() -> None:
    """Write the corpus."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    splits = worked(asked.seed)
    asked.out.mkdir(parents=True, exist_ok=True)
    others = [problem for split, rows in splits.items() if split != "test" for problem in rows]
    for name, rows in (("train", others), ("test", splits["test"])):
        pq.write_table(to_table(rows, type(rows[0])), asked.out / f"{name}.parquet")
    (asked.out / SUMMARY).write_text(json.dumps({"subject": DEFAULT, "source": "built in"}))
    print(f"{asked.out}: solutions such as {splits['exam'][0].solution!r}")


if __name__ == "__main__":
    main()
