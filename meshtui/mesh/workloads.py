"""Deployments: how far their rollout is."""

from __future__ import annotations

from meshtui.dataclass import dataclass
from meshtui.mesh import read
from meshtui.mesh.read import Json

DEADLINE = "ProgressDeadlineExceeded"


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
