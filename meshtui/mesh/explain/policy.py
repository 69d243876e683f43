"""Which DestinationRule's policy holds for a destination, part by part.

As istiod merges them (pilot/pkg/networking/core, MergeSubsetTrafficPolicy): a port's settings
stand in the place of all others of their level and inherit nothing; of the subset's policy each
part that is there (`connectionPool`, `outlierDetection`, `tls` …) replaces the host's whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from meshtui.mesh import read
from meshtui.mesh.analysis.lookup import host_matches
from meshtui.mesh.explain.scope import Aim
from meshtui.mesh.model import DestinationRule, Json, Mesh

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


def parts(mesh: Mesh, aim: Aim, name: str) -> tuple[Part, ...]:
    """The part that holds for a destination; several where its ports differ."""
    service = mesh.by_host.get(aim.host)
    ports = [aim.port] if aim.port else [port.number for port in service.ports] if service else []
    found = [_part(mesh, aim, name, port) for port in ports or [0]]
    return tuple(
        part for at, part in enumerate(found) if part is not None and part not in found[:at]
    )


def _part(mesh: Mesh, aim: Aim, name: str, port: int) -> Part | None:
    rules = rules_for(mesh, aim.host)
    wide = next((rule for rule in rules if rule.policy), None)
    host, host_at = _at_port(wide.policy if wide else {}, port)
    definition = next(
        ((rule, s) for rule in rules for s in rule.subsets if aim.subset and s.name == aim.subset),
        None,
    )
    if definition is not None:
        rule, subset = definition
        own, at = _at_port(subset.policy, port)
        if read.obj(own, name):
            where = f"subset {subset.name}{at}"
            return Part(rule, where, read.obj(own, name), read.obj(host, name))
    found = read.obj(host, name)
    return Part(wide, f"the host{host_at}", found, {}) if wide and found else None


def _at_port(policy: Json, port: int) -> tuple[Json, str]:
    for entry in read.objects(policy, "portLevelSettings"):
        if port and read.integer(read.obj(entry, "port"), "number") == port:
            return entry, f" at port {port}"
    return policy, ""


def rules_for(mesh: Mesh, host: str) -> tuple[DestinationRule, ...]:
    """The rules of the host; of wildcards the longest, and only where none is for it by name."""
    exact = mesh.rules_by_host.get(host, ())
    if exact:
        return exact
    wide = [rule for rule in mesh.wildcard_destination_rules if host_matches(rule.host, host)]
    longest = max((len(rule.host) for rule in wide), default=0)
    return tuple(rule for rule in wide if len(rule.host) == longest)


def limits(pool: Json) -> Mapping[str, int]:
    """The limits that a connection pool sets. 0 is none, as in Istio."""
    found = {name: read.integer(read.obj(pool, kind), name) for kind, name in LIMITS}
    return {name: value for name, value in found.items() if value > 0}


def limits_text(known: Mapping[str, int]) -> str:
    return ", ".join(f"{name} {value}" for name, value in known.items())
