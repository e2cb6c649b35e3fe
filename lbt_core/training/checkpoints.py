"""Checkpoints that a killed training leaves behind: which one is whole, and whose it is."""

import hashlib
import json
import logging
import shutil
import zipfile
from pathlib import Path

_log = logging.getLogger(__name__)

_PREFIX = "checkpoint-"
_IDENTITY = "training.json"
_CHUNK = 2**24


def weights_digest(model: Path) -> str:
    """Identity of a model folder: a hash of its configuration and of every byte of its weights.

    Every byte, because an adapter changes only some layers: a merged model starts and ends with the
    same tensors as its base.
    """
    digest = hashlib.sha256()
    for file in sorted(model.iterdir()):
        if file.name != "config.json" and file.suffix not in (".safetensors", ".bin"):
            continue
        digest.update(file.name.encode())
        with open(file, "rb") as stream:
            while chunk := stream.read(_CHUNK):
                digest.update(chunk)
    return digest.hexdigest()[:32]


def claim(out_dir: Path, identity: dict[str, str], resume: bool) -> str | None:
    """Notes what this folder's training is of.

    With ``resume`` a folder that holds another training is refused: the return value says what
    differs (it is for every worker to raise). Without, what is there is removed first.
    """
    note = out_dir / _IDENTITY
    if not resume:
        shutil.rmtree(out_dir, ignore_errors=True)
    elif note.is_file():
        there = json.loads(note.read_text("utf-8"))
        changed = sorted(key for key in identity if there.get(key) != identity[key])
        if changed:
            return (
                f"{out_dir} holds a training with another {', '.join(changed)}: "
                "train into another folder, or start over without resuming"
            )
        return None
    out_dir.mkdir(parents=True, exist_ok=True)
    temporary = note.with_suffix(".tmp")
    temporary.write_text(json.dumps(identity, indent=1), "utf-8")
    temporary.replace(note)
    return None


def step_of(checkpoint: Path) -> int:
    """The optimiser step that a checkpoint folder was written at."""
    return int(checkpoint.name.removeprefix(_PREFIX))


def latest_whole(folder: Path) -> Path | None:
    """The last checkpoint that was written to its end; torn ones are moved aside with a warning."""
    found = [path for path in folder.glob(f"{_PREFIX}*") if path.name[len(_PREFIX) :].isdigit()]
    for path in sorted(found, key=step_of, reverse=True):
        missing = _torn(path)
        if missing is None:
            return path
        _log.warning("%s is torn (%s) and set aside", path, missing)
        aside = folder / f"torn-{path.name}"
        shutil.rmtree(aside, ignore_errors=True)
        path.rename(aside)
    return None


def keep_only(folder: Path, steps: set[int]) -> None:
    """Remove the checkpoints of other steps than these."""
    for path in folder.glob(f"{_PREFIX}*"):
        if path.name[len(_PREFIX) :].isdigit() and step_of(path) not in steps:
            shutil.rmtree(path, ignore_errors=True)


def _torn(checkpoint: Path) -> str | None:
    """What is wrong with a checkpoint, or None. The trainer writes its state file last."""
    try:
        json.loads((checkpoint / "trainer_state.json").read_text("utf-8"))
    except (OSError, ValueError):
        return "trainer_state.json"
    for file in sorted(checkpoint.iterdir()):
        if file.suffix in (".pt", ".pth", ".bin") and not zipfile.is_zipfile(file):
            return file.name
    return None
