"""What of a proxy's configuration is shown: istioctl's filters, the same for each view."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, replace

from meshtui.dataclass import dataclass
from meshtui.envoy.clusternames import ClusterName, parse_cluster_name
from meshtui.envoy.listeners import ProxyListener
from meshtui.envoy.routes import ProxyRoute
from meshtui.envoy.virtual_hosts import ProxyHost
from meshtui.errors import Usage
from meshtui.operations.proxies.proxy_reads import (
    CLUSTERS,
    ENDPOINTS,
    LISTENERS,
    ROUTES,
    ProxyReads,
)

INBOUND, OUTBOUND = "inbound", "outbound"


@dataclass(frozen=True, slots=True)
class Narrowing:
    """Empty parts and port 0 narrow nothing.

    `fqdn` is a part of a host name, as in istioctl; `subset`, `direction` and `name` (of a
    RouteConfiguration, a listener, a cluster) are whole.
    """

    fqdn: str = ""
    port: int = 0
    subset: str = ""
    direction: str = ""
    name: str = ""

    @property
    def words(self) -> str:
        """`--fqdn reviews --port 9080`; empty where nothing is narrowed."""
        given = ((field.name, getattr(self, field.name)) for field in fields(self))
        return " ".join(f"--{name} {value}" for name, value in given if value)


def refuse_unfit(narrowing: Narrowing, view: str) -> None:
    """Raises `Usage` where a view has nothing of the kind."""
    if view not in KINDS and narrowing.words:
        views = ", ".join(KINDS)
        raise Usage(f"proxy {view} takes no {narrowing.words.split()[0]}", f"it is for {views}")
    if view == LISTENERS and narrowing.subset:
        raise Usage("a listener has no subset", "--subset is for clusters, endpoints and routes")


def narrowed(reading: ProxyReads, by: Narrowing) -> ProxyReads:
    """What of a reading is meant."""
    if not by.words:
        return reading
    return replace(
        reading,
        routes=tuple(one for one in reading.routes if _has_route(one, by)),
        clusters=tuple(
            one for one in reading.clusters if _has_cluster(one.configured.limits.name, by)
        ),
        endpoints=tuple(
            one for one in reading.endpoints
            if _has_cluster(one.endpoint.cluster, by, one.endpoint.port)
        ),
        listeners=tuple(one for one in reading.listeners if _has_listener(one, by)),
        special=tuple(one for one in reading.special if _has_host(one, by)),
        refused={name: why for name, why in reading.refused.items() if by.name in ("", name)},
    )  # fmt: skip


def _has_cluster(name: ClusterName, by: Narrowing, *ports: int) -> bool:
    """`ports` are further ones that count: that of an endpoint differs from its service's."""
    return (
        _within(by.fqdn, [name.host or name.raw])
        and by.port in (0, name.port, *ports)
        and by.subset in ("", name.subset)
        and by.direction in ("", name.direction)
        and by.name in ("", name.raw)
    )


def _has_route(route: ProxyRoute, by: Narrowing) -> bool:
    clusters = [*(d.cluster for d in route.destinations), *(m.cluster for m in route.mirrors)]
    names = [parse_cluster_name(cluster) for cluster in clusters]
    table = parse_cluster_name(route.config).host
    hosts = [*_hosts(route.vhost, route.domains), *(one.host or one.raw for one in names), table]
    return (
        _within(by.fqdn, hosts)
        and by.port in (0, *_ports(route.config, route.vhost), *(one.port for one in names))
        and by.subset in ("", *(one.subset for one in names))
        and by.direction in ("", _direction(route.config))
        and by.name in ("", route.config)
    )


def _has_host(host: ProxyHost, by: Narrowing) -> bool:
    return (
        not by.subset
        and _within(by.fqdn, _hosts(host.name, host.domains))
        and by.port in (0, *_ports(host.table, host.name))
        and by.direction in ("", _direction(host.table))
        and by.name in ("", host.table)
    )


def _has_listener(listener: ProxyListener, by: Narrowing) -> bool:
    chains = listener.chains
    clusters = [cluster for chain in chains for cluster, _ in chain.clusters]
    hosts = [parse_cluster_name(cluster).host or cluster for cluster in clusters]
    texts = [text for chain in chains for text in (*chain.server_names, chain.destination)]
    return (
        _within(by.fqdn, [*hosts, *texts])
        and by.port in (0, listener.port)
        and by.direction in ("", listener.direction)
        and by.name in ("", listener.name)
    )


def _within(part: str, texts: Iterable[str]) -> bool:
    wanted = part.lower()
    return not wanted or any(wanted in text.lower() for text in texts)


def _hosts(vhost: str, domains: Iterable[str]) -> Iterator[str]:
    yield vhost.rpartition(":")[0] or vhost
    yield from domains


def _ports(config: str, vhost: str) -> Iterator[int]:
    """`9080`, `host:9080`, `http.8080`, and `reviews.default.svc.cluster.local:9080`."""
    parts = (config, config.rpartition(":")[2], *config.split(".")[1:2], vhost.rpartition(":")[2])
    for part in parts:
        if part.isascii() and part.isdigit() and len(part) < 6:
            yield int(part)


def _direction(config: str) -> str:
    return INBOUND if config.startswith(INBOUND) else OUTBOUND


KINDS: Mapping[str, str] = {
    ROUTES: "route",
    CLUSTERS: "cluster",
    ENDPOINTS: "endpoint",
    LISTENERS: "listener",
}
"""The views that can be narrowed, and what each is a list of."""
