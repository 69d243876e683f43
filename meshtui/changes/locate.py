"""From a service and a rule's name to the exact place in the exact object."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from meshtui.changes.change import Operation, Target
from meshtui.changes.outside import refuse_outside
from meshtui.changes.patch import tokens, value_at
from meshtui.changes.unread import require_read
from meshtui.dataclass import dataclass
from meshtui.errors import Conflict, NotFound, Refused
from meshtui.mesh.carrying import Route, Traffic, is_unruled, ordinary, rivals, traffic_to
from meshtui.mesh.carrying_streams import wrong_kind
from meshtui.mesh.gateway_api import ALL_ROUTE_KINDS
from meshtui.mesh.hosts import short_host, split_host
from meshtui.mesh.model import (
    Destination,
    HttpRoute,
    Mesh,
    Ref,
    Rule,
    RuleOwner,
    Service,
    VirtualService,
)
from meshtui.mesh.nearest import near_names, nearest_words
from meshtui.mesh.parse_rules import PROTOCOLS
from meshtui.mesh.resolution import world
from meshtui.mesh.resolution.idle_routes import without_effect
from meshtui.mesh.routing import find_service
from meshtui.mesh.subsets import usable_subsets
from meshtui.mesh.versions import VersionView, version_rows


@dataclass(frozen=True, slots=True)
class Located:
    """A rule for a service and the object that holds it: all that a verb needs to change it."""

    mesh: Mesh
    service: Service
    owner: RuleOwner
    rule: Rule

    @property
    def domain(self) -> str:
        """The cluster's domain, which completes short names of hosts."""
        return self.mesh.settings.domain

    @property
    def raw_rule(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = value_at(self.owner.raw, self.rule.pointer)
        return found

    @property
    def raw_routes(self) -> list[Mapping[str, Any]]:
        """The route entries as they stand; an entry's place is its index in the patch."""
        return list(self.raw_rule.get(self.routes_key) or [])

    @property
    def routes_key(self) -> str:
        """Under which the rule has its destinations."""
        return "backendRefs" if isinstance(self.owner, HttpRoute) else "route"


def resolve_service(mesh: Mesh, name: str, namespace: str) -> Service:
    """The service that a person means; a host that only a VirtualService names counts too."""
    service = find_service(mesh, name, namespace)
    if service is not None:
        return service
    short, _, other = name.partition(".")
    key = split_host(name)
    home = key.namespace if key else other or namespace
    if not mesh.knows("services", home):
        what = f"whether there is a service {name} is not known: Services of {home} can't be read"
        raise Refused(what, "it needs the right to list services")
    for host in mesh.virtual_services_by_host:
        named = split_host(host)
        if named is not None and named == (key or type(named)(other or namespace, short)):
            return Service(named, host)
    refuse_outside(mesh, name)
    elsewhere = sorted(str(s.key) for s in mesh.services if s.key.name == short)
    hint = f"did you mean {', '.join(elsewhere[:5])}?" if elsewhere else _names(mesh, short, home)
    raise NotFound(f"no service {name} in namespace {other or namespace}", hint)


def _names(mesh: Mesh, name: str, namespace: str) -> str:
    """Of its namespace; of all where nothing there is called nearly so."""
    names = [s.key.name for s in mesh.services if s.key.namespace == namespace]
    far = {s.key.name: str(s.key) for s in mesh.services}
    if not near_names(name, names) and (near := near_names(name, far)):
        return f"did you mean {' or '.join(far[one] for one in near)}?"
    return nearest_words(name, names, "the namespace has no services")


def locate(mesh: Mesh, target: Target) -> Located:
    """The rule that `target` means.

    Raises `NotFound` for an unknown service or rule, `Refused` where no rule can be meant,
    `Conflict` where the object is another one than the person looked at.
    """
    service = resolve_service(mesh, target.service.name, target.service.namespace)
    traffic = traffic_to(mesh, service)
    if not traffic.routes:
        home = service.key.namespace
        require_read(mesh, "virtualservices", home, f"which rules carry {service.key}'s traffic")
        raise Refused(
            f"no VirtualService sends traffic to {service.key}",
            f"make one first (`meshtui adopt {service.key.name}`)",
        )
    if target.rule:
        route = _named_rule(traffic.routes, target.rule)
        refuse_wrong_kind(mesh, service, route)
    else:
        route = _ordinary_rule(service, traffic, target)
    _refuse_without_effect(mesh, service, route)
    if target.uid and route.service.ref.uid != target.uid:
        raise Conflict(f"{route.service.ref} was replaced by another object", "look again")
    return Located(mesh, service, route.service, route.rule)


def _refuse_without_effect(mesh: Mesh, service: Service, route: Route) -> None:
    """Raises `Refused` for a route of the Gateway API that nobody has: it is mended by hand."""
    for owner, why in without_effect(mesh).get(service.host, ()):
        if owner.ref == route.service.ref:
            raise Refused(f"{owner.ref} has no effect: {why}", "`meshtui edit` changes it whole")


def virtual_service_of(owner: RuleOwner, what: str) -> VirtualService:
    """The owner, where it is a VirtualService. Raises `Refused`: an HTTPRoute has no `what`."""
    if isinstance(owner, VirtualService):
        return owner
    raise Refused(
        f"{owner.ref} carries the traffic: {what} is not made in routes of the Gateway API",
        "Istio does it by VirtualServices only, and one for the same host comes after this route",
    )


def refuse_wrong_kind(mesh: Mesh, service: Service, route: Route) -> None:
    """Raises `Refused` for a rule of a kind that no port of the service asks for."""
    hosts = world(mesh).shared.registry.by_name.get(service.host, ())
    if route.carries or route.edge or route.elsewhere:
        return
    reasons = [wrong_kind(route.rule, port) for host in hosts for port in host.ports]
    if reasons and all(reasons):
        raise Refused(
            f"{route.service.ref} rule {route.rule.title} has no effect: {reasons[0]}",
            "write it in the list of the port's kind, or give the port the protocol spoken on it",
        )


def emergency_target(mesh: Mesh, target: Target) -> Target:
    """The target with the most telling rule, where several carry the service's traffic.

    An emergency waits for no choice among them: the others are said not to be reached. Nor where
    other callers, more of them, have no rule.
    """
    if target.rule:
        return target
    service = resolve_service(mesh, target.service.name, target.service.namespace)
    traffic = traffic_to(mesh, service)
    routes = traffic.routes
    several = rivals(routes, target.callers)
    if len(several) > 1 or (several and is_unruled(routes, target.callers, traffic.unruled)):
        return replace(target, rule=_written(several[0], routes))
    return target


def _ordinary_rule(service: Service, traffic: Traffic, target: Target) -> Route:
    """The rule that the service's callers have. Refused where they have different ones."""
    routes = traffic.routes
    several = rivals(routes, target.callers)
    if len(several) > 1:
        choices = "; ".join(
            f"{_written(route, several)} for {_whose(route)}" for route in several[:4]
        )
        raise Refused(
            f"several rules carry the traffic of {service.key}: {choices}",
            f"name one with --rule, as in --rule {_written(several[0], several)}",
        )
    route = ordinary(routes, target.callers)
    if route is not None and is_unruled(routes, target.callers, traffic.unruled):
        raise Refused(
            f"the ordinary traffic of {service.key} takes no rule: "
            f"{_written(route, routes)} is for {_whose(route)} only",
            f"name it with --rule {_written(route, routes)}, or make one for the others",
        )
    if route is not None:
        return route
    answering = next((r for r in routes if r.carries and r.rest and not r.rule.destinations), None)
    if answering is not None:
        raise Refused(
            f"{answering.service.ref} rule {answering.rule.title} answers the requests to "
            f"{service.key} itself: there are no weights",
            "name another rule with --rule, or edit it",
        )
    connections = next((r for r in routes if r.carries and r.beside), None)
    if connections is not None:
        ports = ", ".join(map(str, connections.ports))
        raise Refused(
            f"the requests to {service.key} take no rule; {connections.service.ref} rule "
            f"{connections.rule.title} carries the connections to port {ports}",
            f"name it with --rule {_written(connections, routes)}",
        )
    idle = next((route for route in routes if route.unused), None)
    if idle is not None:
        raise Refused(
            f"no rule carries the traffic of {service.key}: "
            f"{idle.service.ref} rule {idle.rule.title} has no effect ({idle.unused})",
            "`meshtui analyze` says more",
        )
    raise Refused(f"no rule for {service.key} has a destination", "name one with --rule")


def _written(route: Route, among: Iterable[Route]) -> str:
    """How a person names the rule: by its object's name, as long as that is the only one."""
    own = route.service.ref
    others = {other.service.ref for other in among} - {own}
    for spelling in _spelt(own):
        if not any(spelling in _spelt(ref) for ref in others):
            return f"{spelling}/{_index(route.rule)}"
    return f"{own.name}/{_index(route.rule)}"


def _index(rule: Rule) -> str:
    """Rules of requests are named by their number alone, those of connections with their list."""
    return str(rule.index) if rule.protocol == "http" else f"{rule.place}[{rule.index}]"


def _spelt(ref: Ref) -> tuple[str, ...]:
    """The names of an object, the shortest first."""
    return ref.name, f"{ref.namespace}/{ref.name}", f"{ref.kind}/{ref.namespace}/{ref.name}"


def _whose(route: Route) -> str:
    if route.ports and not route.edge:
        return f"{route.whose} (port {', '.join(map(str, route.ports))})"
    return route.whose


def whole_rule(operation: Operation) -> tuple[str, int] | None:
    """The list and the index of the rule that the operation puts in or takes away whole."""
    steps = tokens(operation["path"])
    if len(steps) != 3 or steps[1] not in PROTOCOLS or not steps[2].isdigit():
        return None
    if operation["op"] in ("add", "remove"):
        return steps[1], int(steps[2])
    return None


def _named_rule(routes: Sequence[Route], wanted: str) -> Route:
    """By name, by index (`1`, `http[1]`, `tcp[0]`) in the first object, or `OBJECT/INDEX`.

    The object is named by its name, or by `NAMESPACE/NAME` where two are called alike. A number
    alone is that of an HTTP rule where the object has any.
    """
    service, slash, rule = wanted.rpartition("/")
    if any(route.rule.name == wanted for route in routes):
        service, slash, rule = "", "", wanted
    mine = [route for route in routes if not slash or service in _spelt(route.service.ref)]
    named = [route for route in mine if route.rule.name == rule]
    refs = dict.fromkeys(route.service.ref for route in mine)
    if slash and len(refs) > 1 and len(named) != 1:
        spelt = " or ".join(f"{_spelt(ref)[-1]}/{rule}" for ref in refs)
        raise Refused(f"several objects are called {service}", f"say {spelt}")
    if not named and mine:
        first = mine[0].service.ref
        own = [r for r in mine if r.service.ref == first]
        requests = [r for r in own if r.rule.protocol == "http"]
        spelt = rule.replace("http[", "rules[") if first.kind in ALL_ROUTE_KINDS else rule
        named = [r for r in own if f"{r.rule.place}[{r.rule.index}]" == spelt]
        named = named or [r for r in requests or own if str(r.rule.index) == rule]
    if not named:
        titles = [f"{r.rule.index} ({r.rule.title})" for r in routes]
        near = near_names(rule, [r.rule.name for r in routes if r.rule.name])
        raise NotFound(f"no rule {wanted}", nearest_words(rule, near or titles))
    if len(named) > 1:
        raise Refused(f"{len(named)} rules are called {wanted}", "say its index instead")
    return named[0]


def labels_of(located: Located) -> list[str]:
    """A name for each destination of the rule, unique in it: subset, else the host."""
    destinations = located.rule.destinations
    plain = [destination.label for destination in destinations]
    return [
        label if plain.count(label) == 1 else _long_label(destination, located)
        for label, destination in zip(plain, destinations, strict=True)
    ]


def _long_label(destination: Destination, located: Located) -> str:
    host = short_host(destination.host, located.owner.ref.namespace)
    return f"{host}/{destination.subset}" if destination.subset else host


def label_of(located: Located, host: str, subset: str) -> str:
    """The name by which `resolve_version` finds this destination again."""
    for label, destination in zip(labels_of(located), located.rule.destinations, strict=True):
        if (destination.host, destination.subset) == (host, subset):
            return label
    return subset or host


@dataclass(frozen=True, slots=True)
class HostSubset:
    """Where a version's traffic would go: a host and a subset of it."""

    host: str
    subset: str


def _is_whole_host(located: Located, row: VersionView) -> bool:
    """Whether the row, called as its pods' version, is a host that the rule weighs."""
    places = {(d.host, d.subset) for d in located.rule.destinations}
    return len(places) > 1 and (row.host, "") in places and row.weight is not None


def resolve_version(located: Located, name: str) -> HostSubset:
    """The host and subset that a person means by `name`.

    A label of the rule's own destinations first, then a subset, a version label that a subset
    selects, then another service, or any host that is called by its whole name. Raises `NotFound`
    naming what there is.
    """
    for label, destination in zip(labels_of(located), located.rule.destinations, strict=True):
        if label == name:
            return HostSubset(destination.host, destination.subset)
    written = [d for d in located.rule.destinations if d.host == name.lower()]
    if len({(d.host, d.subset) for d in written}) == 1:
        return HostSubset(written[0].host, written[0].subset)
    host = located.service.host
    if any(subset.name == name for subset in usable_subsets(located.mesh, host)):
        return HostSubset(host, name)
    rows = version_rows(located.mesh, located.service, located.rule)
    for row in rows:
        if row.version == name and (row.subset or _is_whole_host(located, row)):
            return HostSubset(row.host, row.subset)
    other = find_service(located.mesh, name, located.service.key.namespace)
    if other is not None and other.key != located.service.key:
        return HostSubset(other.host, "")
    if "." in name and name.lower() in world(located.mesh).shared.registry.by_name:
        return HostSubset(name.lower(), "")
    known = (*labels_of(located), *(row.label for row in rows))
    unnamed = next((row for row in rows if row.version == name), None)
    if unnamed is not None:
        raise Refused(
            f"{located.service.key} runs {name}, but no subset of a DestinationRule names it",
            "add the subset first",
        )
    raise NotFound(f"{located.service.key} has no version {name}", nearest_words(name, known))
