"""Whether Prometheus scrapes every Ray node and the dashboard's queries return series while a run
goes on: ``python monitoring.py RUN FLOW_RUN NODES`` with LBT_PROMETHEUS, LBT_API, LBT_PREFECT_AUTH.

Ends with the flow run; exits with 1 where a query (those of GPUs aside) never returned a series, or
fewer than NODES nodes were scraped at one time.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import httpx
from api import ENDED, state

DASHBOARD = Path(__file__).parents[2] / "deployments" / "grafana" / "lbt.json"
EVERY_S = 5.0
LONGEST_S = 2400.0
GPU = "ray_lbt_gpu_"


def queries(run: str) -> dict[str, str]:
    """The dashboard's queries of this run, by panel and number."""
    panels = json.loads(DASHBOARD.read_text("utf-8"))["panels"]
    return {
        f"{panel['title']} ({number})": target["expr"].replace("$run", run)
        for panel in panels
        for number, target in enumerate(panel.get("targets", []), 1)
    }


def ask(query: str) -> list[Any]:
    """The series that a query returns now; none while Prometheus is away."""
    try:
        address = f"{os.environ['LBT_PROMETHEUS']}/api/v1/query"
        answer = httpx.get(address, params={"query": query}, timeout=20).raise_for_status()
    except httpx.HTTPError:
        return []
    found: list[Any] = answer.json()["data"]["result"]
    return found


def ended(flow_run: str) -> bool:
    """Whether the flow run is over; not while the server is away."""
    try:
        return str(state(flow_run)["state_type"]) in ENDED
    except httpx.HTTPError:
        return False


def main(run: str, flow_run: str, nodes: str) -> int:
    """Ask until the run is over; prints what came and returns the exit status."""
    asked = queries(run)
    came, scraped = dict.fromkeys(asked, 0), set[int]()
    started, beats = time.monotonic(), 0
    while not ended(flow_run) and time.monotonic() - started < LONGEST_S:
        beats += 1
        for name, query in asked.items():
            came[name] += bool(ask(query))
        scraped.add(len(ask('up{job="ray"} == 1')))
        time.sleep(EVERY_S)
    most = max(scraped, default=0)
    print(f"Prometheus, asked {beats} times: {most} Ray nodes scraped at once, {nodes} wanted")
    for name, times in came.items():
        print(f"  {times:4} times series: {name}")
    silent = [name for name, times in came.items() if not times and GPU not in asked[name]]
    print(f"never: {', '.join(silent) or 'none'} (GPU panels aside)")
    return int(bool(silent) or most < int(nodes))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
