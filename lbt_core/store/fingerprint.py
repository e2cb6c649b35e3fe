"""Fingerprints: what a file should hold, as one hash."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import BaseModel


def fingerprint(*parts: Any) -> str:
    """SHA-256 (first 32 hex digits) of the canonical JSON of the parts.

    Parts are JSON values, pydantic models, dataclass rows, or lists and tuples of them.
    """
    digest = hashlib.sha256()
    for part in parts:
        digest.update(json.dumps(_plain(part), sort_keys=True, separators=(",", ":")).encode())
        digest.update(b"\x00")
    return digest.hexdigest()[:32]


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if hasattr(value, "__dataclass_fields__"):
        return asdict(value)
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return value


def keys_digest(keys: Iterable[tuple[Any, ...]]) -> str:
    """Identity of a set of row keys, whatever their order."""
    return fingerprint(sorted([list(map(str, key)) for key in keys]))


def model_identity(path: str, revision: str | None) -> str:
    """Identity of a model's weights: for a folder a hash of its configuration and of every weight
    file's size and first MiB, for a hub id its name and revision."""
    folder = Path(path)
    if not folder.is_dir():
        return f"{path}@{revision or 'main'}"
    digest = hashlib.sha256()
    for file in sorted(folder.iterdir()):
        if file.name == "config.json" or file.name.startswith("tokenizer"):
            digest.update(file.read_bytes())
        elif file.suffix == ".safetensors":
            digest.update(f"{file.name}:{file.stat().st_size}".encode())
            with open(file, "rb") as weights:
                digest.update(weights.read(2**20))
    return digest.hexdigest()[:32]
