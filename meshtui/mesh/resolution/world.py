"""The world as istiod sees it: what each client gets for a host and port.

Everything that asks which rule, which object, which cluster or which endpoints count asks here. A
`World` is made of one snapshot and works out what is asked for, once.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from meshtui.mesh.model import Mesh, VirtualService
from meshtui.mesh.resolution.client import Callers, Client, callers
from meshtui.mesh.resolution.endpoints import Endpoints, host_endpoints
from meshtui.mesh.resolution.policies import Policies
from meshtui.mesh.resolution.registry import Host, HostPort, Registry, registry
from meshtui.mesh.resolution.rulings import Rulings, rulings
from meshtui.mesh.resolution.scope import Scope, scope, sidecar_of
from meshtui.mesh.resolution.view import View

_SLOT = "_world"


class World:
    """One snapshot, resolved. Nothing is worked out before it is asked for."""

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh
        self._views: dict[object, View] = {}
        self._scopes: dict[object, Scope] = {}
        self._endpoints: dict[tuple[str, str, int], Endpoints] = {}

    @cached_property
    def registry(self) -> Registry:
        return registry(self.mesh)

    @cached_property
    def rulings(self) -> Rulings:
        return rulings(self.mesh)

    @cached_property
    def policies(self) -> Policies:
        return Policies(self.mesh)

    @cached_property
    def aliases(self) -> Mapping[str, tuple[str, ...]]:
        """The ExternalName Services that stand for a host."""
        found: dict[str, list[tuple[str, str]]] = {}
        for host in self.registry.hosts:
            if host.alias_of:
                found.setdefault(host.alias_of, []).append((host.namespace, host.name))
        return {name: tuple(host for _, host in sorted(several)) for name, several in found.items()}

    @cached_property
    def callers(self) -> tuple[Callers, ...]:
        """All pods with a proxy, together where they get the same answers."""
        return callers(self.mesh)

    @cached_property
    def _roots(self) -> Mapping[tuple[str, str], tuple[VirtualService, ...]]:
        found: dict[tuple[str, str], dict[tuple[str, str], VirtualService]] = {}
        for service in self.mesh.virtual_services:
            if not service.hosts:
                continue
            for rule in service.rules:
                if rule.delegate is not None:
                    place = (service.ref.namespace, service.ref.name)
                    found.setdefault(rule.delegate, {})[place] = service
        return {leaf: tuple(roots.values()) for leaf, roots in found.items()}

    def roots(self, service: VirtualService) -> tuple[VirtualService, ...]:
        """The VirtualServices through which the rules of one count: itself, or who delegates."""
        if service.hosts:
            return (service,)
        return self._roots.get((service.ref.namespace, service.ref.name), ())

    def view(self, client: Client) -> View:
        """What one client gets; the same object for clients that istiod can't tell apart."""
        key = client.key
        if key not in self._views:
            self._views[key] = View(self, client)
        return self._views[key]

    def scope(self, client: Client) -> Scope:
        sidecar = sidecar_of(self.mesh, client)
        key = (client.namespace, client.gateway, sidecar.ref if sidecar else None)
        if key not in self._scopes:
            self._scopes[key] = scope(self.mesh, client, self.registry, self.rulings, sidecar)
        return self._scopes[key]

    def endpoints(self, host: Host, port: HostPort) -> Endpoints:
        """All endpoints of a host on a port; they are the same for all clients."""
        key = (host.namespace, host.name, port.number)
        if key not in self._endpoints:
            self._endpoints[key] = host_endpoints(self.mesh, host, port)
        return self._endpoints[key]


def world(mesh: Mesh) -> World:
    """The world of a snapshot; one for all who ask, as it lives as long as the snapshot."""
    found = mesh.__dict__.get(_SLOT)
    if not isinstance(found, World):
        found = mesh.__dict__[_SLOT] = World(mesh)
    return found
