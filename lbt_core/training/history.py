"""The training history: one row an optimiser step, kept in one JSON Lines file beside the run."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from lbt_core import DataError

HISTORY_FILE = "history.jsonl"
END_MARK = ".end"
"""A file of this name asks a training to write a checkpoint after its step, and to end."""

HistoryRow = dict[str, Any]


class TrainingEnded(RuntimeError):
    """The training was asked to end; its last checkpoint is where it goes on."""


class TrainingDiverged(DataError):
    """The loss is not a number or has blown up; the message says at which step, and what to do."""


def history_rows(log_history: Iterable[Mapping[str, Any]]) -> list[HistoryRow]:
    """What the trainer logged, one row a step: what was logged apart at one step is joined.

    A row holds ``step`` and whichever of these was logged there: loss, grad_norm, learning_rate,
    planned_steps, rewards/chosen, rewards/rejected, rewards/margins, rewards/accuracies;
    logps/chosen and logps/rejected, sums over a completion in nats; chosen_drop, how far the chosen
    texts' log-probability is below the reference's in nats per token; batch_digest, the identity of
    the step's batch on the first worker, and padding, the fraction of its positions that only fill
    up; format_rate, a fraction; kl, the exact KL divergence to
    the reference in nats, averaged over the tokens of the model's own greedy answers;
    validation_pass1, the fraction of the checked answers that are right.
    """
    rows: dict[int, HistoryRow] = {}
    for entry in log_history:
        if "train_runtime" in entry:  # the trainer's closing summary, not a step
            continue
        step = int(entry["step"])
        rows.setdefault(step, {"step": step}).update(
            {key: value for key, value in entry.items() if key not in ("step", "epoch")}
        )
    return [rows[step] for step in sorted(rows)]


def best_step(rows: Iterable[Mapping[str, Any]]) -> int | None:
    """The step after the start whose validation Pass@1 is highest, the earliest among equals; None
    where none was measured."""
    rated = [r for r in rows if r["step"] > 0 and r.get("validation_pass1") is not None]
    found = max(rated, key=lambda r: (r["validation_pass1"], -r["step"]), default=None)
    return None if found is None else int(found["step"])


def write_history(folder: Path, rows: Sequence[HistoryRow]) -> None:
    """Replaces the history file as a whole, so that a reader never sees half a row."""
    temporary = folder / f".{HISTORY_FILE}.{os.getpid()}"
    temporary.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    temporary.replace(folder / HISTORY_FILE)


def read_history(folder: Path) -> list[HistoryRow]:
    """The rows written so far; none where there is no file yet."""
    try:
        text = (folder / HISTORY_FILE).read_text("utf-8")
    except FileNotFoundError:
        return []
    return [json.loads(line) for line in text.splitlines()]


def describe(row: Mapping[str, Any]) -> str:
    """One row as a line for people."""
    names = {
        "loss": "loss",
        "rewards/accuracies": "accuracy",
        "rewards/margins": "margin",
        "format_rate": "format",
        "kl": "KL",
        "padding": "padding",
        "validation_pass1": "validation Pass@1",
    }
    figures = [f"{name} {row[key]:.3g}" for key, name in names.items() if key in row]
    return f"training step {row['step']}/{row['planned_steps']}: {', '.join(figures)}"
