"""Whose requests are explained, and where the rules send them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field, replace

from meshtui.dataclass import dataclass
from meshtui.diagnosis.explain.evidence import Evidence
from meshtui.mesh.carrying import Route, routes_to
from meshtui.mesh.courses import callers_seen
from meshtui.mesh.model import Mesh, Pod, Ref, Service, ServiceKey
from meshtui.mesh.routing import pods_of, pods_of_subset
from meshtui.mesh.rules import Mirror
from meshtui.mesh.selector import selects
from meshtui.mesh.signals import UNKNOWN, Sample, Signals
from meshtui.mesh.subsets import usable_subsets
from meshtui.mesh.versions import VersionView
from meshtui.mesh.view import ServiceView

CALLERS = 8
"""Callers that are looked at: a sentence names fewer."""

NAMED = 3
"""Names in one sentence; how many more there are is said as a number."""


@dataclass(frozen=True, slots=True)
class RouteDestination:
    """Where requests are sent. `route` None: no rule says so. Port 0: whichever was asked for."""

    host: str
    subset: str = ""
    port: int = 0
    route: Route | None = None


@dataclass(frozen=True, slots=True)
class CallingWorkload:
    """A workload that calls, the services that its pods stand behind, and its pods' labels."""

    namespace: str
    workload: str
    services: tuple[ServiceKey, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    account: str = ""
    """The service account of its pods; empty where it is not known."""

    proxied: bool = True


@dataclass(frozen=True, slots=True)
class VersionScope:
    """One version of a service, or with `row` None the service, and what is known around it.

    `clients` are the workloads (namespace, name) that call it, `callers` the first of them with
    their services, `below` the services that it calls, `mirrors` those of all rules that send
    copies to its hosts. `ends_s` are the seconds until a fault with
    a time limit is taken off, `window_s` the seconds that the numbers speak of.
    """

    mesh: Mesh
    view: ServiceView
    row: VersionView | None = None
    clients: frozenset[tuple[str, str]] = frozenset()
    ends_s: float | None = None
    window_s: float = 0.0
    callers: tuple[CallingWorkload, ...] = ()
    below: tuple[ServiceView, ...] = ()
    mirrors: tuple[Mirror, ...] = ()
    denied: Mapping[tuple[str, str], float] = field(default_factory=dict)
    """Requests that the proxies of a workload denied, as they count them themselves."""

    tokens: Mapping[tuple[str, str], float] = field(default_factory=dict)
    """Requests whose tokens they refused, as they count or log them."""

    undecided: Mapping[tuple[str, str], str] = field(default_factory=dict)
    """Why of a workload's 401s that is not known."""

    evidence: Evidence | None = None
    """What logs and istiod say, where they were asked."""

    @property
    def label(self) -> str:
        """What the requests are counted for, as the table names it."""
        if self.row is None:
            return self.view.key.name
        return "(no pod reached)" if self.nowhere else self.row.label

    @property
    def name(self) -> str:
        """What answers the requests, in a sentence."""
        return self.view.key.name if self.row is None or self.nowhere else self.row.label

    @property
    def nowhere(self) -> bool:
        """True for the requests that name no version: no pod was chosen for them."""
        return self.row is not None and self.row.version == UNKNOWN

    @property
    def caller(self) -> Signals | None:
        return self.row.caller if self.row else self.view.caller

    @property
    def server(self) -> Signals | None:
        return self.row.server if self.row else self.view.server

    @property
    def namespace(self) -> str:
        return self.view.key.namespace


def scope_of(
    mesh: Mesh,
    view: ServiceView,
    row: VersionView | None,
    sample: Sample | None,
    views: Iterable[ServiceView] = (),
    ends_s: float | None = None,
    evidence: Evidence | None = None,
) -> VersionScope:
    """What `sample` was measured by, and `views`, all services, give to the scope."""
    known = sample.clients if sample else {}
    clients = callers_seen(view, sample) if sample else frozenset()
    window_s = sample.window_s if sample else 0.0
    below = called_by(mesh, view, views, known)
    callers, mirrors = calling(mesh, clients), mirrors_to(mesh, view)
    denied, tokens = (sample.denied, sample.tokens) if sample else ({}, {})
    undecided = sample.undecided if sample else {}
    return VersionScope(
        mesh,
        view,
        row,
        clients,
        ends_s,
        window_s,
        callers,
        below,
        mirrors,
        denied,
        tokens,
        undecided,
        evidence,
    )


def mirrors_to(mesh: Mesh, view: ServiceView) -> tuple[Mirror, ...]:
    """Those of the rules of all VirtualServices, each once; a delegate has no host to go by."""
    hosts = {view.service.host, *(row.host for row in view.versions)}
    found = (
        mirror
        for service in mesh.virtual_services
        for rule in service.rules
        for mirror in rule.mirrors
        if mirror.host in hosts and mirror.percent > 0
    )
    return tuple(dict.fromkeys(found))


def parts_of(scope: VersionScope) -> tuple[VersionScope, ...]:
    """What is explained one by one: each version, and what names none though it may be one's own.

    A service without versions, or with one only, is one part.
    """
    rows = scope.view.versions
    if scope.row is not None:
        rest = [row for row in rows if row.version == UNKNOWN and row is not scope.row]
        return (scope, *(replace(scope, row=row) for row in rest))
    return tuple(replace(scope, row=row) for row in rows) or (scope,)


def routes(scope: VersionScope) -> tuple[Route, ...]:
    """The rules that may have taken the requests: the service's own, and all that lead to it."""
    named = scope.mesh.rules_by_destination.get(scope.view.service.host, ())
    own = [*scope.view.routes, *handing_over(scope)]
    found = [*own, *(Route(service, rule) for service, rule in named)]
    return tuple(reversed({place(route): route for route in reversed(found)}.values()))


def handing_over(scope: VersionScope) -> tuple[Route, ...]:
    """The rules of the service's host that delegate: what they say holds for those they name."""
    owners = scope.mesh.virtual_services_by_host.get(scope.view.service.host, ())
    return tuple(Route(vs, rule) for vs in owners for rule in vs.rules if rule.delegate)


def place(route: Route) -> tuple[Ref, str, int]:
    """Where the rule is written."""
    return route.service.ref, route.rule.protocol, route.rule.index


def route_destinations(scope: VersionScope) -> tuple[RouteDestination, ...]:
    """Where the requests may have been sent, within the host that they are counted for.

    Without a version that is any destination of the host that a rule has.
    """
    row = scope.row if scope.row is not None and not scope.nowhere else None
    host = row.host if row is not None and row.host else scope.view.service.host
    found = [dest for dest in all_route_destinations(scope) if dest.host == host]
    if row is not None and row.host:
        mine = [dest for dest in found if dest.subset in ("", row.subset)]
        return tuple(mine) or (RouteDestination(host, row.subset),)
    return tuple(found) or (RouteDestination(host),)


def all_route_destinations(scope: VersionScope) -> tuple[RouteDestination, ...]:
    """Every destination with a weight of the rules, other hosts' too."""
    return tuple(
        RouteDestination(d.host, d.subset, d.port, route)
        for route in routes(scope)
        for d in route.rule.destinations
        if d.weight > 0
    )


def routes_of(scope: VersionScope) -> tuple[Route, ...]:
    """The rules that send requests there, each once."""
    found = [dest.route for dest in route_destinations(scope) if dest.route is not None]
    return tuple({place(route): route for route in found}.values())


def pods_at(mesh: Mesh, dest: RouteDestination) -> tuple[Pod, ...] | None:
    """The pods of a destination; None where they are not known, or the subset is not."""
    service = mesh.by_host.get(dest.host)
    if service is None or not service.selector or not mesh.knows("pods", service.key.namespace):
        return None
    pods = pods_of(mesh, service)
    if not dest.subset:
        return pods
    subset = next((s for s in usable_subsets(mesh, dest.host) if s.name == dest.subset), None)
    return pods_of_subset(pods, subset) if subset else None


def pods_in(scope: VersionScope) -> tuple[Pod, ...]:
    """The pods of the version, or of all that the rules send to."""
    found = [pod for dest in route_destinations(scope) for pod in pods_at(scope.mesh, dest) or ()]
    mine = [p for p in found if scope.row is None or scope.nowhere or _is_of(scope.row, p)]
    return tuple({(pod.namespace, pod.name): pod for pod in mine}.values())


def doors(scope: VersionScope, pods: Iterable[Pod]) -> Iterator[tuple[Pod, int]]:
    """The pods' own ports that the service's lead to; 0 where no port is known."""
    for pod in pods:
        found = set()
        for dest in route_destinations(scope):
            service = scope.mesh.by_host.get(dest.host)
            for port in service.ports if service else ():
                if dest.port in (0, port.number):
                    own = int(port.target) if port.target.isdigit() else pod.ports.get(port.target)
                    found.add(own or port.number)
        yield from ((pod, number) for number in sorted(found) or (0,))


def _is_of(row: VersionView, pod: Pod) -> bool:
    """A row of pods without a version has their workload's name."""
    if row.members:
        return pod in row.members
    return bool(row.subset) or pod.version == row.version or row.version == "(no version)"


def called_by(
    mesh: Mesh,
    view: ServiceView,
    views: Iterable[ServiceView],
    clients: Mapping[ServiceKey, frozenset[tuple[str, str]]],
) -> tuple[ServiceView, ...]:
    """The services that the service's own pods call, as telemetry has it.

    Those that its own rows are of are the same requests.
    """
    own = {view.key, *(row.owner for row in view.versions)}
    mine = {(pod.namespace, pod.workload) for pod in pods_of(mesh, view.service)}
    return tuple(
        other
        for other in views
        if other.key not in own and mine & clients.get(other.key, frozenset())
    )


def calling(mesh: Mesh, clients: Iterable[tuple[str, str]]) -> tuple[CallingWorkload, ...]:
    """The first of the clients, by name."""
    wanted = sorted(clients)[:CALLERS]
    pods: dict[tuple[str, str], Pod] = {}
    for namespace in {namespace for namespace, _ in wanted}:
        for pod in mesh.pods_by_namespace.get(namespace, ()):
            pods.setdefault((namespace, pod.workload), pod)
    services = [s for s in mesh.services if any(s.key.namespace == ns for ns, _ in wanted)]
    return tuple(_caller(place, services, pods.get(place)) for place in wanted)


def _caller(
    place: tuple[str, str], services: Iterable[Service], pod: Pod | None
) -> CallingWorkload:
    if pod is None:
        return CallingWorkload(*place)
    behind = _behind(services, pod)
    return CallingWorkload(*place, behind, pod.labels, pod.service_account, pod.sidecar)


def _behind(services: Iterable[Service], pod: Pod) -> tuple[ServiceKey, ...]:
    return tuple(
        service.key
        for service in services
        if service.key.namespace == pod.namespace and selects(service.selector, pod.labels)
    )


def names_of_callers(scope: VersionScope) -> tuple[str, ...]:
    """Their services' names; workloads that belong to no service by their own."""
    return tuple(sorted({_service_name(scope, caller) for caller in scope.callers}))


def _service_name(scope: VersionScope, caller: CallingWorkload) -> str:
    key = next(iter(caller.services), None)
    if key is None:
        return caller.workload
    return key.name if key.namespace == scope.namespace else str(key)


def callers_timeouts(scope: VersionScope) -> tuple[str, ...]:
    """How long the rules let each caller take for its own answer."""
    found = [
        f"{key.name} has {route.rule.timeout_s:g}s by {titled(route)}"
        for caller in scope.callers
        for key in caller.services
        for route in routes_to(scope.mesh, scope.mesh.by_key[key])
        if route.rule.timeout_s
    ]
    return tuple(dict.fromkeys(found))


def titled(route: Route) -> str:
    return f"rule {route.rule.title} of VirtualService {route.service.ref.name}"


def listed(names: Iterable[str], most: int = NAMED) -> str:
    """`a, b and c`, of many the first ones and a number."""
    known = list(names)
    if len(known) > most:
        known = [*known[:most], f"{len(known) - most} more"]
    return " and ".join(filter(None, (", ".join(known[:-1]), *known[-1:])))
