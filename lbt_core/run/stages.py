"""The stages in order, and which part of the configuration each one's rows depend on."""

from typing import Any, Literal, TypeAlias, get_args

from lbt_core.generation.engine_arguments import changing_rows
from lbt_core.run.config import RunConfig

Stage: TypeAlias = Literal["prepare", "sample", "examine", "prefer", "train", "evaluate", "report"]
STAGES: tuple[Stage, ...] = get_args(Stage)

# Sampled on engines for hours at full size: never thrown away without being asked to
COSTLY: frozenset[Stage] = frozenset({"sample", "examine"})

_FIELDS: dict[Stage, tuple[str, ...]] = {
    "prepare": ("seed", "subject", "corpus"),
    "sample": ("reproducible", "teacher", "prompt", "sampling", "shards.problems"),
    "examine": ("reproducible", "students", "exam"),
    "prefer": ("preferences", "controls"),
    "train": ("reproducible", "training"),
    "evaluate": ("reproducible", "evaluation", "shards.evaluation_problems"),
    "report": (),
}

_ADAPTIVE = ("adaptive", "first_round", "later_rounds", "error", "in_full")

_NOT_ROWS = {
    "training": ("workers", "strategy", "checkpoint_steps"),
    # what is served there is on record instead (plan.resolve_identities)
    "teacher": ("endpoint",),
}


def stage_values(config: RunConfig, stage: Stage) -> dict[str, Any]:
    """Dotted field names and values that this stage adds to what its rows depend on.

    Left out is what changes only the speed.
    """
    values: dict[str, Any] = {}
    whole = config.model_dump(mode="json")
    for path in _FIELDS[stage]:
        if path == "reproducible" and not config.reproducible:
            continue  # as in fingerprints from before there was this mode
        node: Any = whole
        for part in path.split("."):
            node = node[part]
        skipped = _NOT_ROWS.get(path, ())
        if path == "training":
            # "last" is left out as in fingerprints from before there was a choice
            skipped = ("workers", "strategy") if node["select"] == "best" else (*skipped, "select")
            skipped = skipped if node["group_by_length"] else (*skipped, "group_by_length")
        if path == "exam":
            skipped = _exam_defaults(config)
        if isinstance(node, dict):
            values.update(_flat(path, {k: v for k, v in node.items() if k not in skipped}))
        elif path == "students":
            values[path] = [{k: v for k, v in m.items() if k != "endpoint"} for m in node]
        else:
            values[path] = node
    if stage == "examine" and config.exam.adaptive:  # which answers are asked hangs on the pairs
        spec = {k: v for k, v in whole["preferences"].items() if k != "pairs"}
        if spec["selection"] == "largest":  # whether the order of those that are kept counts
            spec["pairs"] = config.preferences.pairs is not None
        values |= _flat("preferences", spec)
    if stage in ("sample", "examine", "evaluate"):
        values |= _engine_values(config)
    return values


def _engine_values(config: RunConfig) -> dict[str, Any]:
    """Settings of the engines that rows depend on, those alone that are set: fingerprints from
    before there were such settings stay as they are."""
    engines = config.engines
    values: dict[str, Any] = {}
    if engines.repetition.longest:
        values |= {
            "engines.repetition.longest": engines.repetition.longest,
            "engines.repetition.times": engines.repetition.times,
        }
    passed = engines.extra if config.reproducible else changing_rows(engines.extra)
    values |= {f"engines.extra.{name}": value for name, value in sorted(passed.items())}
    if config.reproducible:  # whose rows follow the batches to the last bit
        for name in ("block_size", "max_num_batched_tokens"):
            if getattr(engines, name) is not None:
                values[f"engines.{name}"] = getattr(engines, name)
    return values


def _exam_defaults(config: RunConfig) -> tuple[str, ...]:
    """Fields of exams that say nothing unless they are asked for: left out as in fingerprints from
    before they existed."""
    adaptive = () if config.exam.adaptive else _ADAPTIVE
    likelihood = () if config.exam.scorer == "likelihood" else ("scorer", "reference")
    return (*adaptive, *likelihood)


def _flat(prefix: str, node: dict[str, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    for key, value in node.items():
        name = f"{prefix}.{key}"
        out |= _flat(name, value) if isinstance(value, dict) else {name: value}
    return out


def changed_fields(old: RunConfig, new: RunConfig) -> dict[Stage, list[str]]:
    """Fields that differ, by the first stage whose rows they change; only stages that have any."""
    changes: dict[Stage, list[str]] = {}
    for stage in STAGES:
        before, after = stage_values(old, stage), stage_values(new, stage)
        names = [n for n in sorted(before | after) if before.get(n) != after.get(n)]
        if names:
            changes[stage] = names
    return changes
