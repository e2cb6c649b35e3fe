"""Fingerprints: what a file should hold, as one hash."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Any

from pydantic import BaseModel

BLOCK = 2**16
BLOCKS = 1024


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
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return value


def keys_digest(keys: Iterable[tuple[Any, ...]]) -> str:
    """Identity of a set of row keys, whatever their order."""
    return fingerprint(sorted([list(map(str, key)) for key in keys]))


def model_identity(path: str, revision: str | None) -> str:
    """Identity of a model's weights: for a hub id its name and revision, for a folder a hash of its
    configuration, its tokenizer, and blocks spread evenly over every weight file (all of a small
    one): other weights of the same shape differ in them, and 16 GB take no minute to read.
    """
    folder = Path(path)
    if not folder.is_dir():
        return f"{path}@{revision or 'main'}"
    digest = hashlib.sha256()
    for file in sorted(folder.iterdir()):
        if file.name == "config.json" or file.name.startswith("tokenizer"):
            digest.update(file.read_bytes())
        elif file.suffix == ".safetensors":
            size = file.stat().st_size
            digest.update(f"{file.name}:{size}".encode())
            step = max(BLOCK, size // BLOCKS)
            with open(file, "rb") as weights:
                for start in range(0, size, step):
                    weights.seek(start)
                    digest.update(weights.read(BLOCK))
    return digest.hexdigest()[:32]
