"""Folders for a store that has none: training and loading a model need paths, an object store has
objects. What is made in local scratch is uploaded whole, what is loaded is downloaded once.

On a file system the store's own folders are used and nothing is copied.
"""

import json
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from lbt_core.store.files import Files

SOURCE = ".source.json"
"""Beside a downloaded folder's files: which objects they are (size and version of each)."""


def working_folder(files: Files, path: str, scratch: Path) -> Path:
    """Where a folder of the store is worked on: itself, or its place in local scratch."""
    if files.is_local:
        return files.local(path)
    protocol = files.uri.partition("://")[0]
    return scratch / protocol / files.root.strip("/") / path


def upload(
    files: Files, folder: Path, path: str, wanted: Callable[[str], bool] = lambda _: True
) -> int:
    """Put every wanted file of a working folder at ``path`` of an object store; returns how many.

    Nothing is uploaded where the store is a file system: the folder is the store's. A reader must
    not take a part for the whole: write what says that it is complete after this. Raises
    StoreUnavailable, LeaseLost.
    """
    if files.is_local:
        return 0
    count = 0
    for file in sorted(p for p in folder.rglob("*") if p.is_file()):
        name = file.relative_to(folder).as_posix()
        if wanted(name) and name != SOURCE:
            files.put(file, f"{path}/{name}")
            count += 1
    _note_source(files, path, folder)
    return count


def local_folder(uri: str, scratch: Path) -> str:
    """A folder with the files of ``uri``: itself where it names a folder of this machine or a hub
    id; else a download in local scratch, made anew where the objects are others now.

    Raises StoreUnavailable, and FileNotFoundError where there is no object below the URI.
    """
    if "://" not in uri:
        return uri
    files = Files(uri)
    if files.is_local:
        return str(files.local())
    folder = working_folder(files, "", scratch)
    objects = _objects(files, "")
    if not objects:
        raise FileNotFoundError(f"{uri}: nothing is stored here")
    if _source(folder) == objects:
        return str(folder)
    fresh = folder.with_name(f".{folder.name}.{uuid.uuid4().hex[:8]}")
    for name in objects:
        files.get(name, fresh / name)
    (fresh / SOURCE).write_text(json.dumps(objects))
    shutil.rmtree(folder, ignore_errors=True)
    try:
        fresh.replace(folder)
    except OSError:  # another engine of this machine was faster
        if _source(folder) != objects:
            raise
        shutil.rmtree(fresh, ignore_errors=True)
    return str(folder)


def _note_source(files: Files, path: str, folder: Path) -> None:
    (folder / SOURCE).write_text(json.dumps(_objects(files, path)))


def _source(folder: Path) -> Any:
    """What a downloaded folder holds; None where that is not known or a file is missing."""
    try:
        objects = json.loads((folder / SOURCE).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    whole = all(
        (folder / name).is_file() and (folder / name).stat().st_size == size
        for name, (size, _) in objects.items()
    )
    return objects if whole else None


def _objects(files: Files, path: str) -> dict[str, list[Any]]:
    """Every object below a path: its size and version."""
    found = files.fs.find(files.full(path), detail=True)
    prefix = f"{files.full(path)}/"
    return {
        str(full).removeprefix(prefix): [info["size"], _version(info)]
        for full, info in sorted(found.items())
    }


def _version(info: dict[str, Any]) -> str:
    return str(info.get("ETag") or info.get("etag") or info.get("created") or "")
