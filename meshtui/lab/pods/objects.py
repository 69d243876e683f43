"""The objects a cluster's controllers make of a Deployment: ReplicaSets and Pods."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Mapping

from meshtui.lab.contract import Obj

PROXY_CONTAINER = "istio-proxy"
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_SIDECAR = {"name": PROXY_CONTAINER, "image": "docker.io/istio/proxyv2:1.29.0"}
_SIDECAR_PORTS = [{"containerPort": 15090, "name": "http-envoy-prom", "protocol": "TCP"}]
_STATUS = json.dumps(
    {"initContainers": ["istio-init"], "containers": [PROXY_CONTAINER], "revision": "default"}
)


def template_hash(deployment: Obj) -> str:
    """The hash that names the ReplicaSet of a template, in Kubernetes' alphabet."""
    text = json.dumps(deployment["spec"]["template"], sort_keys=True)
    digest = hashlib.sha256(text.encode()).digest()
    return "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest[:9])


def pod_name(deployment: Obj, chance: random.Random) -> str:
    suffix = "".join(chance.choices(_ALPHABET, k=5))
    return f"{deployment['metadata']['name']}-{template_hash(deployment)}-{suffix}"


def pod_labels(deployment: Obj) -> dict[str, str]:
    """The template's labels and those that injection and the ReplicaSet add."""
    labels = dict(deployment["spec"]["template"]["metadata"].get("labels") or {})
    name = labels.get("app", deployment["metadata"]["name"])
    return labels | {
        "pod-template-hash": template_hash(deployment),
        "security.istio.io/tlsMode": "istio",
        "service.istio.io/canonical-name": name,
        "service.istio.io/canonical-revision": labels.get("version", "latest"),
    }


def containers_of(deployment: Obj) -> list[Obj]:
    """The containers of a pod: the template's, and the sidecar that is injected."""
    own: list[Obj] = deployment["spec"]["template"]["spec"]["containers"]
    if any(c["name"] == PROXY_CONTAINER for c in own):
        return own
    return [*own, {**_SIDECAR, "ports": _SIDECAR_PORTS}]


def replica_set(deployment: Obj) -> Obj:
    """The ReplicaSet of a Deployment's present template, before it has any pod."""
    meta, spec = deployment["metadata"], deployment["spec"]
    digest, replicas = template_hash(deployment), spec.get("replicas", 1)
    labels = {**spec["template"]["metadata"].get("labels", {}), "pod-template-hash": digest}
    return {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "metadata": {
            "name": f"{meta['name']}-{digest}",
            "namespace": meta["namespace"],
            "labels": labels,
            "annotations": {"deployment.kubernetes.io/desired-replicas": str(replicas)},
            "ownerReferences": [_owner("apps/v1", "Deployment", meta)],
        },
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": spec["template"],
        },
        "status": {"replicas": 0},
    }


def scaled(replica_set: Obj, wanted: int, pods: int, ready: int) -> Obj:
    """A ReplicaSet with what is asked of it and what it has."""
    status = {"replicas": pods, "readyReplicas": ready, "availableReplicas": ready}
    return replica_set | {
        "spec": replica_set["spec"] | {"replicas": wanted},
        "status": {key: value for key, value in status.items() if value or key == "replicas"},
    }


def deployment_status(deployment: Obj, pods: int, ready: int) -> Obj:
    """The Deployment with what its controller reports."""
    wanted = deployment["spec"].get("replicas", 1)
    enough = "True" if ready >= wanted else "False"
    reason = "MinimumReplicasAvailable" if ready >= wanted else "MinimumReplicasUnavailable"
    status = {
        "observedGeneration": deployment["metadata"].get("generation", 1),
        "replicas": pods,
        "updatedReplicas": pods,
        "readyReplicas": ready,
        "availableReplicas": ready,
        "unavailableReplicas": max(0, wanted - ready),
        "conditions": [{"type": "Available", "status": enough, "reason": reason}],
    }
    return deployment | {"status": {key: value for key, value in status.items() if value != 0}}


def pod(deployment: Obj, owner: Obj, name: str, ip: str) -> Obj:
    """A pod of a Deployment that has just been given its address."""
    template = deployment["spec"]["template"]
    injected = any(c["name"] == PROXY_CONTAINER for c in template["spec"]["containers"])
    meta = template["metadata"]
    notes = {
        **(meta.get("annotations") or {}),
        **({} if injected else {"sidecar.istio.io/status": _STATUS}),
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "generateName": name[:-5],
            "namespace": deployment["metadata"]["namespace"],
            "labels": pod_labels(deployment),
            "annotations": notes,
            "ownerReferences": [_owner("apps/v1", "ReplicaSet", owner["metadata"])],
        },
        "spec": {
            **template["spec"],
            "containers": containers_of(deployment),
            "nodeName": "meshtui-lab",
            "restartPolicy": "Always",
        },
        "status": {
            "phase": "Pending",
            "podIP": ip,
            "podIPs": [{"ip": ip}],
            "hostIP": "127.0.0.1",
            "conditions": [
                {"type": "PodScheduled", "status": "True"},
                {"type": "Ready", "status": "False", "reason": "ContainersNotReady"},
            ],
        },
    }


def with_readiness(obj: Obj, ready: bool, now: str) -> Obj:
    """The pod as its kubelet reports it."""
    word = "True" if ready else "False"
    conditions = [
        {"type": kind, "status": value, "lastTransitionTime": now}
        for kind, value in (
            ("Initialized", "True"),
            ("Ready", word),
            ("ContainersReady", word),
            ("PodScheduled", "True"),
        )
    ]
    status = {
        **obj["status"],
        "phase": "Running",
        "startTime": obj["status"].get("startTime", now),
        "conditions": conditions,
        "containerStatuses": [_container_status(c, ready, now) for c in obj["spec"]["containers"]],
    }
    return obj | {"status": status}


def _container_status(container: Mapping[str, str], ready: bool, now: str) -> Obj:
    digest = hashlib.sha256(container["name"].encode()).hexdigest()
    stopped = {"terminated": {"exitCode": 137, "reason": "Error", "finishedAt": now}}
    return {
        "name": container["name"],
        "image": container["image"],
        "imageID": f"{container['image']}@sha256:{digest}",
        "containerID": f"containerd://{digest}",
        "ready": ready,
        "started": ready,
        "restartCount": 0,
        "state": {"running": {"startedAt": now}} if ready else stopped,
        "lastState": {},
    }


def _owner(api_version: str, kind: str, meta: Obj) -> Obj:
    return {
        "apiVersion": api_version,
        "kind": kind,
        "name": meta["name"],
        "uid": meta.get("uid", ""),
        "controller": True,
        "blockOwnerDeletion": True,
    }
