"""The last step: the report, the model cards."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
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


def report_step(context: RunContext, pairs: Mapping[str, Sequence[Preference]]) -> Path:
    """Write the report and a model card beside each tuned model, unless they are up to date.

    Returns the report's path. Raises OSError where a stage is not stored.
    """
    plan, files = context.plan, context.files
    scores = compute_scores(plan, stored_rationales(plan))
    marks = arm_marks(plan, pairs)
    mark = fingerprint(scores_digest(scores), marks, context.store.record["version"])
    page = files.local(PAGE)
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
    page.parent.mkdir(parents=True, exist_ok=True)
    write_report(inputs, page)
    for arm in marks:
        record = training_record(plan, arm)
        if not record:
            continue
        merged = files.local(f"model/{arm_folder(arm)}/merged")
        write_model_card(inputs, merged / "README.md", arm_name(arm), library="transformers")
        if not record["full"]:
            weights = Path(record["weights"])
            write_model_card(inputs, weights / "README.md", arm_name(arm), library="peft")
    files.write("report/timings.json", json.dumps(_seconds(inputs.timings), indent=1).encode())
    files.write(MARK, mark.encode())
    return page


def _seconds(timings: Mapping[str, Any]) -> dict[str, float]:
    return {name: round(timing.seconds, 1) for name, timing in timings.items()}
