"""Traffic policies: what a subset loses of its host's, and ejections without a floor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from meshtui.diagnosis.analysis.finding import WARNING, Finding
from meshtui.mesh import read
from meshtui.mesh.model import DestinationRule, Json, Mesh

BREAKERS = ("connectionPool", "outlierDetection")
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
    inherit nothing at all: of these only lost breakers are reported.
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
        for part in BREAKERS:
            lost = _lost(part, policy, port)
            if lost:
                field = f"{place}.{part}" if part in port else place
                yield _finding(rule, field, f"Port {number} inherits nothing", part, lost)


def _lost(part: str, wide: Json, narrow: Json) -> list[str]:
    """The settings of the host's part that the narrower one does not repeat."""
    theirs, own = read.obj(wide, part), read.obj(narrow, part)
    if part == "loadBalancer" and any(key in own for key in ALGORITHMS):
        theirs = {key: value for key, value in theirs.items() if key not in ALGORITHMS}
    kept = set(_leaves(own))
    return [leaf for leaf in _leaves(theirs) if leaf not in kept]


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


def _may_eject_all(outliers: Json) -> bool:
    detectors = (
        read.integer(outliers, "consecutive5xxErrors", 5),
        read.integer(outliers, "consecutiveGatewayErrors", 0),
        read.integer(outliers, "consecutiveLocalOriginFailures", 0),
    )
    return (
        read.integer(outliers, "maxEjectionPercent") >= 100
        and read.integer(outliers, "minHealthPercent") <= 0
        and any(count > 0 for count in detectors)
    )
