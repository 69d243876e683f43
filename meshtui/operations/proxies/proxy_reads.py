"""What one proxy has for a service, or altogether: each view by the narrowest questions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import field
from typing import TYPE_CHECKING, Any, TypeVar

from meshtui.dataclass import dataclass
from meshtui.envoy import proxy
from meshtui.envoy.clusters import ConfiguredCluster, parse_configured
from meshtui.envoy.endpoints import ProxyEndpoint, parse_endpoints
from meshtui.envoy.listeners import ProxyListener, parse_listeners
from meshtui.envoy.routes import ProxyRoute
from meshtui.envoy.stats import Pressure, parse_stats
from meshtui.envoy.virtual_hosts import ProxyHost, RouteTable, parse_tables, routes_in
from meshtui.errors import Refused
from meshtui.mesh.carrying import routes_to
from meshtui.mesh.model import Mesh, Pod, Service
from meshtui.mesh.selector import selects
from meshtui.operations.proxies.elsewhere import elsewhere

if TYPE_CHECKING:
    from meshtui.kube.cluster import Cluster

ROUTES, CLUSTERS, ENDPOINTS, LISTENERS = "routes", "clusters", "endpoints", "listeners"
VIEWS = (ROUTES, CLUSTERS, ENDPOINTS, LISTENERS)

ENVOYS_LIMIT = 1024.0
"""What holds in a cluster that says nothing of a limit."""

_GAUGES = {"requests": "active", "connections": "connections", "pending": "pending"}
"""What is under way, and the endpoints' gauges of it."""

Facts = TypeVar("Facts")


@dataclass(frozen=True, slots=True)
class SeenEndpoint:
    """An endpoint and the mesh's pod behind its address, where there is one; `elsewhere` says
    where it is that it can't be one of this cluster, empty where that is not known."""

    endpoint: ProxyEndpoint
    pod: Pod | None = None
    elsewhere: str = ""


@dataclass(frozen=True, slots=True)
class SeenCluster:
    """A cluster, how near it is to its limits, and its endpoints where they were asked for.

    `pressure` is None where the proxy keeps no statistics of it.
    """

    configured: ConfiguredCluster
    pressure: Pressure | None = None
    endpoints: tuple[ProxyEndpoint, ...] = ()

    def active(self, what: str) -> int | None:
        """`requests`, `connections` or `pending` now; by the endpoints' own gauges, which are
        always kept, where the cluster's are not.
        """
        if self.pressure is not None and what in self.pressure.active:
            return self.pressure.active[what]
        found = [getattr(endpoint, _GAUGES[what]) for endpoint in self.endpoints]
        known = [value for value in found if value is not None]
        return sum(known) if known else None

    def limit(self, what: str) -> float:
        """The breaker's maximum of `requests`, `connections` or `pending`."""
        names = {"pending": "max_pending_requests"}
        thresholds = self.configured.limits.thresholds
        return thresholds.get(names.get(what, f"max_{what}"), ENVOYS_LIMIT)

    @property
    def full(self) -> tuple[str, ...] | None:
        """The limits that are reached at this moment; None where the proxy keeps no statistics.

        Envoy's own marks (`rq_open` …) change with the next request only: after a breaker was
        raised they are stale, and what is under way now tells.
        """
        if self.pressure is None:
            return None
        return tuple(what for what in self.pressure.open if self._is_full(what))

    def _is_full(self, what: str) -> bool:
        active = self.active(what) if what in _GAUGES else None
        return active is None or active >= self.limit(what)

    @property
    def ejected(self) -> int:
        return sum(endpoint.ejected for endpoint in self.endpoints)


@dataclass(frozen=True, slots=True)
class ProxyReads:
    """The answer for one view; `service` is what it was narrowed to, None for everything.

    `special` are virtual hosts that only redirect to TLS, or have no routes. `refused` are the
    words with which the proxy refused a newer RouteConfiguration, by its name. `answers` are the
    questions with the JSON that came, for those who want to see it.
    """

    view: str
    pod: Pod
    service: Service | None = None
    routes: tuple[ProxyRoute, ...] = ()
    clusters: tuple[SeenCluster, ...] = ()
    endpoints: tuple[SeenEndpoint, ...] = ()
    listeners: tuple[ProxyListener, ...] = ()
    special: tuple[ProxyHost, ...] = ()
    refused: Mapping[str, str] = field(default_factory=dict)
    answers: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Reader:
    """Asks one proxy."""

    cluster: Cluster
    mesh: Mesh
    pod: Pod
    service: Service | None = None

    async def read(self, view: str) -> ProxyReads:
        """Errors as `admin_get`; Refused for a pod without a proxy."""
        if not self.pod.sidecar:
            raise Refused(f"{self.pod.namespace}/{self.pod.name} runs no proxy")
        how = {
            ROUTES: self._routes,
            CLUSTERS: self._clusters,
            ENDPOINTS: self._endpoints,
            LISTENERS: self._listeners,
        }
        return await how[view]()

    async def _ask(self, path: str, parse: Callable[[Any], Facts]) -> proxy.AdminResponse[Facts]:
        return await proxy.ask(self.cluster, self.pod, path, parse)

    async def _routes(self) -> ProxyReads:
        names = self._narrowed(proxy.sidecar_route_names)
        asked = [proxy.routes_path(names), *([] if names else [proxy.INLINE_ROUTES_PATH])]
        answers = await asyncio.gather(*(self._ask(path, _tables_and_routes) for path in asked))
        tables = tuple(table for answer in answers for table in answer.facts[0])
        hosts = [host for table in tables for host in table.hosts]
        found = tuple(route for answer in answers for route in answer.facts[1])
        if self.service is not None:
            found = concerning(found, self.mesh, self.service)
            hosts = [host for host in hosts if self.service.host in host.domains]
        return ProxyReads(
            ROUTES,
            self.pod,
            self.service,
            routes=found,
            special=tuple(host for host in hosts if host.requires_tls or not host.routes),
            refused={table.name: table.refused for table in tables if table.refused},
            answers=_raw(*answers),
        )

    async def _listeners(self) -> ProxyReads:
        names = self._narrowed(proxy.sidecar_listener_names)
        answer = await self._ask(proxy.listeners_path(names), parse_listeners)
        return ProxyReads(
            LISTENERS, self.pod, self.service, listeners=answer.facts, answers=_raw(answer)
        )

    def _narrowed(self, regex: Callable[[Iterable[int]], str]) -> str:
        """A gateway's resources are called after the gateway's ports, not the service's."""
        ports = [port.number for port in self.service.ports] if self.service else []
        return regex(ports) if ports and not self.pod.gateway else ""

    async def _endpoints(self) -> ProxyReads:
        answer = await self._ask(proxy.endpoints_path(self._host), parse_endpoints)
        seen = with_pods(self._of_host(answer.facts), self.mesh)
        return ProxyReads(ENDPOINTS, self.pod, self.service, endpoints=seen, answers=_raw(answer))

    async def _clusters(self) -> ProxyReads:
        """Of one host: limits, endpoints and statistics. Of all: what was ever used of them."""
        configured = await self._ask(proxy.clusters_path(self._host), parse_configured)
        names = [cluster.stat_name for cluster in configured.facts] if self._host else []
        stats = self._ask(proxy.stats_path(names), parse_stats)
        if not self._host:
            pressures = await stats
            seen = joined(configured.facts, pressures.facts)
            return self._seen(seen, configured, pressures)
        endpoints, pressures = await asyncio.gather(
            self._ask(proxy.endpoints_path(self._host), parse_endpoints), stats
        )
        seen = joined(configured.facts, pressures.facts, self._of_host(endpoints.facts))
        return self._seen(seen, configured, endpoints, pressures)

    async def counted(self, configured: Sequence[ConfiguredCluster]) -> tuple[SeenCluster, ...]:
        """What the service's clusters, as they were read before, count now. Errors as `read`."""
        names = [cluster.stat_name for cluster in configured]
        endpoints, pressures = await asyncio.gather(
            self._ask(proxy.endpoints_path(self._host), parse_endpoints),
            self._ask(proxy.stats_path(names), parse_stats),
        )
        return joined(configured, pressures.facts, self._of_host(endpoints.facts))

    def _seen(
        self, seen: tuple[SeenCluster, ...], *answers: proxy.AdminResponse[Any]
    ) -> ProxyReads:
        return ProxyReads(CLUSTERS, self.pod, self.service, clusters=seen, answers=_raw(*answers))

    @property
    def _host(self) -> str:
        return self.service.host if self.service else ""

    def _of_host(self, endpoints: Iterable[ProxyEndpoint]) -> tuple[ProxyEndpoint, ...]:
        """Older Envoys answer with everybody's."""
        return tuple(e for e in endpoints if not self._host or e.cluster.host == self._host)


def _tables_and_routes(dump: Any) -> tuple[tuple[RouteTable, ...], tuple[ProxyRoute, ...]]:
    """Together, so that the routes of a large answer are read beside the loop, too."""
    tables = parse_tables(dump)
    hosts = (host for table in tables for host in table.hosts)
    return tables, tuple(route for host in hosts for route in routes_in(host, host.routes))


def with_pods(endpoints: Iterable[ProxyEndpoint], mesh: Mesh) -> tuple[SeenEndpoint, ...]:
    """Addresses are given anew after a pod has ended, and pods of a node's network share one."""
    by_ip: dict[str, list[Pod]] = {}
    for pod in mesh.pods:
        if pod.ip and pod.phase not in ("Succeeded", "Failed"):
            by_ip.setdefault(pod.ip, []).append(pod)

    def behind(endpoint: ProxyEndpoint) -> Pod | None:
        service = mesh.by_host.get(endpoint.cluster.host)
        found = by_ip.get(endpoint.address, [])
        mine = [pod for pod in found if service and selects(service.selector, pod.labels)]
        return next(iter(mine or found), None)

    def seen(endpoint: ProxyEndpoint) -> SeenEndpoint:
        pod = behind(endpoint)
        return SeenEndpoint(endpoint, pod, "" if pod else elsewhere(endpoint, mesh))

    return tuple(map(seen, endpoints))


def _raw(*answers: proxy.AdminResponse[Any]) -> tuple[tuple[str, bytes], ...]:
    return tuple((answer.path, answer.body) for answer in answers)


def joined(
    clusters: Sequence[ConfiguredCluster],
    pressures: Mapping[str, Pressure],
    endpoints: Iterable[ProxyEndpoint] = (),
) -> tuple[SeenCluster, ...]:
    """Each cluster with its statistics and its endpoints."""
    hosts: dict[str, list[ProxyEndpoint]] = {}
    for endpoint in endpoints:
        hosts.setdefault(endpoint.cluster.raw, []).append(endpoint)
    return tuple(
        SeenCluster(
            cluster,
            pressures.get(cluster.stat_name),
            tuple(hosts.get(cluster.limits.name.raw, ())),
        )
        for cluster in clusters
    )


def concerning(
    routes: Iterable[ProxyRoute], mesh: Mesh, service: Service
) -> tuple[ProxyRoute, ...]:
    """The routes that come from the service's VirtualServices, or lead to its host."""
    owners = {(r.service.ref.namespace, r.service.ref.name) for r in routes_to(mesh, service)}
    return tuple(
        route
        for route in routes
        if route.virtual_service in owners
        or route.vhost.rpartition(":")[0] == service.host
        or any(destination.host == service.host for destination in route.destinations)
    )
