"""What a waypoint does with each port of each service that it stands before.

From istiod (pilot/pkg/networking/core/listener_waypoint.go: buildWaypointInboundHTTPRouteConfig):
they stand inline in the listener `main_internal`. HTTPRoutes of the service's own namespace come
first, then its VirtualServices; those of other namespaces and of callers have no say.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from meshtui.dataclass import dataclass
from meshtui.mesh.ambient import waypoint_of
from meshtui.mesh.model import Mesh
from meshtui.mesh.resolution.client import Client
from meshtui.mesh.resolution.forwarding import Surroundings, cluster_name
from meshtui.mesh.resolution.names import overlap
from meshtui.mesh.resolution.registry import Host, HostPort, Registry
from meshtui.mesh.resolution.routes import Route, build_routes
from meshtui.mesh.resolution.rulings import Ruling
from meshtui.mesh.resolution.streams import Chain, Find, waypoint_chains
from meshtui.mesh.resolution.tables import VirtualHost

VIP = "inbound-vip"


def vip_cluster(host: Host | None, name: str, port: int, subset: str) -> str:
    """A waypoint's cluster of a host that it stands before, or that nobody knows."""
    found = host.port(port) if host else None
    protocol = "http" if found is None or found.takes_http_rules else "tcp"
    return f"{VIP}|{port}|{protocol}{f'/{subset}' if subset else ''}|{name}"


def vip_chain(name: str, port: int) -> str:
    """What the chain for connections to a port is called, and the cluster that it has by itself."""
    return f"{VIP}|{port}|tcp|{name}"


@dataclass(frozen=True)
class Waypoint:
    """What one waypoint has, by the hosts whose requests go through it."""

    mesh: Mesh
    client: Client
    registry: Registry
    rulings: tuple[Ruling, ...]
    around: Callable[[int, Callable[[str, int, str], str]], Surroundings]
    default: Callable[[Host, int, str], Route]

    def stands_before(self, host: Host) -> bool:
        place = self.client.namespace, self.client.waypoint
        return waypoint_of(self.mesh, host.origin) == place

    def hosts(self, name: str = "") -> Iterator[Host]:
        """Those that it stands before, all or those of a name."""
        known: Iterable[Host] = self.registry.by_name.get(name, ()) if name else self.registry.hosts
        yield from (host for host in known if self.stands_before(host))

    def name_cluster(self, name: str, port: int, subset: str) -> str:
        """What it is no waypoint of it calls outside of itself."""
        known = self.registry.by_name.get(name.lower(), ())
        mine = next((host for host in known if self.stands_before(host)), None)
        if known and mine is None:
            return cluster_name(name, port, subset)
        return vip_cluster(mine, name, port, subset)

    def virtual_hosts(self, name: str = "") -> Iterator[VirtualHost]:
        for host in self.hosts(name):
            for port in host.ports:
                if port.takes_http_rules:
                    yield self._virtual_host(host, port.number)

    def _virtual_host(self, host: Host, port: int) -> VirtualHost:
        around = self.around(port, self.name_cluster)
        chosen = [(ruling, build_routes(ruling, around)) for ruling in self._rulings(host)]
        routes = tuple(route for _, made in chosen for route in made.routes)
        cluster = vip_cluster(host, host.name, port, "")
        return VirtualHost(
            table=f"{VIP}|{port}|http|{host.name}",
            name=f"inbound|http|{port}",
            domains=("*",),
            routes=routes or (self.default(host, port, cluster),),
            rulings=tuple(ruling for ruling, made in chosen if made.routes),
            host=host,
            unused=tuple(unused for _, made in chosen for unused in made.unused),
        )

    def chains(self, host: Host, port: HostPort, find: Find) -> tuple[Chain, ...]:
        """What it does with connections to a port; none where it looks at requests alone."""
        if not port.streams or not self.stands_before(host):
            return ()
        default = vip_chain(host.name, port.number)
        rulings = self._rulings(host)
        return waypoint_chains(host, port.number, rulings, find, self.name_cluster, default)

    def _rulings(self, host: Host) -> Iterator[Ruling]:
        homes = (self.client.namespace, host.namespace)
        for ruling in self.rulings:
            if ruling.namespace in homes and any(overlap(n, host.name) for n in ruling.hosts):
                yield ruling
