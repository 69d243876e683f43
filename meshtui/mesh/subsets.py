"""The subsets of a host that its clients can use: those of the DestinationRules that count."""

from __future__ import annotations

from collections.abc import Iterator

from meshtui.mesh.caller_groups import special_namespaces
from meshtui.mesh.model import DestinationRule, Mesh, Subset
from meshtui.mesh.resolution import Client, World, world
from meshtui.mesh.resolution.names import is_wild
from meshtui.mesh.routing import subsets_of


def usable_subsets(mesh: Mesh, host: str) -> tuple[Subset, ...]:
    """What any client of the mesh can send to, the service's own namespace first.

    Where not all pods are known, nor are all clients: then each subset may have one.
    """
    rules = _rules(mesh, host)
    if not rules:
        return ()
    if not mesh.knows("pods"):
        return subsets_of(mesh, host)
    whole = world(mesh)
    found: dict[str, Subset] = {}
    for client in _clients(whole, host, rules):
        joined = whole.view(client).rule(host)
        for subset in joined.subsets if joined else ():
            found.setdefault(subset.name, subset)
    return tuple(found.values())


def _rules(mesh: Mesh, host: str) -> tuple[DestinationRule, ...]:
    wild = (rule for rule in mesh.wildcard_destination_rules if _covers(rule.host, host))
    return (*mesh.rules_by_host.get(host, ()), *wild)


def _covers(wildcard: str, host: str) -> bool:
    return is_wild(wildcard) and host.endswith(wildcard[1:])


def _clients(whole: World, host: str, rules: tuple[DestinationRule, ...]) -> Iterator[Client]:
    """One for each set of clients that may have other DestinationRules than the rest."""
    special = special_namespaces(whole, host) | {rule.ref.namespace for rule in rules}
    special |= {name for rule in rules for name in rule.export_to}
    asked = {label for rule in rules for label in rule.workload_selector}
    homes = {known.namespace for known in whole.shared.registry.by_name.get(host, ())}
    special |= homes
    found: dict[object, Client] = {}
    for group in whole.callers:
        client = group.client
        labels = frozenset((k, v) for k, v in client.labels.items() if k in asked)
        home = client.namespace if client.namespace in special else ""
        found.setdefault((home, client.gateway, labels), client)
    yield from sorted(found.values(), key=lambda client: client.namespace not in homes)
    if not found:
        yield Client(min(homes, default="default"))
