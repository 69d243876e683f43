"""Which proxies a policy holds for: those with its labels, or those that its `targetRefs` name.

From istiod (pilot/pkg/model/policyattachment.go): `targetRefs` are for gateways of the Gateway API
and for waypoints and never for sidecars; waypoints look at nothing else. Services stand for the
waypoint before them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from meshtui.mesh import read
from meshtui.mesh.gateway_api import API_GROUP, CLASS_NAME, GATEWAY_NAME, WAYPOINT_CLASS
from meshtui.mesh.istio import Json

GATEWAY, GATEWAY_CLASS, SERVICE, SERVICE_ENTRY = (
    "Gateway",
    "GatewayClass",
    "Service",
    "ServiceEntry",
)
_GROUPS = {
    GATEWAY: API_GROUP,
    GATEWAY_CLASS: API_GROUP,
    SERVICE: "core",
    SERVICE_ENTRY: "networking.istio.io",
}


class Target(NamedTuple):
    """What a policy is attached to, in its own namespace; `kind` is empty for what istiod knows
    no way to attach to."""

    kind: str
    name: str


class Behind(NamedTuple):
    """A Service or a ServiceEntry that a waypoint stands before."""

    kind: str
    namespace: str
    name: str


def targets_of(spec: Json) -> tuple[Target, ...]:
    """`targetRefs`, or the one `targetRef` of old; empty where labels choose."""
    found = read.objects(spec, "targetRefs")
    if not found and read.obj(spec, "targetRef"):
        found = [read.obj(spec, "targetRef")]
    return tuple(Target(_kind(one), read.text(one, "name")) for one in found)


def _kind(raw: Json) -> str:
    kind, group = read.text(raw, "kind"), read.text(raw, "group") or "core"
    return kind if _GROUPS.get(kind) == group else ""


def is_waypoint(labels: Mapping[str, str]) -> bool:
    """Whether a pod with these labels runs one."""
    return labels.get(CLASS_NAME) == WAYPOINT_CLASS


def attached(
    targets: Collection[Target],
    home: str,
    root: str,
    namespace: str,
    labels: Mapping[str, str],
    behind: Collection[Behind] = (),
) -> bool:
    """Whether what `home` holds with these targets is for a pod of `namespace` with `labels`.

    `behind` is what the pod stands before, where it is a waypoint.
    """
    gateway = labels.get(GATEWAY_NAME)
    if not gateway:
        return False
    waypoint = is_waypoint(labels)
    for kind, name in targets:
        if kind == GATEWAY and home == namespace and name == gateway:
            return True
        if waypoint and kind == GATEWAY_CLASS and home == root and name == WAYPOINT_CLASS:
            return True
        if waypoint and kind and Behind(kind, home, name) in behind:
            return True
    return False


def waits_for_targets(labels: Mapping[str, str]) -> bool:
    """Whether a pod has no policy that labels choose."""
    return is_waypoint(labels) and bool(labels.get(GATEWAY_NAME))
