"""What a proxy said as rows: istioctl's columns first, then what it leaves out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from meshtui.envoy.policies import UNLIMITED
from meshtui.envoy.routes import ProxyRoute, RouteDestination, RouteMirror
from meshtui.mesh.ejection import DEFAULT_PERCENT, most_ejected
from meshtui.mesh.hosts import short_host
from meshtui.operations.proxies.proxy_reads import (
    CLUSTERS,
    ENDPOINTS,
    LISTENERS,
    ROUTES,
    ProxyReads,
    SeenCluster,
    SeenEndpoint,
)

COLUMNS: Mapping[str, tuple[str, ...]] = {
    ROUTES: (
        "NAME", "VHOST NAME", "DOMAINS", "MATCH", "VIRTUAL SERVICE",
        "DESTINATIONS", "MIRRORS", "FAULT", "TIMEOUT", "RETRIES",
    ),
    CLUSTERS: (
        "SERVICE FQDN", "PORT", "SUBSET", "DIRECTION", "TYPE", "DESTINATION RULE",
        "REQUESTS", "CONNECTIONS", "PENDING", "OVERFLOW", "EJECTED", "OUTLIER DETECTION",
    ),
    ENDPOINTS: (
        "ENDPOINT", "STATUS", "OUTLIER CHECK", "CLUSTER",
        "SUBSET", "VERSION", "HEALTH", "ACTIVE", "REQUESTS", "ERRORS",
        "WEIGHT", "PRIORITY", "LOCALITY", "POD",
    ),
    LISTENERS: ("ADDRESS", "PORT", "MATCH", "DESTINATION", "DIRECTION"),
}  # fmt: skip

NUMBERS = frozenset(
    {
        *("PORT", "REQUESTS", "CONNECTIONS", "PENDING", "OVERFLOW", "EJECTED"),
        *("ACTIVE", "ERRORS", "WEIGHT", "PRIORITY", "TIMEOUT"),
    }
)
"""Columns that stand at the right."""

SPARE: Mapping[str, tuple[str, ...]] = {
    ROUTES: ("DOMAINS", "RETRIES", "NAME"),
    CLUSTERS: ("TYPE", "DIRECTION", "OVERFLOW"),
    ENDPOINTS: ("OUTLIER CHECK", "STATUS", "CLUSTER", "LOCALITY", "PRIORITY", "WEIGHT"),
}
"""Columns that a terminal goes without first where there is no room for all."""

EJECTED, NOT_KEPT, NONE = "EJECTED", "?", "-"

_OUTLIER = {
    "consecutive_5xx": "5xx",
    "consecutive_gateway_failure": "gateway",
    "interval": "every",
    "base_ejection_time": "for",
    "max_ejection_percent": "at most",
}
_UNITS = {"interval": "s", "base_ejection_time": "s", "max_ejection_percent": "%"}


def rows(reading: ProxyReads) -> list[tuple[str, ...]]:
    """A row for each route, cluster, endpoint or filter chain; what needs a look comes first."""
    kinds: Mapping[str, Callable[[ProxyReads], Iterator[tuple[str, ...]]]] = {
        ROUTES: _routes,
        CLUSTERS: lambda r: (_cluster(c, r.service is not None) for c in _full_first(r.clusters)),
        ENDPOINTS: lambda r: (_endpoint(e, r) for e in _ejected_first(r.endpoints)),
        LISTENERS: _listeners,
    }
    return list(kinds[reading.view](reading))


def _routes(reading: ProxyReads) -> Iterator[tuple[str, ...]]:
    """What was refused first, then virtual hosts that answer by themselves, then the routes."""
    blank = (NONE,) * 4
    for table, words in reading.refused.items():
        yield (table, NONE, NONE, "a newer version", NONE, f"REFUSED: {words}", *blank)
    for host in reading.special:
        answer = "redirects with 301 to scheme https" if host.requires_tls else "404 (NR)"
        match = "without TLS" if host.requires_tls else "any request"
        domains = ", ".join(host.domains) or NONE
        yield (host.table, host.name, domains, match, NONE, answer, *blank)
    for route in reading.routes:
        yield _route(route)


def _route(route: ProxyRoute) -> tuple[str, ...]:
    return (
        route.config,
        route.vhost,
        ", ".join(route.domains) or NONE,
        route.match.text,
        ".".join(reversed(route.virtual_service)) if route.virtual_service else NONE,
        where(route),
        ", ".join(f"{_target(m)} {m.percent:g}%" for m in route.mirrors) or NONE,
        str(route.fault or NONE),
        f"{route.timeout_s:g}s" if route.timeout_s else NONE,
        str(route.retries or NONE),
    )


def where(route: ProxyRoute) -> str:
    """The destinations with their parts, or what the proxy answers by itself. A host that all
    of them have stands once: what differs must not be what is cut off."""
    if route.terminal:
        return route.answer or route.terminal
    if route.cluster_header:
        return f"as header {route.cluster_header} says"
    if len(route.destinations) == 1:
        return _target(route.destinations[0])
    total = route.total_weight or 1
    hosts = {to.host for to in route.destinations if to.subset}
    alike = len(hosts) == 1 and all(to.subset for to in route.destinations)
    names = [to.subset if alike else _target(to) for to in route.destinations]
    parts = (
        f"{name} {100 * to.weight / total:.4g}%"
        for name, to in zip(names, route.destinations, strict=True)
    )
    host = f"{short_host(hosts.pop(), '')}: " if alike else ""
    return f"{host}{', '.join(parts)}" or NONE


def _target(to: RouteDestination | RouteMirror) -> str:
    host = to.host or to.cluster
    return f"{host}/{to.subset}" if to.subset else host


def _full_first(clusters: Sequence[SeenCluster]) -> list[SeenCluster]:
    """Those that turned requests away, then those with ejected endpoints, else in order."""

    def worth(seen: SeenCluster) -> tuple[int, int]:
        away = seen.pressure.turned_away if seen.pressure else 0
        return -(away or 0), -seen.ejected

    return sorted(clusters, key=worth)


def _cluster(seen: SeenCluster, whole: bool) -> tuple[str, ...]:
    """`whole`: all was asked for, so that what is not there is not kept by the proxy."""
    name, unknown = seen.configured.limits.name, NOT_KEPT if whole else NONE
    away = seen.pressure.turned_away if seen.pressure else None
    owner = seen.configured.destination_rule
    return (
        name.host or name.raw,
        str(name.port) if name.port else NONE,
        name.subset or NONE,
        name.direction or NONE,
        seen.configured.type,
        ".".join(reversed(owner)) if owner else NONE,
        *(gauge(seen, what, unknown) for what in ("requests", "connections", "pending")),
        unknown if away is None else str(away),
        f"{seen.ejected}/{len(seen.endpoints)}" if seen.endpoints else NONE,
        detection_words(seen) or NONE,
    )


def gauge(seen: SeenCluster, what: str, unknown: str = NOT_KEPT) -> str:
    """`12/100`: under way now, and the breaker's limit where there is one."""
    active, limit = seen.active(what), seen.limit(what)
    now = unknown if active is None else str(active)
    return now if limit >= UNLIMITED else f"{now}/{limit:g}"


def detection_words(seen: SeenCluster) -> str:
    """Its outlier detection, and that it may eject none; empty where there is none."""
    found = seen.configured.limits.outlier
    if found is None:
        return ""
    parts = (
        f"{word} {found[key]:g}{_UNITS.get(key, '')}"
        for key, word in _OUTLIER.items()
        if key in found
    )
    return f"{' '.join(parts) or 'on'}{_none_ejected(found, len(seen.endpoints))}"


def _none_ejected(outlier: Mapping[str, float], endpoints: int) -> str:
    """Nothing where the endpoints were not asked for."""
    percent = outlier.get("max_ejection_percent", DEFAULT_PERCENT)
    if not endpoints or most_ejected(endpoints, percent):
        return ""
    return f": ejects none, one of {endpoints} is more than {percent:g}%"


def _ejected_first(endpoints: Sequence[SeenEndpoint]) -> list[SeenEndpoint]:
    """Then those that take no requests for another reason, then by cluster and address."""

    def worth(seen: SeenEndpoint) -> tuple[bool, bool, str, str, int, str]:
        e, name = seen.endpoint, seen.endpoint.cluster
        return not e.ejected, e.usable, name.host or name.raw, name.subset, name.port, e.address

    return sorted(endpoints, key=worth)


def _endpoint(seen: SeenEndpoint, reading: ProxyReads) -> tuple[str, ...]:
    e, pod = seen.endpoint, seen.pod
    host = reading.service.host if reading.service else ""
    return (
        f"{e.address}:{e.port}" if e.port else e.address,
        e.health.upper(),
        EJECTED if e.ejected else "OK",
        e.cluster.raw.removesuffix(host) if host else e.cluster.raw,
        e.cluster.subset or NONE,
        (pod.version if pod else "") or NONE,
        EJECTED if e.ejected else e.health.upper(),
        *(str(number) for number in (e.active, e.requests, e.errors, e.weight, e.priority)),
        e.locality or NONE,
        f"{pod.name}.{pod.namespace}" if pod else seen.elsewhere or NONE,
    )


def ejected_versions(reading: ProxyReads) -> str:
    """`v3 1 of 2`: the addresses that any cluster has put out, by version; empty for none."""
    found: dict[str, dict[str, bool]] = {}
    for seen in reading.endpoints:
        version = (seen.pod.version if seen.pod else "") or seen.endpoint.cluster.subset
        addresses = found.setdefault(version or "unknown version", {})
        address = f"{seen.endpoint.address}:{seen.endpoint.port}"
        addresses[address] = addresses.get(address, False) or seen.endpoint.ejected
    return ", ".join(
        f"{version} {sum(out.values())} of {len(out)}"
        for version, out in sorted(found.items())
        if any(out.values())
    )


def _listeners(reading: ProxyReads) -> Iterator[tuple[str, ...]]:
    for listener in reading.listeners:
        where_to = ", ".join(filter(None, listener.addresses)) or listener.name
        if listener.refused:
            words = f"REFUSED: {listener.refused}"
            port = str(listener.port) if listener.port else NONE
            yield (where_to, port, "a newer version", words, listener.direction or NONE)
        for chain in listener.chains:
            yield (
                where_to,
                str(listener.port) if listener.port else NONE,
                chain.match,
                chain.destination,
                listener.direction or NONE,
            )
