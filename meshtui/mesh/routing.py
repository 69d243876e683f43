"""Which rules send traffic to a service, and which pods are which version of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from meshtui.mesh.hosts import service_host, split_host
from meshtui.mesh.model import (
    Mesh,
    Pod,
    Service,
    ServiceKey,
    Subset,
)
from meshtui.mesh.selector import selects


def pods_of(mesh: Mesh, service: Service) -> tuple[Pod, ...]:
    """The service's pods that have not ended, and the machines beside them."""
    if not service.selector:
        return ()
    first = next(iter(service.selector.items()))
    place = service.key.namespace, *first
    pods = mesh.pods_by_label.get(place, ())
    return tuple(
        pod
        for pod in (*pods, *mesh.machines_by_label.get(place, ()))
        if pod.phase not in ("Succeeded", "Failed") and selects(service.selector, pod.labels)
    )


def pods_selected(
    mesh: Mesh, selector: Mapping[str, str], namespaces: Iterable[str] | None = None
) -> tuple[Pod, ...]:
    """The pods that carry a non-empty selector's labels, of some namespaces or of all."""
    if not selector:
        return ()
    first = next(iter(selector.items()))
    return tuple(
        pod
        for namespace in (mesh.pods_by_namespace if namespaces is None else namespaces)
        for pod in mesh.pods_by_label.get((namespace, *first), ())
        if selects(selector, pod.labels)
    )


def subsets_of(mesh: Mesh, host: str) -> tuple[Subset, ...]:
    """The host's subsets; of several with one name the first counts, as in istiod."""
    found: dict[str, Subset] = {}
    for rule in mesh.rules_by_host.get(host, ()):
        for subset in rule.subsets:
            found.setdefault(subset.name, subset)
    return tuple(found.values())


def pods_of_subset(pods: Iterable[Pod], subset: Subset) -> tuple[Pod, ...]:
    """A subset without labels is all of the host's pods."""
    return tuple(pod for pod in pods if not subset.labels or selects(subset.labels, pod.labels))


def find_service(mesh: Mesh, name: str, namespace: str) -> Service | None:
    """`reviews` in the given namespace, `reviews.other`, or a full host name."""
    key = split_host(name)
    if key is None:
        short, _, other = name.partition(".")
        key = ServiceKey(other or namespace, short)
    found = mesh.by_key.get(key)
    if found is None and "." in name:
        found = mesh.by_key.get(ServiceKey(namespace, name))
    return found


def service_of(mesh: Mesh, key: ServiceKey) -> Service:
    """The service with this key; one by its name alone where the mesh has none (any more)."""
    known = mesh.by_key.get(key)
    host = service_host(key.namespace, key.name, mesh.settings.domain)
    return known or Service(key, host)
