"""The objects a cluster's controllers make of a Deployment: ReplicaSets and Pods."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Mapping

from meshtui.lab.contract import Obj

PROXY_CONTAINER = "istio-proxy"
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
INIT_CONTAINER = "istio-init"
NODE = "meshtui-lab"
_IMAGE = "docker.io/istio/proxyv2:1.29.0"
_SIDECAR = {
    "name": PROXY_CONTAINER,
    "image": _IMAGE,
    "ports": [{"containerPort": 15090, "name": "http-envoy-prom", "protocol": "TCP"}],
    "restartPolicy": "Always",
}
"""A native sidecar: an init container that runs as long as the pod does."""

_STATUS = json.dumps(
    {
        "initContainers": [INIT_CONTAINER, PROXY_CONTAINER],
        "containers": None,
        "volumes": None,
        "imagePullSecrets": None,
        "revision": "default",
    }
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
    names = (labels.get("app.kubernetes.io/name"), labels.get("app"))
    revisions = (labels.get("app.kubernetes.io/version"), labels.get("version"))
    return labels | {
        "pod-template-hash": template_hash(deployment),
        "security.istio.io/tlsMode": "istio",
        "service.istio.io/canonical-name": next(
            filter(None, names), deployment["metadata"]["name"]
        ),
        "service.istio.io/canonical-revision": next(filter(None, revisions), "latest"),
    }


def _injected(deployment: Obj) -> Obj:
    """The template's pod with the sidecar that is injected, unless it is a proxy itself."""
    spec: Obj = deployment["spec"]["template"]["spec"]
    if any(c["name"] == PROXY_CONTAINER for c in spec["containers"]):
        return spec
    own = spec.get("initContainers") or []
    return spec | {
        "initContainers": [{"name": INIT_CONTAINER, "image": _IMAGE}, dict(_SIDECAR), *own]
    }


def running_containers(pod: Obj) -> list[Obj]:
    """The containers that run as long as a pod does, its sidecar among them."""
    spec = pod["spec"]
    init = spec.get("initContainers") or ()
    return [*spec["containers"], *(c for c in init if c.get("restartPolicy") == "Always")]


def node() -> Obj:
    """The one Node of the lab, with the labels that say where it stands."""
    labels = {
        "kubernetes.io/hostname": NODE,
        "kubernetes.io/os": "linux",
        "topology.kubernetes.io/region": "lab",
        "topology.kubernetes.io/zone": "lab-a",
    }
    ready = {"type": "Ready", "status": "True", "reason": "KubeletReady"}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": NODE, "labels": labels},
        "spec": {},
        "status": {
            "conditions": [ready],
            "addresses": [
                {"type": "InternalIP", "address": "127.0.0.1"},
                {"type": "Hostname", "address": NODE},
            ],
        },
    }


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
        **({} if injected else _notes(template["spec"]["containers"][0]["name"])),
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
            **_injected(deployment),
            "nodeName": NODE,
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


def _notes(app: str) -> dict[str, str]:
    return {
        "kubectl.kubernetes.io/default-container": app,
        "kubectl.kubernetes.io/default-logs-container": app,
        "sidecar.istio.io/status": _STATUS,
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
        "containerStatuses": [
            _container_status(c, ready, now) | _retained(obj, c) for c in obj["spec"]["containers"]
        ],
    }
    init = obj["spec"].get("initContainers")
    if init:
        status["initContainerStatuses"] = [_init_status(c, ready, now) for c in init]
    return obj | {"status": status}


def _retained(obj: Obj, container: Mapping[str, str]) -> Obj:
    """What a container's status says of its earlier lives."""
    found = (
        s for s in obj["status"].get("containerStatuses", ()) if s["name"] == container["name"]
    )
    before: Obj = next(found, {})
    return {key: before[key] for key in ("restartCount", "lastState") if key in before}


def with_crash(obj: Obj, now: str) -> Obj:
    """The pod whose applications have ended with status 1 and wait to be started again."""
    return _applications(with_readiness_of(obj, False, now), _crashed, now)


def with_restart(obj: Obj, now: str) -> Obj:
    """The pod whose applications are started once more."""
    return _applications(obj, _restarted, now)


def with_readiness_of(obj: Obj, ready: bool, now: str) -> Obj:
    """The pod's conditions alone: its containers stay as they are."""
    changed = with_readiness(obj, ready, now)["status"]["conditions"]
    return obj | {"status": {**obj["status"], "conditions": changed}}


def _applications(obj: Obj, change: Callable[[Obj, str], Obj], now: str) -> Obj:
    statuses = [
        s if s["name"] == PROXY_CONTAINER else change(s, now)
        for s in obj["status"].get("containerStatuses", ())
    ]
    return obj | {"status": {**obj["status"], "containerStatuses": statuses}}


def _crashed(status: Obj, now: str) -> Obj:
    started = status["state"].get("running", {}).get("startedAt", now)
    ended = {"exitCode": 1, "reason": "Error", "startedAt": started, "finishedAt": now}
    waiting = {
        "reason": "CrashLoopBackOff",
        "message": f"back-off restarting failed container {status['name']}",
    }
    return status | {
        "ready": False,
        "started": False,
        "state": {"waiting": waiting},
        "lastState": {"terminated": ended},
    }


def _restarted(status: Obj, now: str) -> Obj:
    return status | {
        "restartCount": status["restartCount"] + 1,
        "state": {"running": {"startedAt": now}},
        "started": True,
    }


def _init_status(container: Mapping[str, str], ready: bool, now: str) -> Obj:
    """A sidecar runs on; any other init container has done its work before the pod is ready."""
    if container.get("restartPolicy") == "Always":
        return _container_status(container, ready, now)
    done = {"terminated": {"exitCode": 0, "reason": "Completed", "finishedAt": now}}
    return _container_status(container, True, now) | {"started": False, "state": done}


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
