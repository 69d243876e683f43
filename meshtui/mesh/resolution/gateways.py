"""The virtual hosts of a gateway: by the servers of the Gateways that its pod serves.

From istiod (pilot/pkg/model/gateway.go: mergeGateways; networking/core/gateway.go:
buildGatewayHTTPRouteConfig). VirtualServices for one host are merged, the older first, with what
takes everything behind the rest; several servers of one plain port are one table.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import field, replace

from meshtui.dataclass import dataclass
from meshtui.mesh.istio import Gateway, Server
from meshtui.mesh.model import Mesh
from meshtui.mesh.resolution.client import Client
from meshtui.mesh.resolution.forwarding import Surroundings
from meshtui.mesh.resolution.listeners import with_listeners
from meshtui.mesh.resolution.names import intersection, is_wild, labels_in
from meshtui.mesh.resolution.protocols import is_http, parse_protocol
from meshtui.mesh.resolution.routes import MadeRoutes, build_routes, last_things_last
from meshtui.mesh.resolution.rulings import Ruling, Rulings
from meshtui.mesh.resolution.tables import VirtualHost


@dataclass(frozen=True, slots=True)
class Door:
    """A server of a Gateway that the client serves. `table` is empty where it has no routes.

    `port` is what the pod listens on; `hosts` are with the Gateway's namespace for `./name`, and
    without one for `*/name`.
    """

    gateway: Gateway
    server: Server
    port: int
    hosts: tuple[str, ...]
    table: str

    @property
    def name(self) -> str:
        return f"{self.gateway.ref.namespace}/{self.gateway.ref.name}"


@dataclass(frozen=True, slots=True)
class Skipped:
    """A server that istiod makes nothing of, and why."""

    gateway: Gateway
    server: Server
    why: str


@dataclass(frozen=True, slots=True)
class Doors:
    """The servers of a gateway pod, in istiod's order, and those that are skipped."""

    doors: tuple[Door, ...] = ()
    skipped: tuple[Skipped, ...] = ()

    def table(self, name: str) -> tuple[Door, ...]:
        return tuple(door for door in self.doors if door.table == name)

    @property
    def tables(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(door.table for door in self.doors if door.table))


def serves(gateway: Gateway, client: Client) -> bool:
    """Whether a gateway pod serves the Gateway; without a selector each pod does."""
    if gateway.home not in ("", client.namespace):
        return False
    return labels_in(gateway.selector, client.labels)


@dataclasses.dataclass
class _Listening:
    """What is known of the ports while servers are added: plain ones by protocol, TLS hosts."""

    plain: dict[int, tuple[str, str]] = field(default_factory=dict)
    ports: set[int] = field(default_factory=set)
    tls_hosts: dict[int, set[tuple[str, str]]] = field(default_factory=dict)
    secure: set[str] = field(default_factory=set)


def doors(mesh: Mesh, client: Client) -> Doors:
    """The servers that a gateway pod serves, the older Gateway first."""
    listening = _Listening()
    found: list[Door] = []
    skipped: list[Skipped] = []
    for gateway in with_listeners(mesh):
        if not serves(gateway, client):
            continue
        for server in gateway.servers:
            door = _door(gateway, server, client)
            if gateway.home and client.ports and server.port not in client.ports:
                skipped.append(Skipped(gateway, server, f"its Service has no port {server.port}"))
            elif why := _clash(door, listening):
                skipped.append(Skipped(gateway, server, why))
            else:
                found.append(door)
    return Doors(tuple(found), tuple(skipped))


def _door(gateway: Gateway, server: Server, client: Client) -> Door:
    port = client.ports.get(server.port, server.port)
    hosts = tuple(with_namespace(host, gateway.ref.namespace) for host in server.hosts)
    hosts = ("*",) if "*/*" in server.hosts else hosts
    return Door(gateway, server, port, hosts, _table(gateway, server, port))


def with_namespace(host: str, namespace: str) -> str:
    """A server's host with the Gateway's namespace for `./name`, without one for `*/name`."""
    before, slash, name = host.partition("/")
    if not slash:
        return host
    if before == ".":
        return f"{namespace}/{name}"
    return name if before == "*" else host


def _table(gateway: Gateway, server: Server, port: int) -> str:
    protocol = parse_protocol(server.protocol)
    bind = f".{server.bind}" if server.bind else ""
    if is_http(protocol):
        return f"http.{port}{bind}"
    if protocol == "HTTPS" and not passes_through(server):
        place = f"{gateway.ref.name}.{gateway.ref.namespace}"
        return f"https.{server.port}.{server.port_name}.{place}{bind}"
    return ""


def passes_through(server: Server) -> bool:
    """TLS goes on to the service: the gateway sees no HTTP."""
    return server.tls in ("PASSTHROUGH", "AUTO_PASSTHROUGH")


def _clash(door: Door, listening: _Listening) -> str:
    """Why a server is left out beside those before it; notes it where it is not."""
    server, port = door.server, door.port
    if server.tls or server.redirect:
        known = listening.tls_hosts.setdefault(port, set())
        wanted = {(host.rpartition("/")[2], server.bind) for host in door.hosts}
        if twice := sorted(host for host, _ in wanted & known):
            return f"{', '.join(twice)} has a TLS server on port {port} already"
        known |= wanted
    protocol = parse_protocol(server.protocol)
    if port not in listening.ports:
        listening.ports.add(port)
        if not _secure(server):
            listening.plain[port] = (protocol, server.bind)
        listening.secure.add(door.table)
        return ""
    return _shares(door, protocol, listening)


def _shares(door: Door, protocol: str, listening: _Listening) -> str:
    """Two servers of a port: plain HTTP with plain HTTP, TLS with TLS."""
    port, bind = door.port, door.server.bind
    current = listening.plain.get(port)
    if current is not None:
        if current[1] == bind and not (is_http(current[0]) and is_http(protocol)):
            return f"port {port} is {current[0] or 'in use'} already"
        return ""
    if not _secure(door.server):
        listening.plain[port] = (protocol, bind)
        return ""
    if door.table and door.table in listening.secure:
        return f"the Gateway has two servers with port name {door.server.port_name}"
    listening.secure.add(door.table)
    return ""


def _secure(server: Server) -> bool:
    return bool(server.tls) and not is_http(parse_protocol(server.protocol))


@dataclass(frozen=True)
class GatewayTable:
    """The virtual hosts of one of a gateway's route tables."""

    name: str
    doors: tuple[Door, ...]
    rulings: Rulings
    client: Client
    surroundings: Callable[[Ruling, Door], Surroundings]

    def virtual_hosts(self) -> tuple[VirtualHost, ...]:
        """Each with the merged routes of all VirtualServices that are bound to it."""
        found: dict[str, VirtualHost] = {}
        made: dict[tuple[str, tuple[str, str]], MadeRoutes] = {}
        for door in self.doors:
            for ruling in self.rulings.seen(self.client.namespace, door.name).rulings:
                for name in self._admitted(door, ruling):
                    key = (door.name, ruling.place)
                    if key not in made:
                        made[key] = build_routes(ruling, self.surroundings(ruling, door))
                    self._add(found, door, name.lower(), ruling, made[key])
            if door.server.redirect:
                for name in door.hosts:
                    self._add(found, door, name.lower(), None, MadeRoutes())
        if not found:
            return (VirtualHost(self.name, f"blackhole:{self.doors[0].server.port}", ("*",), ()),)
        return tuple(
            replace(vhost, routes=last_things_last(vhost.routes)) for vhost in _collapsed(found)
        )

    @staticmethod
    def _admitted(door: Door, ruling: Ruling) -> list[str]:
        return admitted(door.hosts, ruling.hosts, ruling.namespace)

    def _add(
        self,
        found: dict[str, VirtualHost],
        door: Door,
        name: str,
        ruling: Ruling | None,
        made: MadeRoutes,
    ) -> None:
        if ruling is not None and not made.routes:
            return
        before = found.get(name)
        if before is None:
            title = f"{name}:{door.server.port}"
            before = VirtualHost(self.name, title, (name,), ())
        found[name] = replace(
            before,
            routes=before.routes + made.routes,
            rulings=before.rulings + ((ruling,) if ruling else ()),
            unused=before.unused + made.unused,
            requires_tls=before.requires_tls or door.server.redirect,
        )


def _collapsed(found: Mapping[str, VirtualHost]) -> list[VirtualHost]:
    """Names with the very same routes are one virtual host, called by the most specific one."""
    by_routes: dict[tuple[bool, tuple[int, ...]], VirtualHost] = {}
    for name in sorted(found, key=lambda name: (is_wild(name), -len(name), name)):
        vhost = found[name]
        key = (vhost.requires_tls, tuple(id(route) for route in vhost.routes))
        first = by_routes.get(key)
        joined = first and replace(first, domains=first.domains + vhost.domains)
        by_routes[key] = joined or vhost
    return list(by_routes.values())


def admitted(hosts: Iterable[str], wanted: Iterable[str], namespace: str) -> list[str]:
    """Under which names a server lets a VirtualService's hosts in, of a pair the narrower."""
    return intersection(_for_namespace(hosts, namespace), wanted)


def _for_namespace(hosts: Iterable[str], namespace: str) -> Iterator[str]:
    for host in hosts:
        home, slash, name = host.partition("/")
        if not slash:
            yield host
        elif home in ("*", namespace):
            yield name
