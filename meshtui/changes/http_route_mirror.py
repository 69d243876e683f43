"""The patch that sets and clears mirrors in an HTTPRoute's rule: its RequestMirror filters."""

from __future__ import annotations

from typing import Any

from meshtui.changes.change import Operation
from meshtui.changes.locate import HostSubset, Located, resolve_version
from meshtui.changes.mirror_filter import MIRROR, part_of, require_percent
from meshtui.changes.patch import APPEND, pointer, tokens
from meshtui.changes.weight_ops import new_backend
from meshtui.mesh import read
from meshtui.mesh.parse_gateway_api import backend_host


def http_route_mirror_operations(
    located: Located, to: str, percent: float
) -> tuple[Operation, ...]:
    """Mirror `percent` (above 0, to 100) of the rule's requests to a backend; others stay."""
    require_percent(percent)
    place = resolve_version(located, to)
    steps, filters = tokens(located.rule.pointer), read.items(located.raw_rule, "filters")
    for index, entry in enumerate(filters):
        if mirror_host(entry, located) == place.host:
            backend = read.obj(read.obj(entry, "requestMirror"), "backendRef")
            wanted = {"backendRef": backend, **part_of(percent)}
            if entry["requestMirror"] == wanted:
                return ()
            path = pointer(*steps, "filters", index, "requestMirror")
            return ({"op": "replace", "path": path, "value": wanted},)
    made = {
        "type": MIRROR,
        "requestMirror": {"backendRef": new_backend(located, place), **part_of(percent)},
    }
    if filters:
        return ({"op": "add", "path": pointer(*steps, "filters", APPEND), "value": made},)
    return ({"op": "add", "path": pointer(*steps, "filters"), "value": [made]},)


def clear_http_route_mirror_operations(located: Located, to: str = "") -> tuple[Operation, ...]:
    """No mirror any more, or none to `to`."""
    place = resolve_version(located, to) if to else None
    return without_mirrors(located, place)


def without_mirrors(located: Located, place: HostSubset | None = None) -> tuple[Operation, ...]:
    """The filters that copy (to `place`, where that is said) taken away, the last first."""
    steps, filters = tokens(located.rule.pointer), read.items(located.raw_rule, "filters")
    hosts = [mirror_host(entry, located) for entry in filters]
    gone = [i for i, host in enumerate(hosts) if host and (place is None or host == place.host)]
    if gone and len(gone) == len(filters):
        return ({"op": "remove", "path": pointer(*steps, "filters")},)
    return tuple(
        {"op": "remove", "path": pointer(*steps, "filters", index)} for index in reversed(gone)
    )


def mirror_host(entry: Any, located: Located) -> str:
    """Where a filter copies to; empty where it is another filter."""
    if read.text(entry, "type") != MIRROR:
        return ""
    backend = read.obj(read.obj(entry, "requestMirror"), "backendRef")
    return backend_host(backend, located.owner.ref.namespace, located.domain)
