"""Two VirtualServices for one host in the mesh: istiod takes one and drops the other."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from meshtui.diagnosis.analysis.finding import ERROR, Finding
from meshtui.mesh import read
from meshtui.mesh.admission import MESH, entries_of, gateways_of
from meshtui.mesh.hosts import short_host
from meshtui.mesh.model import Match, Mesh, VirtualService

ALL = Match()


def host_conflict(mesh: Mesh) -> Iterator[Finding]:
    """Both speak to the same proxies of the same host and the same kind of traffic.

    A proxy has one list of routes for a host: it comes from the older VirtualService. At a
    gateway the two are merged, and those that no client sees both of, or that speak of different
    ports, callers or protocols, do not meet.
    """
    for host, services in mesh.virtual_services_by_host.items():
        inside = [service for service in services if service.in_mesh]
        for one, other in combinations(inside, 2):
            if _share_clients(one, other) and _speak_of_the_same(one, other):
                yield _conflict(host, *sorted((one, other), key=_age))


def _conflict(host: str, older: VirtualService, newer: VirtualService) -> Finding:
    index = newer.hosts.index(host)
    name = short_host(host, newer.ref.namespace)
    return Finding(
        "host-conflict",
        ERROR,
        newer.ref,
        f"spec.hosts[{index}]",
        f"{older.ref} has routes for {name} in the mesh too: only one of the two is used there, "
        "the older one.",
        "Put the rules into one VirtualService, or let one delegate to the other.",
        ("IST0109", "KIA1106"),
    )


def _age(service: VirtualService) -> tuple[str, str]:
    meta = read.obj(service.raw, "metadata")
    return read.text(meta, "creationTimestamp"), str(service.ref)


def _share_clients(one: VirtualService, other: VirtualService) -> bool:
    first, second = _visible_in(one), _visible_in(other)
    if "*" in first or "*" in second:
        return bool(first) and bool(second)
    return bool(first & second)


def _visible_in(service: VirtualService) -> set[str]:
    """The namespaces whose clients see it; `*` is all, `.` its own and `~` none."""
    own = service.ref.namespace
    return {own if place == "." else place for place in service.export_to if place != "~"}


def _speak_of_the_same(one: VirtualService, other: VirtualService) -> bool:
    """True where some proxy has rules of both for one port."""
    theirs = list(_in_mesh(other))
    return any(_may_meet(mine, yours) for mine in _in_mesh(one) for yours in theirs)


def _in_mesh(service: VirtualService) -> set[tuple[str, int, str, tuple[tuple[str, str], ...]]]:
    """For whom the rules are, of what a proxy knows before any request: protocol, port, caller."""
    return {
        (rule.protocol, m.port, m.source_namespace, m.source_labels)
        for rule in service.rules
        for m in (match or ALL for match in entries_of(rule))
        if MESH in gateways_of(service, m)
    }


def _may_meet(
    one: tuple[str, int, str, tuple[tuple[str, str], ...]],
    other: tuple[str, int, str, tuple[tuple[str, str], ...]],
) -> bool:
    labels = dict(one[3])
    return (
        one[0] == other[0]
        and (not one[1] or not other[1] or one[1] == other[1])
        and (not one[2] or not other[2] or one[2] == other[2])
        and all(labels.get(key, value) == value for key, value in other[3])
    )
