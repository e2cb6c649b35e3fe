"""The three jobs in a real browser: start a run, watch it, resume it."""

from typing import Any

from live_services import (
    ENDED,
    Live,
    digests,
    kill_engines,
    prepare_to_kill_engines,
    wait_for,
)

from lbt_core.run.record import RunStore
from lbt_core.run.status import open_plan, run_status, verify_run

# Enough shards that a run is in the middle of them when its engines are killed
FORM = {
    "At most this many teaching problems": "30",
    "At most this many test problems": "16",
    "Rationales per problem": "8",
    "Teaching problems per shard": "2",
    "Exam problems": "2",
    "Engines": "1",
}
OVERRIDES = (
    *(
        "controls=[]",
        "corpus.generated.exam=20",
        "training.max_steps=2",
        "training.guards.prompts=0",
    ),
)
STATE = ".state-badge"


def open_form(page: Any, deployment: str) -> None:
    page.goto("/deployments")
    page.get_by_role("link", name=deployment, exact=True).first.click()
    page.wait_for_url("**/deployment/**")
    page.goto(f"{page.url.split('?')[0]}/run")
    field(page, "Rationales per problem").wait_for()


def field(page: Any, title: str) -> Any:
    """The input under a title of the form."""
    label = "contains(@class,'schema-form-property__label')"
    group = "contains(@class,'p-label') and contains(@class,'schema-form-property')"
    return page.locator(
        f"//span[{label}][normalize-space(.)='{title} (Optional)']/ancestor::div[{group}][1]"
        "//*[self::input or self::textarea]"
    ).first


def submit(page: Any) -> None:
    page.get_by_role("button", name="Submit").click()


def open_run(page: Any, run_id: str) -> None:
    page.goto(f"/runs/flow-run/{run_id}")


def newest_run(services: Live, name: str) -> str:
    body = {"flow_runs": {"name": {"any_": [name]}}, "sort": "EXPECTED_START_TIME_DESC"}

    def found() -> str | None:
        runs = services.post("/flow_runs/filter", body)
        return str(runs[0]["id"]) if runs else None

    return str(wait_for(found, 120, f"a flow run called {name}"))


def test_bad_value_is_refused_before_anything_starts(page: Any, services: Live, shot: Any) -> None:
    before = services.post("/flow_runs/count", {})
    open_form(page, "demo")
    field(page, "run").fill("refused")
    field(page, "Rationales per problem").fill("0")
    submit(page)
    page.get_by_text("0 is less than the minimum of 1").first.wait_for()
    shot("refused")
    assert services.post("/flow_runs/count", {}) == before


def test_start_watch_fail_retry_complete(page: Any, services: Live, shot: Any) -> None:
    store = services.folder / "runs"
    run = store / "browser"
    page.goto("/deployments")
    page.get_by_role("link", name="rehearsal", exact=True).wait_for()
    shot("deployments")
    open_form(page, "demo")
    field(page, "run").fill("browser")
    shot("form")
    for title, value in FORM.items():
        field(page, title).fill(value)
    for i, override in enumerate(OVERRIDES):
        page.get_by_role("button", name="Add item").click()
        items = page.locator(
            ".schema-form-property-array-list textarea, .schema-form-property-array-list input"
        )
        items.nth(i).fill(override)
    field(page, "Rationales per problem").scroll_into_view_if_needed()
    shot("form-filled")
    killer = prepare_to_kill_engines(services)
    submit(page)

    run_id = newest_run(services, "browser")
    open_run(page, run_id)
    page.get_by_text("sample 0/15").last.scroll_into_view_if_needed()
    shot("running")
    wait_for(lambda: list(run.glob("rationales/part-*.parquet")), 300, "the first stored shard")
    assert kill_engines(killer)
    failed = services.wait_state(run_id, ENDED, 300)
    assert failed["state_type"] == "FAILED", failed["state"]["message"]
    assert "owed" in failed["state"]["message"]
    page.get_by_text("shards owed:").first.scroll_into_view_if_needed()
    shot("failed")
    stored = digests(run)
    assert stored
    page.mouse.wheel(0, -10_000)

    page.get_by_role("button", name="Retry").first.click()
    page.get_by_role("button", name="Retry").last.click()
    ended = services.wait_state(run_id, ("COMPLETED", "FAILED", "CRASHED"), 300)
    assert ended["state_type"] == "COMPLETED", ended["state"]["message"]
    assert ended["run_count"] == 2
    page.get_by_text("Completed").first.wait_for()
    shot("completed")
    now = digests(run)
    assert {path: now.get(path) for path in stored} == stored
    opened = RunStore.open(str(run))
    assert [s for s in run_status(open_plan(opened)) if s.owed] == []
    assert [fault for _, fault in verify_run(open_plan(opened)) if fault] == []

    _task_runs(page, shot)
    _artifacts(page, services, run_id, shot)


def _task_runs(page: Any, shot: Any) -> None:
    page.get_by_text("Task Runs", exact=True).first.click()
    page.get_by_text("rationales").first.wait_for()
    shot("task-runs")


def _artifacts(page: Any, services: Live, run_id: str, shot: Any) -> None:
    body = {"artifacts": {"flow_run_id": {"any_": [run_id]}}, "sort": "CREATED_DESC"}
    found = {a["key"]: a["id"] for a in reversed(services.post("/artifacts/filter", body))}
    assert {"lbt-progress", "lbt-engines", "lbt-result", "lbt-ray-dashboard"} <= set(found)
    page.get_by_text("Artifacts", exact=True).first.click()
    page.get_by_text("lbt-progress").first.wait_for()
    shot("artifacts")
    page.goto(f"/artifacts/artifact/{found['lbt-engines']}")
    page.get_by_text("engine-0").first.wait_for()
    shot("engines")
    page.goto(f"/artifacts/artifact/{found['lbt-result']}")
    page.get_by_text("McNemar").first.wait_for()
    image = page.locator("img[alt^='Pass@1']").first
    image.wait_for()
    assert image.evaluate("e => e.naturalWidth") > 0
    shot("result")
    page.get_by_role("link", name="Open the report").click()
    page.wait_for_load_state()
    report = page.context.pages[-1]
    report.wait_for_load_state()
    assert "Pass@1" in report.inner_text("body")


def test_schedule_starts_a_run(page: Any, services: Live, shot: Any) -> None:
    """A schedule of one minute, made active in the UI; a run of the report stage is enough."""
    deployment = services.deployment("lbt-report/report")
    schedule = [{"active": False, "schedule": {"interval": 60.0}}]
    services.post(f"/deployments/{deployment['id']}/schedules", schedule)  # type: ignore[arg-type]
    page.goto(f"/deployments/deployment/{deployment['id']}")
    page.get_by_text("Every minute").first.wait_for()
    page.locator(".p-toggle").last.click()

    def active() -> bool:
        return bool(services.deployment("lbt-report/report")["schedules"][0]["active"])

    wait_for(active, 20, "the schedule to be active")
    shot("schedule")
    body = {"flow_runs": {"deployment_id": {"any_": [deployment["id"]]}}}

    def ended() -> Any:
        runs = services.post("/flow_runs/filter", body)
        return [r for r in runs if r["state_type"] in ("COMPLETED", "FAILED", "RUNNING")]

    runs = wait_for(ended, 240, "a scheduled run")
    assert all(run["auto_scheduled"] for run in runs)
