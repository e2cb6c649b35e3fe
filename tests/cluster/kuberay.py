"""The RayCluster and the RayJob against KubeRay's own schemas, which are not part of this project.

``python tests/cluster/kuberay.py CRD.yaml…`` with ray.io_rayclusters.yaml and ray.io_rayjobs.yaml
of KubeRay's helm-chart/kuberay-operator/crds. Prints every fault; a field that KubeRay does not
know is one, since an API server would drop it in silence. Exit status 1 with a fault, 2 without a
schema.
"""

import sys
from pathlib import Path
from typing import Any

import jsonschema
import yaml

KUBERNETES = Path(__file__).parents[2] / "deployments" / "kubernetes"
MANIFESTS = ("ray-cluster.yaml", "ray-job.yaml")


def strict(schema: Any) -> Any:
    """The schema with unknown fields refused, except where it says that they are kept."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: strict(value) for key, value in schema.items()}
    fields = made.get("properties")
    kept = schema.get("x-kubernetes-preserve-unknown-fields")
    if isinstance(fields, dict) and made.get("type") == "object" and not kept:
        made.setdefault("additionalProperties", False)
    return made


def schemas(crd: dict[str, Any]) -> dict[tuple[str, str], Any]:
    """The schema of each version that a CustomResourceDefinition serves, by apiVersion and kind."""
    group, kind = crd["spec"]["group"], crd["spec"]["names"]["kind"]
    return {
        (f"{group}/{version['name']}", kind): strict(version["schema"]["openAPIV3Schema"])
        for version in crd["spec"]["versions"]
        if version["served"]
    }


def faults(manifest: dict[str, Any], known: dict[tuple[str, str], Any]) -> list[str]:
    """What is wrong with a manifest, each fault with its path; also that no schema was given."""
    kind = (manifest["apiVersion"], manifest["kind"])
    if kind not in known:
        return [f"no schema of {kind[0]} {kind[1]} was given"]
    schema = known[kind] | {"additionalProperties": True}  # apiVersion, kind, metadata
    found = jsonschema.Draft202012Validator(schema).iter_errors(manifest)
    return [f"{error.json_path}: {error.message[:200]}" for error in found]


def main(paths: list[str]) -> int:
    """Check both manifests; the exit status."""
    if not paths:
        print(__doc__)
        return 2
    known: dict[tuple[str, str], Any] = {}
    for path in paths:
        for crd in yaml.safe_load_all(Path(path).read_text("utf-8")):
            known |= schemas(crd)
    wrong = 0
    for name in MANIFESTS:
        for manifest in yaml.safe_load_all((KUBERNETES / name).read_text("utf-8")):
            for fault in faults(manifest, known):
                wrong += 1
                print(f"{name}: {fault}")
    print(f"{len(MANIFESTS)} manifests, {wrong} faults")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
