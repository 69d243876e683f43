"""Deployments: how far their rollout is; and which workload a pod is of."""

from __future__ import annotations

import re
from collections.abc import Mapping

from meshtui.dataclass import dataclass
from meshtui.mesh import read
from meshtui.mesh.read import Json

DEADLINE = "ProgressDeadlineExceeded"

NAMED_BY = "service.istio.io/workload-name"
_CRON_JOB = re.compile(r"(.+)-[0-9]{8,10}")
_GENERATES = ("ReplicaSet", "StatefulSet", "DaemonSet", "Job", "ReplicationController")
_OF_TEMPLATES = ("pod-template-hash", "rollouts-pod-template-hash")


def workload_of(name: str, meta: Json, labels: Mapping[str, str]) -> str:
    """The name of a pod's workload as Istio's telemetry has it.

    From istiod (pkg/kube/util.go and the injection template): a label's, else that of who controls
    the pod, if that had its name generated: without the hash of a Deployment's or a Rollout's
    template, and without the time of a CronJob's. A pod of none is a workload of its own.
    """
    if labels.get(NAMED_BY):
        return labels[NAMED_BY]
    owners = read.objects(meta, "ownerReferences")
    owner = next((one for one in owners if one.get("controller") is True), None)
    if owner is None:
        owner = next((one for one in owners if one.get("kind") in _GENERATES), {})
    kind, found = owner.get("kind"), read.text(owner, "name")
    if not found or (kind not in _GENERATES and not read.text(meta, "generateName")):
        return name
    if kind == "ReplicaSet":
        ends = (f"-{labels[key]}" for key in _OF_TEMPLATES if labels.get(key))
        return next((found.removesuffix(end) for end in ends if found.endswith(end)), found)
    if kind == "ReplicationController":
        return labels.get("deploymentconfig") or found
    by_time = _CRON_JOB.fullmatch(found) if kind == "Job" else None
    return by_time[1] if by_time else found


@dataclass(frozen=True, slots=True)
class Workload:
    """A Deployment as its controller reports it; counts are pods.

    `observed` is false where the controller has not looked at the newest specification yet.
    """

    namespace: str
    name: str
    desired: int = 1
    updated: int = 0
    ready: int = 0
    available: int = 0
    total: int = 0
    paused: bool = False
    observed: bool = True
    stalled: bool = False

    @property
    def rollout(self) -> str:
        """`rollout 1/3 updated, 2 old left`; empty where it is over."""
        if self.stalled and not self._done:
            return f"rollout stuck: {self.ready}/{self.desired} ready ({DEADLINE})"
        if self.paused and self.updated < self.desired:
            return f"rollout paused at {self.updated}/{self.desired}"
        if not self.observed:
            return "rollout begins"
        old = max(0, self.total - self.updated)
        if self.updated < self.desired or old:
            left = f", {old} old left" if old else ""
            return f"rollout {self.updated}/{self.desired} updated{left}"
        return ""

    @property
    def _done(self) -> bool:
        return self.updated >= self.desired and self.available >= self.desired


def parse_deployment(raw: Json) -> Workload:
    meta, spec, status = (read.obj(raw, key) for key in ("metadata", "spec", "status"))
    desired = read.integer(spec, "replicas", 1)
    if not status:
        return Workload(
            read.text(meta, "namespace"), read.text(meta, "name"), desired, desired, total=desired
        )
    observed = read.integer(status, "observedGeneration", -1)
    return Workload(
        namespace=read.text(meta, "namespace"),
        name=read.text(meta, "name"),
        desired=desired,
        updated=read.integer(status, "updatedReplicas"),
        ready=read.integer(status, "readyReplicas"),
        available=read.integer(status, "availableReplicas"),
        total=read.integer(status, "replicas"),
        paused=spec.get("paused") is True,
        observed=observed < 0 or observed >= read.integer(meta, "generation"),
        stalled=any(
            condition.get("type") == "Progressing" and condition.get("reason") == DEADLINE
            for condition in read.objects(status, "conditions")
        ),
    )
