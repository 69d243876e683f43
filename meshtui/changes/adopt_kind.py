"""By which objects a service is adopted where nobody says: as its mesh is routed already."""

from __future__ import annotations

from meshtui.dataclass import dataclass
from meshtui.mesh.carrying import routes_to
from meshtui.mesh.gateway_api import GRPC_ROUTE, HTTP_ROUTE
from meshtui.mesh.model import HttpRoute, Mesh, RuleOwner, Service
from meshtui.mesh.resolution.protocols import service_protocol, takes_http_rules


@dataclass(frozen=True, slots=True)
class AdoptionKind:
    """Either a VirtualService or an HTTPRoute, and why."""

    gateway_api: bool
    why: str


def ruling(mesh: Mesh, service: Service) -> RuleOwner | None:
    """What rules its host already, to which adopting adds; None where nothing does."""
    owners = (route.service for route in routes_to(mesh, service))
    return next((owner for owner in owners if service.host in owner.hosts), None)


def usual_kind(mesh: Mesh, service: Service) -> AdoptionKind:
    """What rules the requests that reach the service by other hosts, else its namespace's, counts.

    An HTTPRoute has rules for requests alone.
    """
    if not any(takes_http_rules(service_protocol(port)) for port in service.ports):
        return AdoptionKind(False, "it has no HTTP port: an HTTPRoute is for requests")
    if not mesh.istio:
        return AdoptionKind(True, "this cluster serves the Gateway API and no VirtualService")
    senders = [route.service for route in routes_to(mesh, service)]
    for kind in (HTTP_ROUTE, GRPC_ROUTE, "VirtualService"):
        sender = next((owner for owner in senders if owner.ref.kind == kind), None)
        if sender is not None:
            return AdoptionKind(kind != "VirtualService", f"{sender.ref} sends to it")
    return _as_others(mesh, service.key.namespace)


def _as_others(mesh: Mesh, namespace: str) -> AdoptionKind:
    """As the other services of its namespace, else of the mesh, where they are all routed alike."""
    owners: tuple[RuleOwner, ...] = (*mesh.http_routes, *mesh.virtual_services)
    near = [owner for owner in owners if owner.ref.namespace == namespace]
    for found, where in ((near, f"namespace {namespace}"), (owners, "the mesh")):
        kinds = {isinstance(owner, HttpRoute) for owner in found}
        if len(kinds) == 1:
            kind = f"{found[0].ref.kind}s"
            return AdoptionKind(True in kinds, f"{where} is routed by {kind} alone")
    if owners:
        return AdoptionKind(False, "the mesh has both: a VirtualService is the usual one")
    return AdoptionKind(False, "no route of the Gateway API is there")
