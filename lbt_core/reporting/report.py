"""The report: one HTML file that answers what the run was for and shows what it rests on.

The file loads nothing: figures are inline SVG, there is no script, and its content security policy
forbids both. Model output is hostile text; every value is made visible (``plain.visible``) and
escaped on its way into the page.
"""

import os
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from lbt_core import __version__
from lbt_core.measurement.diagnostics import score_diagnostics
from lbt_core.measurement.estimators import Proportion, accuracy
from lbt_core.reporting import summary, wording
from lbt_core.reporting.drawing import svg
from lbt_core.reporting.gallery import gallery
from lbt_core.reporting.inputs import CONTROL, ReportInputs, arm_label
from lbt_core.reporting.plain import visible
from lbt_core.reporting.viewing.addresses import HOME, url
from lbt_core.store.rows import Score

MAX_TEXT = 4000


def environment(autoescape: bool) -> Environment:
    """The package's templates, with the wording functions as filters."""
    env = Environment(  # nosec B701
        loader=PackageLoader("lbt_core.reporting"),
        autoescape=autoescape,  # off for Markdown
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_visible,
    )
    env.globals["view_address"] = lambda path, **asked: f"{HOME}{url(path, **asked)}"
    filters: dict[str, Callable[..., Any]] = {
        "percent": wording.percent,
        "points": wording.points,
        "with_interval": wording.with_interval,
        "p_value": wording.p_value,
        "number": wording.number,
        "duration": wording.duration,
        "yaml": as_yaml,
    }
    env.filters.update(filters)
    return env


def _visible(value: Any) -> Any:
    return visible(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def as_yaml(value: Any) -> str:
    """Plain values as YAML for people."""
    text: str = yaml.safe_dump(_plain(value), sort_keys=False, allow_unicode=True, width=100)
    return text.strip()


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def write_report(inputs: ReportInputs, path: Path | str) -> Path:
    """Write the report to a file, whole or not at all; folders on the way are made. Returns the
    path.
    """
    return write_text(render_report(inputs), Path(path))


def write_text(text: str, path: Path) -> Path:
    """Write UTF-8 text under a temporary name and move it into place."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return path


def render_report(inputs: ReportInputs) -> str:
    """The report as HTML."""
    return environment(autoescape=True).get_template("report.html.j2").render(_context(inputs))


def _context(inputs: ReportInputs) -> dict[str, Any]:
    pictures: dict[str, list[dict[str, Any]]] = {}
    for p in gallery(inputs):
        drawing = Markup(svg(p.figure, p.name, p.alt))  # escaped by svg  # nosec B704
        pictures.setdefault(p.section, []).append({"title": p.title, "alt": p.alt, "svg": drawing})
    arms = summary.arm_results(inputs)
    table = summary.verdict_table(inputs)
    found = score_diagnostics(inputs.scores)
    highest, lowest = summary.examples(inputs)
    return {
        "inputs": inputs,
        "version": __version__,
        "created": inputs.created or datetime.now(UTC).isoformat(timespec="seconds"),
        "pictures": pictures,
        "headline": wording.headline(inputs),
        "findings": [wording.finding(inputs, c) for c in summary.comparisons(inputs)],
        "arms": arms,
        "arm_labels": {arm.arm: arm.label for arm in arms},
        "topics": summary.by_topic(inputs),
        "luck": summary.by_luck(inputs),
        "lbt": found,
        "low_right": summary.low_right(found),
        "verdicts": table,
        "verdict_names": list(dict.fromkeys(v for _, row in table for v in row)),
        "methods": summary.method_counts(inputs.rationales),
        "pairs": summary.pair_summaries(inputs.preferences),
        "trained": _trained(inputs),
        "splits": summary.split_sizes(inputs.problems),
        "counts": _counts(inputs),
        "examples": [
            ("Highest LbT score", _examples(inputs, highest)),
            ("Lowest LbT score", _examples(inputs, lowest)),
        ],
        "limits": wording.limits(inputs),
        "engine_columns": list(
            dict.fromkeys(k for row in inputs.engines for k in row if k != "at")
        ),
        "has_control": any(name.startswith(CONTROL) for name in inputs.evaluations),
    }


def _counts(inputs: ReportInputs) -> list[tuple[str, str]]:
    """(what, how many) of what the run made."""
    sampled = len(inputs.rationales)
    distinct = len({(r.problem_id, r.text_key) for r in inputs.rationales})
    right = accuracy(r.correct for r in inputs.rationales) if sampled else None
    rows = [
        (f"Problems, {split}", f"{n:,}")
        for split, n in summary.split_sizes(inputs.problems).items()
    ]
    rows += [
        ("Rationales sampled", f"{sampled:,}"),
        ("  of these with a text of their own", f"{distinct:,}"),
        ("  of these right", _counted(right)),
        *_endings(Counter(r.finish_reason.split(":", 1)[0] for r in inputs.rationales)),
        ("Exam answers", f"{inputs.exams.answers:,}"),
    ]
    if inputs.exams.answers:
        exam = inputs.exams.verdicts.get("correct", 0) / inputs.exams.answers
        rows.append(("  of these right", wording.percent(exam)))
        rows += _endings(inputs.exams.finish_reasons)
    for name, answers in inputs.evaluations.items():
        rows.append((f"Test answers, {arm_label(inputs, name)}", f"{len(answers):,}"))
        rows += _endings(Counter(r.finish_reason.split(":", 1)[0] for r in answers))
    pairs = summary.pair_summaries(inputs.preferences)
    return rows + [(f"Preference pairs, {p.rule}", f"{p.pairs:,}") for p in pairs]


def _endings(reasons: Mapping[str, int]) -> list[tuple[str, str]]:
    """How many answers did not end by themselves, by how they ended."""
    names = {
        "length": "  of these cut off",
        "repetition": "  of these ended for repeating themselves",
        "error": "  of these failed",
    }
    return [(said, f"{reasons.get(reason, 0):,}") for reason, said in names.items()]


def _counted(p: Proportion | None) -> str:
    return f"{p.successes:,} ({wording.with_interval(p)})" if p else "–"


def _trained(inputs: ReportInputs) -> list[dict[str, Any]]:
    """One line for each trained arm: pairs, steps, first and last logged values."""
    lines = []
    for arm, history in inputs.training_history.items():
        steps = [row["step"] for row in history if "step" in row]
        lines.append(
            {
                "label": arm_label(inputs, arm),
                "pairs": summary.trained_pairs(inputs, arm),
                "steps": max(steps, default=0),
                "loss": _ends(history, "loss"),
                "accuracy": _ends(history, "rewards/accuracies"),
                "format": _ends(history, "format_rate"),
            }
        )
    return lines


def _ends(history: Iterable[Mapping[str, Any]], key: str) -> str:
    values = [row[key] for row in history if row.get(key) is not None]
    return f"{values[0]:.3f} → {values[-1]:.3f}" if values else "–"


def _examples(inputs: ReportInputs, scores: Iterable[Score]) -> list[dict[str, Any]]:
    rationales = {(r.problem_id, r.sample): r for r in inputs.rationales}
    problems = {p.id: p for p in inputs.problems}
    out = []
    for s in scores:
        r = rationales[s.problem_id, s.sample]
        cut = len(r.text) - MAX_TEXT
        out.append(
            {
                "score": s,
                "rationale": r,
                "problem": problems.get(s.problem_id),
                "text": r.text[:MAX_TEXT] + (f"\n… {cut:,} more characters" if cut > 0 else ""),
            }
        )
    return out
