"""What a client gets for a host and port, and which VirtualServices have no say in it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import field

from meshtui.dataclass import dataclass
from meshtui.mesh.model import Mesh, VirtualService
from meshtui.mesh.resolution.client import Client
from meshtui.mesh.resolution.clusters import Reach
from meshtui.mesh.resolution.names import MESH, covered
from meshtui.mesh.resolution.registry import NOBODY, PUBLIC, Host
from meshtui.mesh.resolution.routes import Route, Unused, never_reached, reached
from meshtui.mesh.resolution.rulings import Ruling, exports
from meshtui.mesh.resolution.scope import Scope
from meshtui.mesh.resolution.streams import Chain
from meshtui.mesh.resolution.tables import SidecarTable, VirtualHost
from meshtui.mesh.resolution.unread import Unread


@dataclass(frozen=True, slots=True)
class Overruled:
    """A VirtualService that names the host and has no effect for the client, and why."""

    service: VirtualService
    why: str


@dataclass(frozen=True, slots=True)
class EdgeRoute:
    """A route of a gateway, and the virtual host it stands in."""

    virtual_host: VirtualHost
    route: Route


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a client gets for a host and port.

    `virtual_host` is None where the port is no HTTP or the client has no such host: then `chains`
    says where connections go, or nothing does. `reaches` has each cluster that a route or a chain
    names.
    """

    client: Client
    name: str
    port: int
    host: Host | None = None
    virtual_host: VirtualHost | None = None
    chains: tuple[Chain, ...] = ()
    reaches: Mapping[str, Reach] = field(default_factory=dict)
    overruled: tuple[Overruled, ...] = ()
    unread: tuple[Unread, ...] = ()

    @property
    def ruling(self) -> Ruling | None:
        """The VirtualService that rules, its delegates joined; None for the host's default."""
        rulings = self.virtual_host.rulings if self.virtual_host else ()
        return rulings[0] if rulings else None

    @property
    def service(self) -> VirtualService | None:
        """The VirtualService that rules, as the object; None where HTTPRoutes do, or nothing."""
        found = self.ruling.service if self.ruling else None
        return found if isinstance(found, VirtualService) else None

    @property
    def routes(self) -> tuple[Route, ...]:
        """The routes that a request can reach, in Envoy's order."""
        return reached(self.virtual_host.routes) if self.virtual_host else ()

    @property
    def never_reached(self) -> tuple[Route, ...]:
        """Routes that stand in the proxy behind one that takes everything."""
        return never_reached(self.virtual_host.routes) if self.virtual_host else ()

    @property
    def unused(self) -> tuple[Unused, ...]:
        """What of the VirtualService comes to no route for the client, and why."""
        return self.virtual_host.unused if self.virtual_host else ()

    @property
    def rest(self) -> Route | None:
        """The route that takes everything that no other takes: the ordinary one."""
        last = self.routes[-1] if self.routes else None
        return last if last is not None and last.takes_everything else None

    @property
    def rest_chain(self) -> Chain | None:
        """What takes the connections that no other rule takes: the ordinary one."""
        rest = (chain for chain in self.chains if chain.place is None or chain.takes_everything)
        return next(rest, None)

    @property
    def by_address(self) -> bool:
        """Requests go to the address that the caller chose: subsets and weights do nothing."""
        own = [
            r.cluster for r in self.reaches.values() if r.cluster and r.cluster.host == self.host
        ]
        return bool(own) and all(cluster.by_address for cluster in own)


def overruled(
    mesh: Mesh, client: Client, name: str, table: SidecarTable | None, scope: Scope
) -> tuple[Overruled, ...]:
    """The VirtualServices for the mesh that name the host and don't rule it for the client."""
    return tuple(_overruled(mesh, client, name, table, scope))


def _overruled(
    mesh: Mesh, client: Client, name: str, table: SidecarTable | None, scope: Scope
) -> Iterator[Overruled]:
    winner = next(table.ruling_order(name), None) if table else None
    candidates = {ruling.place for ruling in table.candidates(name)} if table else set()
    for service in _named(mesh, name):
        place = (service.ref.namespace, service.ref.name)
        if winner is not None and place == winner.place:
            continue
        if MESH not in service.gateways:
            yield Overruled(service, "it is for gateways only")
        elif not _visible(mesh, service, client.namespace):
            yield Overruled(service, f"it is not exported to {client.namespace}")
        elif place not in candidates:
            sidecar = scope.sidecar
            hidden = sidecar is not None and place not in _imported(table)
            why = f"{sidecar.ref} hides it" if hidden and sidecar else _less_specific(winner)
            yield Overruled(service, why)
        elif winner is None:
            yield Overruled(service, "it has no rule for this client on this port")
        else:
            yield Overruled(service, f"{winner.service.ref} comes first")


def _named(mesh: Mesh, name: str) -> Iterator[VirtualService]:
    seen = {(s.ref.namespace, s.ref.name): s for s in _exactly(mesh, name)}
    for host, services in mesh.wildcard_virtual_services:
        if covered(name, host):
            seen |= {(s.ref.namespace, s.ref.name): s for s in services}
    yield from seen.values()


def _exactly(mesh: Mesh, name: str) -> tuple[VirtualService, ...]:
    return mesh.virtual_services_by_host.get(name.lower(), ())


def _visible(mesh: Mesh, service: VirtualService, namespace: str) -> bool:
    seen_by = exports(mesh, service)
    return PUBLIC in seen_by or (NOBODY not in seen_by and namespace in seen_by)


def _imported(table: SidecarTable | None) -> frozenset[tuple[str, str]]:
    return frozenset(table.listener.order.places) if table else frozenset()


def _less_specific(winner: Ruling | None) -> str:
    if winner is None:
        return "another VirtualService names the host more exactly"
    return f"{winner.service.ref} names the host more exactly"
