"""Meshes in one line, for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from meshtui.mesh.model import Mesh
from meshtui.mesh.parse import parse_mesh

Obj = dict[str, Any]


def meta(name: str, namespace: str = "default", **extra: Any) -> Obj:
    return {
        "name": name,
        "namespace": namespace,
        "uid": f"uid-{name}",
        "resourceVersion": "7",
        **extra,
    }


def service(name: str, namespace: str = "default", **selector: str) -> Obj:
    return {
        "metadata": meta(name, namespace),
        "spec": {
            "selector": selector or {"app": name},
            "ports": [{"name": "http", "port": 9080, "targetPort": 9080}],
        },
    }


def pod(
    app: str, version: str, *, ready: bool = True, number: int = 1, namespace: str = "default"
) -> Obj:
    name = f"{app}-{version}-5f6d-{number}"
    return {
        "metadata": meta(
            name,
            namespace,
            labels={"app": app, "version": version, "pod-template-hash": "5f6d"},
            ownerReferences=[{"kind": "ReplicaSet", "name": f"{app}-{version}-5f6d"}],
        ),
        "spec": {"containers": [{"name": app}, {"name": "istio-proxy"}]},
        "status": {
            "phase": "Running",
            "podIP": f"10.0.0.{number}",
            "conditions": [{"type": "Ready", "status": "True" if ready else "False"}],
        },
    }


def route(subset: str, weight: int | None = None, host: str = "reviews") -> Obj:
    entry: Obj = {"destination": {"host": host, "subset": subset}}
    return entry if weight is None else {**entry, "weight": weight}


def virtual_service(name: str, *rules: Mapping[str, Any], **spec: Any) -> Obj:
    return {
        "apiVersion": "networking.istio.io/v1",
        "kind": "VirtualService",
        "metadata": meta(name),
        "spec": {"hosts": [name], "http": list(rules), **spec},
    }


def destination_rule(host: str, subsets: Sequence[str], **spec: Any) -> Obj:
    return {
        "metadata": meta(host),
        "spec": {
            "host": host,
            "subsets": [{"name": s, "labels": {"version": s}} for s in subsets],
            **spec,
        },
    }


def reviews(*rules: Mapping[str, Any], versions: Sequence[str] = ("v1", "v2", "v3")) -> Mesh:
    """The service `reviews` with ready pods of each version and the given rules."""
    return parse_mesh(
        {
            "services": [service("reviews"), service("ratings")],
            "pods": [pod("reviews", version, number=i) for i, version in enumerate(versions, 1)],
            "virtualservices": [virtual_service("reviews", *rules)],
            "destinationrules": [destination_rule("reviews", versions)],
        }
    )
