"""Where a request goes: by the objects, and by each client proxy's own routes, side by side."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import field, replace
from typing import TYPE_CHECKING

from meshtui.dataclass import dataclass
from meshtui.envoy.agree import agreement
from meshtui.envoy.trace import Followed
from meshtui.envoy.trace import trace as follow
from meshtui.envoy.trace_connections import REST, trace_connection
from meshtui.errors import MeshtuiError, NotFound
from meshtui.mesh.absence import unread_words
from meshtui.mesh.ambient import waypoint_name
from meshtui.mesh.decision import Decision
from meshtui.mesh.model import Mesh, Pod, Ref, Rule, Service, VirtualService
from meshtui.mesh.nearest import near_names, nearest_words
from meshtui.mesh.request import Request, port_of
from meshtui.mesh.resolution import Client, Ruling, View, client_of, world
from meshtui.mesh.resolution.names import MESH
from meshtui.mesh.resolution.protocols import is_http, service_protocol, takes_http_rules
from meshtui.mesh.resolution.waypoints import vip_chain
from meshtui.mesh.signals import Sample
from meshtui.mesh.trace import Caller, trace
from meshtui.operations.change.verify import MOST_PROXIES, Clients, client_proxies

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster

GATEWAY = "gateway"
"""As a source: every gateway."""

_TIMEOUT_S = 5.0
_CONCURRENCY = 8
EACH_VALUE_SINCE = (1, 39)
"""Since this Envoy each value of a repeated header is compared by itself."""


@dataclass(frozen=True, slots=True)
class Question:
    """A request to `service`. Without an authority each caller uses the name it would use.

    `source` is the workload or pod that calls, or "gateway"; empty for all that do. `port` 0 is
    the service's HTTP port, at a gateway the Gateway's.
    """

    service: Service
    request: Request = field(default_factory=Request)
    source: str = ""
    port: int = 0


@dataclass(frozen=True, slots=True)
class ProxyTrace:
    """What one caller's proxy should do and does; `pod` is None where there is no proxy to ask.

    `actual` is None where it could not be asked, and `trouble` says why. `agrees` is None where
    that can't be said.
    """

    pod: Pod | None
    request: Request
    intent: Decision
    actual: Decision | None = None
    agrees: bool | None = None
    differences: tuple[str, ...] = ()
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Traced:
    """Each caller's view. `known` is false where telemetry names no caller; `left_out` of them
    were not asked. Without any proxy there is one view, by the objects alone. `unread` are the
    kinds that can't be read, and what is not known without them.
    """

    seen: tuple[ProxyTrace, ...]
    known: bool = True
    left_out: int = 0
    unread: tuple[str, ...] = ()


async def trace_request(
    cluster: Cluster, mesh: Mesh, question: Question, sample: Sample | None
) -> Traced:
    """Ask the callers' proxies, each for the routes of one port. NotFound for an unknown source."""
    clients = callers(mesh, question, sample)
    unread = unread_words(mesh, question.service.key.namespace)
    if not clients.pods:
        return Traced((by_objects(mesh, question, None),), clients.known, 0, unread)
    gate = asyncio.Semaphore(_CONCURRENCY)

    async def one(pod: Pod) -> ProxyTrace:
        async with gate:
            return await _ask(cluster, mesh, question, pod)

    seen = await asyncio.gather(*(one(pod) for pod in clients.pods))
    return Traced(tuple(seen), clients.known, clients.left_out, unread)


def callers(mesh: Mesh, question: Question, sample: Sample | None) -> Clients:
    """The proxies to ask: the source's, or all that telemetry knows to call the service."""
    if question.source:
        return _of_source(mesh, question)
    key, host = question.service.key, question.service.host
    gateways = dict.fromkeys(_gateways_to(mesh, host))
    anybody = VirtualService(
        Ref("VirtualService", key.namespace, ""),
        "",
        hosts=(host,),
        gateways=("mesh", *gateways),
        rules=(Rule(0),),
    )
    return client_proxies(mesh, key, anybody, sample)


def _of_source(mesh: Mesh, question: Question) -> Clients:
    name, _, namespace = question.source.partition(".")
    found = [
        pod
        for pod in mesh.pods
        if pod.sidecar
        and pod.phase == "Running"
        and not pod.deleting
        and (pod.gateway if question.source == GATEWAY else name in (pod.workload, pod.name))
        and namespace in ("", pod.namespace)
    ]
    if not found:
        there = (pod.workload for pod in mesh.pods if pod.sidecar and pod.workload)
        near = near_names(name, [GATEWAY, *there])
        hint = nearest_words(name, near) if near else "name a workload, a pod or `gateway`"
        raise NotFound(f"no pod of {question.source} runs a proxy", hint)
    found.sort(key=lambda pod: (pod.namespace != question.service.key.namespace, pod.name))
    return Clients(tuple(found[:MOST_PROXIES]), True, max(0, len(found) - MOST_PROXIES))


def _leading(view: View, host: str) -> Iterator[tuple[str, Ruling]]:
    """The names under which a gateway lets requests for a host in, and by whose rules."""
    for edge in view.edge_routes(host):
        for name in edge.virtual_host.domains:
            yield from ((name, ruling) for ruling in edge.virtual_host.rulings)
    for door in view.doors.doors:
        for chain in view.door_chains(door) if not door.table else ():
            if chain.ruling and any(target.host == host for target in chain.targets):
                for name in chain.server_names or chain.ruling.hosts:
                    yield name, chain.ruling


def _gateways_to(mesh: Mesh, host: str) -> Iterator[str]:
    """The Gateways, as namespace/name, through which requests for a host come in."""
    whole = world(mesh)
    for found in whole.callers:
        if found.client.gateway:
            for _, ruling in _leading(whole.view(found.client), host):
                yield from (name for name in ruling.gateways if name != MESH)


async def _ask(cluster: Cluster, mesh: Mesh, question: Question, pod: Pod) -> ProxyTrace:
    seen = by_objects(mesh, question, pod)
    try:
        separately = await _separately(cluster, pod) if seen.request.repeats else None
        if separately is not None:
            seen = by_objects(mesh, question, pod, separately)
        followed = await _follow(cluster, mesh, question, seen, pod, separately)
    except MeshtuiError as error:
        return replace(seen, trouble=str(error))
    agrees, differences = agreement(seen.intent, followed)
    return replace(seen, actual=followed.decision, agrees=agrees, differences=differences)


async def _follow(
    cluster: Cluster,
    mesh: Mesh,
    question: Question,
    seen: ProxyTrace,
    pod: Pod,
    separately: bool | None,
) -> Followed:
    """What the proxy does: by its routes, and where it asks none by its listeners."""
    from meshtui.envoy import proxy

    table, request = seen.intent.table, seen.request
    if seen.intent.port and not table:
        return await _follow_connection(cluster, mesh, question, seen, pod)
    port = 0 if pod.gateway else port_for(question)
    names = proxy.sidecar_route_names([port]) if port else ""
    tables = await proxy.read_tables(
        cluster,
        pod,
        name_regex=names,
        inline=bool(waypoint_name(mesh, pod)),
        timeout=_TIMEOUT_S,
    )
    return follow(
        tables, request, port=port, gateway=pod.gateway, table=table, separately=separately
    )


async def _follow_connection(
    cluster: Cluster, mesh: Mesh, question: Question, seen: ProxyTrace, pod: Pod
) -> Followed:
    from meshtui.envoy import proxy

    port = seen.intent.port
    named = vip_chain(question.service.host, port) if waypoint_name(mesh, pod) else ""
    names = f"{proxy.sidecar_listener_names([port])}|{REST}|{proxy.WAYPOINT_LISTENER}"
    listeners = await proxy.read_listeners(cluster, pod, name_regex=names, timeout=_TIMEOUT_S)
    addresses = () if pod.gateway else question.service.addresses
    return trace_connection(listeners, seen.request, port, addresses, named)


async def _separately(cluster: Cluster, pod: Pod) -> bool | None:
    """Whether the proxy compares each value of a repeated header; None where it doesn't say."""
    from meshtui.envoy.proxy import read_version

    version = await read_version(cluster, pod, timeout=_TIMEOUT_S)
    return version >= EACH_VALUE_SINCE if version else None


def by_objects(
    mesh: Mesh, question: Question, pod: Pod | None, separately: bool | None = None
) -> ProxyTrace:
    """What a caller's proxy should do; without a pod, that of any caller of the namespace."""
    caller = _caller(mesh, question, pod, separately)
    authority = question.request.authority or _authority(mesh, question.service, caller)
    request = replace(question.request, authority=authority)
    return ProxyTrace(pod, request, trace(mesh, request, caller))


def _caller(mesh: Mesh, question: Question, pod: Pod | None, separately: bool | None) -> Caller:
    if pod is None:
        client = Client(question.service.key.namespace)
        return Caller(client, port_for(question), question.service.host)
    if pod.gateway and not waypoint_name(mesh, pod):
        return Caller(client_of(mesh, pod), question.port, separately=separately)
    return Caller(client_of(mesh, pod), port_for(question), question.service.host, separately)


def port_for(question: Question) -> int:
    """The port asked for, that of the authority, or the service's first that speaks HTTP."""
    asked = question.port or port_of(question.request.authority)
    ports = question.service.ports
    kinds = [(service_protocol(port), port.number) for port in ports]
    spoken = [number for kind, number in kinds if is_http(kind)]
    sniffed = [number for kind, number in kinds if takes_http_rules(kind)]
    return asked or next(iter([*spoken, *sniffed, *(number for _, number in kinds)]), 0)


def _authority(mesh: Mesh, service: Service, caller: Caller) -> str:
    """The name that a caller would use: a short one in the mesh, an outside one at a gateway."""
    key, client = service.key, caller.client
    name = key.name if key.namespace == client.namespace else str(key)
    if not client.gateway or client.waypoint:
        return f"{name}:{caller.port}" if caller.port not in (0, 80) else name
    outside = next(_leading(world(mesh).view(client), service.host), None)
    return outside[0].replace("*", key.name) if outside else name
