"""Figures of a benchmark kept for each kind of machine, and what has become worse since."""

import json
import os
import platform
from collections.abc import Mapping
from pathlib import Path

WORSE = 0.10
FOLDER = Path(__file__).parent / "baselines"


def machine_kind() -> str:
    """Processor's model and the cores that this process may use: "AMD EPYC, 2 cores"."""
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    for line in lines:
        if line.startswith("model name"):
            name = line.partition(":")[2].strip()
            break
    return f"{name}, {len(os.sched_getaffinity(0))} cores"


def compare(
    benchmark: str, figures: Mapping[str, float], lower_is_better: bool = False
) -> list[str]:
    """One line for every figure that is 10 % worse than the machine kind's baseline, or for a
    machine kind without one."""
    stored = _load(benchmark).get(machine_kind())
    if stored is None:
        return [f"no baseline for {machine_kind()}; --keep writes one"]
    lines = []
    for name, value in figures.items():
        then = stored.get(name)
        if not then:
            continue
        worse = value / then - 1 if lower_is_better else 1 - value / then
        if worse >= WORSE:
            lines.append(f"WORSE by {worse:.0%}: {name} is {value:.3g}, the baseline {then:.3g}")
    return lines or [f"no figure is {WORSE:.0%} worse than the baseline of {machine_kind()}"]


def keep(benchmark: str, figures: Mapping[str, float]) -> Path:
    """Write the figures as this machine kind's baseline."""
    stored = _load(benchmark) | {machine_kind(): dict(figures)}
    path = FOLDER / f"{benchmark}.json"
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(stored, indent=1, sort_keys=True) + "\n")
    return path


def _load(benchmark: str) -> dict[str, dict[str, float]]:
    path = FOLDER / f"{benchmark}.json"
    found: dict[str, dict[str, float]] = json.loads(path.read_text()) if path.is_file() else {}
    return found
