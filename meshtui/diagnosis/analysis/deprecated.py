"""Fields that Istio still reads and will not for ever."""

from __future__ import annotations

from collections.abc import Iterator

from meshtui.diagnosis.analysis.finding import WARNING, Finding
from meshtui.diagnosis.analysis.lookup import raw_rule, rule_path
from meshtui.diagnosis.analysis.policies import policies
from meshtui.mesh import read
from meshtui.mesh.model import Json, Mesh, Ref

ROUTE_FIELDS = (
    (("fault", "delay", "percent"), "fault.delay.percentage.value"),
    (("fault", "abort", "percent"), "fault.abort.percentage.value"),
    (("mirror_percent",), "mirrorPercentage.value"),
    (("mirrorPercent",), "mirrorPercentage.value"),
    (("corsPolicy", "allowOrigin"), "corsPolicy.allowOrigins"),
)
POLICY_FIELDS = (
    (("outlierDetection", "consecutiveErrors"), "outlierDetection.consecutive5xxErrors"),
    (("loadBalancer", "warmupDurationSecs"), "loadBalancer.warmup"),
    (
        ("loadBalancer", "consistentHash", "minimumRingSize"),
        "loadBalancer.consistentHash.ringHash.minimumRingSize",
    ),
)


def deprecated_field(mesh: Mesh) -> Iterator[Finding]:
    """Fields marked deprecated in Istio's API (VirtualService and DestinationRule, 1.32)."""
    for service in mesh.virtual_services:
        for rule in service.rules:
            raw = raw_rule(service, rule)
            yield from _in(service.ref, rule_path(rule), raw, ROUTE_FIELDS)
    for found in mesh.destination_rules:
        for path, policy in policies(found):
            yield from _in(found.ref, path, policy, POLICY_FIELDS)
            if read.text(read.obj(policy, "loadBalancer"), "simple") == "LEAST_CONN":
                yield _finding(found.ref, f"{path}.loadBalancer.simple", "the value LEAST_REQUEST")


def _in(
    ref: Ref, path: str, raw: Json, fields: tuple[tuple[tuple[str, ...], str], ...]
) -> Iterator[Finding]:
    for keys, instead in fields:
        if keys[-1] in read.obj(raw, *keys[:-1]):
            yield _finding(ref, f"{path}.{'.'.join(keys)}", instead)


def _finding(ref: Ref, path: str, instead: str) -> Finding:
    return Finding(
        "deprecated-field",
        WARNING,
        ref,
        path,
        "This is deprecated: a coming Istio may ignore it without a word.",
        f"Use {instead}.",
        ("IST0002", "IST0133"),
    )
