"""Small meshes for the tests of resolution: two namespaces, a service with three versions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from meshtui.mesh.model import Mesh, MeshSettings
from meshtui.mesh.parse import parse_mesh
from meshtui.mesh.resolution import Client, Resolution, View, world

Obj = dict[str, Any]
REV = "rev.a.svc.cluster.local"
PORT = 9080
PLURALS = {
    "Service": "services",
    "Pod": "pods",
    "VirtualService": "virtualservices",
    "DestinationRule": "destinationrules",
    "Gateway": "gateways",
    "ServiceEntry": "serviceentries",
    "WorkloadEntry": "workloadentries",
    "Sidecar": "sidecars",
}


def made(kind: str, name: str, namespace: str = "a", age: int = 0, **spec: Any) -> Obj:
    """An object; a larger `age` is older."""
    stamp = f"2026-01-01T00:00:{59 - age:02d}Z"
    meta = {"name": name, "namespace": namespace, "creationTimestamp": stamp}
    return {"kind": kind, "metadata": meta, "spec": spec}


def service(name: str = "rev", namespace: str = "a", port: Obj | None = None, **spec: Any) -> Obj:
    ports = [port or {"name": "http", "port": PORT, "targetPort": PORT}]
    spec = {"clusterIP": "10.1.0.1", "selector": {"app": name}, "ports": ports, **spec}
    return made("Service", name, namespace, **spec)


def pod(name: str, version: str, number: int, namespace: str = "a", **labels: str) -> Obj:
    found = made("Pod", f"{name}-{version}", namespace, containers=[{"name": "app"}])
    found["metadata"]["labels"] = {"app": name, "version": version, **labels}
    found["status"] = {
        "podIP": f"10.0.0.{number}",
        "phase": "Running",
        "conditions": [{"type": "Ready", "status": "True"}],
    }
    return found


def rules(name: str, *http: Obj, namespace: str = "a", age: int = 0, **spec: Any) -> Obj:
    spec = {"hosts": ["rev"], "http": list(http), **spec}
    return made("VirtualService", name, namespace, age, **spec)


def to(subset: str = "", weight: int | None = None, host: str = REV, **more: Any) -> Obj:
    destination = {"host": host, **({"subset": subset} if subset else {}), **more}
    return {"destination": destination, **({} if weight is None else {"weight": weight})}


def subsets(*names: str, name: str = "rev", namespace: str = "a", age: int = 0, **spec: Any) -> Obj:
    parts = [{"name": part, "labels": {"version": part}} for part in names]
    return made("DestinationRule", name, namespace, age, **{"host": REV, "subsets": parts, **spec})


GROUND = (
    service(),
    service(namespace="b"),
    pod("rev", "v1", 1),
    pod("rev", "v2", 2),
    pod("rev", "v3", 3),
)


def mesh_of(
    *objects: Obj,
    settings: MeshSettings | None = None,
    partial: Mapping[str, frozenset[str]] | None = None,
) -> Mesh:
    """The ground and some more objects."""
    found: dict[str, list[Obj]] = {plural: [] for plural in PLURALS.values()}
    for obj in (*GROUND, *objects):
        found[PLURALS[obj["kind"]]].append(obj)
    return parse_mesh(found, settings=settings, partial=partial)


def view(*objects: Obj, namespace: str = "a", **labels: str) -> View:
    return world(mesh_of(*objects)).view(Client(namespace, labels))


def resolved(*objects: Obj, namespace: str = "a", **labels: str) -> Resolution:
    """What callers of a namespace get for `rev` of namespace a."""
    return view(*objects, namespace=namespace, **labels).resolve(REV, PORT)


def shares(found: Resolution) -> list[dict[str, float]]:
    """Of each route that can be reached, the part of each subset."""
    return [{t.subset: round(t.share, 3) for t in route.targets} for route in found.routes]
