"""Which Gateway a VirtualService names, and which of its hosts the Gateway lets in."""

from __future__ import annotations

from collections.abc import Iterator

from meshtui.mesh import read
from meshtui.mesh.model import Gateway, Match, Mesh, Rule, Server, VirtualService

MESH = "mesh"


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
