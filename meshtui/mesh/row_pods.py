"""The pods behind a service's rows, each by the name that its row has.

A version is a set of pods: their `version` label alone is not its name where subsets go by other
labels, and not all of them are of the service itself where its rule sends to others.
"""

from __future__ import annotations

from dataclasses import replace

from meshtui.mesh.carrying import ordinary, traffic_to
from meshtui.mesh.courses import course_name
from meshtui.mesh.model import Mesh, Pod, Rule, Service
from meshtui.mesh.routing import pods_of
from meshtui.mesh.versions import version_rows


def usual_rule(mesh: Mesh, service: Service) -> Rule | None:
    """The rule that carries the service's ordinary traffic, as far as that can be told without
    having measured who calls it."""
    traffic = traffic_to(mesh, service)
    route = ordinary(traffic.routes, unruled=traffic.unruled)
    return route.rule if route else None


def pods_behind(mesh: Mesh, service: Service) -> tuple[Pod, ...]:
    """The service's own, then those of other hosts that its rule sends to; none twice."""
    return pods_of_rows(mesh, service, usual_rule(mesh, service))


def pods_of_rows(mesh: Mesh, service: Service, rule: Rule | None) -> tuple[Pod, ...]:
    """The same, where the rule is known."""
    pods = {pod.place: pod for pod in pods_of(mesh, service)}
    for row in version_rows(mesh, service, rule):
        for pod in row.members:
            pods.setdefault(pod.place, pod)
    return tuple(pods.values())


def pods_by_row(
    mesh: Mesh, service: Service, rule: Rule | None, version: str = ""
) -> tuple[Pod, ...]:
    """The same, each with its row's name as its version.

    With a `version` only those of a row that is called so, or, where none is, the pods that are
    labelled so. Of several rows that have a pod, one that the rule sends to names it.
    """
    rows = version_rows(mesh, service, rule)
    every = pods_of_rows(mesh, service, rule)
    called: dict[tuple[str, str], str] = {}
    for row in sorted(rows, key=lambda row: not row.percent):
        if version in ("", row.label, row.version):
            for pod in row.members:
                called.setdefault(pod.place, course_name(rows, row))
    if version and not called:
        return tuple(pod for pod in every if pod.version == version)
    return tuple(
        replace(pod, version=called.get(pod.place, pod.version))
        for pod in every
        if not version or pod.place in called
    )


def row_names(mesh: Mesh, service: Service, rule: Rule | None) -> tuple[str, ...]:
    """The names of the rows that have pods."""
    rows = version_rows(mesh, service, rule)
    return tuple(row.label for row in rows if row.members)


def services_behind(mesh: Mesh, service: Service, rule: Rule | None) -> tuple[Service, ...]:
    """The service and the others that have the pods of its rows."""
    hosts = (row.host for row in version_rows(mesh, service, rule))
    others = (mesh.by_host.get(host) for host in hosts)
    return tuple({one.key: one for one in (service, *others) if one is not None}.values())
