"""Backends of the Gateway API's routes: the destinations of their weights, and what is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from meshtui.lab.contract import Obj
from meshtui.lab.control.hosts import fqdn
from meshtui.lab.control.world import GATEWAY_API, ISTIO, ApiObject, World

Ref = Mapping[str, Any]
NOTHING_HAS_WEIGHT: Obj = {
    "destination": {
        "host": "internal.cluster.local",
        "subset": "zero-weight",
        "port": {"number": 65535},
    }
}
"""Where connections go that no backend is to have."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a condition of a route is False."""

    reason: str
    message: str


@dataclass(slots=True)
class Backends:
    """The backends of one route for one sort of parent; `faults` gathers what does not resolve.

    Only Gateways ask for grants: in the mesh whoever may write a route may send anywhere.
    """

    world: World
    route: ApiObject
    granted_only: bool
    faults: list[Fault] = field(default_factory=list)

    def destination(self, ref: Ref) -> Obj:
        """Where a backend's share goes; to no cluster at all where the backend may not be meant."""
        namespace = str(ref.get("namespace") or self.route.namespace)
        group, kind = str(ref.get("group") or ""), str(ref.get("kind") or "Service")
        port = {"port": {"number": int(ref["port"])}} if ref.get("port") else {}
        if (group, kind) == (ISTIO, "Hostname"):
            return {"host": str(ref["name"]), **port}
        if (group, kind) != ("", "Service"):
            message = f'referencing unsupported backendRef: group "{group}" kind "{kind}"'
            return self._nowhere("InvalidKind", message)
        if self.granted_only and not self._granted(namespace, str(ref["name"])):
            message = (
                f"backendRef {ref['name']}/{namespace} not accessible to a {self.route.kind} "
                f'in namespace "{self.route.namespace}" (missing a ReferenceGrant?)'
            )
            return self._nowhere("RefNotPermitted", message)
        host = fqdn(str(ref["name"]), namespace)
        self.exists(host)
        return {"host": host, **port}

    def exists(self, host: str) -> bool:
        if self.world.service(host) is not None:
            return True
        self.faults.append(Fault("BackendNotFound", f"backend({host}) not found"))
        return False

    def weighted(self, refs: Iterable[Ref]) -> list[tuple[Ref, Obj]]:
        """Those with a share, each with its part of a rule's `route`; one alone has no weight."""
        counted = [ref for ref in refs if ref.get("weight", 1)]
        shares = [{"weight": ref.get("weight", 1)} for ref in counted] if len(counted) > 1 else [{}]
        return [
            (ref, {"destination": self.destination(ref), **share})
            for ref, share in zip(counted, shares, strict=False)
        ]

    def _nowhere(self, reason: str, message: str) -> Obj:
        self.faults.append(Fault(reason, message))
        return {"host": ""}

    def _granted(self, namespace: str, name: str) -> bool:
        if namespace == self.route.namespace:
            return True
        grants = [g for g in self.world.api.grants if g.namespace == namespace]
        return any(self._grants(grant.spec, name) for grant in grants)

    def _grants(self, spec: Mapping[str, Any], name: str) -> bool:
        source = any(
            entry.get("group") == GATEWAY_API
            and entry.get("kind") == self.route.kind
            and entry.get("namespace") == self.route.namespace
            for entry in spec.get("from") or ()
        )
        return source and any(
            entry.get("group", "") == ""
            and entry.get("kind") == "Service"
            and entry.get("name") in (None, "", name)
            for entry in spec.get("to") or ()
        )
