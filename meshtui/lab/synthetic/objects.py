"""A mesh of any size as Kubernetes objects: what an API server of a large cluster holds."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

Obj = dict[str, Any]
VERSIONS = ("v1", "v2", "v3")
PER_NAMESPACE = 100
ISTIO = "networking.istio.io/v1"


@dataclass(frozen=True, slots=True)
class Created:
    """One object, the path of its list, and its status where that is written apart."""

    path: str
    body: Obj
    status: Obj | None = None


def objects(services: int, pods: int = 3) -> Iterator[Created]:
    """`services`, each with three versions of `pods` pods, a VirtualService and a
    DestinationRule; a hundred to a namespace.
    """
    namespaces = range((services + PER_NAMESPACE - 1) // PER_NAMESPACE)
    for number in namespaces:
        name = namespace(number * PER_NAMESPACE)
        labels = {"istio-injection": "enabled"}
        yield Created("/api/v1/namespaces", {"metadata": {"name": name, "labels": labels}})
    for number in range(services):
        yield from _service(number, pods)


def namespace(number: int) -> str:
    return f"shop-{number // PER_NAMESPACE}"


def _service(number: int, pods: int) -> Iterator[Created]:
    space, name = namespace(number), f"service-{number}"
    core = f"/api/v1/namespaces/{space}"
    ports = [{"name": "http", "port": 9080, "targetPort": 9080}]
    meta = {"name": name, "namespace": space, "labels": {"app": name}}
    yield Created(
        f"{core}/services", {"metadata": meta, "spec": {"selector": {"app": name}, "ports": ports}}
    )
    for version in VERSIONS:
        yield _deployment(space, name, version, pods)
        for copy in range(pods):
            yield _pod(space, name, version, copy, number)
    yield from _rules(space, name)


def _rules(space: str, name: str) -> Iterator[Created]:
    istio = f"/apis/{ISTIO}/namespaces/{space}"
    meta = {"name": name, "namespace": space}
    subsets = [{"name": v, "labels": {"version": v}} for v in VERSIONS]
    yield Created(
        f"{istio}/destinationrules",
        {"kind": "DestinationRule", "metadata": meta, "spec": {"host": name, "subsets": subsets}},
    )
    tester = [{"headers": {"end-user": {"exact": "jason"}}}]
    weights = zip(VERSIONS, (80, 15, 5), strict=True)
    rules = [
        {"match": tester, "route": [{"destination": {"host": name, "subset": "v3"}}]},
        {"route": [{"destination": {"host": name, "subset": v}, "weight": w} for v, w in weights]},
    ]
    yield Created(
        f"{istio}/virtualservices",
        {"kind": "VirtualService", "metadata": meta, "spec": {"hosts": [name], "http": rules}},
    )


def _deployment(space: str, name: str, version: str, pods: int) -> Created:
    labels = {"app": name, "version": version}
    template = {
        "metadata": {"labels": labels},
        "spec": {"containers": [{"name": "app", "image": "example.com/app:1"}]},
    }
    spec = {"replicas": pods, "selector": {"matchLabels": labels}, "template": template}
    meta = {"name": f"{name}-{version}", "namespace": space, "labels": labels}
    return Created(
        f"/apis/apps/v1/namespaces/{space}/deployments", {"metadata": meta, "spec": spec}
    )


def _pod(space: str, name: str, version: str, copy: int, number: int) -> Created:
    """As the injector leaves a pod: some ten kilobytes."""
    known = hashlib.sha256(f"{space}/{name}/{version}/{copy}".encode()).hexdigest()
    template = hashlib.sha256(f"{space}/{name}/{version}".encode()).hexdigest()[:10]
    owner = {"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": f"{name}-{version}-{template}",
             "uid": known[:8], "controller": True}  # fmt: skip
    labels = {
        "app": name,
        "version": version,
        "pod-template-hash": template,
        "security.istio.io/tlsMode": "istio",
        "service.istio.io/canonical-name": name,
        "service.istio.io/canonical-revision": version,
    }
    meta = {
        "name": f"{name}-{version}-{template}-{known[10:15]}",
        "namespace": space,
        "ownerReferences": [owner],
        "labels": labels,
        "annotations": {"sidecar.istio.io/status": known * 8},
    }
    app = _container("app", f"example.com/app:{version}", ["serve"], 9080)
    proxy = _container("istio-proxy", "example.com/proxyv2:1.30", _PROXY_ARGS, 15090)
    volumes = [{"name": f"volume-{n}", "emptyDir": {}} for n in range(8)]
    address = _address(number, VERSIONS.index(version), copy)
    spec = {"nodeName": f"node-{number % 50}", "containers": [app, proxy], "volumes": volumes}
    return Created(
        f"/api/v1/namespaces/{space}/pods",
        {"metadata": meta, "spec": spec},
        _status(known, address),
    )


_PROXY_ARGS = ["proxy", "sidecar", "--domain", "$(POD_NAMESPACE).svc.cluster.local"]


def _container(name: str, image: str, args: list[str], port: int) -> Obj:
    env = [{"name": f"SETTING_{n}", "value": f"{name}-value-of-setting-{n}"} for n in range(30)]
    mounts = [{"name": f"volume-{n}", "mountPath": f"/var/run/volume-{n}"} for n in range(8)]
    return {
        "name": name,
        "image": image,
        "args": args,
        "env": env,
        "volumeMounts": mounts,
        "ports": [{"containerPort": port, "name": f"p-{port}"}],
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}},
    }


def _address(number: int, version: int, copy: int) -> str:
    """One of its own for every pod, of at most sixteen to a version."""
    place = ((number * len(VERSIONS) + version) << 4) + copy
    return f"10.{place >> 16 & 255}.{place >> 8 & 255}.{place & 255}"


def _status(known: str, address: str) -> Obj:
    since = "2026-01-01T00:00:00Z"
    conditions = ["Initialized", "Ready", "ContainersReady", "PodScheduled"]
    return {
        "phase": "Running",
        "podIP": address,
        "podIPs": [{"ip": address}],
        "conditions": [
            {"type": kind, "status": "True", "lastTransitionTime": since} for kind in conditions
        ],
        "containerStatuses": [
            {
                "name": name,
                "containerID": f"containerd://{number}{known[1:]}",
                "image": "example.com/app:1",
                "imageID": f"example.com/app@sha256:{known}",
                "ready": True,
                "restartCount": 0,
                "started": True,
                "state": {"running": {"startedAt": since}},
            }
            for number, name in enumerate(("app", "istio-proxy"))
        ],
    }
