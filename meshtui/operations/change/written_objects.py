"""Objects by reference: reading them fresh, putting them into a mesh, sending a change to them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from meshtui.changes.adopt_by_route import SERVICE
from meshtui.changes.change import Change
from meshtui.mesh import read
from meshtui.mesh.gateway_api import (
    ALL_ROUTE_KINDS,
    GRPC_ROUTE,
    HTTP_ROUTE,
    ROUTE_KINDS,
    STREAM_KINDS,
    TCP_ROUTE,
    TLS_ROUTE,
)
from meshtui.mesh.model import DestinationRule, HttpRoute, Json, Mesh, Ref, RuleOwner
from meshtui.mesh.parse import parse_service
from meshtui.mesh.parse_gateway_api import parse_http_route, parse_stream_route
from meshtui.mesh.parse_rules import parse_destination_rule, parse_virtual_service

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster
    from meshtui.kube.objects import Written
    from meshtui.kube.resources import Resource


def resource_of(kind: str) -> Resource:
    from meshtui.kube.resources import (
        DESTINATION_RULES,
        GRPC_ROUTES,
        HTTP_ROUTES,
        SERVICES,
        TCP_ROUTES,
        TLS_ROUTES,
        VIRTUAL_SERVICES,
    )

    return {
        "VirtualService": VIRTUAL_SERVICES,
        "DestinationRule": DESTINATION_RULES,
        SERVICE: SERVICES,
        HTTP_ROUTE: HTTP_ROUTES,
        GRPC_ROUTE: GRPC_ROUTES,
        TCP_ROUTE: TCP_ROUTES,
        TLS_ROUTE: TLS_ROUTES,
    }[kind]


async def read_raw(cluster: Cluster, ref: Ref) -> Json:
    """The object as it is at this moment, with its kind. Raises `NotFound`."""
    from meshtui.kube.objects import get_object

    return await get_object(cluster, resource_of(ref.kind), ref.namespace, ref.name)


def with_object(mesh: Mesh, raw: Json, kind: str) -> Mesh:
    """`mesh` with the object `raw` in the place of the one that has its kind and name."""
    if kind == "DestinationRule":
        rule = parse_destination_rule(raw, mesh.settings.domain)
        rules = [r for r in mesh.destination_rules if _place(r.ref) != _place(rule.ref)]
        ordered = sorted([*rules, rule], key=lambda r: _place(r.ref))
        return replace(mesh, destination_rules=tuple(ordered))
    if kind == SERVICE:
        own = parse_service(raw, mesh.settings.domain)
        others_of_it = [s for s in mesh.services if s.key != own.key]
        by_key = sorted([*others_of_it, own], key=lambda s: (s.key.namespace, s.key.name))
        return replace(mesh, services=tuple(by_key))
    if kind in ROUTE_KINDS:
        route = parse_http_route(raw, mesh.settings.domain, kind)
        routes = [r for r in mesh.http_routes if not _is_same(r.ref, route.ref)]
        ordered_routes = sorted([*routes, route], key=_kind_and_place)
        return replace(mesh, http_routes=tuple(ordered_routes))
    if kind in STREAM_KINDS:
        stream = parse_stream_route(raw, kind, mesh.settings.domain)
        streams = [r for r in mesh.stream_routes if not _is_same(r.ref, stream.ref)]
        return replace(mesh, stream_routes=tuple(sorted([*streams, stream], key=_kind_and_place)))
    service = parse_virtual_service(raw, mesh.settings.domain)
    others = [s for s in mesh.virtual_services if _place(s.ref) != _place(service.ref)]
    services = sorted([*others, service], key=lambda s: _place(s.ref))
    return replace(mesh, virtual_services=tuple(services))


def without_object(mesh: Mesh, ref: Ref) -> Mesh:
    """`mesh` without the object that has this kind and name."""
    if ref.kind == "DestinationRule":
        rules = tuple(r for r in mesh.destination_rules if _place(r.ref) != _place(ref))
        return replace(mesh, destination_rules=rules)
    if ref.kind == SERVICE:
        left = tuple(s for s in mesh.services if (s.key.namespace, s.key.name) != _place(ref))
        return replace(mesh, services=left)
    if ref.kind in ROUTE_KINDS:
        routes = tuple(r for r in mesh.http_routes if not _is_same(r.ref, ref))
        return replace(mesh, http_routes=routes)
    if ref.kind in STREAM_KINDS:
        streams = tuple(r for r in mesh.stream_routes if not _is_same(r.ref, ref))
        return replace(mesh, stream_routes=streams)
    services = tuple(s for s in mesh.virtual_services if _place(s.ref) != _place(ref))
    return replace(mesh, virtual_services=services)


def _place(ref: Ref) -> tuple[str, str]:
    return ref.namespace, ref.name


def _is_same(one: Ref, other: Ref) -> bool:
    return one.kind == other.kind and _place(one) == _place(other)


def _kind_and_place(route: HttpRoute) -> tuple[int, str, str]:
    return ALL_ROUTE_KINDS.index(route.ref.kind), *_place(route.ref)


def object_of(mesh: Mesh, ref: Ref) -> RuleOwner | DestinationRule | None:
    """The object that has this kind, namespace and name, whatever its uid.

    None for a Service, of which a mesh keeps no manifest.
    """
    found: Mapping[str, tuple[RuleOwner | DestinationRule, ...]] = {
        "VirtualService": mesh.virtual_services,
        "DestinationRule": mesh.destination_rules,
        **dict.fromkeys(ROUTE_KINDS, mesh.http_routes),
        **dict.fromkeys(STREAM_KINDS, mesh.stream_routes),
    }
    for item in found.get(ref.kind, ()):
        if _is_same(item.ref, ref):
            return item
    return None


def same_object(one: Mesh, other: Mesh, ref: Ref) -> bool:
    """Whether both have the object at one and the same version."""
    versions = {_version(object_of(mesh, ref)) for mesh in (one, other)}
    return len(versions) == 1 and all(versions)


def _version(item: RuleOwner | DestinationRule | None) -> str:
    """Its uid and resourceVersion; empty where there is none to compare."""
    meta = read.obj(item.raw, "metadata") if item else {}
    version = read.text(meta, "resourceVersion")
    return f"{read.text(meta, 'uid')}/{version}" if version else ""


def mesh_after(mesh: Mesh, change: Change, stored: Json | None = None) -> Mesh:
    """The mesh once the change is made; `stored` is the object that the server gave for it."""
    if change.action == "delete":
        return without_object(mesh, change.target)
    if stored is None:
        item = object_of(mesh, change.target)
        raw = item.raw if item else change.patch[0]["value"]
        stored = {**raw, "spec": change.spec_after}
    return with_object(mesh, stored, change.target.kind)


def mesh_before(mesh: Mesh, change: Change) -> Mesh:
    """The mesh as it was before the change, whether `mesh` has it already or not."""
    if change.action == "create":
        return without_object(mesh, change.target)
    item = object_of(mesh, change.target)
    if item is None:
        return mesh
    return with_object(mesh, {**item.raw, "spec": change.spec_before}, change.target.kind)


async def send(cluster: Cluster, change: Change, *, dry_run: bool) -> Written:
    """The change, put on the version it was planned on; gives the object as it is then.

    Raises `Conflict` with nothing written where the object is at another version by now, or
    where one of that name is there already.
    """
    from meshtui.kube.objects import create_object, delete_object, patch_json

    resource, target = resource_of(change.target.kind), change.target
    if change.action == "create":
        body = change.patch[0]["value"]
        return await create_object(cluster, resource, target.namespace, body, dry_run=dry_run)
    if change.action == "delete":
        written = await delete_object(
            cluster,
            resource,
            target.namespace,
            target.name,
            resource_version=change.resource_version,
            dry_run=dry_run,
        )
        return replace(written, object=gone(target))
    return await patch_json(
        cluster,
        resource,
        target.namespace,
        target.name,
        list(change.patch),
        resource_version=change.resource_version,
        dry_run=dry_run,
    )


def of_the_server(warning: str) -> str:
    """A warning of the API server, as it is shown beside meshtui's own."""
    return f"the API server warns: {warning}"


def gone(target: Ref) -> Json:
    """What stands for an object that was taken away: its name, and no spec."""
    meta = {"namespace": target.namespace, "name": target.name, "uid": target.uid}
    return {
        "apiVersion": resource_of(target.kind).api_version,
        "kind": target.kind,
        "metadata": meta,
        "spec": {},
    }
