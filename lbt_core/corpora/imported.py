"""An imported corpus on disk: two Parquet files of problems, what was left out and why, and where
it all came from.
"""

import json
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.parquet as pq

from lbt_core import UserError
from lbt_core.store.rows import Problem, from_table

Row = TypeVar("Row", bound=Problem)

FILES = ("train.parquet", "test.parquet")
SUMMARY = "import.json"
SET_ASIDE = "set-aside.jsonl"
DUPLICATES = "duplicates.jsonl"


def load_corpus(folder: str | Path, problem_type: type[Row]) -> list[Row]:
    """All problems of an imported corpus, training problems first, in the order of the files, as
    rows of a subject's type.

    Raises UserError where the folder is no imported corpus or a file of it is damaged.
    """
    folder = Path(folder)
    problems: list[Row] = []
    for name in FILES:
        path = folder / name
        if not path.is_file():
            raise UserError(
                f"{folder} is no imported corpus ({name} is missing): write one with "
                f"`lbt corpus import SOURCE --to {folder}`"
            )
        try:
            problems += from_table(pq.read_table(path), problem_type)
        except (pa.ArrowException, TypeError) as error:
            raise UserError(f"{path} cannot be read ({error}): import the corpus again") from None
    return problems


def load_summary(folder: str | Path) -> dict[str, Any]:
    """The summary that importing wrote: source, licence, counts, reasons, splits.

    Raises UserError where there is none.
    """
    path = Path(folder) / SUMMARY
    try:
        loaded = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read ({error}): import the corpus again") from None
    if not isinstance(loaded, dict):
        raise UserError(f"{path} holds no summary: import the corpus again")
    return loaded
