"""Which VirtualServices a client has, and in which order they are asked.

From istiod (pilot/pkg/model: initVirtualServices, SelectVirtualServices): those private to the
client's namespace first, then those exported to it by name, then the public ones; among these the
older, then the name, then the namespace.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from functools import cached_property
from typing import TypeVar

from meshtui.dataclass import dataclass
from meshtui.mesh import read
from meshtui.mesh.istio import Json
from meshtui.mesh.model import HttpRoute, Mesh, VirtualService
from meshtui.mesh.resolution.delegates import MergedRule, completed, merged_rules
from meshtui.mesh.resolution.httproutes import RouteGroup, gateway_groups, route_groups
from meshtui.mesh.resolution.names import MESH, full_name, gateway_name, is_wild, most_specific
from meshtui.mesh.resolution.registry import NOBODY, PRIVATE, PUBLIC
from meshtui.mesh.resolution.streamroutes import StreamGroup, stream_groups

_K = TypeVar("_K")


@dataclass(frozen=True)
class Ruling:
    """A VirtualService with hosts of its own, as istiod has it after its delegates are joined.

    Or the HTTPRoutes of a namespace for one host, of which istiod makes a VirtualService: `routes`
    are these, and `service` is the oldest of them.
    """

    service: VirtualService | HttpRoute
    hosts: tuple[str, ...]
    gateways: tuple[str, ...]
    exports: frozenset[str]
    join: Callable[[], tuple[MergedRule, ...]] = field(compare=False, repr=False)
    domain: str = "cluster.local"
    routes: tuple[HttpRoute, ...] = ()
    connections: Mapping[str, list[Json]] = field(default_factory=dict, compare=False, repr=False)
    """The `tcp` or `tls` rules that istiod makes of a TCPRoute or a TLSRoute."""

    name: str = ""
    """What istiod calls it; empty for the VirtualService's own name."""

    @property
    def gateway_api(self) -> bool:
        """Whether its rules are those of HTTPRoutes, which istiod takes a little differently."""
        return bool(self.routes)

    @cached_property
    def rules(self) -> tuple[MergedRule, ...]:
        """Its HTTP rules in order, joined when somebody asks for them first."""
        return self.join()

    @property
    def namespace(self) -> str:
        return self.service.ref.namespace

    @property
    def place(self) -> tuple[str, str]:
        return self.service.ref.namespace, self.name or self.service.ref.name

    @cached_property
    def lower_hosts(self) -> frozenset[str]:
        return frozenset(host.lower() for host in self.hosts)

    @cached_property
    def wild_hosts(self) -> tuple[str, ...]:
        return tuple(host.lower() for host in self.hosts if is_wild(host))

    def streams(self, protocol: str) -> list[Json]:
        """Its `tcp` or `tls` rules with full names."""
        if self.gateway_api:
            return self.connections.get(protocol, [])
        rules = read.objects(read.obj(self.service.raw, "spec"), protocol)
        return [completed(rule, self.namespace, self.domain) for rule in rules]


@dataclass(frozen=True)
class Order:
    """VirtualServices in the order in which they are asked, and by the hosts they name."""

    rulings: tuple[Ruling, ...] = ()

    @cached_property
    def places(self) -> Mapping[tuple[str, str], int]:
        return {ruling.place: index for index, ruling in enumerate(self.rulings)}

    @cached_property
    def by_host(self) -> Mapping[str, tuple[Ruling, ...]]:
        """By each host in lower case, wildcards under themselves."""
        found: dict[str, list[Ruling]] = {}
        for ruling in self.rulings:
            for host in ruling.lower_hosts:
                found.setdefault(host, []).append(ruling)
        return {host: tuple(several) for host, several in found.items()}

    @cached_property
    def _first(self) -> tuple[Mapping[str, Ruling], Mapping[str, Ruling]]:
        exact: dict[str, Ruling] = {}
        wild: dict[str, Ruling] = {}
        for ruling in self.rulings:
            for host in ruling.hosts:
                (wild if is_wild(host) else exact).setdefault(host, ruling)
        return exact, wild

    def for_wildcards(self, name: str) -> Ruling | None:
        """The only VirtualService whose wildcard may rule the host: the most specific one's.

        Where a VirtualService names the host itself this is that one, so that no wildcard rules
        it, even if the VirtualService has no rule for the client.
        """
        found = most_specific(name, *self._first)
        return found[1] if found else None


@dataclass(frozen=True)
class Rulings:
    """All VirtualServices, in the order in which istiod asks them, by Gateway."""

    private: Mapping[tuple[str, str], tuple[Ruling, ...]] = field(default_factory=dict)
    exported: Mapping[tuple[str, str], tuple[Ruling, ...]] = field(default_factory=dict)
    public: Mapping[str, tuple[Ruling, ...]] = field(default_factory=dict)
    hidden: tuple[Ruling, ...] = ()
    """Those that are exported to nobody."""

    consumers: frozenset[str] = frozenset()
    """The namespaces with HTTPRoutes, which come before public VirtualServices there."""

    orders: dict[tuple[str, str], Order] = field(default_factory=dict, compare=False, repr=False)

    def seen(self, namespace: str, gateway: str = MESH) -> Order:
        """What clients of a namespace have for the mesh or, at a gateway, for a Gateway.

        Namespaces without any of their own share one.
        """
        place = (namespace, gateway)
        own = (*self.private.get(place, ()), *self.exported.get(place, ()))
        key = place if own or namespace in self.consumers else ("", gateway)
        if key not in self.orders:
            everybodys = self.public.get(gateway, ())
            mine = [r for r in everybodys if r.gateway_api and r.namespace == namespace]
            found = {r.place: r for r in (*own, *mine, *everybodys)}
            self.orders[key] = Order(tuple(found.values()))
        return self.orders[key]


def exports(mesh: Mesh, service: VirtualService) -> frozenset[str]:
    """The namespaces that may see it; its own stands for `.`."""
    written = read.texts(read.obj(service.raw, "spec"), "exportTo")
    wanted = written or mesh.settings.virtual_service_exports
    return frozenset(service.ref.namespace if to == PRIVATE else to for to in wanted)


def rulings(mesh: Mesh) -> Rulings:
    """The VirtualServices of a mesh by who sees them; delegates are joined into their roots."""
    delegates = {(s.ref.namespace, s.ref.name): s for s in mesh.virtual_services if not s.hosts}
    ordered = [_ruling(mesh, s, delegates) for s in mesh.virtual_services if s.hosts]
    groups = (*route_groups(mesh), *gateway_groups(mesh))
    ordered += [_of_routes(mesh, group) for group in groups]
    ordered += [_of_streams(mesh, group) for group in stream_groups(mesh)]
    ordered.sort(key=lambda r: (r.service.created, r.place[1], r.namespace))
    private: dict[tuple[str, str], list[Ruling]] = {}
    exported: dict[tuple[str, str], list[Ruling]] = {}
    public: dict[str, list[Ruling]] = {}
    hidden = []
    for ruling in ordered:
        if PUBLIC in ruling.exports:
            _add_public(public, ruling)
        elif NOBODY in ruling.exports:
            hidden.append(ruling)
        else:
            _add_to_namespaces(private, exported, ruling)
    consumers = frozenset(
        ruling.namespace for ruling in ordered if ruling.gateway_api and MESH in ruling.gateways
    )
    return Rulings(_frozen(private), _frozen(exported), _frozen(public), tuple(hidden), consumers)


def _of_streams(mesh: Mesh, group: StreamGroup) -> Ruling:
    everybody = mesh.settings.virtual_service_exports
    namespace = group.route.ref.namespace
    return Ruling(
        service=group.route,
        hosts=group.hosts,
        gateways=(group.gateway,),
        exports=frozenset(namespace if to == PRIVATE else to for to in everybody),
        join=tuple,
        domain=mesh.settings.domain,
        routes=(group.route,),
        connections=group.lists,
        name=group.name,
    )


def _of_routes(mesh: Mesh, group: RouteGroup) -> Ruling:
    everybody = mesh.settings.virtual_service_exports
    return Ruling(
        service=group.routes[0],
        hosts=(group.host,),
        gateways=(group.gateway,),
        exports=frozenset(group.namespace if to == PRIVATE else to for to in everybody),
        join=lambda: group.rules,
        domain=mesh.settings.domain,
        routes=group.routes,
        name=group.name,
    )


def _ruling(
    mesh: Mesh, service: VirtualService, delegates: Mapping[tuple[str, str], VirtualService]
) -> Ruling:
    spec, namespace = read.obj(service.raw, "spec"), service.ref.namespace
    domain = mesh.settings.domain

    def visible(target: VirtualService, to: str) -> bool:
        seen_by = exports(mesh, target)
        return PUBLIC in seen_by or to in seen_by

    return Ruling(
        service=service,
        hosts=tuple(full_name(host, namespace, domain) for host in read.texts(spec, "hosts")),
        gateways=tuple(
            gateway_name(name, namespace) for name in read.texts(spec, "gateways") or (MESH,)
        ),
        exports=exports(mesh, service),
        join=lambda: tuple(
            merged_rules(service, lambda *place: delegates.get(place), visible, domain)
        ),
        domain=domain,
    )


def _add_public(public: dict[str, list[Ruling]], ruling: Ruling) -> None:
    for gateway in ruling.gateways:
        public.setdefault(gateway, []).append(ruling)


def _add_to_namespaces(
    private: dict[tuple[str, str], list[Ruling]],
    exported: dict[tuple[str, str], list[Ruling]],
    ruling: Ruling,
) -> None:
    for namespace in ruling.exports:
        home = private if namespace == ruling.namespace else exported
        for gateway in ruling.gateways:
            home.setdefault((namespace, gateway), []).append(ruling)


def _frozen(found: Mapping[_K, Iterable[Ruling]]) -> Mapping[_K, tuple[Ruling, ...]]:
    return {key: tuple(several) for key, several in found.items()}
