"""What every group of callers gets for every host that something is written for.

The checks don't work out who gets what: they ask here, and here the resolution is asked, once for
all checks. Callers that get the same answer for a host are asked for together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from meshtui.mesh import read
from meshtui.mesh.model import DestinationRule, Gateway, Mesh, VirtualService
from meshtui.mesh.resolution import (
    Callers,
    Chain,
    Client,
    Door,
    MergedRule,
    Reach,
    Route,
    RouteTarget,
    RulePlace,
    Ruling,
    Unused,
    View,
    World,
    world,
)
from meshtui.mesh.resolution.names import MESH, covered, is_wild, labels_in
from meshtui.mesh.resolution.routes import never_reached, reached

_SLOT = "_asked"
_PLAIN_HTTP = 80
_MOST_STAND_INS = 200


@dataclass(frozen=True, slots=True)
class ResolvedHost:
    """What some callers get for a host and port; at a gateway, for one of its virtual hosts.

    `rulings` are those with a rule for these callers: in the mesh the first one rules alone, at a
    gateway all do. `behind` are routes that no request gets to.
    """

    view: View
    host: str
    port: int
    routes: tuple[Route, ...] = ()
    behind: tuple[Route, ...] = ()
    unused: tuple[Unused, ...] = ()
    rulings: tuple[Ruling, ...] = ()
    chains: tuple[Chain, ...] = ()
    edge: bool = False

    @property
    def client(self) -> Client:
        return self.view.client


@dataclass(frozen=True, slots=True)
class Sending:
    """A destination or mirror of a rule, as some callers get it.

    `place` and `path` are where it is written. `idle`: it gets no weight. `share` is its part of
    the rule's requests, 0 to 1.
    """

    answer: ResolvedHost
    target: RouteTarget
    place: RulePlace
    path: str
    mirror: bool
    idle: bool
    reach: Reach

    @property
    def key(self) -> tuple[str, str, str]:
        """What tells a destination from all others as it is written."""
        ref = self.place.service.ref
        return ref.namespace, ref.name, self.path

    @property
    def title(self) -> str:
        rule = self.place.rule
        return rule.title if rule else f"{self.place.protocol}[{self.place.index}]"


class ResolvedHosts:
    """The answers for a snapshot. Nothing is asked before somebody wants it."""

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh
        self.world: World = world(mesh)

    # Who asks

    @cached_property
    def stand_ins(self) -> bool:
        """No pod with a proxy is known: namespaces and labels that are written stand for them."""
        return not self.mesh.knows("pods") or not any(
            not group.client.gateway for group in self.world.callers
        )

    @cached_property
    def callers(self) -> tuple[Callers, ...]:
        """The callers in the mesh."""
        found = [group for group in self.world.callers if not group.client.gateway]
        if self.stand_ins:
            known = {group.client.key for group in found}
            made = (Callers(client, ()) for client in _stand_ins(self.mesh))
            found += [group for group in made if group.client.key not in known]
        return tuple(found)

    @cached_property
    def gateways(self) -> tuple[View, ...]:
        """The gateways; one that no pod is known for is asked for in its own namespace."""
        clients = [group.client for group in self.world.callers if group.client.gateway]
        for gateway in self.mesh.gateways:
            if not any(_served_by(gateway, client) for client in clients):
                clients.append(Client(gateway.ref.namespace, gateway.selector, gateway=True))
        return tuple(self.world.view(client) for client in clients)

    def doors(self, gateway: Gateway) -> Iterator[tuple[View, Door]]:
        """The servers of a Gateway, as each gateway pod has them."""
        for view in self.gateways:
            for door in view.doors.doors:
                if door.gateway is gateway:
                    yield view, door

    def views_of(self, host: str, also: Iterable[str] = ()) -> Iterator[View]:
        """The callers of a host, together where they get the same for it and for `also`."""
        if len(self.callers) == 1:
            yield self.world.view(self.callers[0].client)
            return
        special, labels = self._special(host, tuple(also))
        found: dict[object, View] = {}
        for group in self.callers:
            home = group.client.namespace
            own = home in special
            resolved_hosts = {k: v for k, v in group.client.labels.items() if own or k in labels}
            key = (home if own else "", frozenset(resolved_hosts.items()))
            if key not in found:
                found[key] = self.world.view(group.client)
        yield from found.values()

    def _special(self, host: str, also: tuple[str, ...]) -> tuple[set[str], set[str]]:
        """The namespaces whose callers may get something else, and the labels that are asked."""
        special, labels = set(self._own_rules), set()
        for service in self._naming(host):
            namespaces, wanted = self._sources[service.ref.namespace, service.ref.name]
            special |= namespaces
            labels |= wanted
        for name in (host, *also):
            for known in self.world.shared.registry.by_name.get(name, ()):
                if "*" not in known.exports:
                    special |= {known.namespace, *known.exports}
            for rule in self._rules_for(name):
                special.add(rule.ref.namespace)
                special |= set(rule.export_to)
        return special, labels

    @cached_property
    def _own_rules(self) -> frozenset[str]:
        """Namespaces with VirtualServices or Sidecars of their own."""
        rulings = self.world.shared.rulings
        own = {namespace for namespace, _ in (*rulings.private, *rulings.exported)}
        own |= {sidecar.ref.namespace for sidecar in self.mesh.sidecars}
        return frozenset(own | rulings.consumers)

    def _naming(self, host: str) -> Iterator[VirtualService]:
        yield from self.mesh.virtual_services_by_host.get(host, ())
        for _, services in self.mesh.wildcard_virtual_services:
            yield from services

    def _rules_for(self, host: str) -> Iterator[DestinationRule]:
        yield from self.mesh.rules_by_host.get(host, ())
        yield from self.mesh.wildcard_destination_rules

    @cached_property
    def _sources(self) -> Mapping[tuple[str, str], tuple[set[str], set[str]]]:
        """By VirtualService: the namespaces and the labels of callers that its rules ask for."""
        found = {}
        for service in self.mesh.virtual_services:
            matches = list(_matches(service))
            namespaces = {read.text(match, "sourceNamespace") for match in matches} - {""}
            labels = {key for match in matches for key in read.labels(match, "sourceLabels")}
            found[service.ref.namespace, service.ref.name] = (namespaces, labels)
        return found

    # What they get

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
            for view in self.views_of(host, wanted):
                for port in self.ports(host):
                    yield _in_mesh(view, host, port)

    def ports(self, host: str) -> tuple[int, ...]:
        """The ports of a host; where it is in no registry, the one on which it may be asked for."""
        known = self.world.shared.registry.by_name.get(host, ())
        ports = dict.fromkeys(port.number for one in known for port in one.ports)
        return tuple(ports) if known else (_PLAIN_HTTP,)

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
        for view in self.gateways:
            for vhosts in view.gateway_tables.values():
                for vhost in vhosts:
                    yield ResolvedHost(
                        view=view,
                        host=vhost.domains[0],
                        port=int(vhost.name.rpartition(":")[2]),
                        routes=reached(vhost.routes),
                        behind=never_reached(vhost.routes),
                        unused=vhost.unused,
                        rulings=vhost.rulings,
                        edge=True,
                    )
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
            for sending in _sendings(answer):
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
    ref = place.service.ref
    return ref.namespace, ref.name, place.protocol, place.index


def whose(some: Iterable[ResolvedHost], everybody: Iterable[ResolvedHost]) -> str:
    """For whom something is so, where it is not so for all: "callers of shop, gateway of edge"."""
    wanted = dict.fromkeys(str(answer.client) for answer in some)
    others = {str(answer.client) for answer in everybody} - set(wanted)
    if not others:
        return ""
    names = list(wanted)
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more


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


def _sendings(answer: ResolvedHost) -> Iterator[Sending]:
    for route in answer.routes:
        if route.rule is None or route.rule.holder.rule is None:
            continue
        for target in route.targets:
            yield _sending(answer, route.rule.holder, target, idle=False)
        for target in route.unused:
            yield _sending(answer, route.rule.holder, target, idle=True)
        for target in route.mirrors:
            yield _copying(answer, route.rule, target)
    for chain in answer.chains:
        if chain.place is not None:
            for target in chain.targets:
                yield _sending(answer, chain.place, target, idle=False)


def _sending(answer: ResolvedHost, place: RulePlace, target: RouteTarget, *, idle: bool) -> Sending:
    path = f"spec.{place.protocol}[{place.index}].route[{target.index}].destination"
    reach = answer.view.reach(target.cluster)
    return Sending(answer, target, place, path, mirror=False, idle=idle, reach=reach)


def _copying(answer: ResolvedHost, rule: MergedRule, target: RouteTarget) -> Sending:
    """A delegate that has no mirror of its own has its root's."""
    own = "mirror" in rule.holder.raw or "mirrors" in rule.holder.raw
    place = rule.holder if own else rule.root
    single = not read.objects(place.raw, "mirrors")
    part = "mirror" if single else f"mirrors[{target.index}].destination"
    path = f"spec.{place.protocol}[{place.index}].{part}"
    reach = answer.view.reach(target.cluster)
    return Sending(answer, target, place, path, mirror=True, idle=not target.share, reach=reach)


def _sent_to(rule: MergedRule) -> Iterator[str]:
    targets = [read.obj(entry, "destination") for entry in read.objects(rule.raw, "route")]
    targets.append(read.obj(rule.raw, "mirror"))
    targets += [read.obj(entry, "destination") for entry in read.objects(rule.raw, "mirrors")]
    return (host for target in targets if (host := read.text(target, "host")))


def _served_by(gateway: Gateway, client: Client) -> bool:
    return client.gateway and labels_in(gateway.selector, client.labels)


def _matches(service: VirtualService) -> Iterator[Mapping[str, object]]:
    for protocol in ("http", "tcp", "tls"):
        for rule in read.objects(read.obj(service.raw, "spec"), protocol):
            yield from read.objects(rule, "match")


def _stand_ins(mesh: Mesh) -> Iterator[Client]:
    """Callers for each namespace that is named anywhere, with each set of labels asked for."""
    homes = [service.key.namespace for service in mesh.services]
    homes += [found.ref.namespace for found in mesh.virtual_services]
    homes += [found.ref.namespace for found in mesh.destination_rules]
    labels: list[Mapping[str, str]] = [{}]
    for service in mesh.virtual_services:
        homes += service.export_to
        for match in _matches(service):
            homes.append(read.text(match, "sourceNamespace"))
            wanted = read.labels(match, "sourceLabels")
            if wanted and wanted not in labels:
                labels.append(wanted)
    named = (home for home in dict.fromkeys(homes) if home not in ("", "*", ".", "~"))
    made = (Client(home, wanted) for home in named for wanted in labels)
    yield from (client for _, client in zip(range(_MOST_STAND_INS), made, strict=False))
