"""Which DestinationRule's policy holds for a destination, part by part.

As istiod merges them (pilot/pkg/networking/core, MergeSubsetTrafficPolicy): of the subset's policy
each part that is there (`connectionPool`, `outlierDetection`, `tls` …) replaces the host's whole;
a port's settings stand in the place of all others and inherit nothing, a subset's not of the host.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from meshtui.dataclass import dataclass
from meshtui.diagnosis.explain.scope import CallingWorkload, RouteDestination, VersionScope
from meshtui.mesh import read
from meshtui.mesh.model import DestinationRule, Json, Mesh
from meshtui.mesh.resolution import Client, world

LIMITS = (
    ("tcp", "maxConnections"),
    ("http", "http1MaxPendingRequests"),
    ("http", "http2MaxRequests"),
    ("http", "maxRetries"),
)
"""The limits of a connection pool beyond which Envoy turns requests away."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a policy, and who says it: `where` is "subset v3", "the host" or "port 9080".

    `replaced` is the host's part that does not hold because a subset has one of its own.
    """

    rule: DestinationRule
    where: str
    value: Json
    replaced: Json

    @property
    def words(self) -> str:
        return f"DestinationRule {self.rule.ref.name}, {self.where}"


def parts(scope: VersionScope, dest: RouteDestination, name: str) -> tuple[Part, ...]:
    """The part that holds for a destination; several where its ports or its callers differ."""
    service = scope.mesh.by_host.get(dest.host)
    ports = [dest.port] if dest.port else [port.number for port in service.ports] if service else []
    found = [
        _part(rules, dest, name, port)
        for rules in rules_by_caller(scope, dest.host)
        for port in ports or [0]
    ]
    return tuple(
        part for at, part in enumerate(found) if part is not None and part not in found[:at]
    )


def _part(
    rules: Sequence[DestinationRule], dest: RouteDestination, name: str, port: int
) -> Part | None:
    wide = next((rule for rule in rules if rule.policy), None)
    host, host_at = _at_port(wide.policy if wide else {}, port)
    definition = next(
        (
            (rule, s)
            for rule in rules
            for s in rule.subsets
            if dest.subset and s.name == dest.subset
        ),
        None,
    )
    if definition is not None:
        rule, subset = definition
        own, at = _at_port(subset.policy, port)
        if read.obj(own, name):
            where = f"subset {subset.name}{at}"
            return Part(rule, where, read.obj(own, name), read.obj(host, name))
        if at:
            return None
    found = read.obj(host, name)
    return Part(wide, f"the host{host_at}", found, {}) if wide and found else None


def _at_port(policy: Json, port: int) -> tuple[Json, str]:
    for entry in read.objects(policy, "portLevelSettings"):
        if port and read.integer(read.obj(entry, "port"), "number") == port:
            return entry, f" at port {port}"
    return policy, ""


def rules_by_caller(scope: VersionScope, host: str) -> tuple[tuple[DestinationRule, ...], ...]:
    """The rules that each caller gets, alike ones once; nobody known calls from nearby."""
    callers = scope.callers or (CallingWorkload(scope.namespace, ""),)
    each = [rules_for(scope.mesh, host, caller) for caller in callers]
    return tuple({tuple(rule.ref for rule in rules): rules for rules in each}.values())


def rules_for(mesh: Mesh, host: str, caller: CallingWorkload) -> tuple[DestinationRule, ...]:
    """The rules of the host that the caller's proxy gets, the one whose policy holds first."""
    found = world(mesh).view(Client(caller.namespace, caller.labels)).rule(host)
    return found.rules if found else ()


def limits(pool: Json) -> Mapping[str, int]:
    """The limits that a connection pool sets. 0 is none, as in Istio."""
    found = {name: read.integer(read.obj(pool, kind), name) for kind, name in LIMITS}
    return {name: value for name, value in found.items() if value > 0}


ONLY_WAITS = "maxConnections alone turns nothing away, beyond it requests wait"


def turning_away(known: Mapping[str, int]) -> Mapping[str, int]:
    """The limits that end in UO: where requests may wait without end, connections are none."""
    bounded = "http1MaxPendingRequests" in known
    return {name: value for name, value in known.items() if bounded or name != "maxConnections"}


def limits_text(known: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {value}" for name, value in known.items())
