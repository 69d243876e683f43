"""The virtual hosts of a sidecar: which rules a host has on a port.

From istiod (pilot/pkg/networking/core/httproute.go and route.go: BuildSidecarVirtualHostWrapper,
separateVSHostsAndServices). A client on a port has a virtual host for each host with that port, and
for each other host of a VirtualService that has one of these, too; on port 80 for all of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import field, replace
from functools import cached_property

from meshtui.dataclass import dataclass
from meshtui.mesh.resolution.domains import host_domains
from meshtui.mesh.resolution.forwarding import Surroundings
from meshtui.mesh.resolution.names import is_wild, overlap
from meshtui.mesh.resolution.registry import ALIAS, Host
from meshtui.mesh.resolution.routes import MadeRoutes, Route, Unused, build_routes
from meshtui.mesh.resolution.rulings import Ruling
from meshtui.mesh.resolution.scope import Listener

HTTP_PORT = 80
"""Here istiod makes virtual hosts for names that no service has."""


@dataclass(frozen=True, slots=True)
class VirtualHost:
    """A virtual host. `host` is None for a name that no service of the client has on the port.

    `rulings` are the VirtualServices behind it: in the mesh at most one, at a gateway several.
    `requires_tls`: plain requests are only redirected to HTTPS.
    """

    table: str
    name: str
    domains: tuple[str, ...]
    routes: tuple[Route, ...]
    rulings: tuple[Ruling, ...] = ()
    host: Host | None = None
    unused: tuple[Unused, ...] = ()
    requires_tls: bool = False


@dataclass(frozen=True)
class SidecarTable:
    """The virtual hosts of one client on one port; each is made when it is asked for."""

    listener: Listener
    port: int
    around: Surroundings
    default: Callable[[Host, int], Route]
    domain: str
    aliases: Callable[[str], tuple[str, ...]]
    made: dict[tuple[str, str], MadeRoutes] = field(default_factory=dict, compare=False, repr=False)

    def host(self, name: str) -> Host | None:
        """The host of that name, with nothing but the table's port; None where it has it not."""
        found = self.listener.host(name)
        port = found.port(self.port) if found else None
        return replace(found, ports=(port,)) if found and port else None

    def virtual_host(self, name: str) -> VirtualHost | None:
        """The virtual host of a service or of another host that a VirtualService names."""
        found = self.host(name)
        if found is None:
            return self._ghost(name)
        if not found.ports[0].takes_http_rules:
            return None
        ruling = next(self.ruling_order(name), None)
        if found.resolution == ALIAS and self._is_domain(found.alias_of, ruling):
            return None
        domains = host_domains(found, self.aliases(name), self.listener.namespace, self.domain)
        if ruling is None:
            return self._host(name, domains, (self.default(found, self.port),), (), found)
        made = self.make(ruling)
        return self._host(name, domains, made.routes, (ruling,), found, made.unused)

    def _is_domain(self, target: str, ruling: Ruling | None) -> bool:
        """Whether an alias is but a domain of the host that it stands for: what comes first has it.

        So it is without a VirtualService of its own, and where the other host's is older.
        """
        other = next(self.ruling_order(target), None) if self.host(target) else None
        places = self.listener.order.places
        return ruling is None or (other is not None and places[other.place] < places[ruling.place])

    def sniffed(self, name: str) -> VirtualHost | None:
        """The same in a table of its own, for a port whose name says no protocol.

        The proxy uses it for what it finds to be HTTP, whatever host it names.
        """
        found = self.virtual_host(name)
        if found is None or found.host is None or not found.host.ports[0].sniffed:
            return None
        return replace(found, table=f"{name}:{self.port}", domains=("*",))

    def ruling_order(self, name: str) -> Iterator[Ruling]:
        """The VirtualServices with a rule for this client that rule a service, the first first."""
        for ruling in self.candidates(name):
            if self.make(ruling).routes:
                yield ruling

    def candidates(self, name: str) -> Iterator[Ruling]:
        """Those that name the service, and the one whose wildcard is the most specific."""
        wild = self.listener.order.for_wildcards(name)
        exact = () if is_wild(name) else self.listener.order.by_host.get(name.lower(), ())
        exact = tuple(r for r in exact if self._may_rule(r, name))
        if wild is None or wild in exact or not _covers(wild, name):
            yield from exact
            return
        places = self.listener.order.places
        yield from sorted((*exact, wild), key=lambda ruling: places[ruling.place])

    def _may_rule(self, ruling: Ruling, name: str) -> bool:
        """HTTPRoutes are for the Service's own callers, or for those of their namespace."""
        if not ruling.gateway_api or ruling.namespace == self.listener.namespace:
            return True
        host = self.listener.host(name)
        return host is not None and host.namespace == ruling.namespace

    def make(self, ruling: Ruling) -> MadeRoutes:
        if ruling.place not in self.made:
            self.made[ruling.place] = build_routes(ruling, self.around)
        return self.made[ruling.place]

    def _ghost(self, name: str) -> VirtualHost | None:
        """A name that no service has on this port, but a VirtualService that is used here."""
        for ruling in self.listener.order.by_host.get(name.lower(), ()):
            if is_wild(name) and self._wildcard_has_services(name):
                continue
            if ruling.gateway_api or not self.make(ruling).routes or not self._used(ruling):
                continue
            made = self.make(ruling)
            domains = [name.lower()]
            return self._host(name.lower(), domains, made.routes, (ruling,), None, made.unused)
        return None

    def _wildcard_has_services(self, name: str) -> bool:
        return any(overlap(host, name) for host in self._names())

    def _used(self, ruling: Ruling) -> bool:
        """On port 80 always; elsewhere where one of its hosts is an HTTP service with the port."""
        ruled = [host for host in self._ruled(ruling) if host.ports[0].takes_http_rules]
        return bool(ruled) or self.port == HTTP_PORT

    def _ruled(self, ruling: Ruling) -> Iterator[Host]:
        for name in sorted(ruling.lower_hosts):
            if not is_wild(name):
                found = self.host(name)
                if found is not None:
                    yield found
                continue
            for other in self._names():
                if overlap(other, name) and self.listener.order.for_wildcards(other) is ruling:
                    found = self.host(other)
                    if found is not None:
                        yield found

    def _names(self) -> Iterable[str]:
        return (name for name in self.listener.names if self.host(name))

    def _host(
        self,
        name: str,
        domains: Iterable[str],
        routes: tuple[Route, ...],
        rulings: tuple[Ruling, ...],
        host: Host | None,
        unused: tuple[Unused, ...] = (),
    ) -> VirtualHost:
        return VirtualHost(
            table=str(self.port),
            name=f"{name}:{self.port}",
            domains=tuple(dict.fromkeys(domains)),
            routes=routes,
            rulings=rulings,
            host=host,
            unused=unused,
        )

    @cached_property
    def speaks_http(self) -> bool:
        """Whether some service speaks HTTP here: then there is a listener for all addresses."""
        return any(found.ports[0].http for name in self._names() if (found := self.host(name)))

    def virtual_hosts(self) -> list[VirtualHost]:
        """All of them. A domain belongs to the first that has it, services' own names before."""
        hosts = [vhost for name in self._all_names() if (vhost := self.virtual_host(name))]
        order = self.listener.order.places
        hosts.sort(key=lambda v: (min((order[r.place] for r in v.rulings), default=len(order)),))
        known = {vhost.host.name for vhost in hosts if vhost.host}
        taken: set[str] = set()
        found = []
        for vhost in hosts:
            domains = [
                domain
                for domain in vhost.domains
                if domain.lower() not in taken
                and (domain not in known or vhost.host is None or domain in self._full(vhost.host))
            ]
            taken |= {domain.lower() for domain in domains}
            if domains:
                found.append(replace(vhost, domains=tuple(domains)))
        return found

    def _full(self, host: Host) -> tuple[str, ...]:
        """The full names of a host, which no other host takes away."""
        return (host.name, *self.aliases(host.name))

    def _all_names(self) -> Iterable[str]:
        """Services with the port, then the other hosts of VirtualServices."""
        names = dict.fromkeys(self._names())
        names |= dict.fromkeys(host for r in self.listener.rulings for host in r.lower_hosts)
        return names


def _covers(ruling: Ruling, name: str) -> bool:
    return any(overlap(name, pattern) for pattern in ruling.wild_hosts)
