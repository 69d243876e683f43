"""Circuit breakers: connection pool limits and outlier detection of a host or of a subset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from meshtui.changes.assemble import creation, free_name, policy_change
from meshtui.changes.breaker_fields import FIELDS
from meshtui.changes.change import (
    Caution,
    Change,
    ClearBreaker,
    Operation,
    PolicyRequest,
    SetBreaker,
    Target,
)
from meshtui.changes.change_lines import NOTHING
from meshtui.changes.ejecting import policy_host
from meshtui.changes.json_copy import plain
from meshtui.changes.locate import resolve_service
from meshtui.changes.nested import remove_all, set_leaves
from meshtui.changes.outside import is_outside, outside_service
from meshtui.changes.patch import exists, pointer, value_at
from meshtui.changes.unread import require_read
from meshtui.errors import Conflict, NotFound, Usage
from meshtui.mesh import read
from meshtui.mesh.carrying import Route, ordinary, traffic_to
from meshtui.mesh.governing import Governed, Workload, governed
from meshtui.mesh.hosts import short_host
from meshtui.mesh.model import DestinationRule, Json, Mesh, Service
from meshtui.mesh.nearest import nearest_words
from meshtui.mesh.resolution import Joined
from meshtui.mesh.resolution.names import is_wild

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
    """The change to the host's DestinationRule; one is made where there is none.

    A host outside of the cluster is named as the versions are, and has one for itself.
    """
    service = resolve_service(mesh, target.service.name, target.service.namespace)
    key, outside = service.key, request.subset.lower()
    if is_outside(mesh, outside):
        service, request = outside_service(mesh, outside), replace(request, subset="")
    change = _of_host(mesh, service, request, target, verb)
    return replace(change, service=key)


def _of_host(
    mesh: Mesh, service: Service, request: PolicyRequest, target: Target, verb: str
) -> Change:
    home = service.key.namespace
    require_read(mesh, "destinationrules", home, f"which limits {service.key} has")
    joined = _counting(mesh, service, target)
    rule = _rule_for(service, joined, request.subset)
    if rule is None:
        name = free_name(mesh.destination_rules, service)
        return _new_rule(service, name, joined, request, verb)
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


def _counting(mesh: Mesh, service: Service, target: Target) -> Joined | None:
    """The DestinationRules that count: for those who call, and of them for the service's own."""
    every = governed(mesh, service.host)
    callers = target.callers or frozenset()
    asked = [one for one in every if callers & one.workloads] or list(every)
    home = service.key.namespace
    own = (one for one in asked if any(client.namespace == home for client in one.clients))
    found = next(own, asked[0] if asked else None)
    return found.rule if found and found.rule and found.rule.rules else None


def _rule_for(service: Service, joined: Joined | None, subset: str) -> DestinationRule | None:
    """The one to write to: the first with the subset, the first with a policy.

    None where the one that counts is for more hosts than this.
    """
    if subset and (joined is None or joined.subset(subset) is None):
        names = [s.name for s in joined.subsets] if joined else []
        hint = nearest_words(subset, names, "there are: none")
        raise NotFound(f"{service.key} has no subset {subset}", hint)
    if joined is None or any(is_wild(rule.host) for rule in joined.rules):
        return None
    if subset:
        return next(r for r in joined.rules if any(s.name == subset for s in r.subsets))
    return next((rule for rule in joined.rules if rule.policy), joined.rules[0])


def bypassed(
    mesh: Mesh, change: Change, callers: frozenset[Workload] = frozenset()
) -> tuple[Caution, ...]:
    """The callers that a change of a DestinationRule does not reach: another one counts for them.

    `mesh` is the one after the change. Of no effect at all is dangerous.
    """
    if change.target.kind != "DestinationRule" or change.action == "delete":
        return ()
    host = policy_host(mesh, change)
    every = governed(mesh, host) if host else ()
    asked = [one for one in every if callers & one.workloads] or list(every)
    passed = [one for one in asked if not _is_in(change, one)]
    level = "danger" if len(passed) == len(asked) else "warning"
    return tuple(Caution(level, f"does not reach {_instead(one)}") for one in passed)


def passed_by(mesh: Mesh, change: Change) -> tuple[Caution, ...]:
    """Limits of a host whose requests a rule sends on to others: they hold for none of them."""
    service = mesh.by_key.get(change.service)
    if change.verb != "breaker" or change.action == "delete" or service is None:
        return ()
    if policy_host(mesh, change) != service.host:
        return ()
    traffic = traffic_to(mesh, service)
    own = [r for r in traffic.routes if r.carries and service.host in r.service.hosts]
    found = ordinary(own)
    if found is None or any(service.host in _sent_to(route) for route in own):
        return ()
    names = ", ".join(short_host(host, service.key.namespace) for host in _sent_to(found))
    text = (
        f"{found.service.ref} sends the requests to {service.key} on to {names}: limits of "
        f"{service.key.name} itself hold for none of them"
    )
    return (Caution("warning" if traffic.unruled.pods else "danger", text),)


def _sent_to(route: Route) -> tuple[str, ...]:
    """The hosts that a rule sends something to."""
    parts = route.rule.destinations
    return tuple(dict.fromkeys(d.host for d in parts if route.rule.percent(d) > 0))


def _is_in(change: Change, one: Governed) -> bool:
    place = (change.target.namespace, change.target.name)
    rules = one.rule.rules if one.rule else ()
    return any((rule.ref.namespace, rule.ref.name) == place for rule in rules)


def _instead(one: Governed) -> str:
    rules = ", ".join(str(rule.ref) for rule in one.rule.rules) if one.rule else ""
    return f"{one.whose}: they have {rules or 'no DestinationRule'}"


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


def _new_rule(
    service: Service, name: str, joined: Joined | None, request: PolicyRequest, verb: str
) -> Change:
    """A DestinationRule for the host alone, with all that a wildcard's gave it so far.

    In istiod an exact host's rule takes the place of a wildcard's as a whole.
    """
    if isinstance(request, ClearBreaker):
        raise NotFound(
            f"{service.key} has no DestinationRule of its own", "there is no breaker to take off"
        )
    body: dict[str, Any] = {
        "apiVersion": API_VERSION,
        "kind": "DestinationRule",
        "metadata": {"name": name, "namespace": service.key.namespace},
        "spec": {"host": service.key.name, **(_copied(joined) if joined else {})},
    }
    place = body["spec"]
    if request.subset:
        place = next(s for s in place["subsets"] if s["name"] == request.subset)
    for path, value in _leaves(request).items():
        _set(place, ("trafficPolicy", *path), value)
    limits = [f"{limit.replace('_', ' ')} {value}" for limit, value in request.limits.items()]
    of = f"subset {request.subset}: " if request.subset else ""
    words = (f"DestinationRule {name} is made", *_copied_words(joined), *(of + w for w in limits))
    return creation(service.key, verb, body, words)


def _copied(joined: Joined) -> dict[str, Any]:
    """The parts of a DestinationRule's spec that joined ones come to, each spelled as it was."""
    found: dict[str, Any] = {}
    if joined.policy is not None:
        found["trafficPolicy"] = plain(joined.policy)
    specs = [read.obj(rule.raw, "spec") for rule in joined.rules]
    subsets: dict[str, Any] = {}
    for entry in (entry for spec in specs for entry in read.objects(spec, "subsets")):
        subsets.setdefault(read.text(entry, "name"), plain(entry))
    if subsets:
        found["subsets"] = list(subsets.values())
    exported = specs[0].get("exportTo")
    return {**found, **({"exportTo": plain(exported)} if exported else {})}


def _copied_words(joined: Joined | None) -> tuple[str, ...]:
    if joined is None:
        return ()
    names = ", ".join(subset.name for subset in joined.subsets)
    parts = [f"subsets {names}"] * bool(names) + ["policy"] * (joined.policy is not None)
    origin = ", ".join(f"{rule.ref} ({rule.host})" for rule in joined.rules)
    return (f"it keeps the {' and '.join(parts)} of {origin}",) if parts else ()


def _set(place: dict[str, Any], path: Sequence[str], value: Any) -> None:
    for step in path[:-1]:
        place = place.setdefault(step, {})
    place[path[-1]] = value


def stops_inheriting(change: Change) -> tuple[Caution, ...]:
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
                found.append(Caution("warning", text))
    return tuple(found)


def _leaf_names(value: Json, path: str = "") -> list[str]:
    if not isinstance(value, Mapping):
        return [f"{path}={value}"]
    return [leaf for key, inner in value.items() for leaf in _leaf_names(inner, _join(path, key))]


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
