"""From a path and a revision to the files that are loaded: everything that loads goes through here,
so that what samples, what is trained, merged, checked and measured is the same.
"""

import hashlib
import re
from pathlib import Path

from lbt_core import UserError
from lbt_core.generation.refusals import explain

CONFIG = "config.json"
# Weights are told apart by evenly spaced samples, 64 MiB of a file: whole, an
# 8B model's 16 GB would be read at every start
BLOCK = 2**16
BLOCKS = 1024
HUB_TIMEOUT_S = 10.0
_COMMIT = re.compile(r"[0-9a-f]{40}")
# What is loaded, of the top folder alone: repositories keep other formats of the same weights in
# folders beside it ("original/" of Llama-3-8B is 16 GB).
_TEXT = ("*.json", "*.jinja", "*.txt", "*.model")
_WEIGHTS = ("*.safetensors",)
_ELSEWHERE = ("*/*",)


def model_folder(path: str, revision: str | None = None, *, weights: bool = True) -> Path:
    """The folder of a model: the path itself, or that of the hub repository's revision in the local
    hub cache, fetched where it is not there yet. Without ``weights`` it is that of the tokenizer.

    ``revision`` is a commit, tag or branch; the default is the repository's main branch. Raises
    UserError where there is no such model or it cannot be fetched, saying why, and where a folder
    is given a revision.
    """
    folder = Path(path).expanduser()
    if (folder / CONFIG).is_file() or (folder.is_dir() and not weights):
        if revision is not None:
            raise UserError(f"{path} is a folder, which has no revision {revision}: leave it out")
        return folder
    from huggingface_hub import snapshot_download  # noqa: PLC0415 - heavy
    from huggingface_hub.errors import HFValidationError  # noqa: PLC0415 - heavy

    wanted = [*_TEXT, *(_WEIGHTS if weights else ())]
    try:
        found = snapshot_download(
            path, revision=revision, allow_patterns=wanted, ignore_patterns=list(_ELSEWHERE)
        )
    except HFValidationError as error:
        raise UserError(f"{path}: neither a model folder nor a hub id ({error})") from None
    except Exception as error:
        raise UserError(explain(named(path, revision), error)) from None
    if weights and not (Path(found) / CONFIG).is_file():
        raise UserError(
            f"{named(path, revision)}: neither a model folder nor a model on the hub (it has no "
            f"{CONFIG})"
        )
    return Path(found)


def named(path: str, revision: str | None) -> str:
    """How a model is called in messages."""
    return path if revision is None else f"{path} at revision {revision}"


def commit_of(path: str, revision: str | None) -> str | None:
    """The commit that a hub repository's revision is now, or None where neither the hub nor the
    local cache tells. A branch moves; what is loaded in the course of a run must not."""
    from huggingface_hub import HfApi, hf_hub_download  # noqa: PLC0415 - heavy

    if revision is not None and _COMMIT.fullmatch(revision):
        return revision
    try:
        return HfApi().model_info(path, revision=revision, timeout=HUB_TIMEOUT_S).sha
    # no network, no leave, no such repository: whoever loads it says which
    except Exception:  # nosec B110
        pass
    try:
        config = hf_hub_download(path, CONFIG, revision=revision, local_files_only=True)
    except Exception:
        return None
    return Path(config).parent.name


def model_identity(path: str, revision: str | None) -> str:
    """Identity of a model's weights: for a hub id its name and the commit that its revision is now
    (the revision itself where neither hub nor local cache tells), for a folder a hash of its
    configuration, its tokenizer, and blocks spread evenly over every weight file (all of a small
    one): other weights of the same shape differ in them, and 16 GB take no minute to read.
    """
    folder = Path(path)
    if not folder.is_dir():
        return f"{path}@{commit_of(path, revision) or revision or 'main'}"
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
