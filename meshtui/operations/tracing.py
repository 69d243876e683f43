"""Where a request goes: by the objects, and by each client proxy's own routes, side by side."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from meshtui.envoy.agree import agreement
from meshtui.envoy.trace import trace as trace_routes
from meshtui.errors import MeshtuiError, NotFound
from meshtui.mesh.decision import Decision
from meshtui.mesh.model import Mesh, Pod, Ref, Rule, Service, VirtualService
from meshtui.mesh.request import Request, port_of
from meshtui.mesh.signals import Sample
from meshtui.mesh.trace import Caller, trace
from meshtui.operations.verifying import MOST_PROXIES, Clients, client_proxies, proxy_facts

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster

GATEWAY = "gateway"
"""As a source: the gateways that lead to the service."""

_TIMEOUT_S = 5.0
_CONCURRENCY = 8
_HTTP_PORTS = ("http", "grpc")


@dataclass(frozen=True, slots=True)
class Question:
    """A request to `service`. Without an authority each caller uses the name it would use.

    `source` is the workload or pod that calls, or "gateway"; empty for all that do. `port` 0 is
    the service's HTTP port, at a gateway the Gateway's.
    """

    service: Service
    request: Request = Request()  # noqa: RUF009 - frozen
    source: str = ""
    port: int = 0


@dataclass(frozen=True, slots=True)
class Caller_:
    """Placeholder."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What one caller's proxy should do and does.

    `actual` is None where the proxy could not be asked, and `trouble` says why. `agrees` is None
    where that can't be said.
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
    """The proxies to ask: of the source, or of all that telemetry knows to call the service."""
    gateways = _gateways_to(mesh, question.service)
    # Any sidecar may call a service, and the gateways whose VirtualServices lead to it.
    anybody = VirtualService(
        Ref("VirtualService", question.service.key.namespace, ""),
        "",
        hosts=(question.service.host,),
        gateways=("mesh", *gateways),
        rules=(Rule(0),),
    )
    if not question.source:
        return client_proxies(mesh, question.service.key, anybody, sample)
    able = client_proxies(mesh, question.service.key, anybody, None)
    del able
    found = [pod for pod in mesh.pods if _answers(pod) and _is_source(pod, question)]
    if not found:
        hint = "name a workload, a pod or `gateway`"
        raise NotFound(f"no pod of {question.source} runs a proxy", hint)
    return Clients(tuple(found[:MOST_PROXIES]), True, max(0, len(found) - MOST_PROXIES))
