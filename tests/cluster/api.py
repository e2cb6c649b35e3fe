"""What the cluster's trial asks of the Prefect API: ``python api.py start|state|wait …``."""

import json
import os
import sys
import time
from typing import Any

import httpx

SMALL = [
    *("corpus.generated.train=12", "corpus.generated.exam=30", "corpus.generated.validation=8"),
    *("corpus.generated.test=12", "sampling.num_rationales=8", "sampling.max_new_tokens=160"),
    *("exam.problems=2", "exam.max_new_tokens=160", "evaluation.max_new_tokens=160"),
    *("preferences.pairs=null", "preferences.min_gap=0", "training.max_steps=3"),
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
        if now["state_type"] in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED"):
            print(json.dumps({k: now[k] for k in ("state_type", "run_count")}))
            print(now["state"]["message"])
            sys.exit(0 if now["state_type"] == "COMPLETED" else 1)
        time.sleep(3)
    sys.exit(f"flow run {flow_run} has not ended in {seconds} s")


if __name__ == "__main__":
    {"start": start, "wait": wait, "state": lambda i: print(state(i)["state_type"])}[sys.argv[1]](
        *sys.argv[2:]
    )
