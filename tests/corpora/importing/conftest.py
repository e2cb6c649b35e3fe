import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from lbt_core.corpora import load_corpus
from lbt_core.corpora.importing.conversion import import_corpus
from lbt_core.corpora.importing.options import ImportOptions
from lbt_core.subjects.ode import subject as ODE
from lbt_core.subjects.ode.problem import OdeProblem

Run = Callable[..., "Imported"]


class Imported:
    """A finished import: its summary, its problems by id, and the lines of what was left out."""

    def __init__(self, folder: Path, summary: dict[str, Any]) -> None:
        self.folder, self.summary = folder, summary
        self.problems: dict[str, OdeProblem] = {p.id: p for p in load_corpus(folder, OdeProblem)}
        self.aside = _lines(folder / "set-aside.jsonl")
        self.duplicates = _lines(folder / "duplicates.jsonl")

    def reason(self, place: str) -> str:
        return next(line["reason"] for line in self.aside if line["place"] == place)


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Import a value (written as JSON) or a file, without proofs; the counts must add up."""

    def run(source: Any, **options: Any) -> Imported:
        path = source
        if not isinstance(source, Path):
            path = tmp_path / "source.json"
            path.write_text(json.dumps(source), "utf-8")
        folder = tmp_path / "corpus"
        summary = import_corpus(
            path, folder, ImportOptions(**{"prove": False, "replace": True, **options}), ODE
        )
        assert (
            summary["items"] == summary["imported"] + summary["duplicates"] + summary["set_aside"]
        )
        return Imported(folder, summary)

    return run
