"""What every group of callers gets for every host that something is written for.

The checks don't work out who gets what: they ask here, and here the resolution is asked, once for
all checks. Callers that get the same answer for a host are asked for together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property

from meshtui.diagnosis.analysis.askers import Askers
from meshtui.diagnosis.analysis.sendings import ResolvedHost, Sending, sendings_of
from meshtui.mesh import read
from meshtui.mesh.gateway_api import rule_key
from meshtui.mesh.model import Mesh
from meshtui.mesh.resolution import (
    MergedRule,
    RulePlace,
    Ruling,
    View,
    VirtualHost,
    World,
    world,
)
from meshtui.mesh.resolution.names import MESH, covered, is_wild
from meshtui.mesh.resolution.routes import never_reached, reached
from meshtui.mesh.text import some_of

_SLOT = "_asked"
_PLAIN_HTTP = 80


class ResolvedHosts:
    """The answers for a snapshot. Nothing is asked before somebody wants it."""

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh
        self.world: World = world(mesh)
        self.askers = Askers(mesh, self.world)

    @cached_property
    def answers(self) -> tuple[ResolvedHost, ...]:
        """All of them, those of the mesh before those of the gateways."""
        return (*self._inside(), *self._outside())

    def answers_for(self, host: str) -> tuple[ResolvedHost, ...]:
        """What callers in the mesh get for a host."""
        return self._by_host.get(host, ())

    @cached_property
    def _by_host(self) -> Mapping[str, tuple[ResolvedHost, ...]]:
        found: dict[str, list[ResolvedHost]] = {}
        for answer in self.answers:
            if not answer.edge:
                found.setdefault(answer.host, []).append(answer)
        return {host: tuple(several) for host, several in found.items()}

    def _inside(self) -> Iterator[ResolvedHost]:
        for host, wanted in self._hosts().items():
            if self.askers.stand_ins and host in self._behind_waypoints:
                continue
            for view in self.askers.views_of(host, wanted):
                for port in self.ports(host):
                    yield _in_mesh(view, host, port)

    @cached_property
    def _behind_waypoints(self) -> frozenset[str]:
        """The hosts that a waypoint answers for: where no sidecar is known, nobody else does."""
        waypoints = (view for view in self.askers.gateways if view.client.waypoint)
        vhosts = (
            one for view in waypoints for table in view.gateway_tables.values() for one in table
        )
        return frozenset(vhost.host.name for vhost in vhosts if vhost.host is not None)

    def ports(self, host: str) -> tuple[int, ...]:
        """The ports of a host; where it is in no registry, the one on which it may be asked for.

        istiod makes routes on port 80 for a host that it does not know; one that is there, and
        exported to nobody, is asked for on its own ports.
        """
        known = self.world.shared.registry.by_name.get(host, ())
        ports = dict.fromkeys(port.number for one in known for port in one.ports)
        if known:
            return tuple(ports)
        own = self._unexported.get(host, (_PLAIN_HTTP,))
        return (_PLAIN_HTTP,) if _PLAIN_HTTP in own else ()

    @cached_property
    def _unexported(self) -> Mapping[str, tuple[int, ...]]:
        """The ports of the hosts that are exported to nobody."""
        found: dict[str, tuple[int, ...]] = {}
        for entry in self.mesh.service_entries:
            numbers = tuple(port.number for port in entry.ports)
            found |= {host: (*found.get(host, ()), *numbers) for host in entry.hosts}
        for service in self.mesh.services:
            found[service.host] = tuple(port.number for port in service.ports)
        known = self.world.shared.registry.by_name
        return {host: ports for host, ports in found.items() if host not in known}

    def unexported(self, host: str) -> bool:
        """Whether a host is there, and no proxy's registry has it."""
        return host in self._unexported

    def _hosts(self) -> Mapping[str, set[str]]:
        """The hosts that a VirtualService or an HTTPRoute rules, with where it sends to."""
        found: dict[str, set[str]] = {}
        for ruling in self.rulings:
            if MESH not in ruling.gateways:
                continue
            sent = {host for rule in ruling.rules for host in _sent_to(rule)}
            for host in self._meant(ruling):
                found.setdefault(host, set()).update(sent)
        return found

    def _meant(self, ruling: Ruling) -> Iterator[str]:
        """Hosts that exist, and others where the VirtualService is for nothing but the mesh."""
        known = self.world.shared.registry.by_name
        for host in ruling.lower_hosts:
            if is_wild(host):
                yield from (name for name in known if covered(name, host))
            elif host in known or (ruling.gateways == (MESH,) and not whole_name(self.mesh, host)):
                yield host

    @cached_property
    def rulings(self) -> tuple[Ruling, ...]:
        """Every VirtualService with hosts, and what istiod makes of HTTPRoutes, once."""
        known = self.world.shared.rulings
        shelves = (*known.public.values(), *known.private.values(), *known.exported.values())
        found = {ruling.place: ruling for shelf in (*shelves, known.hidden) for ruling in shelf}
        return tuple(found.values())

    def _outside(self) -> Iterator[ResolvedHost]:
        for view in self.askers.gateways:
            for vhosts in view.gateway_tables.values():
                yield from (_at_gateway(view, vhost) for vhost in vhosts)
            for door in view.doors.doors:
                if not door.table:
                    chains = view.door_chains(door)
                    host = ", ".join(door.hosts)
                    yield ResolvedHost(view, host, door.server.port, chains=chains, edge=True)

    @cached_property
    def sendings(self) -> Mapping[tuple[str, str, str], tuple[Sending, ...]]:
        """By where it is written: each destination and mirror, as its callers get it."""
        found: dict[tuple[str, str, str], list[Sending]] = {}
        for answer in self.answers:
            for sending in sendings_of(answer):
                found.setdefault(sending.key, []).append(sending)
        return {key: tuple(several) for key, several in found.items()}

    @cached_property
    def sent_clusters(self) -> frozenset[str]:
        """The clusters that some rule gives requests to, now or with a weight of 0."""
        return frozenset(
            one.target.cluster for several in self.sendings.values() for one in several
        )

    @cached_property
    def used(self) -> frozenset[tuple[str, str, str, int, int | None]]:
        """The rules (and which of their matches) that come to a route some request can reach.

        Both where a rule stands that hands over, and where the delegate's rule stands.
        """
        found: set[tuple[str, str, str, int, int | None]] = set()
        for answer in self.answers:
            for route in answer.routes:
                if route.rule is not None:
                    index = route.match_index
                    found |= {(*at(route.rule.root), index), (*at(route.rule.holder), index)}
            places = [chain.place for chain in answer.chains if chain.place is not None]
            found |= {(*at(place), None) for place in places}
        return frozenset(found)

    @cached_property
    def used_rules(self) -> frozenset[tuple[str, str, str, int]]:
        return frozenset(place[:4] for place in self.used)

    @cached_property
    def used_objects(self) -> frozenset[tuple[str, str]]:
        return frozenset(place[:2] for place in self.used)


def resolved_hosts(mesh: Mesh) -> ResolvedHosts:
    """The answers for a snapshot; one for all checks, as it lives as long as the snapshot."""
    found = mesh.__dict__.get(_SLOT)
    if not isinstance(found, ResolvedHosts):
        found = mesh.__dict__[_SLOT] = ResolvedHosts(mesh)
    return found


def at(place: RulePlace) -> tuple[str, str, str, int]:
    return rule_key(place.service.ref, place.protocol, place.index)


def whose(some: Iterable[ResolvedHost], everybody: Iterable[ResolvedHost]) -> str:
    """For whom something is so, where it is not so for all: "callers in shop, gateway in edge"."""
    wanted = dict.fromkeys(str(answer.client) for answer in some)
    others = {str(answer.client) for answer in everybody} - set(wanted)
    if not others:
        return ""
    names = list(wanted)
    return some_of(names, 3)


def whole_name(mesh: Mesh, host: str) -> str:
    """The service that somebody may have meant by half of its name; empty where none."""
    name, dot, rest = host.lower().partition(".")
    meant = f"{name}.{rest.removesuffix('.svc')}.svc.{mesh.settings.domain}"
    return meant if dot and host.lower() != meant and meant in mesh.by_host else ""


def _in_mesh(view: View, host: str, port: int) -> ResolvedHost:
    table = view.table(port)
    vhost = table.virtual_host(host) if table else None
    rulings: tuple[Ruling, ...] = vhost.rulings if vhost else ()
    unused = vhost.unused if vhost else ()
    if table is not None and vhost is not None and vhost.host is not None:
        made = [(ruling, table.make(ruling)) for ruling in table.candidates(host)]
        rulings = tuple(ruling for ruling, found in made if found.routes)
        unused += tuple(one for _, found in made if not found.routes for one in found.unused)
    return ResolvedHost(
        view=view,
        host=host,
        port=port,
        routes=reached(vhost.routes) if vhost else (),
        behind=never_reached(vhost.routes) if vhost else (),
        unused=unused,
        rulings=rulings,
        chains=view.chains(host, port),
    )


def _at_gateway(view: View, vhost: VirtualHost) -> ResolvedHost:
    """What a gateway does for a name, or a waypoint for a service that it stands before."""
    service = vhost.host
    number = vhost.name.rpartition("|" if service else ":")[2]
    return ResolvedHost(
        view=view,
        host=service.name if service else vhost.domains[0],
        port=int(number),
        routes=reached(vhost.routes),
        behind=never_reached(vhost.routes),
        unused=vhost.unused,
        rulings=vhost.rulings,
        edge=service is None,
    )


def _sent_to(rule: MergedRule) -> Iterator[str]:
    targets = [read.obj(entry, "destination") for entry in read.objects(rule.raw, "route")]
    targets.append(read.obj(rule.raw, "mirror"))
    targets += [read.obj(entry, "destination") for entry in read.objects(rule.raw, "mirrors")]
    return (host for target in targets if (host := read.text(target, "host")))
