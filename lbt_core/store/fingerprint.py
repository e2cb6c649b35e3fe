"""Fingerprints: what a file should hold, as one hash."""

import functools
import hashlib
import json
from collections.abc import Hashable, Iterable
from dataclasses import fields
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


_SCALARS = frozenset({str, int, float, bool, type(None)})


@functools.cache
def _field_names(kind: Hashable) -> tuple[str, ...]:
    return tuple(f.name for f in fields(kind))  # type: ignore[arg-type]


def _plain(value: Any) -> Any:
    if type(value) in _SCALARS:  # nearly everything is, of a hundred thousand problems
        return value
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    if hasattr(value, "__dataclass_fields__"):
        return {name: _plain(getattr(value, name)) for name in _field_names(value.__class__)}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    return value


def keys_digest(keys: Iterable[tuple[Any, ...]]) -> str:
    """Identity of a set of row keys, whatever their order."""
    return fingerprint(sorted([list(map(str, key)) for key in keys]))
