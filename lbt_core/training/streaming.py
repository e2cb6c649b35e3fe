"""A LoRA adapter added to its base file by file: no more in memory than one file of weights."""

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

INDEX = "model.safetensors.index.json"
SINGLE = "model.safetensors"
_PLAIN = {"peft_type": "LORA", "use_dora": False, "use_rslora": False, "fan_in_fan_out": False}
# Settings with which a layer's update is not alpha / r times B A
_SPECIAL = (
    "alora_invocation_tokens",
    "alpha_pattern",
    "layer_replication",
    "modules_to_save",
    "rank_pattern",
    "target_parameters",
)


class NotPlain(ValueError):
    """The adapter is more than matrices beside linear layers: only PEFT itself can merge it."""


def weight_files(folder: Path) -> list[Path]:
    """A model's safetensors files. Raises FileNotFoundError where it has none."""
    if (folder / INDEX).is_file():
        names = set(json.loads((folder / INDEX).read_text("utf-8"))["weight_map"].values())
        return [folder / name for name in sorted(names)]
    if not (folder / SINGLE).is_file():
        raise FileNotFoundError(f"{folder} has no {SINGLE}")
    return [folder / SINGLE]


def updates_of(adapter: Path) -> dict[str, Callable[[], Any]]:
    """By the weight's name, what makes the float32 matrix that a plain adapter adds to it.

    Raises NotPlain.
    """
    from safetensors.torch import load_file  # noqa: PLC0415 (heavy import, only where used)

    config = json.loads((adapter / "adapter_config.json").read_text("utf-8"))
    odd = [k for k, v in _PLAIN.items() if config.get(k, v) != v]
    odd += [k for k in _SPECIAL if config.get(k)]
    if odd or config.get("bias", "none") != "none":
        raise NotPlain(f"its adapter_config.json sets {', '.join(odd) or 'bias'}")
    scale = config["lora_alpha"] / config["r"]
    tensors = load_file(adapter / "adapter_model.safetensors")
    found: dict[str, Callable[[], Any]] = {}
    for name, down in tensors.items():
        if not name.endswith(".lora_A.weight"):
            continue
        up = tensors[name.replace(".lora_A.", ".lora_B.")]
        layer = name.removeprefix("base_model.model.").removesuffix(".lora_A.weight")
        found[f"{layer}.weight"] = partial(_product, up, down, scale)
    if 2 * len(found) != len(tensors):
        raise NotPlain("its weights hold more than lora_A and lora_B")
    return found


def _product(up: Any, down: Any, scale: float) -> Any:
    return up.float() @ down.float() * scale


def write_merged(base: Path, updates: Mapping[str, Callable[[], Any]], out_dir: Path) -> None:
    """Write the base's weights in bfloat16, updates added in float32, in files of the same names.

    Raises NotPlain, before anything is written, where an update's weight is in none of the files.
    """
    import torch  # noqa: PLC0415 (heavy import, only where used)
    from safetensors import safe_open  # noqa: PLC0415 (heavy import, only where used)
    from safetensors.torch import save_file  # noqa: PLC0415 (heavy import, only where used)

    files = weight_files(base)
    missing = set(updates)
    for file in files:
        with safe_open(file, "pt") as weights:
            missing -= set(weights.keys())
    if missing:
        raise NotPlain(f"the base's files have no {min(missing)}")
    places: dict[str, str] = {}
    size = 0
    for file in files:
        merged: dict[str, Any] = {}
        with safe_open(file, "pt") as weights:
            for name in weights.keys():  # noqa: SIM118 - it is no dict
                tensor = weights.get_tensor(name)
                if name in updates:
                    tensor = tensor.to(torch.float32) + updates[name]()
                if tensor.is_floating_point():
                    tensor = tensor.to(torch.bfloat16)
                merged[name] = tensor.contiguous()
                size += tensor.numel() * tensor.element_size()
        places |= dict.fromkeys(merged, file.name)
        save_file(merged, out_dir / file.name, metadata={"format": "pt"})
        del merged
    if len(files) > 1:
        index = {"metadata": {"total_size": size}, "weight_map": dict(sorted(places.items()))}
        (out_dir / INDEX).write_text(json.dumps(index, indent=2), "utf-8")
