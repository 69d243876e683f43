"""What of one snapshot holds for the next: a watch event changes one object of thousands.

A snapshot works out its indexes when they are asked for. One that follows another gets those whose
objects are the same, and those of pods with the few changed ones in their places; so what an event
costs is not what a mesh costs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from operator import is_
from typing import Any, TypeVar

from meshtui.dataclass import dataclass
from meshtui.mesh.model import Mesh, Pod
from meshtui.mesh.resolution.idle_routes import IDLE_ROUTES_SLOT
from meshtui.mesh.resolution.listeners import LISTENERS_SLOT

K = TypeVar("K")

INDEXES: Mapping[str, frozenset[str]] = {
    "by_key": frozenset({"services"}),
    "by_host": frozenset({"services"}),
    "services_by_selector": frozenset({"services"}),
    "workloads_by_place": frozenset({"workloads"}),
    "pods_by_namespace": frozenset({"pods"}),
    "pods_by_label": frozenset({"pods"}),
    "machines_by_label": frozenset({"workload_entries"}),
    "virtual_services_by_host": frozenset({"virtual_services"}),
    "wildcard_virtual_services": frozenset({"virtual_services"}),
    "rules_by_destination": frozenset({"virtual_services", "http_routes", "stream_routes"}),
    "stream_routes_by_host": frozenset({"stream_routes"}),
    "gateways_by_place": frozenset({"gateways"}),
    "api_gateways_by_place": frozenset({"api_gateways"}),
    "namespace_labels": frozenset({"namespaces"}),
    "wildcard_destination_rules": frozenset({"destination_rules"}),
    "rules_by_host": frozenset({"destination_rules"}),
}
"""The indexes of a snapshot, each with the fields that it is made of."""

_OF_ROUTES = frozenset(
    {
        "api_gateways",
        "listener_sets",
        "reference_grants",
        "namespaces",
        "http_routes",
        "stream_routes",
        "services",
        "service_entries",
        "service_entry_hosts",
        "settings",
        "partial",
    }
)
WORKED_OUT: Mapping[str, frozenset[str]] = {
    LISTENERS_SLOT: _OF_ROUTES,
    IDLE_ROUTES_SLOT: _OF_ROUTES,
}
"""What the resolution has worked out of a snapshot's routes of the Gateway API, likewise."""


@dataclass(frozen=True, slots=True)
class Difference:
    """What two snapshots differ in: fields, and the pods of which the first alone has some and
    the second alone."""

    fields: frozenset[str] = frozenset()
    gone: tuple[Pod, ...] = ()
    come: tuple[Pod, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.fields)


def difference(before: Mesh, after: Mesh) -> Difference:
    found = frozenset(
        one.name
        for one in fields(Mesh)
        if not _same(getattr(before, one.name), getattr(after, one.name))
    )
    if "pods" not in found:
        return Difference(found)
    return Difference(found, *_apart(before.pods, after.pods))


def _same(one: Any, other: Any) -> bool:
    if one is other:
        return True
    if not isinstance(one, tuple) or not isinstance(other, tuple):
        return bool(one == other)
    return len(one) == len(other) and all(map(is_, one, other))


def _apart(before: Sequence[Pod], after: Sequence[Pod]) -> tuple[tuple[Pod, ...], tuple[Pod, ...]]:
    old, new = {id(pod) for pod in before}, {id(pod) for pod in after}
    return (
        tuple(pod for pod in before if id(pod) not in new),
        tuple(pod for pod in after if id(pod) not in old),
    )


def hand_on(before: Mesh, after: Mesh, differ: Difference) -> None:
    """Gives `after` the indexes that `before` has worked out and that hold for it, too."""
    known, found = before.__dict__, after.__dict__
    for name, made_of in {**INDEXES, **WORKED_OUT}.items():
        if name in known and not made_of & differ.fields:
            found.setdefault(name, known[name])
    if "pods" not in differ.fields:
        return
    if "pods_by_label" in known:
        found.setdefault("pods_by_label", _patched(known["pods_by_label"], differ, _by_label))
    if "pods_by_namespace" in known:
        patched = _patched(known["pods_by_namespace"], differ, lambda pod: (pod.namespace,))
        found.setdefault("pods_by_namespace", dict(sorted(patched.items())))


def _by_label(pod: Pod) -> Iterable[tuple[str, str, str]]:
    return [(pod.namespace, key, value) for key, value in pod.labels.items()]


def _patched(
    index: Mapping[K, tuple[Pod, ...]], differ: Difference, keys: Callable[[Pod], Iterable[K]]
) -> dict[K, tuple[Pod, ...]]:
    gone = {id(pod) for pod in differ.gone}
    come: dict[K, list[Pod]] = {key: [] for pod in differ.gone for key in keys(pod)}
    for pod in differ.come:
        for key in keys(pod):
            come.setdefault(key, []).append(pod)
    found = dict(index)
    for key, more in come.items():
        pods = [pod for pod in index.get(key, ()) if id(pod) not in gone] + more
        found[key] = tuple(sorted(pods, key=lambda pod: (pod.namespace, pod.name)))
        if not pods:
            del found[key]
    return found
