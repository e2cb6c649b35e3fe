"""``tests/cluster/kuberay.py`` finds what an API server would refuse, or drop in silence."""

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "cluster"))

from kuberay import faults, schemas

SPEC = {
    "type": "object",
    "required": ["groupName"],
    "properties": {
        "groupName": {"type": "string"},
        "replicas": {"type": "integer"},
        "params": {"type": "object", "additionalProperties": {"type": "string"}},
        "free": {"type": "object", "x-kubernetes-preserve-unknown-fields": True, "properties": {}},
    },
}
CRD = {
    "spec": {
        "group": "ray.io",
        "names": {"kind": "RayCluster"},
        "versions": [
            {
                "name": "v1",
                "served": True,
                "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": SPEC}}},
            },
            {"name": "v0", "served": False, "schema": {"openAPIV3Schema": {}}},
        ],
    }
}


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"groupName": "a", "params": {"x": "1"}, "free": {"y": 2}}, []),
        ({"groupName": "a", "replica": 1}, ["replica"]),
        ({"groupName": "a", "replicas": "1"}, ["$.spec.replicas"]),
        ({"groupName": "a", "params": {"x": 1}}, ["$.spec.params.x"]),
        ({}, ["groupName"]),
    ],
)
def test_faults_of_a_manifest(spec: dict[str, Any], said: list[str]):
    manifest = {"apiVersion": "ray.io/v1", "kind": "RayCluster", "metadata": {}, "spec": spec}
    found = faults(manifest, schemas(CRD))
    assert len(found) == len(said)
    assert all(word in fault for word, fault in zip(said, found, strict=True))


def test_a_kind_without_a_schema_is_a_fault():
    old = {"apiVersion": "ray.io/v0", "kind": "RayCluster"}
    assert faults(old, schemas(CRD)) == ["no schema of ray.io/v0 RayCluster was given"]
