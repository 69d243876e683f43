"""Leases: who drives what, in a form that the whole cluster sees.

https://kubernetes.io/docs/concepts/architecture/leases/
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import UTC, datetime

from meshtui.dataclass import dataclass
from meshtui.errors import Conflict, NotFound
from meshtui.kube.cluster import Cluster
from meshtui.kube.objects import create_object, get_object, list_all, patch_json
from meshtui.kube.resources import Resource
from meshtui.mesh import read
from meshtui.mesh.model import Json

LEASES = Resource("coordination.k8s.io", "v1", "leases", "Lease")


@dataclass(frozen=True, slots=True)
class Lease:
    """A Lease. `renewed` is in seconds since the epoch by its holder's clock, 0 where unknown.

    `holder` is empty where it was given back; `version` is the resourceVersion.
    """

    namespace: str
    name: str
    holder: str = ""
    duration_s: float = 0.0
    acquired: float = 0.0
    renewed: float = 0.0
    transitions: int = 0
    notes: Mapping[str, str] = field(default_factory=dict)
    version: str = ""

    def expired(self, now: float) -> bool:
        return not self.holder or now > self.renewed + self.duration_s


async def read_lease(cluster: Cluster, namespace: str, name: str) -> Lease | None:
    """None where there is none."""
    try:
        return _lease(await get_object(cluster, LEASES, namespace, name))
    except NotFound:
        return None


async def lease_names(cluster: Cluster, namespace: str | None) -> tuple[tuple[str, str], ...]:
    """Namespace and name of each; of all namespaces where none is given."""
    found, _ = await list_all(cluster, LEASES, namespace, made_of=_lease)
    return tuple((one.namespace, one.name) for one in found)


async def write_lease(cluster: Cluster, lease: Lease) -> Lease:
    """Creates or replaces it. Raises Conflict where it is no longer at `lease.version`."""
    body = {
        "metadata": {"name": lease.name, "annotations": dict(lease.notes)},
        "spec": _spec(lease),
    }
    if not lease.version:
        written = await create_object(cluster, LEASES, lease.namespace, body)
        return _lease(written.object)
    ops = [
        {"op": "add", "path": "/metadata/annotations", "value": dict(lease.notes)},
        {"op": "add", "path": "/spec", "value": _spec(lease)},
    ]
    try:
        written = await patch_json(
            cluster, LEASES, lease.namespace, lease.name, ops, resource_version=lease.version
        )
    except NotFound as error:
        raise Conflict(f"the Lease {lease.namespace}/{lease.name} is gone", "look again") from error
    return _lease(written.object)


def _spec(lease: Lease) -> Json:
    return {
        "holderIdentity": lease.holder,
        "leaseDurationSeconds": max(1, round(lease.duration_s)),
        "acquireTime": _micro_time(lease.acquired),
        "renewTime": _micro_time(lease.renewed),
        "leaseTransitions": lease.transitions,
    }


def _micro_time(seconds: float) -> str:
    """Six decimals, neither more nor fewer: the API server refuses any other form."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _lease(raw: Json) -> Lease:
    meta, spec = read.obj(raw, "metadata"), read.obj(raw, "spec")
    return Lease(
        read.text(meta, "namespace"),
        read.text(meta, "name"),
        read.text(spec, "holderIdentity"),
        read.decimal(spec, "leaseDurationSeconds"),
        _seconds(read.text(spec, "acquireTime")),
        _seconds(read.text(spec, "renewTime")),
        read.integer(spec, "leaseTransitions"),
        read.labels(meta, "annotations"),
        read.text(meta, "resourceVersion"),
    )


def _seconds(text: str) -> float:
    try:
        return datetime.fromisoformat(text).timestamp()
    except ValueError:
        return 0.0
