"""What an object has a say in of a client's connections that are no HTTP: ports and their chains.

Two worlds are compared for one client: that without a change, and that with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from meshtui.dataclass import dataclass
from meshtui.mesh.gateway_api import RuleKey, rule_key
from meshtui.mesh.model import Ref
from meshtui.mesh.resolution import Chain, Host, View
from meshtui.mesh.resolution.waypoints import vip_chain
from meshtui.mesh.touched import (
    ObjectName,
    hosts_covered,
    hosts_named,
    place_of,
    places_of,
    roots_of,
)


@dataclass(frozen=True, slots=True)
class PortChains:
    """What a client does with connections to a port: of a host, or of a gateway's server.

    `addresses` are those that the client's listener is on; none for one on all addresses, which
    it may share with others.
    """

    title: str
    port: int
    chains: tuple[Chain, ...]
    addresses: tuple[str, ...] = ()
    networks: tuple[str, ...] = ()
    """The host's addresses that are networks: its connections are told by them."""

    chain: str = ""
    """How a waypoint calls its only chain, which is in its listener for everything."""

    @property
    def rules(self) -> frozenset[RuleKey]:
        """The rules of its chains."""
        places = (chain.place for chain in self.chains if chain.place)
        return frozenset(rule_key(p.service.ref, p.protocol, p.index) for p in places)


@dataclass(frozen=True, slots=True)
class TouchedPort:
    """A port in whose connections an object has a say, before or after a change of it."""

    before: PortChains | None
    after: PortChains | None

    @property
    def both(self) -> tuple[PortChains, ...]:
        return tuple(side for side in (self.before, self.after) if side is not None)


@dataclass(frozen=True, slots=True)
class ClosedEnd:
    """A chain that leads to a cluster which is not there, and why; `share` is 0 to 1."""

    port: PortChains
    cluster: str
    share: float
    why: str


def ruled_ports(view: View, ref: Ref) -> tuple[PortChains, ...]:
    """The client's ports whose connections go by an object's rules."""
    roots = roots_of(view.shared, ref)
    places = {place_of(root) for root in roots}
    return tuple(port for port in ports_of(view, _names(view, ref)) if _ruled_by(port, places))


def touched_ports(before: View, after: View, ref: Ref) -> tuple[TouchedPort, ...]:
    """The client's ports in which an object has a say before or after a change of it."""
    names = tuple(dict.fromkeys((*_names(before, ref), *_names(after, ref))))
    roots = (*roots_of(before.shared, ref), *roots_of(after.shared, ref))
    places = {place_of(root) for root in roots}
    old, new = (
        {(port.title, port.port): port for port in ports_of(view, names)}
        for view in (before, after)
    )
    found = (TouchedPort(old.get(key), new.get(key)) for key in dict.fromkeys((*old, *new)))
    return tuple(one for one in found if any(_ruled_by(side, places) for side in one.both))


def ports_sending_to(view: View, hosts: Iterable[str]) -> tuple[PortChains, ...]:
    """The client's ports whose connections go by a rule to one of some hosts."""
    wanted = set(hosts)
    domain = view.shared.mesh.settings.domain
    senders = dict.fromkeys(
        name
        for host in wanted
        for owner, _ in view.shared.mesh.rules_by_destination.get(host, ())
        for root in view.shared.roots(owner)
        for wide in hosts_named(root, domain)
        for name in hosts_covered(view.shared, wide)
    )
    return tuple(
        port
        for port in ports_of(view, tuple(senders))
        if any(t.host in wanted for chain in port.chains if chain.place for t in chain.targets)
    )


def closed_ends(view: View, ports: Iterable[PortChains]) -> Iterator[ClosedEnd]:
    """Where connections come to no cluster: the proxy closes them."""
    for port in ports:
        for chain in port.chains:
            for target in chain.targets:
                if missing := view.reach(target.cluster).missing:
                    yield ClosedEnd(port, target.cluster, target.share, missing)


def _names(view: View, ref: Ref) -> Iterator[str]:
    domain = view.shared.mesh.settings.domain
    for root in roots_of(view.shared, ref):
        for name in hosts_named(root, domain):
            yield from hosts_covered(view.shared, name)


def ports_of(view: View, names: Iterable[str]) -> Iterator[PortChains]:
    """Of a gateway all its servers that are no HTTP, whatever the names."""
    if view.client.waypoint:
        yield from _at_waypoint(view, names)
        return
    if view.client.gateway:
        for door in view.doors.doors:
            if not door.table:
                title = f"{door.name} port {door.server.port} {','.join(door.hosts)}"
                yield PortChains(title, door.port, view.door_chains(door))
        return
    for name in dict.fromkeys(names):
        host = view.host(name)
        for port in host.ports if host else ():
            if host and (chains := view.chains(name, port.number)):
                addresses, networks = _addresses(view, host, port.number)
                yield PortChains(name, port.number, chains, addresses, networks)


def _at_waypoint(view: View, names: Iterable[str]) -> Iterator[PortChains]:
    for name in dict.fromkeys(names):
        host = view.host(name)
        for port in host.ports if host else ():
            if chains := view.chains(name, port.number):
                chain = vip_chain(name, port.number)
                yield PortChains(name, port.number, chains, chain=chain)


def _addresses(view: View, host: Host, port: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """A headless Service's are those of its pods."""
    known = host.addresses
    if host.headless:
        reach = view.reach(f"outbound|{port}||{host.name}")
        known = tuple(dict.fromkeys(endpoint.address for endpoint in reach.endpoints.found))
    networks = tuple(address for address in known if "/" in address)
    return tuple(address for address in known if "/" not in address), networks


def _ruled_by(port: PortChains, places: set[ObjectName]) -> bool:
    rulings = [chain.ruling for chain in port.chains if chain.ruling]
    return any(place in places for ruling in rulings for place in places_of(ruling))
