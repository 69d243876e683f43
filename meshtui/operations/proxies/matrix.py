"""Intent against actual: each rule of a service, and what each client's proxy makes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from meshtui.envoy.compare import ABSENT, IN_SYNC, OLD, in_sync, served
from meshtui.envoy.expected import entries
from meshtui.envoy.proxy import read_routes, sidecar_route_names
from meshtui.envoy.routes import ProxyRoute
from meshtui.errors import MeshtuiError
from meshtui.mesh.carrying import Route, routes_to
from meshtui.mesh.model import Mesh, Pod, Service, VirtualService
from meshtui.mesh.signals import Sample
from meshtui.operations.change.verify import MOST_PROXIES, client_proxies, proxy_facts

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster

NOT_MEANT, NOT_COMPARED, OUT_OF_REACH = "not meant", "not compared", "out of reach"
_CONCURRENCY = 8
_TIMEOUT_S = 5.0
_SEVERITY = (OUT_OF_REACH, OLD, ABSENT, NOT_COMPARED, IN_SYNC, NOT_MEANT)


@dataclass(frozen=True, slots=True)
class Cell:
    """A rule in a proxy: "in sync", "old" (see `differences`), "absent" (it has no route of the
    VirtualService), "not meant" for it, or "not compared" (a delegate's). `served` are its routes.
    """

    state: str
    differences: tuple[str, ...] = ()
    served: tuple[ProxyRoute, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    """One proxy. `owners` (namespace, name) are the VirtualServices whose routes it has for the
    service; `trouble` says why it could not be asked, and then there are no cells.
    """

    pod: Pod
    cells: tuple[Cell, ...] = ()
    owners: tuple[tuple[str, str], ...] = ()
    trouble: str = ""

    @property
    def state(self) -> str:
        """The worst of its cells; what is not meant for it says nothing."""
        if self.trouble:
            return OUT_OF_REACH
        states = {cell.state for cell in self.cells}
        return next((state for state in _SEVERITY if state in states), NOT_MEANT)


@dataclass(frozen=True, slots=True)
class Matrix:
    """What to ask whom. `guessed` are those of the pods (namespace, name) that may call, though
    telemetry does not say that they do; `left_out` proxies are not asked.
    """

    service: Service
    rules: tuple[Route, ...] = ()
    pods: tuple[Pod, ...] = ()
    guessed: frozenset[tuple[str, str]] = frozenset()
    left_out: int = 0

    @property
    def known(self) -> bool:
        """Whether telemetry names all of them as callers."""
        return not self.guessed

    def differs(self, row: Row) -> bool:
        """True where the proxy does something else than what is asked of it.

        One that may never call the service may have no route of it.
        """
        named = (row.pod.namespace, row.pod.name) not in self.guessed
        return row.state == OLD or (row.state == ABSENT and named)


def matrix_of(mesh: Mesh, service: Service, sample: Sample | None) -> Matrix:
    """The http rules for the service, and the proxies that any of them is for."""
    rules = tuple(r for r in routes_to(mesh, service) if r.rule.protocol == "http")
    owners: list[VirtualService | None] = []
    owners += {route.service.ref: route.service for route in rules}.values()
    named: dict[tuple[str, str], Pod] = {}
    others: dict[tuple[str, str], Pod] = {}
    left_out = 0
    for owner in owners or [None]:
        clients = client_proxies(mesh, service.key, owner, sample)
        found = {(pod.namespace, pod.name): pod for pod in clients.pods}
        if clients.known:
            named |= found
        else:
            others |= found
        left_out = max(left_out, clients.left_out)
    chosen = tuple((named | others).items())
    beyond = max(0, len(chosen) - MOST_PROXIES)
    asked = dict(chosen[:MOST_PROXIES])
    guessed = frozenset(asked.keys() - named.keys())
    return Matrix(service, rules, tuple(asked.values()), guessed, left_out + beyond)


async def ask_rows(
    cluster: Cluster, mesh: Mesh, matrix: Matrix, told: Callable[[Row], None]
) -> tuple[Row, ...]:
    """Every proxy once, some at a time; each row is told when it is there."""
    gate = asyncio.Semaphore(_CONCURRENCY)

    async def one(pod: Pod) -> Row:
        async with gate:
            row = await _ask(cluster, mesh, matrix, pod)
        told(row)
        return row

    return tuple(await asyncio.gather(*(one(pod) for pod in matrix.pods)))


async def _ask(cluster: Cluster, mesh: Mesh, matrix: Matrix, pod: Pod) -> Row:
    names = "" if pod.gateway else route_names(mesh, matrix)
    try:
        routes = await read_routes(cluster, pod, name_regex=names, timeout=_TIMEOUT_S)
    except MeshtuiError as error:
        return Row(pod, trouble=str(error))
    return row_of(mesh, matrix, pod, routes)


def route_names(mesh: Mesh, matrix: Matrix) -> str:
    """The route tables of the hosts' ports; all of them where a host's ports are not known."""
    hosts = {host for route in matrix.rules for host in route.service.hosts}
    known = [mesh.by_host.get(host) for host in hosts]
    services = [matrix.service, *(service for service in known if service)]
    ports = {port.number for service in services for port in service.ports}
    return sidecar_route_names(ports) if ports and None not in known else ""


def row_of(mesh: Mesh, matrix: Matrix, pod: Pod, routes: Iterable[ProxyRoute]) -> Row:
    """What a proxy with these routes does about each rule."""
    found = tuple(routes)
    refs = [(r.service.ref.namespace, r.service.ref.name) for r in matrix.rules]
    host = matrix.service.host
    owners = [
        route.virtual_service
        for route in found
        if route.virtual_service in refs or route.vhost.rpartition(":")[0] == host
    ]
    cells = tuple(_cell(mesh, route, pod, found) for route in matrix.rules)
    return Row(pod, cells, tuple(dict.fromkeys(owner for owner in owners if owner)))


def _cell(mesh: Mesh, route: Route, pod: Pod, found: tuple[ProxyRoute, ...]) -> Cell:
    facts = proxy_facts(mesh, pod)
    if route.rule.delegate or _delegated(route.service):
        return Cell(NOT_COMPARED)
    meant = any(e.rule.index == route.rule.index for e in entries(route.service, facts, 0))
    if not meant:
        return Cell(NOT_MEANT)
    verdict = in_sync(found, route.service, route.rule, facts)
    routes = served(found, route.service, route.rule, facts)
    return Cell(verdict.state, verdict.differences, routes)


def _delegated(service: VirtualService) -> bool:
    """Its rules are in the proxies under the name of the VirtualService that delegates to it."""
    return not service.hosts
