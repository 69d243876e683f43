"""What of a client's configuration an object has a say in: virtual hosts, clusters, lost routes.

Two worlds are compared for one client: that without a change, and that with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from meshtui.dataclass import dataclass
from meshtui.mesh import read
from meshtui.mesh.gateway_api import ALL_ROUTE_KINDS, object_key
from meshtui.mesh.model import HttpRoute, Ref, RuleOwner
from meshtui.mesh.resolution import Cluster, Route, Shared, View, VirtualHost
from meshtui.mesh.resolution.names import covered, full_name, is_wild
from meshtui.mesh.resolution.routes import reached
from meshtui.mesh.resolution.rulings import Ruling

ObjectName = tuple[str, str]
"""The namespace and the name of an object."""


@dataclass(frozen=True, slots=True)
class TouchedHost:
    """A virtual host that an object has a say in, before or after a change of it."""

    before: VirtualHost | None
    after: VirtualHost | None

    @property
    def changes(self) -> bool:
        return _envoy(self.before) != _envoy(self.after)


def _envoy(host: VirtualHost | None) -> object:
    return host and (host.requires_tls, [route.envoy for route in host.routes])


@dataclass(frozen=True, slots=True)
class TouchedCluster:
    """A cluster that an object has a say in; `before` None: it is new, `after` None: gone."""

    name: str
    before: Cluster | None
    after: Cluster | None


@dataclass(frozen=True, slots=True)
class DeadEnd:
    """A route that sends to a cluster which is not there, and why it is not.

    `share` is the part of the route's requests, 0 to 1; 0 for copies.
    """

    host: VirtualHost
    route: Route
    cluster: str
    share: float
    why: str


def roots_of(shared: Shared, ref: Ref) -> tuple[RuleOwner, ...]:
    """The objects with hosts through which the rules of one count: of a delegate those it is of."""
    if ref.kind in ALL_ROUTE_KINDS:
        routes = (*shared.mesh.http_routes, *shared.mesh.stream_routes)
        return tuple(r for r in routes if place_of(r) == object_key(ref) and _has_parents(r))
    for service in shared.mesh.virtual_services:
        if (service.ref.namespace, service.ref.name) == (ref.namespace, ref.name):
            return shared.roots(service)
    return ()


def _has_parents(route: HttpRoute) -> bool:
    return bool(route.hosts or route.at_gateways)


def hosts_named(service: RuleOwner, domain: str) -> tuple[str, ...]:
    """The hosts of what holds rules by their full names."""
    if isinstance(service, HttpRoute):
        return service.hosts
    written = read.texts(read.obj(service.raw, "spec"), "hosts") or service.hosts
    return tuple(full_name(host, service.ref.namespace, domain) for host in written)


def ruled_hosts(view: View, ref: Ref) -> tuple[VirtualHost, ...]:
    """The client's virtual hosts that an object rules, itself or as a delegate."""
    roots = roots_of(view.shared, ref)
    places = {place_of(root) for root in roots}
    found = _virtual_hosts(view, places, _names(view.shared, roots))
    return tuple(host for host in found.values() if _ruled_by(host, places))


def touched_hosts(before: View, after: View, ref: Ref) -> tuple[TouchedHost, ...]:
    """The client's virtual hosts that an object rules before or after a change of it."""
    roots = (*roots_of(before.shared, ref), *roots_of(after.shared, ref))
    places = {place_of(root) for root in roots}
    names = [*_names(before.shared, roots), *_names(after.shared, roots)]
    return _touched(before, after, places, names)


def _touched(
    before: View, after: View, places: set[ObjectName], names: Iterable[str]
) -> tuple[TouchedHost, ...]:
    names = list(dict.fromkeys(names))
    old, new = (_virtual_hosts(view, places, names) for view in (before, after))
    found = [TouchedHost(old.get(key), new.get(key)) for key in dict.fromkeys((*old, *new))]
    return tuple(
        host for host in found if any(_ruled_by(one, places) for one in (host.before, host.after))
    )


def place_of(owner: RuleOwner) -> ObjectName:
    return object_key(owner.ref)


def places_of(ruling: Ruling) -> Iterator[ObjectName]:
    yield from map(place_of, ruling.routes) if ruling.routes else (ruling.place,)


def _ruled_by(host: VirtualHost | None, places: set[ObjectName]) -> bool:
    if host is None:
        return False
    return any(place in places for ruling in host.rulings for place in places_of(ruling))


def _names(shared: Shared, roots: Iterable[RuleOwner]) -> Iterator[str]:
    """Their hosts; of a wildcard the names that it covers."""
    for root in roots:
        for name in hosts_named(root, shared.mesh.settings.domain):
            yield from hosts_covered(shared, name)


def hosts_covered(shared: Shared, name: str) -> Iterator[str]:
    yield name.lower()
    if is_wild(name):
        yield from (known for known in shared.registry.by_name if covered(known, name))


def _virtual_hosts(
    view: View, places: set[ObjectName], names: Iterable[str]
) -> dict[tuple[str, str], VirtualHost]:
    """Those of a sidecar for some names, or of a gateway for some VirtualServices.

    A name without a service has one on port 80 that nobody uses where others have a service.
    """
    if view.client.gateway:
        return {
            (host.table, host.name): host
            for hosts in view.gateway_tables.values()
            for host in hosts
            if _ruled_by(host, places)
        }
    found = {(host.table, host.name): host for host in _of_sidecar(view, list(names))}
    served = {key: host for key, host in found.items() if host.host is not None}
    return served or found


def _of_sidecar(view: View, names: list[str]) -> Iterator[VirtualHost]:
    known = [host for name in names for host in view.shared.registry.by_name.get(name, ())]
    ports = sorted({port.number for host in known for port in host.ports}) or [80]
    for port in ports:
        table = view.table(port)
        if table is None:
            continue
        for name in names:
            yield from filter(None, (table.virtual_host(name), table.sniffed(name)))


def hosts_sending_to(view: View, names: Iterable[str]) -> dict[tuple[str, str], VirtualHost]:
    """The client's virtual hosts with a route to one of some hosts, or to their own."""
    wanted = set(names)
    if view.client.gateway:
        found = {(h.table, h.name): h for hosts in view.gateway_tables.values() for h in hosts}
        return {key: host for key, host in found.items() if _sends_to(host, wanted)}
    shared = view.shared
    senders = {
        name
        for host in wanted
        for service, _ in shared.mesh.rules_by_destination.get(host, ())
        for root in shared.roots(service)
        for wide in hosts_named(root, shared.mesh.settings.domain)
        for name in hosts_covered(shared, wide)
    }
    return _virtual_hosts(view, set(), sorted(wanted | senders))


def _sends_to(host: VirtualHost, wanted: set[str]) -> bool:
    targets = (t for route in host.routes for t in (*route.targets, *route.mirrors))
    return any(target.host in wanted for target in targets)


def hosts_of_policy(before: Shared, after: Shared, ref: Ref) -> tuple[str, ...]:
    """The hosts that a DestinationRule is, or was, for; of a wildcard all that it covers."""
    found: dict[str, None] = {}
    for shared in (before, after):
        for rule in shared.mesh.destination_rules:
            if (rule.ref.namespace, rule.ref.name) == (ref.namespace, ref.name):
                written = read.text(read.obj(rule.raw, "spec"), "host") or rule.host
                name = full_name(written, ref.namespace, shared.mesh.settings.domain)
                found |= dict.fromkeys(hosts_covered(shared, name))
    return tuple(name for name in found if not is_wild(name))


def touched_clusters(
    before: View, after: View, ref: Ref, hosts: Iterable[str]
) -> tuple[TouchedCluster, ...]:
    """The client's clusters of hosts for which the DestinationRule counts, or did."""
    found: list[TouchedCluster] = []
    for host in hosts:
        if _counts(before, host, ref) or _counts(after, host, ref):
            old, new = before.clusters(host), after.clusters(host)
            names = dict.fromkeys((*old, *new))
            found += [TouchedCluster(name, old.get(name), new.get(name)) for name in names]
    return tuple(found)


def _counts(view: View, host: str, ref: Ref) -> bool:
    joined = view.rule(host)
    return joined is not None and any(
        (rule.ref.namespace, rule.ref.name) == (ref.namespace, ref.name) for rule in joined.rules
    )


def dead_ends(view: View, hosts: Iterable[VirtualHost]) -> Iterator[DeadEnd]:
    """The routes that a request can reach and that lead nowhere."""
    for host in hosts:
        for route in reached(host.routes):
            shares = {target.cluster: target.share for target in route.targets}
            copies = {target.cluster: 0.0 for target in route.mirrors}
            for cluster, share in {**copies, **shares}.items():
                if missing := view.reach(cluster).missing:
                    yield DeadEnd(host, route, cluster, share, missing)
