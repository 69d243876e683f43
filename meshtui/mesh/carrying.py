"""Which rules carry a service's traffic, for which callers, and why the others carry none.

What a client gets is the resolution's answer; here the answers of all callers are put side by
side. Callers that istiod can't tell apart for a host are asked about once.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import field, replace

from meshtui.dataclass import dataclass
from meshtui.mesh.ambient import goes_on_through_waypoint, without_waypoint
from meshtui.mesh.caller_groups import callers_of
from meshtui.mesh.carrying_streams import (
    StreamRule,
    edge_streams,
    has_http,
    stream_rules,
    takes_no_rule,
)
from meshtui.mesh.gateway_api import RuleKey, rule_key
from meshtui.mesh.model import Mesh, Rule, RuleOwner, Service, VirtualService
from meshtui.mesh.resolution import Callers, Client, MergedRule, Resolution, World, world
from meshtui.mesh.resolution import Route as ResolvedRoute
from meshtui.mesh.resolution.idle_routes import without_effect
from meshtui.mesh.rules import ANY_REQUEST
from meshtui.mesh.text import some_of

Workload = tuple[str, str]
"""A namespace and the name of a workload in it."""


@dataclass(frozen=True, slots=True)
class Route:
    """A rule with the VirtualService or the HTTPRoute that holds it, and whose traffic it carries.

    `unused` says why no caller's traffic comes to it, empty where some does. `rest`: it takes what
    no other rule takes. `edge`: it carries what comes in through a gateway, and nothing else.
    `callers` are the workloads whose traffic it carries, of `pods` pods in all; none where nothing
    in the mesh has a proxy yet. For `rest_of` of them it is the rest. `by_address`: requests go to
    the pod that the caller chose, so that weights do nothing. `ports` are the service's ports that
    it is used on. `elsewhere`: it is of another host, and sends to this one. `beside`: it carries
    connections of a service that has HTTP ports too, whose ordinary traffic are requests.
    `narrowed` is what it asks for where it stands in a delegate, with what its roots ask for.
    """

    service: RuleOwner
    rule: Rule
    rest: bool = field(default=False, compare=False)
    edge: bool = field(default=False, compare=False)
    unused: str = field(default="", compare=False)
    callers: frozenset[Workload] = field(default=frozenset(), compare=False)
    rest_of: frozenset[Workload] = field(default=frozenset(), compare=False)
    clients: tuple[Client, ...] = field(default=(), compare=False)
    pods: int = field(default=0, compare=False)
    by_address: bool = field(default=False, compare=False)
    ports: tuple[int, ...] = field(default=(), compare=False)
    elsewhere: bool = field(default=False, compare=False)
    beside: bool = field(default=False, compare=False)
    narrowed: str = field(default="", compare=False)

    @property
    def match_text(self) -> str:
        """What it asks for, in words."""
        return self.narrowed or self.rule.match_text

    @property
    def carries(self) -> bool:
        return not self.unused

    @property
    def whose(self) -> str:
        """Whose traffic it is, in words for one line."""
        if self.edge:
            return "what comes in from outside"
        names = tuple(dict.fromkeys(map(str, self.clients))) or ("all callers",)
        return some_of(names, 3)


@dataclass(frozen=True, slots=True)
class Unruled:
    """The callers whose requests to a service no rule takes: they get Istio's default route."""

    callers: frozenset[Workload] = frozenset()
    pods: int = 0


@dataclass(frozen=True, slots=True)
class Traffic:
    """The rules that decide where a service's traffic goes, and the callers without one."""

    routes: tuple[Route, ...] = ()
    unruled: Unruled = Unruled()


def routes_to(mesh: Mesh, service: Service) -> tuple[Route, ...]:
    """The rules that decide where the service's traffic goes; see `traffic_to`."""
    return traffic_to(mesh, service).routes


def traffic_to(mesh: Mesh, service: Service) -> Traffic:
    """The rules that decide where the service's traffic goes, and who has none.

    First those of the VirtualServices that rule its host for callers in the mesh, in Envoy's
    order, then what gateways send to it, then rules that name the host and have no effect. Where
    there is none of these, the rules of other hosts that name the service as a destination.
    """
    found = _Found(world(mesh))
    found.add_host(service.host)
    found.add_edges(service.host)
    named = mesh.rules_by_destination.get(service.host, ())
    if not found.routes:
        for host in dict.fromkeys(host for vs, _ in named for host in vs.hosts):
            if host != service.host and not host.startswith("*"):
                found.add_host(host, only=service.host)
    found.add_idle(named)
    found.add_without_effect(service.host)
    routes = found.in_order()
    if all(route.edge for route in routes) and _is_sent_to(service.host, named):
        return Traffic(routes)
    return Traffic(routes, found.unruled())


def _is_sent_to(host: str, named: Iterable[tuple[RuleOwner, Rule]]) -> bool:
    """Whether rules of another host send to it in the mesh: who calls it may call that one."""
    return any(owner.in_mesh and host not in owner.hosts for owner, _ in named)


def ordinary(
    routes: Iterable[Route],
    callers: frozenset[Workload] | None = None,
    unruled: Unruled | None = None,
) -> Route | None:
    """The rule that carries the ordinary traffic: what no other rule takes.

    Where callers are told apart, that of the `callers` that telemetry names, else that of most
    pods in the mesh; None where these are `unruled`. Where each rule asks for something, the last
    one that carries traffic: what is tried last is meant for what the special cases left over.
    """
    able = [r for r in routes if _is_able(r) and r.rule.destinations]
    if unruled is not None and is_unruled(able, callers, unruled):
        return None
    best = rivals(able, callers)
    if best:
        return best[0]
    first = able[0].service.ref if able else None
    primary = [route for route in able if route.service.ref == first]
    return primary[-1] if primary else None


def is_unruled(
    routes: Iterable[Route], callers: frozenset[Workload] | None, unruled: Unruled
) -> bool:
    """Whether the ordinary traffic takes no rule: that of most `callers`, else of most pods."""
    able = [r for r in routes if _is_able(r)]
    if callers:
        without = len(unruled.callers & callers)
        most = max((len(route.callers & callers) for route in able), default=0)
        if without != most:
            return without > most
    in_mesh = [route.pods for route in able if not route.edge]
    return bool(in_mesh) and unruled.pods > max(in_mesh)


def rivals(
    routes: Iterable[Route], callers: frozenset[Workload] | None = None
) -> tuple[Route, ...]:
    """The rules that each take the ordinary traffic of some callers, the most telling first.

    More than one means that no single rule carries the service's ordinary traffic. Where each rule
    for some callers in the mesh asks for something, the last of them stands for their traffic
    beside a rule that takes everything of others, or of a gateway.
    """
    able = [r for r in routes if _is_able(r)]
    if callers:
        named = [route for route in able if not route.callers.isdisjoint(callers)]
        able = named or able
    found = [route for route in able if route.rest and (not callers or _is_rest(route, callers))]
    in_mesh = [route for route in able if not route.edge]
    covered = _joined(r.rest_of for r in in_mesh)
    wanted = _without(callers or _joined(r.callers for r in in_mesh), covered)
    left = [r for r in in_mesh if not r.callers.isdisjoint(wanted)] if wanted else []
    if not left and not any(route.rest for route in in_mesh):
        left = in_mesh
    if left and (found or callers):
        found.append(left[-1])
    ranked = sorted(found, key=lambda r: (r.edge, -r.pods, not r.rest, r.ports))
    return tuple({place_of(route): route for route in ranked}.values())


def _is_rest(route: Route, callers: frozenset[Workload]) -> bool:
    """Whether it takes the rest for some of the callers, or of others where it has none of them."""
    return not route.rest_of.isdisjoint(callers) or route.callers.isdisjoint(callers)


def _joined(several: Iterable[frozenset[Workload]]) -> frozenset[Workload]:
    """Not copied where they are one: most rules carry the traffic of the same thousands."""
    found = tuple({id(one): one for one in several if one}.values())
    return found[0] if len(found) == 1 else frozenset[Workload]().union(*found)


def _without(some: frozenset[Workload], others: frozenset[Workload]) -> frozenset[Workload]:
    return frozenset() if some is others else some - others if others else some


def _is_able(route: Route) -> bool:
    return route.carries and not route.elsewhere and not route.beside


def place_of(route: Route) -> RuleKey:
    """What tells a rule from all others in a snapshot."""
    return rule_key(route.service.ref, route.rule.place, route.rule.index)


class _Found:
    """Rules as they are come across; what several callers have in common is joined."""

    def __init__(self, whole: World) -> None:
        self._world = whole
        self.routes: dict[RuleKey, Route] = {}
        self._after: list[Route] = []
        self._unruled: list[Callers] = []

    def in_order(self) -> tuple[Route, ...]:
        """Rules that carry something and their neighbours first, then those without any say."""
        known = dict(self.routes)
        for route in self._after:
            known.setdefault(place_of(route), route)
        services = [place_of(route)[:2] for route in known.values()]
        first = {place: index for index, place in reversed(list(enumerate(services)))}
        live = {place_of(route)[:2] for route in known.values() if route.carries}
        ranked = sorted(
            known.values(),
            key=lambda r: (place_of(r)[:2] not in live, r.edge, first[place_of(r)[:2]]),
        )
        return tuple(ranked)

    def add_host(self, host: str, only: str = "") -> None:
        """What callers in the mesh get for a host; with `only`, the rules that send there."""
        for client, callers in callers_of(self._world, host):
            view = self._world.view(client)
            answers = [view.resolve(host, port) for port in _ports(self._world, host)]
            why = "" if callers else self._nobody_asks(host)
            for answer in answers:
                if why:
                    self._add_unasked(answer, why)
                else:
                    self._add_answer(answer, answer.rest, callers, only)
            if not only and takes_no_rule(answers):
                self._unruled += callers

    def _nobody_asks(self, host: str) -> str:
        """Why whoever is to call a service will have no HTTP rules; empty where they will."""
        service = self._world.mesh.by_host.get(host)
        return without_waypoint(self._world.mesh, service) if service is not None else ""

    def unruled(self) -> Unruled:
        if not self._unruled:
            return Unruled()
        crowd = self._world.crowd(tuple(self._unruled))
        return Unruled(crowd.workloads, crowd.pods)

    def add_edges(self, host: str) -> None:
        """What gateways send to a host; its waypoint decides where they call through that."""
        service = self._world.mesh.by_host.get(host)
        through = service is not None and goes_on_through_waypoint(self._world.mesh, service)
        for group in self._world.callers:
            if not group.client.gateway or group.client.waypoint:
                continue
            view = self._world.view(group.client)
            for stream in edge_streams(view, host):
                found = Route(stream.service, stream.rule, rest=stream.rest, edge=True)
                self._join(self._of(found, group.client, (group,)))
            for edge in view.edge_routes(host):
                holder = edge.route.holder
                rule = holder.rule if holder else None
                if holder is None or rule is None:
                    continue
                whole = all(d.host == host and not d.subset for d in rule.destinations)
                found = Route(
                    holder.service,
                    rule,
                    rest=edge.route.takes_everything,
                    edge=True,
                    elsewhere=through and whole,
                    narrowed=edge.route.rule.narrowed if edge.route.rule else "",
                )
                self._join(self._of(found, group.client, (group,)))

    def add_idle(self, named: Iterable[tuple[RuleOwner, Rule]]) -> None:
        """Rules at gateways of which none is known to run, where all pods are known."""
        known = self._world.mesh.knows("pods")
        for service, rule in named:
            if isinstance(service, VirtualService) and not service.in_mesh:
                why = "no gateway that runs serves it" if known else ""
                found = Route(service, rule, rest=not rule.matches, edge=True, unused=why)
                self._after.append(found)

    def add_without_effect(self, host: str) -> None:
        """Routes of the Gateway API that nobody has."""
        for route, why in without_effect(self._world.mesh).get(host, ()):
            self._after += [Route(route, rule, unused=why) for rule in route.rules]

    def _add_answer(
        self,
        answer: Resolution,
        rest: ResolvedRoute | None,
        groups: tuple[Callers, ...],
        only: str,
    ) -> None:
        carried: dict[int, bool] = {}
        for route in answer.routes:
            if route.rule is not None:
                carried[id(route.rule)] = carried.get(id(route.rule), False) or route is rest
        for ruling in answer.virtual_host.rulings if answer.virtual_host else ():
            for merged in ruling.rules:
                self._add_rule(merged, answer, carried.get(id(merged)), groups, only)
        for stream in stream_rules(self._world.mesh, answer):
            self._add_stream(stream, answer, groups, only)
        for other in answer.overruled:
            if answer.name not in other.service.hosts:
                continue
            rules = other.service.rules
            self._after += [Route(other.service, rule, unused=other.why) for rule in rules]

    def _add_unasked(self, answer: Resolution, why: str) -> None:
        """The rules of a host that nobody asks for."""
        for ruling in answer.virtual_host.rulings if answer.virtual_host else ():
            for merged in ruling.rules:
                if (rule := merged.holder.rule) is not None:
                    self._join(Route(merged.holder.service, rule, unused=why))
        for stream in stream_rules(self._world.mesh, answer):
            self._join(Route(stream.service, stream.rule, unused=why))

    def _add_rule(
        self,
        merged: MergedRule,
        answer: Resolution,
        rest: bool | None,
        groups: tuple[Callers, ...],
        only: str,
    ) -> None:
        holder, rule = merged.holder.service, merged.holder.rule
        if rule is None:
            return
        if only and all(d.host != only for d in rule.destinations):
            return
        why = "" if rest is not None else _why(merged, answer)
        found = Route(
            holder,
            rule,
            rest=bool(rest),
            unused=why,
            by_address=answer.by_address,
            ports=(answer.port,),
            elsewhere=bool(only),
            narrowed=merged.narrowed,
        )
        self._join(self._of(found, answer.client, groups) if not why else found)

    def _add_stream(
        self, stream: StreamRule, answer: Resolution, groups: tuple[Callers, ...], only: str
    ) -> None:
        if only and all(d.host != only for d in stream.rule.destinations):
            return
        found = Route(
            stream.service,
            stream.rule,
            rest=stream.rest,
            unused=stream.unused,
            by_address=answer.by_address,
            ports=(answer.port,),
            elsewhere=bool(only),
            beside=has_http(answer),
        )
        self._join(found if found.unused else self._of(found, answer.client, groups))

    def _of(self, route: Route, client: Client, groups: tuple[Callers, ...]) -> Route:
        crowd = self._world.crowd(groups)
        clients = crowd.clients or (client,)
        rest_of = crowd.workloads if route.rest else frozenset[Workload]()
        return replace(
            route, callers=crowd.workloads, rest_of=rest_of, clients=clients, pods=crowd.pods
        )

    def _join(self, found: Route) -> None:
        """What one caller's answer adds to what is known of the rule."""
        place = place_of(found)
        known = self.routes.get(place)
        if known is None or (known.unused and not found.unused):
            self.routes[place] = found
            return
        if found.unused:
            return
        names = {client.key for client in known.clients}
        differ = any(client.key not in names for client in found.clients)
        self.routes[place] = replace(
            known,
            rest=known.rest or found.rest,
            edge=known.edge and found.edge,
            callers=_joined((known.callers, found.callers)) if differ else known.callers,
            rest_of=_joined((known.rest_of, found.rest_of)),
            clients=_each_once(*known.clients, *found.clients) if differ else known.clients,
            pods=known.pods + (found.pods if differ else 0),
            ports=tuple(dict.fromkeys((*known.ports, *found.ports))),
            narrowed=_either(known.narrowed, found.narrowed),
        )


def _either(one: str, other: str) -> str:
    """What two roots of a delegate's rule ask for."""
    if not other or one in ("", other, ANY_REQUEST):
        return one
    texts = dict.fromkeys((*one.split(" or "), *other.split(" or ")))
    return ANY_REQUEST if ANY_REQUEST in texts else " or ".join(texts)


def _each_once(*clients: Client) -> tuple[Client, ...]:
    return tuple({client.key: client for client in clients}.values())


def _why(merged: MergedRule, answer: Resolution) -> str:
    reasons = [unused.why for unused in answer.unused if unused.rule is merged]
    if merged.dropped:
        return merged.dropped
    return reasons[0] if reasons else "no request comes to it"


def _ports(whole: World, host: str) -> tuple[int, ...]:
    known = whole.shared.registry.by_name
    found = known.get(host.lower(), ()) or known.get(host, ())
    return tuple(dict.fromkeys(port.number for known in found for port in known.ports))
