"""Which Gateway a VirtualService names, and which of its hosts the Gateway lets in."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from meshtui.mesh import read
from meshtui.mesh.model import Gateway, Match, Mesh, Ref, Rule, Server, VirtualService
from meshtui.mesh.request import covers

MESH = "mesh"
_ANY = Server(0, hosts=("*",))
"""What is known of a Gateway that is not there, or that shows no servers."""


def gateway_places(name: str, namespace: str) -> tuple[tuple[str, str], ...]:
    """Where the Gateway of that name may be, as (namespace, name).

    `name` is in the VirtualService's namespace, `ns/name` elsewhere, `./name` here again; the old
    form is a host name, `name.ns.svc.cluster.local` (istiod, resolveGatewayName).
    """
    before, slash, after = name.partition("/")
    if slash:
        return ((namespace if before == "." else before, after),)
    first, dot, rest = name.partition(".")
    if not dot:
        return ((namespace, name),)
    return (rest.split(".", 1)[0], first), (rest, first), (namespace, name)


def gateway_names(names: Iterable[str], namespace: str) -> frozenset[str]:
    """The Gateways that may be meant, as "namespace/name"; the mesh is none."""
    found = (place for name in names if name != MESH for place in gateway_places(name, namespace))
    return frozenset(f"{home}/{name}" for home, name in found)


def find_gateway(mesh: Mesh, name: str, namespace: str) -> Gateway | None:
    places = gateway_places(name, namespace)
    return next((found for p in places if (found := mesh.gateways_by_place.get(p))), None)


def written_hosts(service: VirtualService) -> tuple[tuple[str, str], ...]:
    """The VirtualService's hosts as written, each with its full name."""
    written = read.texts(read.obj(service.raw, "spec"), "hosts")
    return tuple(zip(written, service.hosts, strict=False))


def admitted(
    gateway: Gateway, server: Server, service: VirtualService, host: str, full: str
) -> tuple[str, ...]:
    """The names under which the server lets the host in, of two that overlap the narrower.

    A server's host may be `ns/name` (only VirtualServices of that namespace), `./name` (of the
    Gateway's) or `*/name` (of any, as without one).
    """
    found: dict[str, None] = {}
    for entry in server.hosts:
        namespace, _, pattern = entry.rpartition("/")
        wanted = gateway.ref.namespace if namespace == "." else namespace
        if wanted in ("", "*", service.ref.namespace):
            names = (_narrower(pattern.lower(), name) for name in (full, host.lower()))
            found |= dict.fromkeys(name for name in names if name is not None)
    return tuple(found)


def _narrower(one: str, other: str) -> str | None:
    if one == other:
        return one
    if one.startswith("*") and other.removeprefix("*").endswith(one[1:]):
        return other
    if other.startswith("*") and one.removeprefix("*").endswith(other[1:]):
        return one
    return None


def protocol_of(server: Server) -> str:
    """Which of a VirtualService's lists speaks of the server's traffic: http, tls, tcp or none.

    Traffic whose TLS the server ends is routed by what is inside it.
    """
    if server.tls == "AUTO_PASSTHROUGH":
        return ""
    if server.protocol in ("HTTP", "HTTP2", "GRPC", "GRPC-WEB"):
        return "http"
    if server.protocol in ("TCP", "MONGO", "MYSQL", "REDIS"):
        return "tcp"
    if server.tls in ("", "PASSTHROUGH"):
        return "tls"
    return "http" if server.protocol == "HTTPS" else "tcp"


def gateways_of(service: VirtualService, match: Match | None) -> tuple[str, ...]:
    """The gateways a match is for: its own list where it has one, among the VirtualService's."""
    if match is None or not match.gateways:
        return service.gateways
    own = {gateway_places(name, service.ref.namespace) for name in match.gateways}
    return tuple(
        name for name in service.gateways if gateway_places(name, service.ref.namespace) in own
    )


def entries_of(rule: Rule) -> Iterator[Match | None]:
    """The rule's matches; a rule without any has one that takes all, None."""
    yield from rule.matches or (None,)


@dataclass(frozen=True, slots=True)
class Doors:
    """The servers of a gateway's proxy behind which a request with this scheme and port is.

    `gateways` ("namespace/name") are those the proxy serves; empty: it is not known which, and
    then any may be meant.
    """

    mesh: Mesh
    gateways: frozenset[str]
    scheme: str = "http"
    wanted_port: int = 0

    @property
    def port(self) -> int:
        """The Gateway's port, 0 where it is not known or there are several."""
        ports = {server.port for gateway in self._known() for server in self._servers(gateway)}
        return self.wanted_port or (ports.pop() if len(ports) == 1 else 0)

    def domains(self, service: VirtualService) -> tuple[str, ...]:
        """The hosts of a VirtualService that come in here; of two that overlap the narrower."""
        found = [
            domain
            for name in service.gateways
            if name != MESH
            for gateway in self._named(name, service.ref.namespace)
            for server in self._servers(gateway)
            for host in service.hosts
            for domain in admitted(gateway, server, service, host, host)
        ]
        return tuple(dict.fromkeys(found))

    def redirects(self, host: str) -> bool:
        """True where plain requests for a host are only sent on to HTTPS."""
        servers = [s for gateway in self._known() for s in self._servers(gateway)]
        doors = [s for s in servers if any(covers(h.split("/")[-1], host) for h in s.hosts)]
        return self.scheme == "http" and bool(doors) and all(s.redirect for s in doors)

    def _known(self) -> list[Gateway]:
        return [gateway for gateway in self.mesh.gateways if self._serves(gateway)]

    def _serves(self, gateway: Gateway) -> bool:
        return not self.gateways or f"{gateway.ref.namespace}/{gateway.ref.name}" in self.gateways

    def _named(self, name: str, namespace: str) -> list[Gateway]:
        """The Gateway of that name; one that may not be read may have any host."""
        found = find_gateway(self.mesh, name, namespace)
        place = gateway_places(name, namespace)[0]
        gateway = found or Gateway(Ref("Gateway", *place))
        return [gateway] if self._serves(gateway) else []

    def _servers(self, gateway: Gateway) -> list[Server]:
        secure = self.scheme == "https"
        found = [
            server
            for server in gateway.servers
            if (bool(server.tls) and not server.redirect) is secure
            and self.wanted_port in (0, server.port)
            and server.protocol not in ("TCP", "TLS", "MONGO", "MYSQL", "REDIS")
        ]
        return found if gateway.servers else [_ANY]
