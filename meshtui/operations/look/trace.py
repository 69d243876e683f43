"""Where a request goes: by the objects, and by each client proxy's own routes, side by side."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from meshtui.envoy.agree import agreement
from meshtui.envoy.trace import trace as follow
from meshtui.errors import MeshtuiError, NotFound
from meshtui.mesh.admission import gateway_names
from meshtui.mesh.decision import Decision
from meshtui.mesh.model import Mesh, Pod, Ref, Rule, Service, VirtualService
from meshtui.mesh.request import Request, port_of
from meshtui.mesh.signals import Sample
from meshtui.mesh.trace import Caller, trace
from meshtui.operations.change.verify import MOST_PROXIES, Clients, client_proxies, proxy_facts

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster

GATEWAY = "gateway"
"""As a source: every gateway."""

_TIMEOUT_S = 5.0
_CONCURRENCY = 8
_HTTP = ("http", "grpc")


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
class Seen:
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
    were not asked. Without any proxy there is one view, by the objects alone.
    """

    seen: tuple[Seen, ...]
    known: bool = True
    left_out: int = 0


async def trace_request(
    cluster: Cluster, mesh: Mesh, question: Question, sample: Sample | None
) -> Traced:
    """Ask the callers' proxies, each for the routes of one port. NotFound for an unknown source."""
    clients = callers(mesh, question, sample)
    if not clients.pods:
        return Traced((by_objects(mesh, question, None),), clients.known)
    gate = asyncio.Semaphore(_CONCURRENCY)

    async def one(pod: Pod) -> Seen:
        async with gate:
            return await _ask(cluster, mesh, question, pod)

    seen = await asyncio.gather(*(one(pod) for pod in clients.pods))
    return Traced(tuple(seen), clients.known, clients.left_out)


def callers(mesh: Mesh, question: Question, sample: Sample | None) -> Clients:
    """The proxies to ask: the source's, or all that telemetry knows to call the service."""
    if question.source:
        return _of_source(mesh, question)
    key, host = question.service.key, question.service.host
    gateways = [name for vs in _at_gateways(mesh, host) for name in _gateways_of(vs)]
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
        raise NotFound(
            f"no pod of {question.source} runs a proxy", "name a workload, a pod or `gateway`"
        )
    found.sort(key=lambda pod: (pod.namespace != question.service.key.namespace, pod.name))
    return Clients(tuple(found[:MOST_PROXIES]), True, max(0, len(found) - MOST_PROXIES))


def _at_gateways(mesh: Mesh, host: str) -> list[VirtualService]:
    """The VirtualServices that lead from a gateway to a host."""
    named = dict.fromkeys(vs.ref for vs, _ in mesh.rules_by_destination.get(host, ()))
    return [vs for vs in mesh.virtual_services if vs.ref in named and set(vs.gateways) != {"mesh"}]


def _gateways_of(service: VirtualService) -> frozenset[str]:
    return gateway_names(service.gateways, service.ref.namespace)


async def _ask(cluster: Cluster, mesh: Mesh, question: Question, pod: Pod) -> Seen:
    from meshtui.envoy.proxy import read_routes, sidecar_route_names

    seen = by_objects(mesh, question, pod)
    port = 0 if pod.gateway else port_for(question)
    names = sidecar_route_names([port]) if port else ""
    try:
        routes = await read_routes(cluster, pod, name_regex=names, timeout=_TIMEOUT_S)
    except MeshtuiError as error:
        return replace(seen, trouble=str(error))
    followed = follow(routes, seen.request, port=port, gateway=pod.gateway)
    agrees, differences = agreement(seen.intent, followed)
    return replace(seen, actual=followed.decision, agrees=agrees, differences=differences)


def by_objects(mesh: Mesh, question: Question, pod: Pod | None) -> Seen:
    """What a caller's proxy should do; without a pod, that of any caller of the namespace."""
    caller = _caller(mesh, question, pod)
    authority = question.request.authority or _authority(mesh, question.service, caller)
    request = replace(question.request, authority=authority)
    return Seen(pod, request, trace(mesh, request, caller))


def _caller(mesh: Mesh, question: Question, pod: Pod | None) -> Caller:
    if pod is None:
        return Caller(question.service.key.namespace, port=port_for(question))
    facts = proxy_facts(mesh, pod)
    port = question.port if pod.gateway else port_for(question)
    return Caller(facts.namespace, facts.labels, facts.gateway, facts.gateways, port)


def port_for(question: Question) -> int:
    """The port asked for, that of the authority, or the service's first that speaks HTTP."""
    asked = question.port or port_of(question.request.authority)
    ports = question.service.ports
    spoken = [port.number for port in ports if port.name.startswith(_HTTP)]
    return asked or next(iter(spoken or [port.number for port in ports]), 0)


def _authority(mesh: Mesh, service: Service, caller: Caller) -> str:
    """The name that a caller would use: a short one in the mesh, an outside one at a gateway."""
    key = service.key
    name = key.name if key.namespace == caller.namespace else str(key)
    if not caller.gateway:
        return f"{name}:{caller.port}" if caller.port not in (0, 80) else name
    for vs in _at_gateways(mesh, service.host):
        if not caller.gateways or _gateways_of(vs) & caller.gateways:
            for host in vs.hosts:
                return host.replace("*", key.name)
    return name
