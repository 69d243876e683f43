"""The callers of a host, together where istiod cannot tell them apart for it."""

from __future__ import annotations

from collections.abc import Iterator

from meshtui.mesh import read
from meshtui.mesh.model import VirtualService
from meshtui.mesh.resolution import Callers, Client, World


def callers_of(whole: World, host: str) -> Iterator[tuple[Client, tuple[Callers, ...]]]:
    """The callers in the mesh, together where they get the same rules for a host.

    Namespaces without VirtualServices, Sidecars or a say of their own share one answer. Where
    nothing in the mesh has a proxy, a caller of the host's own namespace stands for what is to
    come.
    """
    special = special_namespaces(whole, host)
    asked = _asked_labels(whole, host)
    found: dict[object, tuple[Client, list[Callers]]] = {}
    for group in whole.callers:
        if group.client.waypoint and any(whole.view(group.client).waypoint.hosts(host)):
            found[group.client.key] = (group.client, [group])
        if group.client.gateway:
            continue
        home = group.client.namespace
        labels = {k: v for k, v in group.client.labels.items() if k in asked or home in special}
        key = (home if home in special else "", frozenset(labels.items()))
        found.setdefault(key, (group.client, []))[1].append(group)
    for client, groups in found.values():
        yield client, tuple(groups)
    if not found:
        hosts = whole.shared.registry.by_name.get(host, ())
        yield Client(hosts[0].namespace if hosts else "default"), ()


def special_namespaces(whole: World, host: str) -> frozenset[str]:
    """The namespaces whose callers may get other rules than the rest of the mesh."""
    rulings = whole.shared.rulings
    own = {namespace for namespace, _ in (*rulings.private, *rulings.exported)}
    own |= rulings.consumers
    own |= {sidecar.ref.namespace for sidecar in whole.mesh.sidecars}
    for known in whole.shared.registry.by_name.get(host, ()):
        own |= known.exports - {"*", "."}
        own |= {known.namespace} if "." in known.exports else set()
    own |= {
        namespace for service in _naming(whole, host) for namespace in _source_namespaces(service)
    }
    return frozenset(own)


def _naming(whole: World, host: str) -> Iterator[VirtualService]:
    yield from whole.mesh.virtual_services_by_host.get(host.lower(), ())
    for _, services in whole.mesh.wildcard_virtual_services:
        yield from services


def _source_namespaces(service: VirtualService) -> Iterator[str]:
    for match in _matches(service):
        if name := read.text(match, "sourceNamespace"):
            yield name


def _asked_labels(whole: World, host: str) -> frozenset[str]:
    """The labels of callers that rules for the host ask for."""
    return frozenset(
        label
        for service in _naming(whole, host)
        for match in _matches(service)
        for label in read.labels(match, "sourceLabels")
    )


def _matches(service: VirtualService) -> Iterator[dict[str, object]]:
    for protocol in ("http", "tcp", "tls"):
        for rule in read.objects(read.obj(service.raw, "spec"), protocol):
            yield from (dict(match) for match in read.objects(rule, "match"))
