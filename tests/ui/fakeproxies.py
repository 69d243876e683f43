"""Proxies without a cluster: they do what the rules ask, or what a test has them do."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from meshtui.envoy.clusternames import parse_cluster_name
from meshtui.envoy.clusters import ConfiguredCluster
from meshtui.envoy.endpoints import ProxyEndpoint
from meshtui.envoy.listeners import FilterChain, ProxyListener
from meshtui.envoy.policies import ProxyCluster
from meshtui.envoy.routes import ProxyRoute
from meshtui.envoy.stats import Pressure
from meshtui.envoy.virtual_hosts import ProxyHost, routes_in
from meshtui.errors import MeshtuiError, NotFound
from meshtui.mesh.carrying import routes_to
from meshtui.mesh.model import Pod, ServiceKey
from meshtui.mesh.resolution import VirtualHost, client_of, world
from meshtui.mesh.touched import ruled_hosts
from meshtui.operations.proxies.matrix import Matrix, Row, row_of
from meshtui.operations.proxies.proxy_reads import ProxyReads, SeenCluster, SeenEndpoint, joined
from meshtui.operations.proxies.views import find_pod, raw_lines

if TYPE_CHECKING:
    from tests.ui.fake import FakeCockpit

HOST = "reviews.bookinfo.svc.cluster.local"


class FakeProxies:
    """Implements `Proxies`; what a test wants to know or break is a public attribute."""

    def __init__(self, cockpit: FakeCockpit) -> None:
        self._cockpit = cockpit
        self.error: MeshtuiError | None = None
        self.dump_error: MeshtuiError | None = None
        self.trouble: dict[str, str] = {}
        self.old: dict[str, dict[str, int]] = {}
        self.gone: set[str] = set()
        self.unkept = False
        self.many = 0
        self.asked: list[tuple[str, str, str]] = []
        self.asked_rows = 0
        self.dumped: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.folder = "/state/dumps"

    def matrix(self, service: ServiceKey) -> Matrix:
        mesh = self._cockpit.mesh
        found = mesh.by_key.get(service)
        if found is None:
            raise NotFound(f"there is no service {service}")
        pods = [pod for pod in self._cockpit.clients(service) if pod.app not in self.gone]
        return Matrix(found, routes_to(mesh, found), tuple(pods))

    async def rows(self, matrix: Matrix, report: Callable[[Row], None]) -> None:
        self.asked_rows += 1
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        for pod in matrix.pods:
            if pod is matrix.pods[-1]:
                await self.gate.wait()
            if pod.app in self.trouble:
                report(Row(pod, trouble=self.trouble[pod.app]))
            else:
                report(row_of(self._cockpit.mesh, matrix, pod, self._hosts(pod)))

    async def read(self, view: str, pod: Pod, service: ServiceKey | None) -> ProxyReads:
        self.asked.append((view, pod.app, service.name if service else ""))
        await asyncio.sleep(0)
        if self.error is not None:
            raise self.error
        if pod.app in self.trouble:
            raise NotFound(self.trouble[pod.app])
        mesh = self._cockpit.mesh
        chosen = mesh.by_key[service] if service else None
        answer = {"pod": pod.name, "configs": [{"name": f"{view}-{n}"} for n in range(40)]}
        reading = ProxyReads(
            view, pod, chosen, answers=((f"/{view}", json.dumps(answer).encode()),)
        )
        made = {
            "routes": lambda: {"routes": self._routes(pod)},
            "clusters": lambda: {"clusters": self._clusters()},
            "endpoints": lambda: {"endpoints": self._endpoints()},
            "listeners": lambda: {"listeners": LISTENERS},
        }
        return replace(reading, **made[view]())  # type: ignore[arg-type]

    async def raw(self, reading: ProxyReads) -> tuple[str, ...]:
        await asyncio.sleep(0)
        return raw_lines(reading)

    async def dump(self, pod: Pod) -> tuple[Path, int]:
        await asyncio.sleep(0)
        if self.dump_error is not None:
            raise self.dump_error
        self.dumped.append(pod.name)
        return Path(f"{self.folder}/{pod.name}.json"), 20_300_000

    def find(self, name: str, namespace: str) -> Pod:
        return find_pod(self._cockpit.mesh, name, namespace)

    def _routes(self, pod: Pod) -> tuple[ProxyRoute, ...]:
        return tuple(route for host in self._hosts(pod) for route in routes_in(host, host.routes))

    def _hosts(self, pod: Pod) -> tuple[ProxyHost, ...]:
        """What istiod sends to the pod, with other weights where a test wants the old ones."""
        view = world(self._cockpit.mesh).view(client_of(self._cockpit.mesh, pod))
        found = {
            (host.table, host.name): host
            for vs in self._cockpit.mesh.virtual_services
            for host in ruled_hosts(view, vs.ref)
        }
        old = self.old.get(pod.app, {})
        return tuple(_proxy_host(host, old) for host in found.values())

    def _clusters(self) -> tuple[SeenCluster, ...]:
        if self.many:
            names = [f"outbound|9080||svc{n}.ns.svc.cluster.local" for n in range(self.many)]
        else:
            names = [f"outbound|9080|{v}|{HOST}" for v in ("", "v1", "v2", "v3")]
        limits = {"max_requests": 100.0, "max_connections": 2.0**32 - 1}
        outlier = {"consecutive_5xx": 5.0, "base_ejection_time": 30.0}
        clusters = [
            ConfiguredCluster(
                ProxyCluster(parse_cluster_name(name), limits, outlier),
                "EDS",
                name,
                ("bookinfo", "reviews"),
            )
            for name in names
        ]
        kept = Pressure(
            {"requests": 12, "connections": 4, "pending": 3}, {"pending": 31, "requests": 0}
        )
        pressures = {} if self.unkept else {f"outbound|9080|v3|{HOST}": kept}
        return joined(clusters, pressures, [seen.endpoint for seen in self._endpoints()])

    def _endpoints(self) -> tuple[SeenEndpoint, ...]:
        pods = [pod for pod in self._cockpit.mesh.pods if pod.app == "reviews"]
        return tuple(
            SeenEndpoint(
                ProxyEndpoint(
                    parse_cluster_name(f"outbound|9080|{pod.version}|{HOST}"),
                    f"10.0.0.{n}",
                    9080,
                    ejected=pod.version == "v3",
                    active=n,
                    requests=100 * n,
                    connections=1,
                ),
                pod,
            )
            for n, pod in enumerate(pods)
        )


LISTENERS = (
    ProxyListener(
        "0.0.0.0_9080", "0.0.0.0", 9080, chains=(FilterChain("App: HTTP", "Route: 9080"),)
    ),
    ProxyListener(
        "virtualInbound", "0.0.0.0", 15006, (), "inbound", (FilterChain(), FilterChain("SNI: [b]"))
    ),
)


def _proxy_host(host: VirtualHost, old: dict[str, int]) -> ProxyHost:
    routes = json.loads(json.dumps([dict(route.envoy) for route in host.routes]))
    for route in routes:
        clusters = route.get("route", {}).get("weighted_clusters", {}).get("clusters", [])
        for entry in clusters:
            entry["weight"] = old.get(entry["name"].split("|")[2], entry["weight"])
    domains = tuple(d for d in host.domains if not d.endswith(("local", "local.", ".svc")))
    return ProxyHost(host.table, host.name, domains, tuple(routes), host.requires_tls)
