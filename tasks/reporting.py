"""The last step: the report, the model cards."""

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from lbt_core.reporting.gather import arm_name, gather
from lbt_core.run.headline import arm_marks
from lbt_core.run.plan import arm_folder
from lbt_core.run.results import compute_scores, scores_digest, stored_rationales, training_record
from lbt_core.store.fingerprint import fingerprint
from lbt_core.store.rows import Preference
from tasks.context import RunContext

PAGE = "report/index.html"
MARK = "report/fingerprint"


def report_step(context: RunContext, pairs: Mapping[str, Sequence[Preference]]) -> str:
    """Write the report and a model card beside each tuned model, unless they are up to date.

    Returns the report's path or URI. Raises OSError where a stage is not stored.
    """
    plan, files = context.plan, context.files
    scores = compute_scores(plan, stored_rationales(plan))
    marks = arm_marks(plan, pairs)
    mark = fingerprint(scores_digest(scores), marks, context.store.record["version"])
    page = files.full(PAGE) if files.is_local else f"{files.uri}/{PAGE}"
    if files.exists(PAGE) and files.exists(MARK) and files.read(MARK).decode() == mark:
        return page
    from lbt_core.reporting.model_card import (  # noqa: PLC0415 - heavy import, only where used
        write_model_card,
    )
    from lbt_core.reporting.report import write_report  # noqa: PLC0415 - heavy import

    engines: list[dict[str, Any]] = [
        {"engine": name} | asdict(stats) for name, stats in context.last_engines.items()
    ]
    inputs = gather(context.store, plan, pairs, engines, context.warnings)
    with tempfile.TemporaryDirectory() as folder:

        def written(write: Callable[[Path], object], path: str) -> None:
            write(Path(folder) / "file")
            files.write(path, (Path(folder) / "file").read_bytes())

        written(lambda to: write_report(inputs, to), PAGE)
        for arm in marks:
            record = training_record(plan, arm)
            if not record:
                continue
            card = partial(write_model_card, inputs, arm=arm_name(arm))
            merged = f"model/{arm_folder(arm)}/merged/README.md"
            written(partial(_card, card, "transformers"), merged)
            if not record["full"]:
                written(partial(_card, card, "peft"), f"{_weights(arm, record)}/README.md")
    files.write("report/timings.json", json.dumps(_seconds(inputs.timings), indent=1).encode())
    files.write(MARK, mark.encode())
    return page


def _card(card: Callable[..., object], library: str, to: Path) -> None:
    card(path=to, library=library)


def _weights(arm: str, record: Mapping[str, Any]) -> str:
    """The folder of an arm's adapter, relative to the run; a path that an earlier version wrote is
    that of the machine it was trained on."""
    weights = str(record["weights"])
    folder = f"training/{arm_folder(arm)}"
    return weights if weights.startswith(folder) else f"{folder}{weights.rpartition(folder)[2]}"


def _seconds(timings: Mapping[str, Any]) -> dict[str, float]:
    return {name: round(timing.seconds, 1) for name, timing in timings.items()}
