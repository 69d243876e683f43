"""The hosts of the mesh: Services and ServiceEntries as istiod has them in one registry.

Sources: pilot/pkg/serviceregistry (ConvertService, convertServices) and pilot/pkg/model
(initServiceRegistry, IsServiceVisible).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field, replace
from functools import cached_property

from meshtui.dataclass import dataclass
from meshtui.mesh.model import Mesh, Service, ServiceEntry
from meshtui.mesh.resolution.protocols import (
    is_http,
    is_tls,
    parse_protocol,
    service_protocol,
    takes_http_rules,
)

PUBLIC, PRIVATE, NOBODY = "*", ".", "~"

STATIC = "STATIC"
"""The control plane sends the endpoints (EDS)."""

DNS = "DNS"
DNS_ROUND_ROBIN = "DNS_ROUND_ROBIN"
NONE = "NONE"
"""Requests go to the address that the caller connected to: headless, or `resolution: NONE`."""

ALIAS = "ALIAS"
"""An ExternalName: another host under this name."""


@dataclass(frozen=True, slots=True)
class HostPort:
    """A port of a host. `target` is a number, a container port's name, or empty."""

    number: int
    name: str
    protocol: str
    target: str = ""

    @property
    def http(self) -> bool:
        return is_http(self.protocol)

    @property
    def sniffed(self) -> bool:
        """The proxy finds out by itself whether it is HTTP: its name says no protocol."""
        return takes_http_rules(self.protocol) and not self.http

    @property
    def takes_http_rules(self) -> bool:
        return takes_http_rules(self.protocol)

    @property
    def tls(self) -> bool:
        return is_tls(self.protocol)

    @property
    def streams(self) -> bool:
        """Whether connections are passed on by it as they are; on a sniffed port some are."""
        return not self.http and self.protocol != "UDP"


@dataclass(frozen=True, slots=True)
class Host:
    """A host that clients may call; `origin` is the object behind it."""

    name: str
    namespace: str
    origin: Service | ServiceEntry
    ports: tuple[HostPort, ...] = ()
    resolution: str = STATIC
    exports: frozenset[str] = frozenset({PUBLIC})
    created: str = ""
    addresses: tuple[str, ...] = ()
    alias_of: str = ""

    @property
    def kubernetes(self) -> bool:
        return isinstance(self.origin, Service)

    @property
    def headless(self) -> bool:
        return self.kubernetes and self.resolution == NONE

    def port(self, number: int) -> HostPort | None:
        return next((port for port in self.ports if port.number == number), None)

    def visible_in(self, namespace: str) -> bool:
        """Whether `exportTo` lets a namespace see the host."""
        return exported_to(self.exports, self.namespace, namespace)


def exported_to(exports: frozenset[str], own: str, namespace: str) -> bool:
    return PUBLIC in exports or namespace in exports or (PRIVATE in exports and own == namespace)


@dataclass(frozen=True)
class Registry:
    """All hosts by name; `hosts` is in istiod's order, the older first."""

    hosts: tuple[Host, ...] = ()
    by_name: Mapping[str, tuple[Host, ...]] = field(default_factory=dict)

    @cached_property
    def ports(self) -> frozenset[int]:
        return frozenset(port.number for host in self.hosts for port in host.ports)

    @cached_property
    def by_address(self) -> Mapping[str, tuple[Host, ...]]:
        found: dict[str, list[Host]] = {}
        for host in self.hosts:
            for address in host.addresses:
                found.setdefault(address, []).append(host)
        return {address: tuple(hosts) for address, hosts in found.items()}

    @cached_property
    def wild(self) -> tuple[str, ...]:
        return tuple(name for name in self.by_name if name.startswith("*"))

    def seen(self, name: str, namespace: str) -> list[Host]:
        """The hosts of that name that a namespace may see: exported to it first, then public."""
        found = [host for host in self.by_name.get(name, ()) if host.visible_in(namespace)]
        return sorted(found, key=lambda host: PUBLIC in host.exports)

    def owned(self, name: str) -> Mapping[str, Host]:
        """The host of that name in each namespace; Kubernetes before others, then the older."""
        found: dict[str, Host] = {}
        for host in self.by_name.get(name, ()):
            before = found.get(host.namespace)
            if before is None or (host.kubernetes and not before.kubernetes):
                found[host.namespace] = host
        return found


def registry(mesh: Mesh) -> Registry:
    """The hosts of a mesh; those exported to nobody are not among them."""
    hosts = [*_services(mesh), *_entries(mesh)]
    hosts = [host for host in hosts if PUBLIC in host.exports or NOBODY not in host.exports]
    hosts.sort(key=lambda host: (host.created, _attribute_name(host), host.namespace))
    by_name: dict[str, list[Host]] = {}
    for host in hosts:
        by_name.setdefault(host.name, []).append(host)
    return Registry(tuple(hosts), {name: tuple(found) for name, found in by_name.items()})


def _attribute_name(host: Host) -> str:
    return host.origin.key.name if isinstance(host.origin, Service) else host.name


def _services(mesh: Mesh) -> Iterator[Host]:
    for service in mesh.services:
        alias = service.external_name if service.type == "ExternalName" else ""
        yield Host(
            name=service.host,
            namespace=service.key.namespace,
            origin=service,
            ports=tuple(
                HostPort(port.number, port.name, service_protocol(port), port.target)
                for port in service.ports
            ),
            resolution=ALIAS if alias else NONE if service.headless else STATIC,
            exports=frozenset(service.export_to or mesh.settings.service_exports),
            created=service.created,
            addresses=service.addresses,
            alias_of=alias,
        )


def _entries(mesh: Mesh) -> Iterator[Host]:
    for entry in mesh.service_entries:
        for name in dict.fromkeys(entry.hosts):
            yield Host(
                name=name,
                namespace=entry.ref.namespace,
                origin=entry,
                ports=tuple(
                    HostPort(
                        port.number,
                        port.name,
                        parse_protocol(port.protocol),
                        str(port.target or port.number),
                    )
                    for port in entry.ports
                ),
                resolution=entry.resolution,
                exports=frozenset(entry.export_to or mesh.settings.service_exports),
                created=entry.created,
                addresses=entry.addresses,
            )


def merged(found: Iterable[Host]) -> Host | None:
    """One host of several of the same name and namespace: Kubernetes' wins, ports are joined."""
    chosen: Host | None = None
    for host in found:
        if chosen is None or (host.kubernetes and not chosen.kubernetes):
            chosen = host
        elif not host.kubernetes and not chosen.kubernetes and _alike(chosen, host):
            known = {port.number for port in chosen.ports}
            more = tuple(port for port in host.ports if port.number not in known)
            chosen = replace(chosen, ports=chosen.ports + more)
    return chosen


def _alike(one: Host, other: Host) -> bool:
    return (
        one.namespace == other.namespace
        and one.resolution == other.resolution
        and one.exports == other.exports
    )
