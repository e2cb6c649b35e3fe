"""What a Prefect server needs for these flows: work pools, deployments, the automation.

All of it can be done again at any time. Prefect reads its settings when it is imported: set the
environment (``PREFECT_API_URL``) before calling.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from lbt_core import UserError

ROOT = Path(__file__).resolve().parent.parent
PROCESS_POOL = "lbt"
KUBERNETES_POOL = "lbt-kubernetes"
AUTOMATIONS = ("zombie-runs.yaml", "stranded-runs.yaml")


def provision(workdir: str, env: Mapping[str, str]) -> None:
    """Create or update the pools, the automations and every deployment of ``prefect.yaml``.

    ``workdir`` is the folder that runs of the process pool work in: a relative store is relative
    to it. Raises UserError where the server refuses something.
    """
    _pools(workdir)
    _automations()
    deploy(env)


def deploy(env: Mapping[str, str]) -> None:
    """Apply ``prefect.yaml``. Raises UserError with the command's last words."""
    # by the link that an installed package has in place of the file at the top of a checkout
    file = ROOT / "deployments" / "prefect.yaml"
    command = [sys.executable, "-m", "prefect", "--no-prompt", "deploy", "--all"]
    done = subprocess.run(
        [*command, "--prefect-file", str(file)],
        env=os.environ | dict(env) | {"COLUMNS": "200"},
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        words = " ".join((done.stdout + done.stderr).split())[-800:]
        raise UserError(f"prefect deploy failed: {words}")


def _pools(workdir: str) -> None:
    from prefect.client.orchestration import get_client  # noqa: PLC0415 - reads settings
    from prefect.client.schemas.actions import WorkPoolCreate  # noqa: PLC0415 - reads settings
    from prefect.workers.process import ProcessWorker  # noqa: PLC0415 - reads settings

    template = ProcessWorker.get_default_base_job_template()
    template["variables"]["properties"]["working_dir"]["default"] = workdir
    pools = [
        WorkPoolCreate(
            name=PROCESS_POOL,
            type="process",
            description="Runs on this machine, one at a time: they share its engines.",
            base_job_template=template,
            concurrency_limit=1,
        ),
        WorkPoolCreate(
            name=KUBERNETES_POOL,
            type="kubernetes",
            description="Runs as Kubernetes jobs; start a worker in the cluster.",
            base_job_template=kubernetes_template(),
        ),
    ]
    with get_client(sync_client=True) as client:
        for pool in pools:
            client.create_work_pool(pool, overwrite=True)


def kubernetes_template() -> dict[str, Any]:
    """The job template of the Kubernetes pool."""
    path = ROOT / "deployments" / "kubernetes" / "work-pool.json"
    template: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return template


def automations() -> list[dict[str, Any]]:
    """The automations of ``deployments/``: a file holds one, or a list of them."""
    found: list[dict[str, Any]] = []
    for name in AUTOMATIONS:
        content = yaml.safe_load((ROOT / "deployments" / name).read_text("utf-8"))
        found += content.get("automations", [content])
    return found


def _automations() -> None:
    from prefect.client.orchestration import get_client  # noqa: PLC0415 - reads settings
    from prefect.events.schemas.automations import AutomationCore  # noqa: PLC0415

    with get_client(sync_client=True) as client:
        for content in automations():
            wanted = AutomationCore.model_validate(content)
            found = client.read_automations_by_name(wanted.name)
            if found:
                client.update_automation(found[0].id, wanted)
            else:
                client.create_automation(wanted)
