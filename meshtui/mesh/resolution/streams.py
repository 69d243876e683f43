"""Connections that are no HTTP: the TCP and TLS rules that a client has.

From istiod (pilot/pkg/networking/core: tls.go, networkfilter.go, gateway.go). HTTP rules have no
effect here, and these have none on an HTTP port.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

from meshtui.dataclass import dataclass
from meshtui.mesh import read
from meshtui.mesh.gateway_api import RULES
from meshtui.mesh.istio import Json
from meshtui.mesh.resolution.client import Client
from meshtui.mesh.resolution.delegates import RulePlace
from meshtui.mesh.resolution.forwarding import NO_BACKEND, RouteTarget, cluster_name
from meshtui.mesh.resolution.gateways import Door, passes_through
from meshtui.mesh.resolution.names import MESH, labels_in, overlap
from meshtui.mesh.resolution.registry import Host, HostPort
from meshtui.mesh.resolution.rulings import Ruling

Find = Callable[[str], Host | None]

_ANYBODY = Client("")
"""A waypoint does not ask where a connection comes from: rules for some callers are for none."""


@dataclass(frozen=True, slots=True)
class Chain:
    """Where connections go that fit: `server_names` (SNI) and `subnets`, each empty for any.

    `place` is None for the default that a host has without a rule.
    """

    targets: tuple[RouteTarget, ...]
    server_names: tuple[str, ...] = ()
    subnets: tuple[str, ...] = ()
    ruling: Ruling | None = None
    place: RulePlace | None = None

    @property
    def takes_everything(self) -> bool:
        """Whether no connection to the port passes it by."""
        return not self.server_names and not self.subnets


def sidecar_chains(
    host: Host, port: HostPort, rulings: Iterable[Ruling], client: Client, find: Find
) -> tuple[Chain, ...]:
    """What a sidecar does with connections to a host's port."""
    fitting = [r for r in rulings if any(overlap(name, host.name) for name in r.hosts)]
    make = _tls_chains if port.tls else _tcp_chains
    found, complete = make(fitting, port.number, client, find)
    if complete:
        return tuple(found)
    names = (host.name,) if port.tls and not host.addresses else ()
    target = RouteTarget(cluster_name(host.name, port.number), host.name, "", port.number)
    return (*found, Chain((target,), names))


def waypoint_chains(
    host: Host,
    port: int,
    rulings: Iterable[Ruling],
    find: Find,
    name_cluster: Callable[[str, int, str], str],
    default: str,
) -> tuple[Chain, ...]:
    """What a waypoint does with all connections to a host's port: one chain, by default to its
    own cluster.

    TLS rules come before TCP rules, and count where they name this host and no other (istiod:
    getWaypointTCPRoutes).
    """
    known = tuple(rulings)
    for protocol in ("tls", "tcp"):
        for ruling in known:
            for index, rule in enumerate(ruling.streams(protocol)):
                if _is_at_waypoint(rule, protocol, host, port):
                    made = _chain(ruling, protocol, index, rule, port, find)
                    targets = (
                        replace(
                            t,
                            cluster=name_cluster(t.host, t.port, t.subset)
                            if t.host
                            else NO_BACKEND,
                        )
                        for t in made.targets
                    )
                    return (replace(made, targets=tuple(targets)),)
    return (Chain((RouteTarget(default, host.name, "", port),)),)


def _is_at_waypoint(rule: Json, protocol: str, host: Host, port: int) -> bool:
    matches = read.objects(rule, "match")
    if not read.objects(rule, "route"):
        return False
    named = (m for m in matches if protocol == "tcp" or read.texts(m, "sniHosts") == (host.name,))
    return not matches or any(_meant_for(match, port, _ANYBODY) for match in named)


def _tls_chains(
    rulings: Iterable[Ruling], port: int, client: Client, find: Find
) -> tuple[list[Chain], bool]:
    """One chain for each set of names; the first rule that has it counts."""
    found: dict[tuple[tuple[str, ...], tuple[str, ...]], Chain] = {}
    for ruling in rulings:
        for index, rule in enumerate(ruling.streams("tls")):
            for match in read.objects(rule, "match"):
                if not read.objects(rule, "route") or not _meant_for(match, port, client):
                    continue
                names, subnets = read.texts(match, "sniHosts"), _subnets(match)
                chain = _chain(ruling, "tls", index, rule, port, find, names, subnets)
                found.setdefault((names, subnets), chain)
    return list(found.values()), bool(found)


def _tcp_chains(
    rulings: Iterable[Ruling], port: int, client: Client, find: Find
) -> tuple[list[Chain], bool]:
    """Up to the first rule without subnets that is meant for the client."""
    found: list[Chain] = []
    for ruling in rulings:
        for index, rule in enumerate(ruling.streams("tcp")):
            if not read.objects(rule, "route"):
                continue
            matches = read.objects(rule, "match")
            fitting = [match for match in matches if _meant_for(match, port, client)]
            if not matches or any(not _subnets(match) for match in fitting):
                return [*found, _chain(ruling, "tcp", index, rule, port, find)], True
            subnets = tuple(subnet for match in fitting for subnet in _subnets(match))
            if subnets:
                found.append(_chain(ruling, "tcp", index, rule, port, find, (), subnets))
    return found, False


def _subnets(match: Json) -> tuple[str, ...]:
    return read.texts(match, "destinationSubnets")


def _meant_for(match: Json, port: int, client: Client) -> bool:
    """All conditions count, the sources too where Gateways are named."""
    named = read.texts(match, "gateways")
    return (
        (not named or MESH in named)
        and read.integer(match, "port") in (0, port)
        and labels_in(read.labels(match, "sourceLabels"), client.labels)
        and read.text(match, "sourceNamespace") in ("", client.namespace)
    )


def meant_for(rule: Json, protocol: str, port: int, client: Client) -> bool:
    """Whether a sidecar would ask a TCP or TLS rule, if none before it took the connection."""
    matches = read.objects(rule, "match")
    if not read.objects(rule, "route"):
        return False
    anything = protocol == "tcp" and not matches
    return anything or any(_meant_for(match, port, client) for match in matches)


def _chain(
    ruling: Ruling,
    protocol: str,
    index: int,
    rule: Json,
    port: int,
    find: Find,
    names: tuple[str, ...] = (),
    subnets: tuple[str, ...] = (),
) -> Chain:
    targets = tuple(_targets(rule, port, find))
    place = RulePlace(ruling.service, index, RULES if ruling.gateway_api else protocol)
    return Chain(targets, names, subnets, ruling, place)


def _targets(rule: Json, listener: int, find: Find) -> Iterator[RouteTarget]:
    """A single destination's weight does not count; one of 0 among several gets nothing."""
    entries = read.objects(rule, "route")
    weights = [max(0, read.integer(entry, "weight")) for entry in entries]
    total = sum(weights)
    for index, (entry, weight) in enumerate(zip(entries, weights, strict=True)):
        if len(entries) > 1 and not weight:
            continue
        target = read.obj(entry, "destination")
        name, subset = read.text(target, "host"), read.text(target, "subset")
        found = find(name)
        port = listener
        if isinstance(target.get("port"), Mapping):
            port = read.integer(read.obj(target, "port"), "number")
        elif found is not None and len(found.ports) == 1:
            port = found.ports[0].number
        name = found.alias_of if found is not None and found.alias_of else name
        share = weight / total if len(entries) > 1 else 1.0
        cluster = cluster_name(name, port, subset) if name else NO_BACKEND
        yield RouteTarget(cluster, name, subset, port, share, weight, index)


def gateway_chains(door: Door, rulings: Iterable[Ruling], find: Find) -> tuple[Chain, ...]:
    """What a gateway does with connections at a TCP server, or at one that passes TLS through."""
    bound = [ruling for ruling in rulings if _admits(door, ruling)]
    if passes_through(door.server):
        return tuple(_passed_through(door, bound, find))
    for ruling in bound:
        for index, rule in enumerate(ruling.streams("tcp")):
            matches = read.objects(rule, "match")
            fits = not matches or any(_meant_for_door(match, door) for match in matches)
            if fits and read.objects(rule, "route"):
                return (_chain(ruling, "tcp", index, rule, door.server.port, find),)
    return ()


def _passed_through(door: Door, rulings: Iterable[Ruling], find: Find) -> Iterator[Chain]:
    """A name is for the first rule that has it."""
    taken: set[str] = set()
    for ruling in rulings:
        for index, rule in enumerate(ruling.streams("tls")):
            for match in read.objects(rule, "match"):
                names = read.texts(match, "sniHosts")
                if not read.objects(rule, "route") or not _meant_for_door(match, door):
                    continue
                if taken.isdisjoint(names):
                    taken |= set(names)
                    yield _chain(ruling, "tls", index, rule, door.server.port, find, names)


def _meant_for_door(match: Json, door: Door) -> bool:
    named = read.texts(match, "gateways")
    return (not named or door.name in named) and read.integer(match, "port") in (
        0,
        door.server.port,
    )


def _admits(door: Door, ruling: Ruling) -> bool:
    for pattern in door.hosts:
        home, slash, name = pattern.rpartition("/")
        if slash and home != ruling.namespace:
            continue
        if any(overlap(name, host) for host in ruling.hosts):
            return True
    return False
