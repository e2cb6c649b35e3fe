"""The pictures of docs/operate.md, from a whole demo in the Prefect UI: make pictures."""

import os
import signal
from pathlib import Path
from typing import Any

import pytest
from live_services import Live, wait_for
from test_run_in_the_ui import field, newest_run, open_form, open_run, submit

from flows.supervision import belonging

IMAGES = Path(__file__).parents[2] / "docs" / "images"
WHOLE_S = 3000

pytestmark = [pytest.mark.pictures, pytest.mark.timeout(WHOLE_S + 900)]


def take(page: Any, name: str, wait_ms: int = 6000) -> None:
    page.wait_for_timeout(wait_ms)  # a run's graph moves for some seconds
    page.screenshot(path=IMAGES / f"{name}.png")


def flow_processes(services: Live) -> list[int]:
    """The processes that execute a flow run, not their children."""
    found = belonging(services.state.token)
    return [p.pid for p in found if "prefect.engine" in " ".join(p.cmdline())]


def engines_artifact(services: Live, run_id: str) -> str | None:
    """The run's table of engines, once there is a row in it."""
    body = {"artifacts": {"flow_run_id": {"any_": [run_id]}, "key": {"any_": ["lbt-engines"]}}}
    found = services.post("/artifacts/filter", body | {"sort": "CREATED_DESC"})
    return next((str(a["id"]) for a in found if "engine-0" in str(a["data"])), None)


def test_pictures_of_the_demo(page: Any, services: Live) -> None:
    run = services.folder / "runs" / "demo"
    page.goto("/deployments")
    page.get_by_role("link", name="rehearsal", exact=True).wait_for()
    take(page, "deployments")
    open_form(page, "demo")
    field(page, "Rationales per problem").fill("0")
    submit(page)
    page.get_by_text("0 is less than the minimum of 1").first.wait_for()
    take(page, "refused", wait_ms=700)  # the message goes by itself
    open_form(page, "demo")
    field(page, "run").fill("demo")
    take(page, "form")
    submit(page)
    run_id = newest_run(services, "demo")
    wait_for(lambda: len(list(run.glob("exams/**/*.parquet"))) > 2, 1200, "shards of exams")
    table = wait_for(lambda: engines_artifact(services, run_id), 180, "figures of an engine")
    page.goto(f"/artifacts/artifact/{table}")
    page.get_by_text("engine-0").first.wait_for()
    take(page, "engines")
    for pid in flow_processes(services):
        os.kill(pid, signal.SIGKILL)
    services.wait_state(run_id, ("CRASHED",), 180)
    open_run(page, run_id)
    page.get_by_text("Crashed").first.wait_for()
    take(page, "crashed")
    page.get_by_role("button", name="Retry").first.click()
    page.get_by_role("button", name="Retry").last.click()
    wait_for(lambda: services.flow_run(run_id)["run_count"] == 2, 180, "the retry")
    ended = services.wait_state(run_id, ("COMPLETED", "FAILED", "CRASHED"), WHOLE_S)
    assert ended["state_type"] == "COMPLETED", ended["state"]["message"]
    open_run(page, run_id)
    page.get_by_text("Completed").first.wait_for()
    take(page, "completed")
    page.get_by_text("Task Runs", exact=True).first.click()
    page.get_by_text("rationales").first.wait_for()
    take(page, "task-runs")
