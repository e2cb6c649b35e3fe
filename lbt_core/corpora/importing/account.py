"""import.json: where a corpus came from, under which licence, how every item ended, and how it was
split.
"""

import hashlib
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

import lbt_core
from lbt_core.corpora import imported
from lbt_core.corpora.importing.encoding import BLOCK
from lbt_core.corpora.importing.fields import (
    ATTRIBUTION_NAMES,
    LICENCE_NAMES,
    as_text,
    first_of,
)
from lbt_core.corpora.importing.options import Counts, ImportOptions
from lbt_core.corpora.importing.readers import Source, source_files

FORMAT = 1


def summarise(
    source: Source,
    folder: Path,
    options: ImportOptions,
    counts: Counts,
    licences: dict[str, Counter[str]],
    subject: str,
) -> dict[str, Any]:
    """Write import.json into the folder and return it."""
    summary = {
        "format": FORMAT,
        "lbt": lbt_core.__version__,
        "source": {
            "name": source.path.name,
            "title": as_text(first_of(source.notes, ("title", "name"))),
            "files": [_file(path, source) for path in source_files(source.path)],
        },
        "licence": _stated(source, licences["licence"], LICENCE_NAMES),
        "attribution": _stated(source, licences["attribution"], ATTRIBUTION_NAMES),
        "changes": "questions flattened, layout commands removed, machine-readable fields added, "
        "split",
        "options": {
            "map": {name: ".".join(path) for name, path in options.fields.paths.items()},
            "seed": options.split.seed,
            "test": options.split.test,
            "prove": options.prove,
        },
        "subject": subject,
        **result(counts),
        "exercises": counts.exercises,
        "parts": counts.parts,
        "resumed_parts": counts.resumed_parts,
        "joined_parts": counts.joined_parts,
        "proof": dict(sorted(counts.proof.items())),
        "renamed_ids": counts.renamed_ids,
        "warnings": [*source.warnings, *_split_warnings(counts)],
        **_contents(folder),
        "files": {name: _digest(folder / name) for name in imported.FILES},
    }
    (folder / imported.SUMMARY).write_text(
        json.dumps(summary, indent=1, ensure_ascii=True) + "\n", "utf-8"
    )
    return summary


def result(counts: Counts) -> dict[str, Any]:
    """The counts that every import ends with; items = imported + duplicates + set_aside."""
    return {
        "items": counts.items,
        "imported": counts.imported,
        "duplicates": counts.duplicates,
        "set_aside": counts.set_aside,
        "reasons": dict(counts.reasons.most_common()),
    }


def _split_warnings(counts: Counts) -> list[str]:
    return [
        f"{count} items name the split {name!r}, which is none of train, validation, "
        "exam, test: the split was chosen by seed"
        for name, count in counts.unknown_splits.most_common(5)
    ]


def _stated(source: Source, found: Counter[str], names: tuple[str, ...]) -> list[str]:
    stated = [as_text(first_of(source.notes, (name,))) for name in names]
    return list(dict.fromkeys(text for text in [*stated, *found] if text))


def _file(path: Path, source: Source) -> dict[str, Any]:
    described: dict[str, Any] = {
        "name": path.name,
        "bytes": path.stat().st_size,
        "sha256": _digest(path),
    }
    if path.name in source.encodings:
        described["encoding"] = source.encodings[path.name]
    return described


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def _contents(folder: Path) -> dict[str, Any]:
    counted: dict[str, Counter[str]] = {
        name: Counter() for name in ("split", "topic", "kind", "family")
    }
    for name in imported.FILES:
        with pq.ParquetFile(folder / name) as file:
            for batch in file.iter_batches(columns=list(counted)):
                for column, counter in counted.items():
                    counter.update(batch[column].to_pylist())
    return {
        "splits": dict(counted["split"].most_common()),
        "topics": dict(counted["topic"].most_common()),
        "kinds": dict(counted["kind"].most_common()),
        "families": len([name for name in counted["family"] if name]),
    }
