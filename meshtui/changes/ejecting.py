"""What a change of outlier detection comes to: nothing, where it may not eject one endpoint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from meshtui.changes.change import Caution, Change
from meshtui.mesh import read
from meshtui.mesh.ejection import (
    ejection_percent,
    ejects_none,
    needed_percent,
    none_ejected_words,
)
from meshtui.mesh.governing import governed
from meshtui.mesh.hosts import full_host, short_host
from meshtui.mesh.model import Mesh
from meshtui.mesh.resolution import Cluster, world

KIND = "DestinationRule"


def policy_host(mesh: Mesh, change: Change) -> str:
    """The host whose limits a DestinationRule's change is about; a service may send to others."""
    spec = change.spec_after or change.spec_before
    named = read.text(spec, "host")
    if named:
        return full_host(named, change.target.namespace, mesh.settings.domain)
    service = mesh.by_key.get(change.service)
    return service.host if service else ""


def ejecting_none(before: Mesh, after: Mesh, change: Change) -> tuple[Caution, ...]:
    """Said where every cluster whose outlier detection changes is too small for it."""
    if change.target.kind != KIND or change.action == "delete":
        return ()
    host = policy_host(after, change)
    changed = dict(_changed(before, after, host))
    named = _named(after, host)
    sent = {name: found for name, found in changed.items() if _subset(found[0]) in named}
    counted = list((sent or changed).values())
    if not counted or not all(_none(cluster, number) for cluster, number in counted):
        return ()
    cluster, number = max(counted, key=lambda one: one[1])
    name = short_host(host, change.service.namespace)
    of = f"subset {_subset(cluster)} of {name}" if cluster.subset else name
    percent = ejection_percent(read.obj(cluster.policy, "outlierDetection"))
    words = none_ejected_words(percent, number, of)
    return (Caution("warning", f"{words}; with {needed_percent(number)} % one may be"),)


def _named(mesh: Mesh, host: str) -> frozenset[str]:
    """The subsets that a rule sends to; empty for the whole host."""
    rules = (rule for _, rule in mesh.rules_by_destination.get(host, ()))
    return frozenset(d.subset for rule in rules for d in rule.destinations if d.host == host)


def _subset(cluster: Cluster) -> str:
    return cluster.subset.name if cluster.subset else ""


def _changed(before: Mesh, after: Mesh, host: str) -> Iterator[tuple[str, tuple[Cluster, int]]]:
    """The host's clusters that get another outlier detection, with their endpoints, if known."""
    for group in governed(after, host):
        client = group.clients[0]
        view, old = world(after).view(client), world(before).view(client).clusters(host)
        for name, cluster in view.clusters(host).items():
            found = read.obj(cluster.policy, "outlierDetection")
            known = old.get(name)
            if known is not None and read.obj(known.policy, "outlierDetection") == found:
                continue
            endpoints = view.endpoints(cluster)
            if endpoints.found and not endpoints.unknown:
                yield name, (cluster, len(endpoints.found))


def _none(cluster: Cluster, endpoints: int) -> bool:
    detection = (cluster.policy or {}).get("outlierDetection")
    return isinstance(detection, Mapping) and ejects_none(detection, endpoints)
