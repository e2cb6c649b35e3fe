"""What the cluster's trial asks of the Prefect API and of a finished run:
``python api.py start|state|wait|rows|settings …``.
"""

import json
import os
import sys
import time
from typing import Any

import httpx

ENDED = ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")
SMALL = [
    *("corpus.generated.train=12", "corpus.generated.exam=30", "corpus.generated.validation=8"),
    *("corpus.generated.test=12", "sampling.num_rationales=96", "sampling.max_new_tokens=160"),
    *("exam.problems=4", "exam.max_new_tokens=160", "evaluation.max_new_tokens=160"),
    *("preferences.pairs=null", "preferences.min_gap=0", "training.max_steps=2"),
    *("training.per_device_batch_size=4", "training.lora_r=4", "training.guards.prompts=0"),
    *("shards.problems=3", "shards.evaluation_problems=6", "controls=[]"),
]


def client() -> httpx.Client:
    """The API that LBT_API names, with the password of LBT_PREFECT_AUTH."""
    user, _, password = os.environ["LBT_PREFECT_AUTH"].partition(":")
    return httpx.Client(base_url=os.environ["LBT_API"], auth=(user, password), timeout=60)


def start(run: str, store: str, *overrides: str) -> None:
    """Start a small run; prints the flow run's id."""
    with client() as api:
        found = api.get("/deployments/name/lbt/demo").raise_for_status().json()
        parameters = {"run": run, "store": store, "overrides": [*SMALL, *overrides]}
        made = api.post(
            f"/deployments/{found['id']}/create_flow_run", json={"parameters": parameters}
        )
        print(made.raise_for_status().json()["id"])


def state(flow_run: str) -> dict[str, Any]:
    """The flow run's state, None-like while the server is away."""
    with client() as api:
        found: dict[str, Any] = api.get(f"/flow_runs/{flow_run}").raise_for_status().json()
        return found


def wait(flow_run: str, seconds: str) -> None:
    """Wait for the end; exits with 1 unless it is Completed."""
    deadline = time.monotonic() + float(seconds)
    while time.monotonic() < deadline:
        try:
            now = state(flow_run)
        except httpx.HTTPError:
            time.sleep(3)
            continue
        if now["state_type"] in ENDED:
            print(json.dumps({k: now[k] for k in ("state_type", "run_count")}))
            print(now["state"]["message"])
            sys.exit(0 if now["state_type"] == "COMPLETED" else 1)
        time.sleep(3)
    sys.exit(f"flow run {flow_run} has not ended in {seconds} s")


def rows(status: str, verified: str) -> None:
    """Compare what ``lbt status --json`` and ``lbt verify --json`` say with what was planned, and
    with what the settings above come to; exits with 1 on any difference."""
    found, checked = json.loads(status), json.loads(verified)
    value = dict(setting.split("=") for setting in SMALL)
    rationales = int(value["corpus.generated.train"]) * int(value["sampling.num_rationales"])
    tested = int(value["corpus.generated.test"])
    wanted = {"sample": rationales, "evaluate/base": tested, "evaluate/tuned": tested}
    wrong = [*checked["faults"]]
    for stage in found["stages"]:
        name, have, planned = stage["stage"], stage["rows"], stage["planned_rows"]
        print(f"  {name:20} {stage['done']} of {stage['planned']} shards, {have} rows")
        if stage["owed"] or planned not in (None, have) or wanted.get(name, have) != have:
            wrong.append(f"{name}: {have} rows of {wanted.get(name, planned)}")
        wanted.pop(name, None)
    wrong += [f"{name}: no such stage" for name in wanted]
    print(f"  {checked['files']} files re-read; wrong: {'; '.join(wrong) or 'nothing'}")
    sys.exit(bool(wrong))


def settings() -> None:
    """The settings as arguments of ``lbt``, one a line."""
    print(*(word for setting in SMALL for word in ("--set", setting)), sep="\n")


COMMANDS = {
    **{"start": start, "wait": wait, "rows": rows, "settings": settings},
    "state": lambda flow_run: print(state(flow_run)["state_type"]),
}
if __name__ == "__main__":
    COMMANDS[sys.argv[1]](*sys.argv[2:])
