"""Adopting a service by the Gateway API: a Service for each version, and HTTPRoutes over them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from meshtui.changes.adopt import VERB, Version, stable_of, versions_of
from meshtui.changes.adopt_into_route import into_routes, lacks
from meshtui.changes.assemble import creation, free_name
from meshtui.changes.change import Caution, Change
from meshtui.changes.locate import resolve_service
from meshtui.dataclass import dataclass
from meshtui.errors import Refused
from meshtui.mesh.carrying import Route, ordinary, routes_to
from meshtui.mesh.gateway_api import API_GROUP, HTTP_ROUTE, ROUTE_KINDS
from meshtui.mesh.model import Mesh, Port, Ref, Service, ServiceKey
from meshtui.mesh.resolution.protocols import service_protocol, takes_http_rules
from meshtui.mesh.routing import pods_of

SERVICE = "Service"
_EXPORT_TO = "networking.istio.io/exportTo"
_NAME = re.compile(r"[a-z]([-a-z0-9]*[a-z0-9])?")
_LONGEST = 63


@dataclass(frozen=True, slots=True)
class RouteAdoption:
    """The changes, in the order in which they must be made, and what a person should know."""

    changes: tuple[Change, ...]
    cautions: tuple[Caution, ...]


def adopt_by_route(mesh: Mesh, key: ServiceKey, stable: str = "") -> RouteAdoption:
    """Each version gets the share of its ready pods, as it has it now, or `stable` gets it all.

    Where HTTPRoutes are there that send to all its pods, or lack a version, their rules get the
    versions. A Service of a version that is there already is used. Raises `Refused` where something
    else rules the service's requests, or where it or its versions can't be backends.
    """
    service = resolve_service(mesh, key.name, key.namespace)
    own = _own_routes(mesh, service)
    _refuse_without_address(service)
    ports = _request_ports(service)
    versions = versions_of(service, pods_of(mesh, service))
    names = _names(service, versions)
    weights, why = _weights(service, versions, stable)
    if own:
        routes, why = into_routes(mesh, service, own, versions, names, weights, why)
        wanted = [v for v in versions if any(lacks(mesh, service, one, v) for one in own)]
    else:
        backends = [(names[v.value], weights[v.value]) for v in versions]
        routes = list(_routes(mesh, service, ports, backends))
        wanted = versions
    made = [
        _service(service, version, names[version.value])
        for version in wanted
        if not _is_there(mesh, service, version, names[version.value])
    ]
    cautions = (Caution("info", why), *_policies_left(mesh, service))
    return RouteAdoption((*made, *routes), cautions)


def _own_routes(mesh: Mesh, service: Service) -> list[Route]:
    """The ordinary rule of each HTTPRoute and GRPCRoute of its host.

    Raises `Refused` where a VirtualService rules it: two owners of one host would each have a part
    of the callers.
    """
    own = [r for r in routes_to(mesh, service) if service.host in r.service.hosts]
    other = next((r.service.ref for r in own if r.service.ref.kind not in ROUTE_KINDS), None)
    if other is not None:
        hint = f"an HTTPRoute beside it takes a part of the callers: delete the {other.kind} first"
        raise Refused(f"{service.key} is routed by {other} already", hint)
    found: dict[Ref, list[Route]] = {}
    for route in own:
        found.setdefault(route.service.ref, []).append(route)
    return [ordinary(routes) or routes[0] for routes in found.values()]


def _refuse_without_address(service: Service) -> None:
    if service.type == "ExternalName":
        raise Refused(f"{service.key} is an ExternalName", "it has no pods to tell apart")
    if service.headless:
        raise Refused(
            f"{service.key} is headless: its callers choose the pod themselves",
            "weights do nothing there",
        )


def _request_ports(service: Service) -> list[Port]:
    found = [port for port in service.ports if takes_http_rules(service_protocol(port))]
    if found:
        return found
    ports = ", ".join(f"{port.number} {port.name}".rstrip() for port in service.ports) or "none"
    raise Refused(
        f"{service.key} has no HTTP port ({ports}): an HTTPRoute is for requests",
        "adopt it without --gateway-api: a VirtualService has rules for connections",
    )


def _names(service: Service, versions: Sequence[Version]) -> Mapping[str, str]:
    names = {version.value: f"{service.key.name}-{version.subset}" for version in versions}
    if len(set(names.values())) < len(names):
        raise Refused(f"two versions of {service.key} would have one Service's name")
    for value, name in names.items():
        if len(name) > _LONGEST:
            problem = f"Service {name} of version {value} has a name of {len(name)} characters"
            raise Refused(problem, f"at most {_LONGEST} are allowed: use shorter version labels")
        if not _NAME.fullmatch(name):
            problem = f"{name} is no name for a Service"
            raise Refused(problem, "it must start with a letter, then have a-z, 0-9 and -")
    return names


def _weights(
    service: Service, versions: list[Version], stable: str
) -> tuple[Mapping[str, int], str]:
    if stable:
        chosen, because = stable_of(service, versions, stable)
        weights = {v.value: 100 * (v is chosen) for v in versions}
        return weights, f"all traffic goes to {chosen.subset}: {because}"
    if not any(version.ready for version in versions):
        return {v.value: 1 for v in versions}, "no pod is ready: each version gets the same share"
    weights = {v.value: v.ready for v in versions}
    shares = ", ".join(f"{v.subset} {v.ready}" for v in versions)
    return weights, f"each version gets the share of its ready pods, as now: {shares}"


def _is_there(mesh: Mesh, service: Service, version: Version, name: str) -> bool:
    """Whether such a Service is there. Raises `Refused` where one of that name is another."""
    known = mesh.by_key.get(ServiceKey(service.key.namespace, name))
    if known is None:
        return False
    wanted = _selector(service, version)
    if dict(known.selector) != wanted:
        has = _labels(known.selector) or "nothing"
        problem = f"Service {name} is there and selects {has}, not {_labels(wanted)}"
        raise Refused(problem, "rename or delete it first")
    lacking = [p for p in service.ports if (p.number, p.target) not in _ports(known)]
    if lacking or known.headless:
        what = f"has no port {lacking[0].number} as its own" if lacking else "is headless"
        raise Refused(f"Service {name} is there and {what}", "mend or delete it first")
    return True


def _ports(service: Service) -> set[tuple[int, str]]:
    return {(port.number, port.target) for port in service.ports}


def _selector(service: Service, version: Version) -> dict[str, str]:
    return {**service.selector, version.label: version.value}


def _labels(labels: Mapping[str, str]) -> str:
    return ", ".join(f"{key}={value}" for key, value in sorted(labels.items()))


def _service(service: Service, version: Version, name: str) -> Change:
    metadata: dict[str, Any] = {"name": name, "namespace": service.key.namespace}
    if service.export_to:
        metadata["annotations"] = {_EXPORT_TO: ",".join(service.export_to)}
    spec: dict[str, Any] = {
        "selector": _selector(service, version),
        "ports": [_port(port) for port in service.ports],
    }
    if service.not_ready_too:
        spec["publishNotReadyAddresses"] = True
    body = {"apiVersion": "v1", "kind": SERVICE, "metadata": metadata, "spec": spec}
    ready = f"{version.ready} pod{'s' * (version.ready != 1)} ready"
    words = f"Service {name} is made for {version.label}={version.value} ({ready})"
    return creation(service.key, VERB, body, (words,))


def _port(port: Port) -> dict[str, Any]:
    target = int(port.target) if port.target.isdecimal() else port.target
    fields = {
        "name": port.name,
        "protocol": port.transport,
        "port": port.number,
        "targetPort": target,
        "appProtocol": port.app_protocol,
    }
    return {key: value for key, value in fields.items() if value}


def _routes(
    mesh: Mesh, service: Service, ports: Sequence[Port], backends: Sequence[tuple[str, int]]
) -> Iterator[Change]:
    """One for each HTTP port: a rule can't tell by which port a request came."""
    free = free_name([r for r in mesh.http_routes if r.ref.kind == HTTP_ROUTE], service)
    total = sum(weight for _, weight in backends)
    shares = ", ".join(f"{name} {weight * 100 / total:.3g} %" for name, weight in backends)
    for port in ports:
        parent: dict[str, Any] = {"group": "", "kind": SERVICE, "name": service.key.name}
        if len(service.ports) > 1:
            parent["port"] = port.number
        spec = {
            "parentRefs": [parent],
            "rules": [{"backendRefs": [_backend(*one, port.number) for one in backends]}],
        }
        name = free if len(ports) == 1 else f"{free}-{port.number}"
        body = {
            "apiVersion": f"{API_GROUP}/v1",
            "kind": HTTP_ROUTE,
            "metadata": {"name": name, "namespace": service.key.namespace},
            "spec": spec,
        }
        at = f" for port {port.number}" if len(service.ports) > 1 else ""
        yield creation(service.key, VERB, body, (f"HTTPRoute {name} is made{at}: {shares}",))


def _backend(name: str, weight: int, port: int) -> dict[str, Any]:
    return {"kind": SERVICE, "name": name, "port": port, "weight": weight}


def _policies_left(mesh: Mesh, service: Service) -> Iterator[Caution]:
    """A backend is a host of its own: no DestinationRule of the service is for it."""
    for rule in mesh.rules_by_host.get(service.host, ()):
        text = f"{rule.ref} is for {service.key.name} alone: its policies and subsets do not count"
        yield Caution("warning", f"{text} for requests to the new Services")
