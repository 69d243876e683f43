"""What one may not read is not known: a role without one of Istio's kinds, and without logs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from kubernetes import client, config

from tests.lab.operator import Operator
from tests.live.conftest import Place

READS = ("get", "list", "watch")
RULES = (
    ("", ("services", "pods", "namespaces", "nodes", "configmaps", "endpoints"), READS),
    ("", ("pods/proxy", "services/proxy"), ("get",)),
    ("apps", ("deployments", "replicasets"), READS),
    (
        "networking.istio.io",
        ("virtualservices", "gateways", "serviceentries", "sidecars", "workloadentries"),
        READS,
    ),
)
"""All but DestinationRules, and what else holds for traffic."""


@pytest.fixture
def half(place: Place, tmp_path: Path) -> Iterator[Operator]:
    """One who may read all of a mesh but its DestinationRules."""
    core, rights, name = client.CoreV1Api(), client.RbacAuthorizationV1Api(), place.namespace
    meta = {"name": name}
    core.create_namespaced_service_account(name, {"metadata": meta})
    rules = [
        {"apiGroups": [group], "resources": [*kinds], "verbs": [*verbs]}
        for group, kinds, verbs in RULES
    ]
    rights.create_cluster_role({"metadata": meta, "rules": rules})
    try:
        rights.create_cluster_role_binding(
            {
                "metadata": meta,
                "roleRef": {
                    "apiGroup": "rbac.authorization.k8s.io",
                    "kind": "ClusterRole",
                    "name": name,
                },
                "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": name}],
            }
        )
        asked = {"spec": {"audiences": [], "expirationSeconds": 600}}
        token = core.create_namespaced_service_account_token(name, name, asked).status.token
        yield Operator(_kubeconfig(tmp_path, token), tmp_path)
    finally:
        rights.delete_cluster_role_binding(name)
        rights.delete_cluster_role(name)
        core.delete_namespaced_service_account(name, name)


def _kubeconfig(folder: Path, token: str) -> Path:
    known = client.Configuration.get_default_copy()
    cluster: dict[str, object] = {"server": known.host}
    if known.ssl_ca_cert:
        cluster["certificate-authority"] = known.ssl_ca_cert
    found = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "half",
        "clusters": [{"name": "it", "cluster": cluster}],
        "users": [{"name": "half", "user": {"token": token}}],
        "contexts": [{"name": "half", "context": {"cluster": "it", "user": "half"}}],
    }
    path = folder / "half.json"
    path.write_text(json.dumps(found))
    return path


def test_a_kind_that_is_forbidden_is_not_taken_for_none(half: Operator, place: Place) -> None:
    config.load_kube_config()
    here = ("-n", place.namespace)
    ran = half.run("services", "reviews", *here, "--prometheus", "none", "--window", "1s",
                   "-o", "json")  # fmt: skip
    (service,) = ran.json["services"]
    why = {row["subset"]: row["unknown_because"] for row in service["versions"] if row["subset"]}
    assert set(why) == {"v1", "v2"}
    assert all("DestinationRules can't be read" in because for because in why.values())
    assert "destinationrules" in json.dumps(service["unread"]).lower()
    ran = half.run("analyze", *here, "-o", "json")
    assert any("DestinationRules" in line for line in ran.json["unchecked"])
    assert not [one for one in ran.json["findings"] if one["code"] == "missing-subset"]
