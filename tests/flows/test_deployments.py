"""What is deployed: prefect.yaml, the form, the pools, the automation, the dashboard."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from flows.cli.services import HEARTBEAT_S
from flows.parameters import GROUPS, Settings
from flows.provision import KUBERNETES_POOL, PROCESS_POOL, ROOT, automations, kubernetes_template
from lbt_core.run.config import load_config, profile_names
from lbt_core.run.stages import STAGES

DEPLOYMENTS = yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]
BY_NAME = {d["name"]: d for d in DEPLOYMENTS}


def flow_of(deployment: dict[str, Any]) -> Any:
    from prefect.flows import load_flow_from_entrypoint  # noqa: PLC0415 - reads settings

    return load_flow_from_entrypoint(deployment["entrypoint"])


def schema_of(deployment: dict[str, Any]) -> dict[str, Any]:
    from prefect.utilities.callables import parameter_schema  # noqa: PLC0415 - reads settings

    return parameter_schema(flow_of(deployment)).model_dump()


def test_every_profile_and_every_stage_is_deployed():
    assert {*profile_names(), *STAGES} <= set(BY_NAME)


@pytest.mark.parametrize("name", BY_NAME)
def test_deployment_is_complete(name: str):
    deployment = BY_NAME[name]
    assert deployment["description"]
    assert "lbt" in deployment["tags"]
    assert deployment["enforce_parameter_schema"] is True
    # its lease lives in the server's memory: a restarted server would end the deployment's run
    assert "concurrency_limit" not in deployment
    assert deployment["work_pool"]["name"] in (PROCESS_POOL, KUBERNETES_POOL)


@pytest.mark.parametrize("name", BY_NAME)
def test_deployed_parameters_fit_the_flow(name: str):
    jsonschema.validate(BY_NAME[name]["parameters"], schema_of(BY_NAME[name]))


def test_weekly_schedule_ships_inactive():
    scheduled = {d["name"]: d["schedules"] for d in DEPLOYMENTS if d["schedules"]}
    assert list(scheduled) == ["llama3-8b"]
    assert [s["active"] for s in scheduled["llama3-8b"]] == [False]


@pytest.mark.parametrize(
    ("settings", "complaint"),
    [
        ({"sampling": {"sampling_num_rationales": 0}}, "minimum"),
        ({"sampling": {"sampling_temperature": 9}}, "maximum"),
        ({"exam": {"exam_selection": "farthest"}}, "is not one of"),
        ({"training": {"training_learning_rate": "fast"}}, "is not of type"),
        ({"sampling": {"rationales": 4}}, "unexpected"),
    ],
)
def test_form_refuses_a_bad_value(settings: dict[str, Any], complaint: str):
    with pytest.raises(jsonschema.ValidationError, match=complaint):
        jsonschema.validate({"settings": settings}, schema_of(BY_NAME["demo"]))


def test_form_says_title_and_profile_values_of_every_field():
    definitions = Settings.model_json_schema()["$defs"]
    fields = {n: f for group in definitions.values() for n, f in group["properties"].items()}
    assert len(fields) == sum(len(paths) for _, paths in GROUPS.values())
    for name, schema in fields.items():
        assert schema["title"] != name
        assert "Profiles: demo " in schema["description"]


def test_form_becomes_overrides():
    settings = Settings.model_validate(
        {"exam": {"exam_bank": "train"}, "training": {"training_learning_rate": 5e-7}}
    )
    config = load_config("demo", settings.overrides())
    assert config.exam.bank == "train"
    assert config.training.learning_rate == 5e-7


def test_empty_form_keeps_the_profile():
    assert list(Settings().overrides()) == []


def rendered(node: Any, values: dict[str, Any]) -> Any:
    """A template with its placeholders filled in; without a value, the field is left out."""
    if isinstance(node, dict):
        filled = {k: rendered(v, values) for k, v in node.items()}
        return {k: v for k, v in filled.items() if v is not None}
    if isinstance(node, list):
        return [rendered(v, values) for v in node]
    if isinstance(node, str) and "{{" in node:
        name = node.split("{{")[1].split("}}")[0].strip()
        whole = node.strip() == f"{{{{ {name} }}}}"
        return values.get(name) if whole else node.replace(f"{{{{ {name} }}}}", "lbt")
    return node


KUBERNETES = ROOT / "deployments" / "kubernetes"


def kubernetes_job() -> dict[str, Any]:
    template = kubernetes_template()
    properties = template["variables"]["properties"]
    values = {k: v["default"] for k, v in properties.items() if "default" in v}
    values |= {"command": ["python", "-m", "prefect.engine"], "labels": {"app": "lbt"}}
    job: dict[str, Any] = rendered(template["job_configuration"]["job_manifest"], values)
    container = job["spec"]["template"]["spec"]["containers"][0]
    # what the worker does with a list: its own variables come first
    given = [{"name": k, "value": v} for k, v in values["env"].items()]
    container["env"] = [*given, *container["env"]]
    return job


def test_kubernetes_job_fits_its_schema():
    job = kubernetes_job()
    kubernetes_validate.validate(job, "1.31", strict=True)
    container = job["spec"]["template"]["spec"]["containers"][0]
    assert (
        container["volumeMounts"][0]["mountPath"]
        == BY_NAME["llama3-8b-kubernetes"]["parameters"]["store"]
    )


def manifests(name: str) -> list[dict[str, Any]]:
    return [m for m in yaml.safe_load_all((KUBERNETES / name).read_text()) if m]


CUSTOM = ("RayCluster", "RayJob")
FILES = [*yaml.safe_load((KUBERNETES / "kustomization.yaml").read_text())["resources"]]


@pytest.mark.parametrize("name", FILES)
def test_kubernetes_manifest_fits_its_schema(name: str):
    for manifest in manifests(name):
        if manifest["kind"] not in CUSTOM:
            kubernetes_validate.validate(manifest, "1.31", strict=True)


def ray_groups() -> list[tuple[str, dict[str, Any]]]:
    cluster = manifests("ray-cluster.yaml")[0]["spec"]
    job = manifests("ray-job.yaml")[0]["spec"]["rayClusterSpec"]
    found = []
    for where, spec in (("cluster", cluster), ("job", job)):
        found.append((f"{where} head", spec["headGroupSpec"]))
        found += [(f"{where} {g['groupName']}", g) for g in spec["workerGroupSpecs"]]
    return found


@pytest.mark.parametrize("group", ray_groups(), ids=lambda g: g[0])
def test_pods_of_a_ray_group_fit_their_schema_and_are_hardened(group: tuple[str, dict[str, Any]]):
    pod = group[1]["template"]
    kubernetes_validate.validate(
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "ray"}} | pod, "1.31", strict=True
    )
    assert pod["spec"]["securityContext"]["runAsNonRoot"] is True
    for container in pod["spec"]["containers"]:
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert "/tmp" in [m["mountPath"] for m in container["volumeMounts"]]


def test_kubernetes_job_joins_the_ray_cluster_that_is_there():
    cluster = manifests("ray-cluster.yaml")[0]
    name = cluster["metadata"]["name"]
    head = f"{name}-head-svc.{cluster['metadata']['namespace']}.svc:6379"  # KubeRay's own name
    pod = kubernetes_job()["spec"]["template"]["spec"]
    flow, raylet = pod["containers"][0], pod["initContainers"][0]
    env = {v["name"]: v for v in flow["env"]}
    assert env["RAY_ADDRESS"]["value"] == head
    # a driver needs a raylet in its own pod: one without CPUs, which ends with the flow
    assert raylet["args"][:4] == ["ray", "start", "--address", head]
    assert raylet["args"][raylet["args"].index("--num-cpus") + 1] == "0"
    assert raylet["restartPolicy"] == "Always"
    assert pod["shareProcessNamespace"] is True
    shared = {m["mountPath"] for m in flow["volumeMounts"] if m in raylet["volumeMounts"]}
    assert {"/tmp", "/dev/shm"} <= shared
    assert cluster["spec"]["authOptions"] == {"mode": "token"}
    for one in (env, {v["name"]: v for v in raylet["env"]}):
        secret = one["RAY_AUTH_TOKEN"]["valueFrom"]["secretKeyRef"]
        assert secret == {"name": name, "key": "auth_token"}  # as KubeRay makes it
        assert one["RAY_AUTH_MODE"]["value"] == "token"


def test_kubernetes_run_without_a_worker_is_a_job_in_sidecar_mode():
    job = manifests("ray-job.yaml")[0]["spec"]
    assert job["submissionMode"] == "SidecarMode"
    assert job["entrypoint"].startswith("lbt run ")


def images(node: Any) -> set[str]:
    if isinstance(node, dict):
        found = {node["image"]} if isinstance(node.get("image"), str) else set()
        return found.union(*(images(v) for v in node.values()))
    return set().union(*(images(v) for v in node)) if isinstance(node, list) else set()


def test_every_image_is_one_that_make_image_builds():
    named = images(kubernetes_job())
    for name in [*FILES, "ray-job.yaml"]:
        named |= images(manifests(name))
    assert named <= {"lbt:cpu", "lbt:gpu"}
    dockerfile = (ROOT / "docker" / "Dockerfile").read_text()
    for name in named:
        assert f" AS {name.partition(':')[2]}\n" in dockerfile


def test_kubernetes_variables_are_a_json_schema():
    jsonschema.Draft202012Validator.check_schema(kubernetes_template()["variables"])


def test_zombie_automation_allows_for_lost_heartbeats():
    from prefect.events.schemas.automations import AutomationCore  # noqa: PLC0415

    text = (ROOT / "deployments" / "zombie-runs.yaml").read_text()
    automation = AutomationCore.model_validate(yaml.safe_load(text))
    window = automation.trigger.within.total_seconds()  # type: ignore[union-attr]
    assert window >= 90
    assert window >= 3 * HEARTBEAT_S


def test_a_run_that_never_started_frees_its_slot_on_both_pools():
    from prefect.events.schemas.automations import AutomationCore  # noqa: PLC0415

    found = {a["name"]: AutomationCore.model_validate(a) for a in automations()}
    for name, pool in (
        ("crash-stranded-runs", PROCESS_POOL),
        ("crash-stranded-runs-kubernetes", KUBERNETES_POOL),
    ):
        trigger: Any = found[name].trigger
        assert trigger.after == {"prefect.flow-run.Pending"}
        assert "prefect.flow-run.Running" in trigger.expect
        assert pool in trigger.model_dump_json()
        assert [a.type for a in found[name].actions] == ["change-flow-run-state"]


def dashboard() -> dict[str, Any]:
    path: Path = ROOT / "deployments" / "grafana" / "lbt.json"
    loaded: dict[str, Any] = json.loads(path.read_text())
    return loaded


def test_grafana_dashboard_loads():
    from grafana_foundation_sdk.models.dashboard import Dashboard  # noqa: PLC0415 - slow import

    loaded = Dashboard.from_json(dashboard())
    rows = [p.title for p in loaded.panels or [] if p.type_val == "row"]
    assert rows == ["Throughput", "Shards", "Grading verdicts", "GPUs"]


def test_grafana_dashboard_asks_for_metrics_that_exist():
    from tasks.metrics import COUNTERS, GAUGES  # noqa: PLC0415 - imports Ray

    exported = {f"ray_{n}_total" for n in COUNTERS} | {f"ray_{n}" for n in GAUGES}
    queries = " ".join(t["expr"] for p in dashboard()["panels"] for t in p.get("targets", []))
    asked = {
        w.split("{")[0].split(",")[0] for w in queries.replace("(", " ").split() if "ray_" in w
    }
    assert asked
    assert asked <= exported
