"""A run with nothing owed: its figures from the store alone, without a server, a cluster or an
engine."""

import time
from typing import Any

from lbt_core import __version__
from lbt_core.run.config import RunConfig
from lbt_core.run.endpoints import roles
from lbt_core.run.headline import run_summary
from lbt_core.run.plan import Plan, resolve_identities
from lbt_core.run.record import RunStore
from lbt_core.run.results import compute_scores, pairs_by_arm, scores_digest, stored_rationales
from lbt_core.run.status import run_status
from lbt_core.store import Files, read_shard


def finished_figures(uri: str, config: RunConfig) -> dict[str, Any] | None:
    """The figures of a run that this version has done whole with this very configuration; None
    where anything is owed, damaged, or to be judged by the flow."""
    started = time.monotonic()
    files = Files(uri)
    if config.rounds > 1 or not files.exists("run.json"):
        return None
    store = RunStore.open(uri)
    if store.record.get("version") != __version__ or store.config != config:
        return None
    if any(config.endpoint_of(model) for model in roles(config).values()):
        return None  # only the servers know what they serve
    if store.identities != resolve_identities(config):
        return None
    plan = Plan(files, config, store.identities)
    page = "report/index.html"
    try:
        stages = run_status(plan)
        if any(s.owed or s.bad for s in stages) or stages[-1].stage != "report":
            return None
        digest = scores_digest(compute_scores(plan, stored_rationales(plan)))
        pairs = pairs_by_arm(read_shard(files, plan.preference_shard(digest)))
        figures = run_summary(
            plan,
            pairs,
            run=store.name,
            seconds=time.monotonic() - started,
            report=files.full(page) if files.is_local else f"{files.uri}/{page}",
            resumed_shards=sum(s.done for s in stages[:-1]),
        )
    except OSError:  # whole by its footer, damaged within: the flow names the file
        return None
    return figures | {"worked_shards": 0}
