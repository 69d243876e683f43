"""What a proxy listens on, and where each filter chain sends what it takes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import field
from typing import Any

from meshtui.dataclass import dataclass
from meshtui.envoy.dump import refusal, resources
from meshtui.mesh import read
from meshtui.mesh.model import Json

EVERYTHING = "ALL"
NEITHER = "Non-HTTP/Non-TCP"

_PROTOCOLS = {
    "App: HTTP TLS": (
        "http/1.0", "http/1.1", "h2c", "istio-http/1.0", "istio-http/1.1", "istio-h2",
    ),
    "App: Istio HTTP Plain": ("istio", "istio-http/1.0", "istio-http/1.1", "istio-h2"),
    "App: TCP TLS": ("istio-peer-exchange", "istio"),
    "App: HTTP": ("http/1.0", "http/1.1", "h2c"),
}  # fmt: skip
"""The ALPN lists that istiod writes, by istioctl's names for them."""

_KNOWN = ("server_names", "prefix_ranges", "transport_protocol", "application_protocols")


@dataclass(frozen=True, slots=True)
class FilterChain:
    """A filter chain in istioctl's words: what it takes and where that goes."""

    match: str = EVERYTHING
    destination: str = NEITHER
    server_names: tuple[str, ...] = field(default=(), compare=False)
    subnets: tuple[str, ...] = field(default=(), compare=False)
    clusters: tuple[tuple[str, int], ...] = field(default=(), compare=False)
    """Where whole connections go, with their weights; none where it speaks HTTP."""

    http_only: bool = field(default=False, compare=False)
    """It is for what the proxy finds to be HTTP."""

    others: tuple[str, ...] = field(default=(), compare=False)
    """What else it asks of a connection, in Envoy's names."""

    name: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class ProxyListener:
    """An address a proxy listens on, and the RouteConfigurations its filters use.

    `direction` is "outbound", "inbound" or empty. `also` are further addresses, as of the other
    family where a mesh has two. `refused` are the words with which the proxy refused a newer
    version; one that it never had in force has them and no chains.
    """

    name: str
    address: str = ""
    port: int = 0
    routes: tuple[str, ...] = ()
    direction: str = ""
    chains: tuple[FilterChain, ...] = ()
    also: tuple[str, ...] = ()
    refused: str = ""
    bound: bool = field(default=True, compare=False)
    """Whether it can be connected to: most of a sidecar's get their connections from another."""

    @property
    def addresses(self) -> tuple[str, ...]:
        return (self.address, *self.also)


def parse_listeners(dump: Any) -> tuple[ProxyListener, ...]:
    """The listeners in force and those refused; by port and address, as istioctl has them.

    An Envoy lists what it has refused in the last update once more, in entries without a name.
    """
    found: dict[str, ProxyListener] = {}
    for number, entry in enumerate(resources(dump, ("dynamic_listeners", "static_listeners"))):
        listener = read.obj(entry, "active_state", "listener") or read.obj(entry, "listener")
        refused = refusal(entry)
        name = read.text(listener, "name") or read.text(entry, "name") or _failed(entry, "name")
        if listener or (refused and name not in found):
            known = listener or {"name": name, "address": _failed_address(entry)}
            found[name or str(number)] = _listener(known, refused)
    return tuple(sorted(found.values(), key=lambda one: (one.port, one.address, one.name)))


def _failed(entry: Json, key: str) -> str:
    return read.text(read.obj(entry, "error_state", "failed_configuration"), key)


def _failed_address(entry: Json) -> Json:
    return read.obj(entry, "error_state", "failed_configuration", "address")


def _listener(raw: Json, refused: str) -> ProxyListener:
    address = read.obj(raw, "address", "socket_address")
    chains = _chains(raw)
    return ProxyListener(
        name=read.text(raw, "name"),
        address=read.text(address, "address"),
        port=read.integer(address, "port_value"),
        routes=tuple(dict.fromkeys(name for chain in chains for name in _route_names(chain))),
        direction=read.text(raw, "traffic_direction").lower(),
        chains=tuple(map(_chain, chains)),
        also=tuple(_further(raw)),
        refused=refused,
        bound=raw.get("bind_to_port") is not False,
    )


def _further(raw: Json) -> Iterator[str]:
    for entry in read.objects(raw, "additional_addresses"):
        yield read.text(read.obj(entry, "address", "socket_address"), "address")


def _chain(raw: Json) -> FilterChain:
    match = read.obj(raw, "filter_chain_match")
    return FilterChain(
        _match(raw),
        _destination(raw),
        read.texts(match, "server_names"),
        tuple(map(_range, read.objects(match, "prefix_ranges"))),
        tuple(_passed_on(raw)),
        bool(read.texts(match, "application_protocols")),
        tuple(sorted(name for name in match if name not in _KNOWN)),
        read.text(raw, "name"),
    )


def _passed_on(chain: Json) -> Iterator[tuple[str, int]]:
    for typed in _filters(chain):
        if read.text(typed, "@type").endswith(".TcpProxy"):
            weighted = read.objects(read.obj(typed, "weighted_clusters"), "clusters")
            for entry in weighted or [{"name": read.text(typed, "cluster"), "weight": 1}]:
                yield read.text(entry, "name"), read.integer(entry, "weight")


def _chains(listener: Json) -> list[Json]:
    last = read.obj(listener, "default_filter_chain")
    return [*read.objects(listener, "filter_chains"), *([last] if last else [])]


def _filters(chain: Json) -> Iterator[Json]:
    return (read.obj(entry, "typed_config") for entry in read.objects(chain, "filters"))


def _route_names(chain: Json) -> Iterator[str]:
    for typed in _filters(chain):
        for source, key in (("rds", "route_config_name"), ("route_config", "name")):
            name = read.text(read.obj(typed, source), key)
            if name:
                yield name


def _match(chain: Json) -> str:
    match = read.obj(chain, "filter_chain_match")
    return "; ".join(_conditions(match)) or EVERYTHING


def _conditions(match: Json) -> Iterator[str]:
    names = read.texts(match, "server_names")
    if names:
        yield f"SNI: {','.join(names)}"
    transport = read.text(match, "transport_protocol")
    if transport:
        yield f"Trans: {transport}"
    protocols = read.texts(match, "application_protocols")
    if protocols:
        yield _protocols(protocols)
    port = read.integer(match, "destination_port")
    at = f":{port}" if port else ""
    ranges = [_range(entry) for entry in read.objects(match, "prefix_ranges")]
    if ranges or at:
        yield f"Addr: {','.join(ranges) or '*'}{at}"


def _protocols(found: Sequence[str]) -> str:
    known = (name for name, protocols in _PROTOCOLS.items() if tuple(found) == protocols)
    return next(known, f"App: {','.join(found)}")


def _range(entry: Json) -> str:
    return f"{read.text(entry, 'address_prefix')}/{read.integer(entry, 'prefix_len')}"


def _destination(chain: Json) -> str:
    for typed in _filters(chain):
        kind = read.text(typed, "@type").rpartition(".")[2]
        if kind == "HttpConnectionManager":
            return _http(typed)
        if kind == "TcpProxy":
            return _clusters(typed)
    return NEITHER


def _http(typed: Json) -> str:
    inline = read.obj(typed, "route_config")
    if inline:
        return _single(inline) or f"Inline Route: {_hosts(read.objects(inline, 'virtual_hosts'))}"
    name = read.text(read.obj(typed, "rds"), "route_config_name")
    return f"Route: {name}" if name else "HTTP"


def _single(inline: Json) -> str:
    """The cluster, where one takes everything."""
    hosts = read.objects(inline, "virtual_hosts")
    routes = read.objects(hosts[0], "routes") if len(hosts) == 1 else []
    if len(routes) != 1 or read.texts(hosts[0], "domains") != ("*",):
        return ""
    match, action = read.obj(routes[0], "match"), read.obj(routes[0], "route")
    return _named(read.text(action, "cluster")) if read.text(match, "prefix") == "/" else ""


def _hosts(hosts: Iterable[Json]) -> str:
    return "; ".join("/".join(read.texts(host, "domains")) for host in hosts)


def _clusters(typed: Json) -> str:
    weighted = read.objects(read.obj(typed, "weighted_clusters"), "clusters")
    names = [read.text(entry, "name") for entry in weighted] or [read.text(typed, "cluster")]
    return ", ".join(_named(name) for name in names)


def _named(cluster: str) -> str:
    """`PassthroughCluster` says by itself what it is."""
    return cluster if not cluster or "Cluster" in cluster else f"Cluster: {cluster}"
