"""Which rules send traffic to a service, and which pods are which version of it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from meshtui.mesh.hosts import split_host
from meshtui.mesh.model import (
    Mesh,
    Pod,
    Rule,
    Service,
    ServiceKey,
    Subset,
    VirtualService,
)


@dataclass(frozen=True, slots=True)
class Route:
    """A rule with the VirtualService that holds it."""

    service: VirtualService
    rule: Rule


def selects(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    """True where every label of a non-empty selector is there."""
    return bool(selector) and all(labels.get(key) == value for key, value in selector.items())


def pods_of(mesh: Mesh, service: Service) -> tuple[Pod, ...]:
    """The service's pods that have not ended."""
    if not service.selector:
        return ()
    first = next(iter(service.selector.items()))
    return tuple(
        pod
        for pod in mesh.pods_by_label.get((service.key.namespace, *first), ())
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


def routes_to(mesh: Mesh, service: Service) -> tuple[Route, ...]:
    """The rules that decide where the service's traffic goes, the most telling first.

    First those of the VirtualServices for the service's own host (an exact host before a wildcard,
    the mesh before a gateway), with the rules they delegate to; where there is none, the rules
    of other hosts that name the service as a destination.
    """
    own = sorted(_own(mesh, service), key=lambda vs: _precedence(vs, service))
    routes = [route for vs in own for route in with_delegates(mesh, vs)]
    if routes:
        return tuple(routes)
    named = mesh.rules_by_destination.get(service.host, ())
    return tuple(Route(vs, rule) for vs, rule in named)


def _own(mesh: Mesh, service: Service) -> list[VirtualService]:
    """A bare `*` at a gateway speaks of outside hosts, not of this service."""
    labels = service.host.split(".")
    patterns = [service.host, *("*." + ".".join(labels[n:]) for n in range(1, len(labels)))]
    found = [vs for p in patterns for vs in mesh.virtual_services_by_host.get(p, ())]
    return list({vs.ref: vs for vs in found}.values())


def _precedence(vs: VirtualService, service: Service) -> tuple[bool, bool, bool]:
    return (
        service.host not in vs.hosts,
        not vs.in_mesh,
        vs.ref.namespace != service.key.namespace,
    )


def with_delegates(mesh: Mesh, vs: VirtualService) -> Iterable[Route]:
    """The rules of a VirtualService, those it hands over to in place of the rules that do."""
    for rule in vs.rules:
        if rule.delegate is None:
            yield Route(vs, rule)
            continue
        target = next(
            (d for d in mesh.virtual_services if (d.ref.namespace, d.ref.name) == rule.delegate),
            None,
        )
        if target is not None:
            yield from (Route(target, inner) for inner in target.rules)


def ordinary(routes: Iterable[Route]) -> Route | None:
    """The rule that carries the ordinary traffic: the first that takes any request.

    Where each rule asks for something, the last one with a destination: what is tried last is
    meant for what the special cases left over.
    """
    with_destinations = [route for route in routes if route.rule.destinations]
    first_service = with_destinations[0].service.ref if with_destinations else None
    primary = [route for route in with_destinations if route.service.ref == first_service]
    for route in primary:
        if route.rule.catch_all:
            return route
    return primary[-1] if primary else None


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
