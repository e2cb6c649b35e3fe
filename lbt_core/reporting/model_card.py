"""The model card of a trained model, in the form of the Hugging Face hub, written from the run
alone.

A figure stands in the card only if the run measured it; what was not measured is said to be so.
"""

import re
from pathlib import Path
from typing import Any, Literal

from huggingface_hub import EvalResult, ModelCardData

from lbt_core import UserError, __version__
from lbt_core.measurement.diagnostics import score_diagnostics
from lbt_core.reporting import summary, wording
from lbt_core.reporting.inputs import BASE, ReportInputs, arm_label, pair_rule
from lbt_core.reporting.plain import visible
from lbt_core.reporting.report import environment, write_text

Library = Literal["peft", "transformers"]
SHOWN_SECTIONS = (
    "seed",
    "corpus",
    "prompt",
    "sampling",
    "exam",
    "preferences",
    "training",
    "evaluation",
)
HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[\w.-]+")


def write_model_card(
    inputs: ReportInputs, path: Path | str, arm: str, library: Library = "peft"
) -> Path:
    """Write the card of one trained arm ("tuned", "control:…"); ``library`` is peft for an adapter,
    else transformers.

    Raises UserError where the run has no such trained model.
    """
    return write_text(render_model_card(inputs, arm, library), Path(path))


def render_model_card(inputs: ReportInputs, arm: str, library: Library = "peft") -> str:
    """The card as Markdown with YAML front matter."""
    known = sorted({*inputs.evaluations, *inputs.training_history} - {BASE})
    if arm not in known:
        raise UserError(
            f"model card: no trained model {arm!r}; this run has {', '.join(known) or 'none'}"
        )
    env = environment(autoescape=False)
    env.filters["md"] = markdown
    body = env.get_template("model_card.md.j2").render(_context(inputs, arm, library))
    front = _metadata(inputs, arm, library).to_yaml()
    return f"---\n{front}\n---\n\n{body}"


def markdown(value: Any) -> str:
    """Text that is data as one line of Markdown: nothing in it is markup."""
    return re.sub(r"([\\`*_{}\[\]<>|#~$])", r"\\\1", _one_line(str(value)))


def _one_line(text: str) -> str:
    return " ".join(visible(text).split())


def _metadata(inputs: ReportInputs, arm: str, library: Library) -> ModelCardData:
    """Front matter. The licence is left to the base model, and a base that is no hub id is named in
    the text only.
    """
    hub = HUB_ID.fullmatch(inputs.base_model) and not Path(inputs.base_model).exists()
    name = _one_line(f"{inputs.run}-{arm.replace(':', '-')}")
    results = _eval_results(inputs, arm)
    return ModelCardData(
        base_model=inputs.base_model if hub else None,
        library_name=library,
        pipeline_tag="text-generation",
        tags=["learning-by-teaching", "dpo", "trl", "mathematics"]
        + (["lora"] if library == "peft" else []),
        model_name=name if results else None,
        eval_results=results or None,
    )


def _eval_results(inputs: ReportInputs, arm: str) -> list[EvalResult]:
    found = [result for result in summary.arm_results(inputs) if result.arm == arm]
    return [
        EvalResult(
            task_type="text-generation",
            task_name="Problem solving",
            dataset_type="custom",
            dataset_name=f"{corpus_name(inputs)}, held-out problems",
            dataset_split="test",
            metric_type="pass@1",
            metric_name="Pass@1, greedy (%)",
            metric_value=round(100 * result.pass1.rate, 2),
            metric_args={
                "problems": result.pass1.total,
                "interval": "Wilson, 95 %",
                "low": round(100 * result.pass1.low, 2),
                "high": round(100 * result.pass1.high, 2),
            },
        )
        for result in found
    ]


def corpus_name(inputs: ReportInputs) -> str:
    """The corpus as the configuration names it."""
    corpus = inputs.config.get("corpus")
    source = corpus.get("source") if isinstance(corpus, dict) else None
    return _one_line(f"corpus {source}") if source else "the run's corpus"


def _context(inputs: ReportInputs, arm: str, library: Library) -> dict[str, Any]:
    rule = pair_rule(inputs, arm)
    timing = inputs.timings.get(f"train/{arm.replace(':', '-')}")
    history = inputs.training_history.get(arm, ())
    return {
        "inputs": inputs,
        "library": library,
        "version": __version__,
        "arm": arm,
        "label": arm_label(inputs, arm),
        "rule": rule,
        "corpus": corpus_name(inputs),
        "splits": summary.split_sizes(inputs.problems),
        "pairs": next(
            (p for p in summary.pair_summaries(inputs.preferences) if p.rule == rule), None
        ),
        "arms": summary.arm_results(inputs),
        "evaluated": bool(summary.greedy(inputs.evaluations.get(arm, ()))),
        "findings": [
            wording.finding(inputs, c)
            for c in summary.comparisons(inputs)
            if arm in (c.first, c.second)
        ],
        "topics": [(name, row[arm]) for name, row in summary.by_topic(inputs) if arm in row],
        "lbt": score_diagnostics(inputs.scores),
        "settings": {key: inputs.config[key] for key in SHOWN_SECTIONS if key in inputs.config},
        "steps": max((row["step"] for row in history if "step" in row), default=0),
        "last": {
            key: values[-1]
            for key in ("loss", "rewards/accuracies", "rewards/margins", "kl", "format_rate")
            if (values := [row[key] for row in history if row.get(key) is not None])
        },
        "seconds": timing.seconds if timing else None,
        "limits": wording.limits(inputs),
    }
