"""Circuit breakers: connection pool limits and outlier detection of a host or of a subset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from meshtui.changes.change import (
    Change,
    ClearBreaker,
    Finding,
    Operation,
    PolicyRequest,
    SetBreaker,
    Target,
)
from meshtui.changes.locate import resolve_service
from meshtui.changes.making import creation, free_name, policy_change
from meshtui.changes.nested import remove_all, set_leaves
from meshtui.changes.patch import exists, pointer, value_at
from meshtui.changes.words import NOTHING
from meshtui.errors import Conflict, NotFound, Usage
from meshtui.mesh import read
from meshtui.mesh.model import DestinationRule, Json, Mesh, Service

FIELDS: Mapping[str, tuple[str, ...]] = {
    "max_connections": ("connectionPool", "tcp", "maxConnections"),
    "max_pending": ("connectionPool", "http", "http1MaxPendingRequests"),
    "max_requests": ("connectionPool", "http", "http2MaxRequests"),
    "max_requests_per_connection": ("connectionPool", "http", "maxRequestsPerConnection"),
    "max_retries": ("connectionPool", "http", "maxRetries"),
    "consecutive_5xx": ("outlierDetection", "consecutive5xxErrors"),
    "consecutive_gateway": ("outlierDetection", "consecutiveGatewayErrors"),
    "interval": ("outlierDetection", "interval"),
    "base_ejection": ("outlierDetection", "baseEjectionTime"),
    "max_ejection_percent": ("outlierDetection", "maxEjectionPercent"),
    "min_health_percent": ("outlierDetection", "minHealthPercent"),
}
"""The command's names of the limits, and where a trafficPolicy keeps them."""

UNSET_BY_ZERO: Mapping[str, str] = {
    "max_connections": "which means no limit",
    "max_pending": "which means no limit",
    "max_requests": "which means no limit",
    "max_retries": "which means no limit",
    "max_ejection_percent": "which means the default of 10 %",
}
"""Plain int32 in Istio's API, so that 0 is the same as absent (`applyConnectionPool` and
`applyOutlierDetection` in istiod's `cluster_traffic_policy.go` take values above 0 only)."""

WHOLE_HOST = "the whole host"
PARTS = ("connectionPool", "outlierDetection")
API_VERSION = "networking.istio.io/v1"


def build_breaker(mesh: Mesh, request: PolicyRequest, target: Target, verb: str) -> Change:
    """The change to the host's DestinationRule; one is made where there is none."""
    service = resolve_service(mesh, target.service.name, target.service.namespace)
    rule = _rule_for(mesh, service, request.subset)
    if rule is None:
        name = free_name(mesh.destination_rules, service)
        return _new_rule(service, name, request, verb)
    if target.uid and rule.ref.uid != target.uid and target.uid in _uids(mesh):
        raise Conflict(f"{rule.ref} is another object than was looked at", "look again")
    operations = breaker_operations(rule, request)
    change = policy_change(rule, service.key, verb, operations)
    if operations or isinstance(request, SetBreaker):
        return change
    return replace(change, words=(_nothing_off(mesh, service, request.subset),))


def limited_places(mesh: Mesh, host: str) -> tuple[str, ...]:
    """The places with limits of their own: `WHOLE_HOST`, and subsets by name."""
    rules = mesh.rules_by_host.get(host, ())
    policy: Json = next((rule.policy for rule in rules if rule.policy), {})
    places = [(WHOLE_HOST, policy)]
    places += [(s.name, s.policy) for rule in rules for s in rule.subsets]
    return tuple(dict.fromkeys(name for name, found in places if set(PARTS) & set(found)))


def _nothing_off(mesh: Mesh, service: Service, subset: str) -> str:
    others = limited_places(mesh, service.host)
    have = "has" if len(others) == 1 else "have"
    elsewhere = f"; {', '.join(others)} {have}" if others else ", nor has any subset"
    return f"{NOTHING}: {subset or WHOLE_HOST} has no limits of its own{elsewhere}"


def _uids(mesh: Mesh) -> set[str]:
    return {rule.ref.uid for rule in mesh.destination_rules}


def _rule_for(mesh: Mesh, service: Service, subset: str) -> DestinationRule | None:
    """The rule that counts in istiod: the first with the subset, the first with a policy."""
    rules = mesh.rules_by_host.get(service.host, ())
    if subset:
        for rule in rules:
            if any(s.name == subset for s in rule.subsets):
                return rule
        names = ", ".join(s.name for rule in rules for s in rule.subsets) or "none"
        raise NotFound(f"{service.key} has no subset {subset}", f"there are: {names}")
    return next((rule for rule in rules if rule.policy), rules[0] if rules else None)


def breaker_operations(rule: DestinationRule, request: PolicyRequest) -> tuple[Operation, ...]:
    base = _base(rule, request.subset)
    if isinstance(request, ClearBreaker):
        return _removals(rule.raw, base)
    return set_leaves(rule.raw, base, _leaves(request))


def _removals(raw: Json, base: tuple[str | int, ...]) -> tuple[Operation, ...]:
    """Both parts, and with the last of them a policy that held nothing else."""
    policy = value_at(raw, pointer(*base)) if exists(raw, pointer(*base)) else {}
    if isinstance(policy, Mapping) and policy and set(policy) <= set(PARTS):
        return ({"op": "remove", "path": pointer(*base)},)
    return remove_all(raw, base, PARTS)


def _base(rule: DestinationRule, subset: str) -> tuple[str | int, ...]:
    if not subset:
        return ("spec", "trafficPolicy")
    entries = read.items(read.obj(rule.raw, "spec"), "subsets")
    index = next(i for i, entry in enumerate(entries) if read.text(entry, "name") == subset)
    return ("spec", "subsets", index, "trafficPolicy")


def _leaves(request: SetBreaker) -> dict[tuple[str, ...], Any]:
    if not request.limits:
        raise Usage("say a limit, as in --max-connections 100 or --consecutive-5xx 5")
    for name, value in request.limits.items():
        if isinstance(value, int) and value < 0:
            raise Usage(f"--{name.replace('_', '-')} {value}: a limit is not negative")
        if value == 0 and name in UNSET_BY_ZERO:
            raise Usage(
                f"--{name.replace('_', '-')} 0: Istio reads 0 as not set, {UNSET_BY_ZERO[name]}",
                "give at least 1, or take the traffic away (`meshtui shift`)",
            )
        if name.endswith("_percent") and isinstance(value, int) and value > 100:
            raise Usage(f"--{name.replace('_', '-')} {value}: at most 100")
    return {FIELDS[name]: value for name, value in request.limits.items()}


def _new_rule(service: Service, name: str, request: PolicyRequest, verb: str) -> Change:
    if isinstance(request, ClearBreaker):
        raise NotFound(f"{service.key} has no DestinationRule", "there is no breaker to take off")
    body: dict[str, Any] = {
        "apiVersion": API_VERSION,
        "kind": "DestinationRule",
        "metadata": {"name": name, "namespace": service.key.namespace},
        "spec": {"host": service.key.name, "trafficPolicy": {}},
    }
    for path, value in _leaves(request).items():
        place = body["spec"]["trafficPolicy"]
        for step in path[:-1]:
            place = place.setdefault(step, {})
        place[path[-1]] = value
    words = tuple(f"{limit.replace('_', ' ')} {v}" for limit, v in request.limits.items())
    return creation(service.key, verb, body, (f"DestinationRule {name} is made", *words))


def stops_inheriting(change: Change) -> tuple[Finding, ...]:
    """What a subset loses of its host's policy by getting a part of its own (parts replace)."""
    host = change.after.get("policy") or {}
    found = []
    for name, subset in (change.after.get("subsets") or {}).items():
        before = (change.before.get("subsets") or {}).get(name) or {}
        gained = set(subset["policy"]) - set(before.get("policy") or {})
        for part in sorted(gained & set(host)):
            own = {leaf.split("=")[0] for leaf in _leaf_names(subset["policy"][part])}
            lost = [leaf for leaf in _leaf_names(host[part]) if leaf.split("=")[0] not in own]
            if lost:
                text = f"subset {name} stops inheriting the host's {part}: {', '.join(lost)}"
                found.append(Finding("warning", text))
    return tuple(found)


def _leaf_names(value: Json, path: str = "") -> list[str]:
    if not isinstance(value, Mapping):
        return [f"{path}={value}"]
    return [leaf for key, inner in value.items() for leaf in _leaf_names(inner, _join(path, key))]


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
