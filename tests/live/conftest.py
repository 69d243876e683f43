"""A namespace of its own on the cluster in KUBECONFIG, with rules for a service without pods."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, config

from tests.lab.operator import Operator

GROUP, VERSION = "networking.istio.io", "v1"
Obj = dict[str, Any]
RULE: Obj = {
    "name": "all",
    "timeout": "15s",
    "route": [
        {"destination": {"host": "reviews", "subset": "v1"}, "weight": 90},
        {"destination": {"host": "reviews", "subset": "v2"}, "weight": 10},
    ],
}
SPECS: dict[str, tuple[str, Obj]] = {
    "destinationrules": (
        "DestinationRule",
        {
            "host": "reviews",
            "subsets": [{"name": v, "labels": {"version": v}} for v in ("v1", "v2")],
        },
    ),
    "virtualservices": ("VirtualService", {"hosts": ["reviews"], "http": [RULE]}),
}


@dataclass(frozen=True, slots=True)
class Place:
    """The namespace, through the official client."""

    namespace: str
    custom: client.CustomObjectsApi

    def spec(self, plural: str = "virtualservices") -> Obj:
        where = (GROUP, VERSION, self.namespace, plural, "reviews")
        found: Obj = self.custom.get_namespaced_custom_object(*where)["spec"]
        return found

    def replace_spec(self, plural: str, spec: Obj) -> None:
        """Writes as somebody else does."""
        where = (GROUP, VERSION, self.namespace, plural, "reviews")
        raw = self.custom.get_namespaced_custom_object(*where)
        self.custom.replace_namespaced_custom_object(*where, {**raw, "spec": spec})


@pytest.fixture(scope="session")
def contexts() -> frozenset[str]:
    """The names of the kubeconfig's contexts."""
    if not os.environ.get("KUBECONFIG"):
        pytest.exit("say in KUBECONFIG which cluster to test on", returncode=2)
    found, _ = config.list_kube_config_contexts()
    return frozenset(context["name"] for context in found)


@pytest.fixture(scope="session")
def namespace(contexts: frozenset[str]) -> Iterator[Place]:
    config.load_kube_config()
    core, custom = client.CoreV1Api(), client.CustomObjectsApi()
    name = f"meshtui-live-{secrets.token_hex(3)}"
    core.create_namespace({"metadata": {"name": name}})
    try:
        ports = [{"name": "http", "port": 9080}]
        spec = {"selector": {"app": "reviews"}, "ports": ports}
        core.create_namespaced_service(name, {"metadata": {"name": "reviews"}, "spec": spec})
        for plural, (kind, content) in SPECS.items():
            body = {
                "apiVersion": f"{GROUP}/{VERSION}",
                "kind": kind,
                "metadata": {"name": "reviews"},
                "spec": content,
            }
            custom.create_namespaced_custom_object(GROUP, VERSION, name, plural, body)
        yield Place(name, custom)
    finally:
        for plural in SPECS:
            custom.delete_collection_namespaced_custom_object(GROUP, VERSION, name, plural)
        core.delete_namespace(name)


@pytest.fixture
def place(namespace: Place) -> Place:
    """The namespace with its rules as they were at first."""
    for plural, (_, spec) in SPECS.items():
        namespace.replace_spec(plural, spec)
    return namespace


@pytest.fixture
def operator(tmp_path: Path) -> Operator:
    return Operator(Path(os.environ["KUBECONFIG"]), tmp_path)
