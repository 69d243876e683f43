"""What is the same for all clients of a snapshot, and for those after it in which only pods differ:
hosts, rulings, policies, and what clients see of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from functools import cached_property

from meshtui.mesh.model import Mesh, RuleOwner, VirtualService
from meshtui.mesh.resolution.client import Client, asked_labels, gateway_labels
from meshtui.mesh.resolution.policies import Policies
from meshtui.mesh.resolution.registry import Registry, registry
from meshtui.mesh.resolution.rulings import Rulings, rulings
from meshtui.mesh.resolution.scope import Scope, scope, sidecar_of

MADE_OF: Mapping[str, frozenset[str]] = {
    "registry": frozenset({"services"}),
    "rulings": frozenset({"virtual_services"}),
    "policies": frozenset({"destination_rules"}),
    "aliases": frozenset({"services"}),
    "asked_labels": frozenset({"virtual_services", "destination_rules"}),
    "gateway_labels": frozenset(),
    "_roots": frozenset({"virtual_services"}),
    "_scopes": frozenset({"services", "virtual_services"}),
}
"""What is made of the objects that most events are of; all of it of others, too."""


class Shared:
    """What all clients share. Nothing is worked out before it is asked for.

    `mesh` is the first snapshot that it holds for: its pods are not asked for here.
    """

    def __init__(self, mesh: Mesh) -> None:
        self.mesh = mesh
        self._scopes: dict[object, Scope] = {}

    def after(self, mesh: Mesh, fields: Set[str]) -> Shared:
        """The same of a snapshot that differs in these fields of `MADE_OF` alone."""
        found = Shared(mesh)
        targets = {"services"} if mesh.backend_tls_policies else set[str]()
        for name, made_of in MADE_OF.items():
            if name == "policies":
                made_of |= targets
            if name in self.__dict__ and not made_of & fields:
                found.__dict__[name] = self.__dict__[name]
        return found

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
    def asked_labels(self) -> frozenset[str]:
        """The labels of clients that something asks for."""
        return frozenset(asked_labels(self.mesh))

    @cached_property
    def gateway_labels(self) -> frozenset[str]:
        """The labels that Gateways choose their proxies by."""
        return frozenset(gateway_labels(self.mesh))

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

    def roots(self, service: RuleOwner) -> tuple[RuleOwner, ...]:
        """The objects through which the rules of one count: itself, or who delegates to it."""
        if service.hosts:
            return (service,)
        return self._roots.get((service.ref.namespace, service.ref.name), ())

    def scope(self, client: Client) -> Scope:
        sidecar = sidecar_of(self.mesh, client)
        key = (client.namespace, client.gateway, sidecar.ref if sidecar else None)
        if key not in self._scopes:
            self._scopes[key] = scope(self.mesh, client, self.registry, self.rulings, sidecar)
        return self._scopes[key]
