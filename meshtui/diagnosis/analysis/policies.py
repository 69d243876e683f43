"""Traffic policies: what a subset loses of its host's, and ejections without a floor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from meshtui.diagnosis.analysis.finding import WARNING, Finding
from meshtui.diagnosis.analysis.resolved_hosts import resolved_hosts
from meshtui.mesh import read
from meshtui.mesh.ejection import (
    detects,
    ejection_percent,
    ejects_none,
    needed_percent,
    none_ejected_words,
)
from meshtui.mesh.hosts import short_host
from meshtui.mesh.model import DestinationRule, Json, Mesh
from meshtui.mesh.resolution import Cluster
from meshtui.mesh.resolution.names import covered, is_wild

BREAKERS = ("connectionPool", "outlierDetection")
PARTS = (*BREAKERS, "loadBalancer", "tls")
ORDINARY = ("ROUND_ROBIN", "LEAST_REQUEST", "LEAST_CONN")
"""Load balancers that do much the same as the default: nobody misses them."""

ALGORITHMS = ("simple", "consistentHash")


def policies(rule: DestinationRule) -> Iterator[tuple[str, Json]]:
    """Every policy of a DestinationRule with its path: the host's, the subsets', the ports'."""
    yield from _with_ports("spec.trafficPolicy", rule.policy)
    for index, subset in enumerate(rule.subsets):
        yield from _with_ports(f"spec.subsets[{index}].trafficPolicy", subset.policy)


def _with_ports(path: str, policy: Json) -> Iterator[tuple[str, Json]]:
    yield path, policy
    for index, port in enumerate(read.objects(policy, "portLevelSettings")):
        yield f"{path}.portLevelSettings[{index}]", port


def lost_policy(mesh: Mesh) -> Iterator[Finding]:
    """A part of a policy that replaces the host's and leaves some of it out.

    Each top-level part (`connectionPool`, `outlierDetection`, `loadBalancer`) replaces the host's
    whole; a part that is absent is inherited (istiod, MergeTrafficPolicy). A port's settings
    inherit nothing at all, TLS and load balancer included.
    """
    for rule in mesh.destination_rules:
        for index, subset in enumerate(rule.subsets):
            path = f"spec.subsets[{index}].trafficPolicy"
            for part in (*BREAKERS, "loadBalancer"):
                lost = _lost(part, rule.policy, subset.policy) if part in subset.policy else []
                if lost:
                    yield _finding(
                        rule,
                        f"{path}.{part}",
                        f"Subset {subset.name} replaces it whole",
                        part,
                        lost,
                    )
        for path, policy in list(_merged(rule)):
            yield from _lost_at_ports(rule, path, policy)


def _merged(rule: DestinationRule) -> Iterator[tuple[str, Json]]:
    """The host's policy, and each subset's with what it inherits."""
    yield "spec.trafficPolicy", rule.policy
    inherited = {key: value for key, value in rule.policy.items() if key != "portLevelSettings"}
    for index, subset in enumerate(rule.subsets):
        yield f"spec.subsets[{index}].trafficPolicy", {**inherited, **subset.policy}


def _lost_at_ports(rule: DestinationRule, path: str, policy: Json) -> Iterator[Finding]:
    for index, port in enumerate(read.objects(policy, "portLevelSettings")):
        number = read.integer(read.obj(port, "port"), "number")
        place = f"{path}.portLevelSettings[{index}]"
        found = {part: lost for part in PARTS if (lost := _lost(part, policy, port))}
        if read.text(read.obj(policy, "loadBalancer"), "simple") in ORDINARY:
            found["loadBalancer"] = [
                one for one in found.get("loadBalancer", []) if one != "simple"
            ]
        found = {part: lost for part, lost in found.items() if lost}
        if found:
            sentence = ", and ".join(
                f"{', '.join(sorted(lost))} of the host's {part}" for part, lost in found.items()
            )
            only = next(iter(found)) if len(found) == 1 else ""
            yield _port_finding(
                rule, f"{place}.{only}" if only in port else place, number, sentence
            )


def _port_finding(rule: DestinationRule, path: str, number: int, sentence: str) -> Finding:
    return Finding(
        "lost-policy",
        WARNING,
        rule.ref,
        path,
        f"Port {number} inherits nothing: {sentence} does not hold there.",
        "Repeat there what should still hold, or move the difference to the host's policy.",
    )


def _lost(part: str, wide: Json, narrow: Json) -> list[str]:
    """The settings of the host's part that the narrower one does not repeat."""
    theirs, own = read.obj(wide, part), read.obj(narrow, part)
    if part == "loadBalancer" and any(key in own for key in ALGORITHMS):
        theirs = {key: value for key, value in theirs.items() if key not in ALGORITHMS}
    retained = set(_leaves(own))
    return [leaf for leaf in _leaves(theirs) if leaf not in retained]


def _leaves(value: Any, path: str = "") -> Iterator[str]:
    """The settings in a part: objects are gone into, two deep, everything else is a setting."""
    for key, inner in value.items():
        place = f"{path}{key}"
        if isinstance(inner, dict) and inner and place.count(".") < 1:
            yield from _leaves(inner, f"{place}.")
        else:
            yield place


def _finding(rule: DestinationRule, path: str, why: str, part: str, lost: list[str]) -> Finding:
    return Finding(
        "lost-policy",
        WARNING,
        rule.ref,
        path,
        f"{why}: {', '.join(sorted(lost))} of the host's {part} does not hold there.",
        "Repeat there what should still hold, or move the difference to the host's policy.",
    )


def ejects_all(mesh: Mesh) -> Iterator[Finding]:
    """Outlier detection that may take every endpoint out at once.

    Envoy ejects up to `maxEjectionPercent` of the endpoints (10 if unset). At 100 with no
    `minHealthPercent` nothing stops it: Istio's panic threshold is 0.
    """
    for rule in mesh.destination_rules:
        for path, policy in policies(rule):
            outliers = read.obj(policy, "outlierDetection")
            if _may_eject_all(outliers):
                yield Finding(
                    "ejects-all",
                    WARNING,
                    rule.ref,
                    f"{path}.outlierDetection.maxEjectionPercent",
                    "When all endpoints fail at once, all are ejected: every request is answered "
                    "503 (UH) until the first comes back.",
                    "Set maxEjectionPercent below 100, or minHealthPercent above 0.",
                )


def never_ejects(mesh: Mesh) -> Iterator[Finding]:
    """Outlier detection that can't take a single endpoint out.

    Below ten endpoints the default never ejects anything: see `mesh.ejection`.
    """
    for rule in mesh.destination_rules:
        for path, policy in policies(rule):
            outliers = policy.get("outlierDetection")
            if not isinstance(outliers, Mapping) or not detects(outliers):
                continue
            counted = _counted(mesh, rule, outliers)
            if counted and all(ejects_none(outliers, number) for _, number in counted):
                most = ejection_percent(outliers)
                yield _unejecting(rule, path, most, *max(counted, key=lambda one: one[1]))


def _counted(mesh: Mesh, rule: DestinationRule, outliers: Json) -> list[tuple[Cluster, int]]:
    """The clusters with that policy, and how many endpoints each has, where all are known.

    Of those that routes send to; where no route does, of all.
    """
    whole = resolved_hosts(mesh)
    found: dict[str, tuple[Cluster, int]] = {}
    for host in _hosts_of(mesh, rule):
        for view in whole.askers.views_of(host):
            joined = view.rule(host)
            if joined is None or rule not in joined.rules:
                continue
            for name, cluster in view.clusters(host).items():
                endpoints = view.endpoints(cluster)
                known = endpoints.found and not endpoints.unknown
                if known and cluster.policy.get("outlierDetection") == outliers:
                    found[name] = (cluster, len(endpoints.found))
    sent = whole.sent_clusters & set(found)
    return [found[name] for name in sorted(sent or found)]


def _hosts_of(mesh: Mesh, rule: DestinationRule) -> list[str]:
    names = resolved_hosts(mesh).world.shared.registry.by_name
    host = rule.host.lower()
    if not is_wild(host):
        return [host] if host in names else []
    return [name for name in names if covered(name, host)]


def _unejecting(
    rule: DestinationRule, path: str, most: int, cluster: Cluster, number: int
) -> Finding:
    host = short_host(cluster.host.name, rule.ref.namespace)
    name = f"subset {cluster.subset.name} of {host}" if cluster.subset else host
    words = none_ejected_words(most, number, name)
    return Finding(
        "never-ejects",
        WARNING,
        rule.ref,
        f"{path}.outlierDetection.maxEjectionPercent",
        f"{words[0].upper()}{words[1:]}. A pod that fails goes on getting its requests.",
        f"Set maxEjectionPercent to {needed_percent(number)} or more.",
    )


def _may_eject_all(outliers: Json) -> bool:
    return (
        read.integer(outliers, "maxEjectionPercent") >= 100
        and read.integer(outliers, "minHealthPercent") <= 0
        and detects(outliers)
    )
